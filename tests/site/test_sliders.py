"""Sliders on the built pages, where no kernel is running: they move the picture."""

import re

import nbformat
import pytest
from playwright.sync_api import expect

from tests.site.conftest import SITE
from tools.execute import BOOK

VIEW = "application/vnd.jupyter.widget-view+json"
HEIGHTS = """() => [...document.querySelectorAll('.slider-place')].map(
  place => place.getBoundingClientRect().height)"""


def sliders(path):
    """How many cells of a notebook show a slider on its page."""
    count = 0
    for cell in nbformat.read(path, as_version=4).cells:
        if "remove-output" not in cell.metadata.get("tags", []):
            kinds = [out.get("data", {}) for out in cell.get("outputs", [])]
            # the laboratory is HTML on the page
            count += sum(VIEW in data and "text/html" not in data for data in kinds)
    return count


WITH = {path.stem: count for path in BOOK if (count := sliders(path))}
WIDTHS = (390, 1280)


@pytest.fixture(
    scope="module",
    params=[(name, width) for name in WITH for width in WIDTHS],
    ids=lambda pair: f"{pair[0]}-{pair[1]}",
)
def page(request, open_page, tabs):
    """A page whose sliders have come, in a window of some width, for several tests."""
    name, width = request.param
    page = open_page(name, width=width)
    page.name, page.width = name, width
    page.wait_for_load_state("networkidle")
    page.locator(".slider-figure img").nth(WITH[name] - 1).wait_for()
    yield page
    tabs.give_back(page)


def test_sliders_are_on_at_least_five_pages():
    """The list of pages with sliders is not empty by mistake."""
    assert len(WITH) >= 5
    assert sum(WITH.values()) >= 7


def test_sliders_come_without_moving_the_text(page, visit):
    """A reader amid a page keeps the line when its sliders come.

    Each place has the height that its slider will have.
    """
    heights = page.evaluate(HEIGHTS)
    bare = visit(page.name, width=page.width, without="**/embed.js*")
    bare.wait_for_load_state("networkidle")
    assert bare.locator(".slider-figure").count() == 0
    places = bare.evaluate(HEIGHTS)
    assert len(heights) == len(places) == WITH[page.name]
    assert places == pytest.approx(heights, abs=2)  # pixels
    assert min(heights) > 200


def shown(figure):
    """What a slider shows: description and address of its picture, and its line."""
    picture = figure.locator("img")
    return (
        picture.get_attribute("alt"),
        picture.get_attribute("src"),
        figure.locator("p").inner_text(),
    )


def drag_to_end(page, figure, handle):
    """Drag a handle with the mouse to the right end of the first track."""
    box = handle.bounding_box()
    track = figure.locator(".noUi-base").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"], middle, steps=8)
    page.mouse.up()


def test_sliders_move_the_picture_by_key_and_by_drag(page):
    """Each handle has a name; its picture changes with arrow keys and the mouse.

    It stays within the page.
    """
    figures = page.locator(".slider-figure")
    assert figures.count() == WITH[page.name]
    for figure in figures.all():
        line = figure.locator("p")
        labels = figure.locator(".widget-hslider label").all_inner_texts()
        handles = figure.get_by_role("slider").all()
        for handle, label in zip(handles, labels, strict=True):
            handle.scroll_into_view_if_needed()
            assert figure.get_by_role("slider", name=label, exact=True).count() == 1
            start = shown(figure)
            handle.press("ArrowRight")
            expect(line).not_to_have_text(start[2])
            next_one = shown(figure)
            drag_to_end(page, figure, handle)
            expect(line).not_to_have_text(next_one[2])
            last = shown(figure)
            handle.press("ArrowLeft")
            expect(line).not_to_have_text(last[2])
            before_last = shown(figure)
            for part in zip(start, next_one, last, strict=True):
                assert len(set(part)) == 3
            assert before_last not in (start, last)
            values = dict(part.split(" = ") for part in before_last[2].split(", "))
            # It is written when the picture has come.
            expect(handle).to_have_attribute("aria-valuetext", values[label])
        picture = figure.locator("img")
        box = picture.bounding_box()
        assert picture.evaluate("e => e.naturalWidth") > 600
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.width
        assert 1.2 < box["width"] / box["height"] < 2.5 or page.name == "laboratory"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.troubles == []


def test_sliders_say_their_value_at_the_ends_and_keep_the_keyboard(page):
    """Home and End say the first value and the last, not their position.

    After the mouse the keys work.
    """
    for figure in page.locator(".slider-figure").all():
        for handle in figure.get_by_role("slider").all():
            label = handle.get_attribute("aria-label")
            said = []
            for key in ("Home", "Home", "End", "End"):
                handle.press(key)
                position = float(handle.get_attribute("aria-valuenow"))
                assert position == 0 or key == "End"
                value = handle.get_attribute("aria-valuetext")
                expect(figure.locator("p")).to_contain_text(f"{label} = {value}")
                said.append(handle.get_attribute("aria-valuetext"))
            assert said[0] == said[1] != said[2] == said[3]
            name = figure.locator("label", has_text=label).first
            assert name.get_attribute("title") == label
            track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]")
            track.click()
            expect(handle).to_be_focused()
            before = handle.get_attribute("aria-valuenow")
            page.keyboard.press("ArrowLeft")
            expect(handle).not_to_have_attribute("aria-valuenow", before)
    assert page.troubles == []


def check_stills(page, count):
    """There are so many boxes of stills; each picture has its values and description.

    The figures of the page stand beside them.
    """
    stills = page.locator(".slider-stills")
    assert stills.count() == count
    assert page.locator("article h1").is_visible()
    for still in stills.all():
        assert still.is_visible()
        pictures = still.locator("img")
        lines = still.locator("div > p").all_inner_texts()
        assert 2 <= pictures.count() == len(lines) == len(set(lines)) <= 3
        assert all(" = " in line for line in lines)
        descriptions = {picture.get_attribute("alt") for picture in pictures.all()}
        assert len(descriptions) == pictures.count()
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
            page.wait_for_function(
                "e => e.complete && e.naturalWidth > 600", arg=picture.element_handle()
            )
    figures = page.locator("main figure img")
    assert figures.count() >= 1
    for figure in figures.all():
        caption = figure.locator("xpath=ancestor::figure//figcaption")
        assert caption.is_visible()


def test_sliders_leave_pictures_on_paper(page):
    """On paper three pictures of a slider stand in its place, on the screen none."""
    stills = page.locator(".slider-stills")
    assert not any(still.is_visible() for still in stills.all())
    page.emulate_media(media="print")
    try:
        widgets = page.locator(".jupyter-widgets").all()
        assert not any(widget.is_visible() for widget in widgets)
        check_stills(page, WITH[page.name])
    finally:
        page.emulate_media(media="screen")
    assert page.troubles == []


@pytest.mark.parametrize("name", WITH)
def test_sliders_leave_pictures_without_scripts(visit, name):
    """Without scripts three pictures of a slider stand in its place."""
    page = visit(name, scripts=False)
    check_stills(page, WITH[name])
    # Scripts are off.
    assert [trouble for trouble in page.troubles if ".js" not in trouble] == []


@pytest.mark.parametrize(
    "path", sorted((SITE / "book").glob("*.html")), ids=lambda path: path.stem
)
def test_sliders_runtime_is_loaded_where_it_is_needed(path):
    """Only pages with sliders name the runtime, after all that can be read.

    None names require.js.
    """
    text = path.read_text("utf-8")
    has_sliders = path.stem in WITH
    assert len(re.findall(r"widgets/embed\.js", text)) == has_sliders
    assert "require.js" not in text.replace("require.js</", "")
    after = text.rpartition("</footer>")[2]
    states = after.count("widget-state+json")
    assert text.count("widget-state+json") == states == has_sliders
    assert text.count("widgets/embed.js") == after.count("widgets/embed.js")

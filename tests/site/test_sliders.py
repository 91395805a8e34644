"""Sliders on the built pages, where no kernel is running: they move the picture."""

import html
from urllib.parse import unquote

import nbformat
import pytest
from playwright.sync_api import expect

from tests.site.conftest import SITE
from tools.execute import BOOK

VIEW = "application/vnd.jupyter.widget-view+json"
HANDLE = 24  # pixels that a finger needs


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
    """A page with sliders, in a window of some width, for several tests."""
    name, width = request.param
    page = open_page(name, width=width)
    page.name, page.width = name, width
    page.wait_for_load_state("networkidle")
    yield page
    tabs.give_back(page)


def test_sliders_are_on_at_least_five_pages():
    """The list of pages with sliders is not empty by mistake."""
    assert len(WITH) >= 5
    assert sum(WITH.values()) >= 7


def test_sliders_stand_where_they_are_before_their_script_comes(page, visit):
    """Nothing on the page moves when the script comes: each figure keeps its height."""
    bare = visit(page.name, width=page.width, without="**/sliders.js*")
    bare.wait_for_load_state("networkidle")
    heights = [
        figure.bounding_box()["height"]
        for one in (page, bare)
        for figure in one.locator(".slider-figure").all()
    ]
    count = WITH[page.name]
    assert len(heights) == 2 * count
    assert heights[:count] == pytest.approx(heights[count:], abs=1)  # pixels
    assert min(heights) > 200


def shown(figure):
    """What a slider shows: description and address of its picture, and its values."""
    picture = figure.locator("img")
    return (
        picture.get_attribute("alt"),
        picture.get_attribute("src"),
        figure.locator("output").all_inner_texts(),
    )


def drag_to_end(page, handle):
    """Drag the handle of a slider from its left end to its right end, by mouse."""
    handle.press("Home")
    box = handle.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + HANDLE / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], middle, steps=8)
    page.mouse.up()


def test_sliders_move_the_picture_by_key_and_by_drag(page):
    """Each handle has a name; its picture changes with arrow keys and the mouse.

    The value is said and shown; the picture stays within the page.
    """
    figures = page.locator(".slider-figure")
    assert figures.count() == WITH[page.name]
    for figure in figures.all():
        handles = figure.get_by_role("slider").all()
        labels = figure.locator("label").all_inner_texts()
        for i, (handle, label) in enumerate(zip(handles, labels, strict=True)):
            handle.scroll_into_view_if_needed()
            assert figure.get_by_role("slider", name=label, exact=True).count() == 1
            states = [shown(figure)]
            handle.press("ArrowRight")
            states.append(shown(figure))
            drag_to_end(page, handle)
            states.append(shown(figure))
            for part in range(2):  # the description and the picture
                assert len({state[part] for state in states}) == 3
            assert len({tuple(state[2]) for state in states}) == 3
            assert handle.get_attribute("aria-valuetext") == states[-1][2][i]
            page.keyboard.press("ArrowLeft")  # the mouse has left the keyboard here
            assert shown(figure) not in (states[0], states[2])
        picture = figure.locator("img")
        picture.evaluate("e => e.decode()")
        box = picture.bounding_box()
        assert picture.evaluate("e => e.naturalWidth") > 600
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.width
        assert 1.2 < box["width"] / box["height"] < 2.5 or page.name == "laboratory"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.troubles == []


def test_sliders_show_the_stored_picture_of_their_values(page):
    """Each position shows the frame that the notebook has for these values."""
    state = "application/vnd.jupyter.widget-state+json"
    notebook = nbformat.read(SITE.parents[1] / f"book/{page.name}.ipynb", as_version=4)
    stored = notebook.metadata["widgets"][state]["state"].values()
    frames = [model["state"].get("value", "") for model in stored]
    for figure in page.locator(".slider-figure").all():
        handles = figure.get_by_role("slider").all()
        names = figure.locator("label").all_inner_texts()
        for keys in (("Home", "End"), ("End", "Home"), ("End", "ArrowLeft")):
            for handle, key in zip(handles, keys, strict=False):
                handle.press(key)
            alt, address, values = shown(figure)
            pairs = zip(names, values, strict=True)
            line = ", ".join(" = ".join(pair) for pair in pairs)
            (frame,) = [
                frame
                for frame in frames
                if frame.startswith(f"<p>{html.escape(line)}</p>")
                and f'alt="{html.escape(alt)}"' in frame
            ]
            picture = (SITE / "book" / address).read_text("utf-8")
            assert picture in unquote(frame)


def test_sliders_say_their_value_at_the_ends(page):
    """Home and End say the first value and the last, not their position."""
    for figure in page.locator(".slider-figure").all():
        for handle in figure.get_by_role("slider").all():
            said = []
            for key in ("Home", "Home", "End", "End"):
                handle.press(key)
                said.append(handle.get_attribute("aria-valuetext"))
            assert said[0] == said[1] != said[2] == said[3]
    assert page.troubles == []


def test_sliders_are_as_wide_as_their_picture_and_large_enough(page):
    """The track is as wide as the picture, and what a finger hits is 24 pixels high."""
    for figure in page.locator(".slider-figure").all():
        picture = figure.locator("img").bounding_box()
        for handle in figure.get_by_role("slider").all():
            box = handle.bounding_box()
            assert box["width"] == pytest.approx(picture["width"], abs=1)
            assert box["height"] >= HANDLE
            colour = handle.evaluate("e => getComputedStyle(e).backgroundColor")
            assert colour == "rgba(0, 0, 0, 0)"  # the track is drawn, not the browser's
            output = figure.locator(f"output[for={handle.get_attribute('id')}]")
            assert output.bounding_box()["y"] < box["y"] + 1


@pytest.mark.parametrize("name", WITH)
def test_sliders_answer_to_touch(browser, address, name):
    """A tap on the right end of a track shows the last value."""
    context = browser.new_context(
        has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    page.goto(f"{address}/book/{name}.html", wait_until="networkidle")
    handle = page.get_by_role("slider").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    last = handle.get_attribute("max")
    expect(handle).to_have_js_property("value", last)
    context.close()


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
        widgets = page.locator(".slider-figure").all()
        assert len(widgets) == WITH[page.name]
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
def test_sliders_script_is_loaded_where_it_is_needed(path):
    """Only pages with sliders have their script, a small one, and none their states."""
    text = path.read_text("utf-8")
    assert text.count("_static/sliders.js") == (path.stem in WITH)
    assert "widget-state+json" not in text
    assert "widget-view+json" not in text
    assert "require.js" not in text.replace("require.js</", "")
    assert (SITE / "_static" / "sliders.js").stat().st_size < 4e3

"""Sliders on the built pages, where no kernel is running: they move the picture, and ask no other host for anything."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.site.conftest import SITE
from tools.execute import BOOK

VIEW = "application/vnd.jupyter.widget-view+json"


def sliders(path):
    """How many cells of a notebook show a slider on its page."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    shown = [
        cell
        for cell in cells
        if "remove-output" not in cell["metadata"].get("tags", [])
    ]
    return sum(
        VIEW in output.get("data", {})
        for cell in shown
        for output in cell.get("outputs", [])
    )


WITH = {path.stem: count for path in BOOK if (count := sliders(path))}
with_sliders = pytest.mark.parametrize("name", WITH)


def test_sliders_are_on_at_least_five_pages():
    """The list of pages with sliders is not empty by mistake."""
    assert len(WITH) >= 5
    assert sum(WITH.values()) >= 7


@with_sliders
@pytest.mark.parametrize("width", [390, 1280])
def test_sliders_move_the_picture_by_key_and_by_drag(visit, name, width):
    """Each handle has a name; its picture changes with the arrow keys and with the mouse, and stays within the page."""
    page = visit(name, width=width)
    page.wait_for_load_state("networkidle")
    figures = page.locator(".slider-figure")
    figures.nth(WITH[name] - 1).locator("img").wait_for()
    assert figures.count() == WITH[name]
    for figure in figures.all():
        picture, line = figure.locator("img"), figure.locator("p")
        state = lambda: (
            picture.get_attribute("alt"),
            picture.get_attribute("src"),
            line.inner_text(),
        )  # noqa: B023, E731
        labels = figure.locator(".widget-hslider label").all_inner_texts()
        for handle, label in zip(
            figure.get_by_role("slider").all(), labels, strict=True
        ):
            handle.scroll_into_view_if_needed()
            assert figure.get_by_role("slider", name=label, exact=True).count() == 1
            seen = [state()]
            handle.press("ArrowRight")
            expect(line).not_to_have_text(seen[0][2])
            seen.append(state())
            box, track = (
                handle.bounding_box(),
                figure.locator(".noUi-base").first.bounding_box(),
            )
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down()
            page.mouse.move(
                track["x"] + track["width"], box["y"] + box["height"] / 2, steps=8
            )
            page.mouse.up()
            expect(line).not_to_have_text(seen[1][2])
            seen.append(state())
            handle.press("ArrowLeft")
            expect(line).not_to_have_text(seen[2][2])
            seen.append(state())
            assert all(
                len(set(part)) == len(part)
                for part in zip(seen[0], seen[1], seen[2], strict=True)
            )
            assert seen[3] not in (seen[0], seen[2])
            chosen = dict(part.split(" = ") for part in seen[3][2].split(", "))[label]
            expect(handle).to_have_attribute(
                "aria-valuetext", chosen
            )  # written when the picture has come
        box = picture.bounding_box()
        assert picture.evaluate("e => e.naturalWidth") > 600
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert 1.2 < box["width"] / box["height"] < 2.5 or name == "explore"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.troubles == []


@with_sliders
def test_sliders_say_their_value_at_the_ends_and_keep_the_keyboard(visit, name):
    """Home at the first value and End at the last say the value, not its position; after the mouse the keys work."""
    page = visit(name)
    page.wait_for_load_state("networkidle")
    figures = page.locator(".slider-figure")
    figures.nth(WITH[name] - 1).locator("img").wait_for()
    for figure in figures.all():
        for handle in figure.get_by_role("slider").all():
            said = []
            for key in ("Home", "Home", "End", "End"):
                handle.press(key)
                label = handle.get_attribute("aria-label")
                position = float(handle.get_attribute("aria-valuenow"))
                assert position == 0 or key == "End"
                line = figure.locator("p")
                expect(line).to_contain_text(
                    f"{label} = {handle.get_attribute('aria-valuetext')}"
                )
                said.append(handle.get_attribute("aria-valuetext"))
                assert (
                    figure.locator("label", has_text=label).first.get_attribute("title")
                    == label
                )
            assert said[0] == said[1] != said[2] == said[3]
            track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]")
            track.click()
            expect(handle).to_be_focused()
            before = handle.get_attribute("aria-valuenow")
            page.keyboard.press("ArrowLeft")
            expect(handle).not_to_have_attribute("aria-valuenow", before)
    assert page.troubles == []


@with_sliders
@pytest.mark.parametrize("width", [390, 1280])
def test_sliders_come_without_moving_the_text(visit, name, width):
    """A reader who is in the midst of a page when its sliders come keeps the line: each place has their height."""
    page = visit(name, width=width)
    measure = "() => [...document.querySelectorAll('.slider-place')].map(e => e.getBoundingClientRect().height)"
    page.locator(".slider-figure img").nth(WITH[name] - 1).wait_for()
    heights = page.evaluate(measure)
    page.route("**/embed.js*", lambda route: route.abort())
    page.reload(wait_until="networkidle")
    assert page.locator(".slider-figure").count() == 0
    places = page.evaluate(measure)
    assert len(heights) == len(places) == WITH[name]
    assert places == pytest.approx(heights, abs=2)  # pixels
    assert min(heights) > 200


@with_sliders
@pytest.mark.parametrize("reader", ["without scripts", "on paper"])
def test_sliders_leave_pictures_without_scripts_and_on_paper(visit, name, reader):
    """Where a slider cannot move, three of its pictures stand in its place, each with its values and description."""
    page = visit(name, scripts=reader == "on paper")
    page.wait_for_load_state("networkidle")
    stills = page.locator(".slider-stills")
    assert stills.count() == WITH[name]
    if reader == "on paper":
        page.locator(".slider-figure img").first.wait_for()
        assert not any(still.is_visible() for still in stills.all())
        page.emulate_media(media="print")
        assert not any(
            widget.is_visible() for widget in page.locator(".jupyter-widgets").all()
        )
    assert page.locator("article h1").is_visible()
    for still in stills.all():
        assert still.is_visible()
        pictures, lines = (
            still.locator("img"),
            still.locator("div > p").all_inner_texts(),
        )
        assert 2 <= pictures.count() == len(lines) == len(set(lines)) <= 3
        assert all(" = " in line for line in lines)
        assert (
            len({picture.get_attribute("alt") for picture in pictures.all()})
            == pictures.count()
        )
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
            page.wait_for_function(
                "e => e.complete && e.naturalWidth > 600", arg=picture.element_handle()
            )
    figures = page.locator("main figure img")
    assert figures.count() >= 1
    assert all(
        figure.locator("xpath=ancestor::figure//figcaption").is_visible()
        for figure in figures.all()
    )
    assert [
        trouble for trouble in page.troubles if ".js" not in trouble
    ] == []  # scripts may be off


@pytest.mark.parametrize(
    "path", sorted((SITE / "book").glob("*.html")), ids=lambda path: path.stem
)
def test_sliders_runtime_is_loaded_where_it_is_needed(path):
    """Only pages with sliders name the runtime, after all that can be read; none names require.js."""
    text = path.read_text("utf-8")
    assert len(re.findall(r"widgets/embed\.js", text)) == (path.stem in WITH)
    assert "require.js" not in text.replace("require.js</", "")
    after = text.rpartition("</footer>")[2]
    assert (
        text.count("widget-state+json")
        == after.count("widget-state+json")
        == (path.stem in WITH)
    )
    assert text.count("widgets/embed.js") == after.count("widgets/embed.js")

"""Reading on any screen: what is cut off says so, in light, in the dark, on paper."""

import base64
import io
import re

import pytest
from PIL import Image

from book._ext.chapter_list import parts
from tests.site.conftest import ROOT, SITE, page_of_book

# Everything that scrolls sideways, with what a reader sees and what the keyboard does.
WIDE = """() => [...document.querySelectorAll("article *")].filter(e =>
  ["auto", "scroll"].includes(getComputedStyle(e).overflowX)
  && e.clientWidth > 0 && !e.closest(".slider-figure, .slider-stills")
  && !e.closest("details:not([open])")
).map(e => {
  const frame = e.closest(".more-frame"), hidden = e.scrollWidth - e.clientWidth > 1;
  return [e.outerHTML.slice(0, 80), hidden, !!frame
    && getComputedStyle(e).maskImage.includes("2.5rem")
    || getComputedStyle(e).maskImage.includes("40px"),
    frame ? getComputedStyle(frame, "::after").content.includes("more") : false,
    e.tabIndex === 0];
})"""


FITTING = ("notation", "equations")  # nothing on these pages is wider than a phone


@pytest.mark.parametrize(
    "name", ["ntk", "limit_kernel", "notation", "equations", "errata"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_cut_off_says_so(visit, name, scheme):
    """On a phone all that is wider than the page has an edge that says "more".

    Nothing else has. The keyboard reaches what is wider, and nothing else that scrolls.
    """
    page = visit(name, width=390, scheme=scheme)
    page.wait_for_timeout(300)
    found = page.evaluate(WIDE)
    assert sum(hidden for _, hidden, *_ in found) > 0 or name in FITTING
    for piece, hidden, fades, says_more, tab in found:
        assert hidden == fades == says_more == tab, piece


def test_edge_goes_when_the_end_is_reached(visit):
    """The edge stays until its end is reached; then the left one stays."""
    page = visit("ntk", width=390)
    box = page.locator(".more-frame.more-right > pre").first.element_handle()
    edges = "e => e.parentNode.className"
    assert "more-left" not in box.evaluate(edges)
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("e => e.scrollLeft > 1", arg=box)
    page.wait_for_timeout(200)
    assert {"more-left", "more-right"} <= set(box.evaluate(edges).split())
    box.evaluate("e => { e.scrollLeft = e.scrollWidth; }")
    page.wait_for_timeout(200)
    assert "more-right" not in box.evaluate(edges)
    assert "more-left" in box.evaluate(edges)


@pytest.mark.parametrize("width", [390, 1280])
def test_code_is_large_enough(visit, width):
    """Code and its outputs are set in 13 pixels or more."""
    page = visit("ntk", width=width)
    sizes = page.locator("article pre").evaluate_all(
        "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 13
    # 60 columns, which is the width of cells, fit beside the contents.
    if width == 1280:
        fits = page.locator("div.highlight pre").first.evaluate(
            """e => { const letter = document.createElement("span");
              letter.textContent = "x".repeat(60); e.prepend(letter);
              const fits = letter.getBoundingClientRect().width < e.clientWidth;
              letter.remove(); return fits; }"""
        )
        assert fits


def test_folded_cells_open_by_their_prompt(visit):
    """Each folded cell has a prompt that is seen; a click opens the code."""
    page = visit("ntk", width=390)
    folded = page.locator("article details.hide:visible")
    assert folded.count() > 0
    for cell in folded.all():
        assert cell.locator("summary").inner_text().startswith("Show ")
        code = cell.locator("pre").first
        assert code.is_hidden()
        cell.locator("summary").click()
        assert code.is_visible()
        assert cell.locator("summary").inner_text().startswith("Hide ")


# ---- formulas in a line ----------

ALONE = """() => {
  const found = [];
  for (const formula of document.querySelectorAll("article span.math")) {
    const after = formula.nextSibling;
    const bases = formula.querySelectorAll(".katex-html > .base");
    if (after?.nodeType !== Node.TEXT_NODE || !/^[.,;:!?)]/.test(after.data)) continue;
    const sign = document.createRange();
    sign.setStart(after, 0);
    sign.setEnd(after, 1);
    const left = sign.getBoundingClientRect().left;
    if (left < bases[bases.length - 1].getBoundingClientRect().right - 8)
      found.push(formula.querySelector("annotation").textContent + after.data);
  }
  return found;
}"""


@page_of_book
def test_no_line_begins_with_the_end_of_a_clause(visit, name):
    """A comma or a full stop stays on the line of the formula before it."""
    page = visit(name, width=390, scripts=False)  # solutions are open
    assert page.evaluate(ALONE) == []


TORN = """() => {
  const lines = (text, {0: word, index}) => {
    const range = document.createRange();
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
  };
  const found = [];
  for (const code of document.querySelectorAll("article td code .pre"))
    for (const text of code.childNodes)
      if (text.nodeType === Node.TEXT_NODE)
        for (const word of text.data.matchAll(/\\w+/g))
          if (lines(text, word) > 1) found.push(word[0]);
  return found;
}"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["notation", "instructor", "equations"])
def test_tables_fit_the_page_with_whole_words(visit, name, width):
    """No table is wider than its place, and no name of code breaks within a word."""
    page = visit(name, width=width)
    wide = """() => [...document.querySelectorAll("article table")].map(table =>
      table.scrollWidth - table.parentElement.clientWidth)"""
    excess = page.evaluate(wide)
    assert excess
    assert max(excess) <= 1
    assert page.evaluate(TORN) == []


def test_formulas_and_code_are_not_translated(visit):
    """A browser that translates the page leaves formulas and code as they are."""
    page = visit("ntk")
    kept = "article :is(.katex, code, pre)"
    assert page.locator(kept).count() > 100
    assert page.locator(f"{kept}:not([translate=no], [translate=no] *)").count() == 0


# ---- paper and clipboard ----------


def test_a_dark_page_prints_black_on_white(visit):
    """On paper text is dark and figures are as drawn; then it is dark again."""
    page = visit("ntk", scheme="dark", width=1280)
    look = """() => [getComputedStyle(document.querySelector("article p")).color,
      getComputedStyle(document.querySelector("article figure img")).filter,
      getComputedStyle(document.querySelector("article pre")).color,
      document.documentElement.dataset.theme]"""
    before = page.evaluate(look)
    page.emulate_media(media="print")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    text, filtered, code, _ = page.evaluate(look)
    page.emulate_media(media="screen")
    for colour in (text, code):
        assert max(map(int, re.findall(r"\d+", colour)[:3])) < 90
    assert filtered == "none"
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate(look) == before
    assert max(map(int, re.findall(r"\d+", before[0])[:3])) > 150


COPY = """([from, to]) => {
  const range = document.createRange();
  range.setStart(from, 0);
  range.setEnd(to, to.childNodes.length);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  const data = new DataTransfer();
  document.dispatchEvent(new ClipboardEvent("copy",
    {clipboardData: data, bubbles: true, cancelable: true}));
  return [data.getData("text/plain"), data.getData("text/html")];
}"""


def test_copied_formulas_are_their_tex_once(visit):
    """A paragraph and its formula are copied as text with TeX, each formula once.

    A part of a formula stands for the whole.
    """
    page = visit("index")
    first = page.locator("article p", has_text="linear differential equation").first
    last = page.locator("article div.math").first
    handles = [first.element_handle(), last.element_handle()]
    plain, rich = page.evaluate(COPY, handles)
    for text in (plain, rich):
        assert text.count(r"\partial_t r = -\frac1m\, K\, r") == 1
        assert "$n$" in text
        assert "∂" not in text
        assert "katex" not in text
    assert r"$$\partial_t r = -\frac1m\, K\, r,$$" in plain
    inside = last.locator(".katex-html .mathnormal")
    handles = [inside.nth(0).element_handle(), inside.nth(1).element_handle()]
    plain, _ = page.evaluate(COPY, handles)
    assert plain == r"$$\partial_t r = -\frac1m\, K\, r,$$"


# ---- where nothing may be stored ----------


def test_search_and_theme_without_storage(visit, address):
    """In a frame that may neither store nor send forms, theme and search work."""
    page = visit("index")
    page.evaluate(
        """source => { const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts"; frame.width = 1280; frame.height = 800;
          frame.src = source; document.body.replaceChildren(frame); }""",
        f"{address}/book/ntk.html",
    )
    inside = page.frame_locator("iframe")
    inside.locator("article h1").wait_for()
    assert inside.locator("html").get_attribute("data-theme") == "light"
    button = inside.locator("button.theme-switch-button:visible").first
    for _ in range(3):
        button.click()
    themes = set()
    for _ in range(3):
        button.click()
        themes.add(inside.locator("html").get_attribute("data-theme"))
    assert themes == {"light", "dark"}
    inside.locator(".search-button__button:visible").first.click()
    inside.locator("#pst-search-dialog input").fill("lojasiewicz")
    inside.locator("#pst-search-dialog input").press("Enter")
    inside.locator("#search-results li a", has_text="Łojasiewicz").first.wait_for()
    inside.locator("#search-results li a").first.click()
    inside.locator("article h2", has_text="Łojasiewicz").wait_for()
    # The frame has no origin, so that it gets no fonts from this server either.
    fonts = re.compile(r"\.woff|\.ttf|ERR_FAILED")
    assert [one for one in page.troubles if not fonts.search(one)] == []


# ---- figures in the dark ----------

OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]
# RdBu_r of Matplotlib, from its blue end over white to its red end.
HEAT = ["#053061", "#4393c3", "#d1e5f0", "#ffffff", "#fddbc7", "#d6604d", "#67001f"]


def luminance(colour):
    """Relative luminance of a colour of three bytes, as WCAG defines it."""
    parts = [c / 255 for c in colour]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    """Contrast of two colours, from 1 to 21."""
    dark, light = sorted([luminance(one), luminance(two)])
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def in_the_dark(open_page, tabs):
    """Shows colours as a figure's in the dark, and what the page has around them."""
    page = open_page("ntk", scheme="dark")

    def shown(colours):
        image = Image.new("RGB", (10 * len(colours), 10))
        for i, colour in enumerate(colours):
            image.paste(colour, (10 * i, 0, 10 * i + 10, 10))
        file = io.BytesIO()
        image.save(file, "PNG")
        source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
        page.evaluate(
            """source => { const image = document.querySelector("article figure img");
              for (const side of ["width", "height"]) image.removeAttribute(side);
              image.style.cssText = "width: 100%; image-rendering: pixelated";
              image.src = source; return image.decode(); }""",
            source,
        )
        picture = page.locator("article figure img").first
        picture.scroll_into_view_if_needed()
        screen = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
        step = screen.width / len(colours)
        middle = screen.height // 2
        return [
            screen.getpixel((int(step * (i + 0.5)), middle))
            for i in range(len(colours))
        ]

    yield shown
    tabs.give_back(page)


def background(scheme="dark"):
    """The page's own colour in the dark: --pst-color-background of the theme."""
    return {"dark": (18, 18, 18)}[scheme]


def test_figures_in_the_dark_have_no_plate(in_the_dark):
    """White is the page, black is readable; the six colours stand out and differ."""
    white, black, *colours = in_the_dark(["#ffffff", "#000000", *OKABE_ITO])
    page = background()
    assert max(abs(a - b) for a, b in zip(white, page, strict=True)) <= 3
    assert contrast(black, page) > 10
    assert min(contrast(colour, page) for colour in colours) >= 3
    distances = [
        sum((a - b) ** 2 for a, b in zip(one, two, strict=True)) ** 0.5
        for i, one in enumerate(colours)
        for two in colours[:i]
    ]
    assert min(distances) > 60  # of 441; the six on white: 84
    for name, (red, green, blue) in zip(OKABE_ITO, colours, strict=True):
        wanted = [int(name[i : i + 2], 16) for i in (1, 3, 5)]
        assert wanted.index(max(wanted)) == [red, green, blue].index(
            max(red, green, blue)
        )


def test_heat_maps_in_the_dark_are_true(in_the_dark):
    """Nothing is the page; a larger value is stronger; blue is blue, and red red."""
    shown = in_the_dark(HEAT)
    page = background()
    strength = [contrast(colour, page) for colour in shown]
    assert strength[3] < 1.05
    assert strength[0] > strength[1] > strength[2] > strength[3]
    assert strength[6] > strength[5] > strength[4] > strength[3]
    assert all(blue > red for red, _, blue in shown[:3])
    assert all(red > blue for red, _, blue in shown[4:])


@pytest.mark.parametrize("width", [390, 1280])
def test_pictures_of_sliders_have_no_plate(visit, width):
    """In the dark the picture of a slider and what is around it are the page."""
    page = visit("linear_flow", scheme="dark", width=width)
    figure = page.locator(".slider-figure").first
    figure.locator("img").wait_for()
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    screen = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
    below = figure.locator("img").bounding_box()["y"] - figure.bounding_box()["y"]
    edge = [screen.getpixel((2, y)) for y in range(round(below), screen.height, 5)]
    assert all(max(abs(c - 18) for c in pixel) <= 4 for pixel in edge)
    handle = figure.get_by_role("slider").first.bounding_box()
    box = figure.bounding_box()
    middle = handle["y"] - box["y"] + handle["height"] / 2
    colour = screen.getpixel((13, round(middle)))  # the handle's own middle
    assert contrast(colour, (18, 18, 18)) >= 3


# ---- the landing page ----------


def test_landing_page_lists_the_chapters(visit):
    """The map and the list have each chapter, with minutes, and lead to it."""
    page = visit("index", width=390, scheme="dark")
    chart = page.locator("svg.chapter-map")
    links = chart.locator("a").evaluate_all(
        "all => all.map(e => e.getAttribute('href'))"
    )
    listed = page.locator(".chapter-list > ol > li > p > strong > a").evaluate_all(
        "all => all.map(e => e.getAttribute('href'))"
    )
    assert listed[: len(links)] == links
    assert len(links) >= 10
    assert len(listed) == sum(len(part) for part in parts(ROOT).values())
    assert all((SITE / "book" / link).exists() for link in listed)
    starts = page.locator(".chapter-list > ol").evaluate_all(
        "all => all.map(e => e.start)"
    )
    assert starts == [1, len(links) + 1, len(listed)]
    words = chart.get_attribute("aria-label")
    assert words.count("needs") == len(links) - 1
    for box in chart.locator("a").all():
        text, rect = (
            box.locator("text").bounding_box(),
            box.locator("rect").bounding_box(),
        )
        assert rect["x"] <= text["x"]
        assert text["x"] + text["width"] <= rect["x"] + rect["width"] <= 390
        assert rect["y"] <= text["y"]
        assert text["y"] + text["height"] <= rect["y"] + rect["height"]
    assert (
        chart.locator("text").first.evaluate(
            "e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a"
        )
        >= 11
    )
    assert page.locator("table.equation-map").count() == 0
    chart.locator("a").last.click()
    page.wait_for_url(f"**/{links[-1]}")

"""The built pages as a reader meets them: nothing missing, nothing from elsewhere, nothing out of the frame."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from conftest import SITE
from notebooks import BOOK

CHAPTERS = {path.stem for path in BOOK if path.parent.name == "book"}
PAGES = [
    *("index", "network", "gradient_flow", "ntk", "limit_kernel", "linear_flow", "general_loss", "rayleigh"),
    *("gronwall", "spectrum", "kernel_drift", "explore", "ten_formulas", "errata", "lecture", "notation", "api"),
    *("exercises/kernel", "exercises/dynamics", "exercises/bounds", "exercises/drift", "instructor", "bibliography"),
]
page_of_book = pytest.mark.parametrize("name", PAGES)

OUT_OF_FRAME = """() => [...document.querySelectorAll("main article *")].filter(e => {
  const scrolls = e.closest(".formula, pre, .pst-scrollable-table-container, .katex-mathml, svg");
  const box = e.getBoundingClientRect();
  return !scrolls && box.width > 0 && box.right > window.innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 120))"""

FORMULAS = """() => [...document.querySelectorAll("main .math")].map(
  e => [e.textContent.slice(0, 60), e.querySelectorAll(".katex-html").length, e.getBoundingClientRect().height])"""

FIGURES = """() => [...document.querySelectorAll("main img")].map(
  e => [e.alt, e.naturalWidth, e.getBoundingClientRect().right <= window.innerWidth + 1])"""


class Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path):
        """Read the page at `path`."""
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect href, src, id and name."""
        attrs = dict(attrs)
        self.links |= {attrs[key] for key in ("href", "src") if attrs.get(key)}
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}


def test_pages_are_all_checked():
    """The list above holds every page of the book."""
    book = SITE / "book"
    assert {path.relative_to(book).with_suffix("").as_posix() for path in book.rglob("*.html")} == set(PAGES)


@page_of_book
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(browser, address, name, width, scheme):
    """No request elsewhere, none that fails, no console error; every formula set; every figure seen; no overflow."""
    page = browser.new_page()
    troubles = []
    page.on("console", lambda message: message.type in ("error", "warning") and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url}"))
    page.on("response", lambda reply: reply.status >= 400 and troubles.append(f"{reply.status}: {reply.url}"))
    page.route(
        lambda url: not url.startswith((address, "data:")),
        lambda route: (troubles.append(f"elsewhere: {route.request.url}"), route.abort()),
    )
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/book/{name}.html", wait_until="networkidle")

    assert troubles == []
    page.evaluate("document.querySelectorAll('main details').forEach(e => { e.open = true })")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(OUT_OF_FRAME) == []
    formulas = page.evaluate(FORMULAS)
    assert [text for text, set_, height in formulas if set_ != 1 or height < 5] == []
    assert bool(formulas) == (name not in ("index", "bibliography", "lecture", "instructor"))
    prose = page.evaluate(
        "[...document.querySelectorAll('main p, main li, main td')].map(e => e.innerText).join('\\n')"
    )
    assert re.findall(r"\$|\{(?:eq|doc|ref|cite|numref|prf:ref)\}|\\frac", prose) == []
    figures = page.evaluate(FIGURES)
    assert [alt for alt, natural, fits in figures if len(alt) < 40 or natural < 600 or not fits] == []
    assert bool(figures) == (name in CHAPTERS)
    page.close()


@page_of_book
def test_links_are_alive(name):
    """Every link within the site leads to a file that is there, and to an anchor that is on it."""
    here = SITE / "book" / f"{name}.html"
    dead = []
    for link in Page(here).links:
        if re.match(r"(https?|mailto|data|javascript):", link):
            continue
        target, _, anchor = unquote(urljoin(f"book/{name}.html", link)).partition("#")
        path = SITE / target.partition("?")[0]
        alive = path.exists() and (not anchor or path.suffix != ".html" or anchor in Page(path).anchors)
        dead += [] if alive else [link]
    assert dead == []


def test_map_leads_from_equations_to_cells(browser, address):
    """The map on the landing page has a row for each equation with a function; its last link shows a code cell."""
    page = browser.new_page()
    page.goto(f"{address}/book/index.html")
    rows = page.locator("table.equation-map tbody tr")
    assert rows.count() >= 10
    rows.last.locator("a").last.click()
    page.wait_for_load_state()
    anchor = page.url.partition("#")[2]
    assert page.locator(f"#{anchor}").evaluate("e => e.classList.contains('cell')")
    page.close()

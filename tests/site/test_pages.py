"""The built pages as a reader meets them: whole, light, and open to everyone."""

import re
from pathlib import Path

import pytest

from tests.site.conftest import PAGES, SITE, page_of_book, weight
from tools.execute import BOOK, ROOT

NOTEBOOKS = {
    path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in BOOK
}
MODULES = Path(__file__).parent / "node_modules"
AXE = (MODULES / "axe-core" / "axe.min.js").read_text("utf-8")

# What does not scroll by itself and reaches beyond the window.
OUT_OF_FRAME = """() => [...document.querySelectorAll("main article *")].filter(e => {
  const scrolls = e.closest(
    ".formula, pre, .pst-scrollable-table-container, .katex-mathml, svg");
  const box = e.getBoundingClientRect();
  return !scrolls && box.width > 0 && box.right > window.innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 120))"""

# Of each formula, its text, how often it is set, and its height where it is unfolded.
FORMULAS = """() => [...document.querySelectorAll("main .math")].map(e => [
  e.textContent.slice(0, 60),
  e.querySelectorAll(".katex-html").length,
  e.closest("details:not([open])")
    ? null : e.getBoundingClientRect().height,
])"""

# Figures wait for a reader to come near; here none is waited for.
FIGURES = """() => Promise.all(
  [...document.querySelectorAll("main figure img")].map(async e => {
    e.loading = "eager";
    await e.decode();
    const fits = e.getBoundingClientRect().right <= window.innerWidth + 1;
    return [e.alt, e.naturalWidth, fits];
  }))"""

PROSE = """[...document.querySelectorAll("main p, main li, main td")].map(
  e => e.innerText).join("\\n")"""

# Formulas are left out: they hold most elements of a page, and all of them are KaTeX's.
BARRIERS = """() => {
  document.querySelectorAll(".katex").forEach(e => e.replaceWith("formula"));
  const grave = v => ["serious", "critical"].includes(v.impact);
  const examples = v => [v.id, ...v.nodes.slice(0, 3).map(n => n.html)];
  return axe.run(document, {resultTypes: ["violations"]}).then(
    found => found.violations.filter(grave).map(examples));
}"""


@pytest.fixture(scope="module")
def on_first_page(browser, address):
    """What a reader who begins on the landing page has already."""
    page, requests = browser.new_page(), set()
    page.on("request", lambda request: requests.add(request.url))
    page.goto(f"{address}/book/index.html", wait_until="networkidle")
    page.close()
    return requests


def test_pages_are_all_checked():
    """The table of contents, from which these tests take pages, holds every page."""
    built = {
        path.relative_to(SITE / "book").with_suffix("").as_posix()
        for path in (SITE / "book").rglob("*.html")
    }
    assert built == set(PAGES)


@page_of_book
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_page_in_a_browser(visit, on_first_page, name, width, scheme):
    """No trouble or weight, nothing that moves; all formulas set, all figures seen.

    No overflow, no barrier; one style sheet, which holds all that is asked for.
    """
    page = visit(name, width=width, scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert page.troubles == []
    assert weight(page.requests) <= (3e5 if name == "laboratory" else 2.5e5)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(OUT_OF_FRAME) == []
    assert page.evaluate("window.shifts") <= 0.1
    formulas = page.evaluate(FORMULAS)
    assert formulas or name not in NOTEBOOKS
    for text, times_set, height in formulas:
        assert times_set == 1, text
        assert height is None or height >= 5, text
    raw = r"\$|\{(?:eq|doc|ref|cite|numref|prf:ref)\}|\\frac"
    assert re.findall(raw, page.evaluate(PROSE)) == []
    for alt, natural_width, fits in page.evaluate(FIGURES):
        assert len(alt) >= 40, alt
        assert natural_width >= 600, alt
        assert fits, alt
    sheets = [url for url in page.requests if url.partition("?")[0].endswith(".css")]
    assert len(sheets) == 1
    page.evaluate(AXE)
    assert page.evaluate(BARRIERS) == []
    assert page.troubles == []


def test_solutions_are_closed_until_asked_for(visit):
    """A solution is closed with scripts and without; a key opens it."""
    inside = ".solution.dropdown .katex-html"
    for scripts in (True, False):
        page = visit("limit_kernel", scripts=scripts)
        assert page.locator(inside).count() > 0
        assert not any(formula.is_visible() for formula in page.locator(inside).all())
        page.locator(".solution.dropdown > summary").first.press("Enter")
        page.locator(inside).first.wait_for()

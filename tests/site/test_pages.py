"""The built pages as a reader meets them: nothing missing, from elsewhere, out of the frame, or closed to some."""

import re
from pathlib import Path

import pytest

from tests.site.conftest import PAGES, SITE, page_of_book, weight
from tools.execute import BOOK, ROOT

NOTEBOOKS = {
    path.relative_to(ROOT / "book").with_suffix("").as_posix() for path in BOOK
}
AXE = (Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js").read_text(
    "utf-8"
)

OUT_OF_FRAME = """() => [...document.querySelectorAll("main article *")].filter(e => {
  const scrolls = e.closest(".formula, pre, .pst-scrollable-table-container, .katex-mathml, svg");
  const box = e.getBoundingClientRect();
  return !scrolls && box.width > 0 && box.right > window.innerWidth + 1;
}).map(e => e.outerHTML.slice(0, 120))"""

FORMULAS = """() => [...document.querySelectorAll("main .math")].map(e => [
  e.textContent.slice(0, 60), e.querySelectorAll(".katex-html").length,
  e.closest("details:not([open]), .toggle-hidden") ? null : e.getBoundingClientRect().height])"""

FIGURES = """() => [...document.querySelectorAll("main figure img")].map(
  e => [e.alt, e.naturalWidth, e.getBoundingClientRect().right <= window.innerWidth + 1])"""

# Formulas are left out: they hold most elements of a page, and all of them are KaTeX's.
BARRIERS = """() => {
  document.querySelectorAll(".katex").forEach(e => e.replaceWith("formula"));
  return axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.filter(
    v => ["serious", "critical"].includes(v.impact)).map(v => [v.id, ...v.nodes.slice(0, 3).map(n => n.html)]));}"""


@pytest.fixture(scope="module")
def on_first_page(browser, address):
    """What a reader who begins on the landing page has already."""
    page, requests = browser.new_page(), set()
    page.on("request", lambda request: requests.add(request.url))
    page.goto(f"{address}/book/index.html", wait_until="networkidle")
    page.close()
    return requests


def test_pages_are_all_checked():
    """The table of contents, from which these tests take their pages, holds every page of the book."""
    built = {
        path.relative_to(SITE / "book").with_suffix("").as_posix()
        for path in (SITE / "book").rglob("*.html")
    }
    assert built == set(PAGES)


@page_of_book
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_page_in_a_browser(visit, on_first_page, name, width, scheme):
    """No trouble, nothing that moves; all formulas set, all figures seen; no overflow, barrier or weight."""
    page = visit(name, width=width, scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert page.troubles == []
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(OUT_OF_FRAME) == []
    assert page.evaluate("window.shifts") <= 0.1
    formulas = page.evaluate(FORMULAS)
    assert [
        text for text, set_, height in formulas if set_ != 1 or (height or 9) < 5
    ] == []
    assert formulas or name not in NOTEBOOKS
    prose = page.evaluate(
        "[...document.querySelectorAll('main p, main li, main td')].map(e => e.innerText).join('\\n')"
    )
    assert re.findall(r"\$|\{(?:eq|doc|ref|cite|numref|prf:ref)\}|\\frac", prose) == []
    figures = page.evaluate(FIGURES)
    assert [
        alt
        for alt, natural, fits in figures
        if len(alt) < 40 or natural < 600 or not fits
    ] == []
    runtime = {
        url
        for url in page.requests
        if url.partition("?")[0].endswith("/widgets/embed.js")
    }
    assert weight(page.requests) <= (1e6 if runtime else 4.5e5)
    assert (
        weight(set(page.requests) - on_first_page - runtime) <= 1.5e5
    )  # the runtime is fetched once a visit
    page.evaluate(AXE)
    assert page.evaluate(BARRIERS) == []
    assert page.troubles == []


def test_solutions_are_closed_until_asked_for(visit):
    """A solution is closed before its script has come and after; a key opens it; without scripts all are open."""
    inside = ".solution.dropdown .katex-html"
    page = visit("limit_kernel")
    page.locator(".solution.dropdown button").first.wait_for()
    assert page.locator(inside).count() > 0
    assert not any(formula.is_visible() for formula in page.locator(inside).all())
    page.locator(".solution.dropdown button").first.press("Enter")
    page.locator(inside).first.wait_for()
    page.route("**/togglebutton.js*", lambda route: route.abort())
    page.reload()
    assert not any(formula.is_visible() for formula in page.locator(inside).all())
    assert all(
        formula.is_visible()
        for formula in visit("limit_kernel", scripts=False).locator(inside).all()
    )

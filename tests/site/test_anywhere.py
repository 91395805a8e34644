"""The site wherever it is opened: from a file, without scripts, by its search."""

import re

import pytest

from tests.site.conftest import SITE, page_of_book

UNREADABLE = """() => [...document.querySelectorAll(
  "main article :is(p, li, pre, figure img, .math, td)")].filter(
  e => e.textContent.trim() + (e.alt || "")
    && !e.closest("details:not([open]), summary, .katex, .onlyprint")
    && (e.getBoundingClientRect().height < 2
      || getComputedStyle(e).visibility === "hidden")
).map(e => e.outerHTML.slice(0, 150))"""


@page_of_book
def test_page_without_scripts(visit, name):
    """Without scripts, from a file, on a phone: whole, with links to all others."""
    page = visit(name, width=390, base=SITE.as_uri(), scripts=False)
    # Scripts are off.
    assert [trouble for trouble in page.troubles if ".js" not in trouble] == []
    assert page.evaluate(UNREADABLE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.evaluate(
        "document.querySelectorAll('details').forEach(e => { e.open = true; })"
    )
    assert page.evaluate(UNREADABLE) == []
    links = page.locator("#pst-primary-sidebar nav a:visible")
    assert links.count() == page.locator("#pst-primary-sidebar nav a").count() > 10
    colours = page.evaluate(
        "(({backgroundColor, color}) => [backgroundColor, color])"
        "(getComputedStyle(document.body))"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(34, 40, 50)"]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("eq-residual", "ntk.html#equation-eq-residual"),
        ("residual equation", "ntk.html#equation-eq-residual"),
        ("Grönwall", "gronwall.html"),
        ("gronwall equation", "gronwall.html#equation-eq-gronwall"),
        ("tangent kernel", "ntk.html"),
    ],
)
@pytest.mark.parametrize("served", [True, False], ids=["served", "file"])
def test_search_finds_formulas_by_name(visit, address, words, place, served):
    """The search leads to the chapter, and to the equation by its label or in words.

    It does so served and from a file.
    """
    base = address if served else SITE.as_uri()
    page = visit(f"../search.html?q={words}&x=", base=base)
    page.locator("#search-results .search-summary").get_by_text("matching").wait_for()
    page.locator("#search-results li a").first.wait_for()
    first = page.locator("#search-results li a").evaluate_all(
        "links => links.slice(0, 5).map(a => a.href)"
    )
    assert any(place in href for href in first), first
    # For each result Sphinx fetches a page, to show some words of it;
    # browsers let no page fetch a file.
    assert [
        trouble
        for trouble in page.troubles
        if served or not re.search("fetch|ERR_FAILED|^failed: file", trouble)
    ] == []

"""The site from a file and without scripts."""

from tests.site.conftest import SITE, page_of_book

UNREADABLE = """() => [...document.querySelectorAll(
  "main article :is(p, li, pre, figure img, .math, td)")].filter(
  e => e.textContent.trim() + (e.alt || "")
    && !e.closest("details:not([open]), summary, .katex, .onlyprint, .laboratory-live")
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

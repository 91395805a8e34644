"""Links and references: alive, and shown in place by hover and by keyboard."""

import functools
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from conftest import SITE, page_of_book

SHOWS = """links => links.filter(link => link.checkVisibility({visibilityProperty: true})).filter(link => {
  link.focus();
  const tip = document.getElementById("preview");
  const shown = !tip.hidden && tip.getBoundingClientRect().height > 20;
  const described = link.getAttribute("aria-describedby") === tip.id;
  link.blur();
  return !shown || !described || !tip.hidden;
}).map(link => link.outerHTML)"""
KINDS = ("equation-", "fig-", "thm-", "lem-", "prop-", "cor-", "def-", "ex-")
REFERENCES = ", ".join(f"main a.reference.internal[href*='#{kind}']" for kind in KINDS)


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


@functools.cache
def read(path):
    """The page at `path`, read once."""
    return Page(path)


@page_of_book
def test_links_are_alive(name):
    """Every link within the site leads to a file that is there, and to an anchor that is on it."""
    here = SITE / "book" / f"{name}.html"
    dead = []
    for link in read(here).links:
        if re.match(r"(https?|mailto|data|javascript):", link):
            continue
        target, _, anchor = unquote(urljoin(f"book/{name}.html", link)).partition("#")
        path = SITE / target.partition("?")[0]
        alive = path.exists() and (not anchor or path.suffix != ".html" or anchor in read(path).anchors)
        dead += [] if alive else [link]
    assert dead == []


def test_map_leads_from_equations_to_cells(visit):
    """The map on the landing page has a row for each equation with a function; its last link shows a code cell."""
    page = visit("index")
    rows = page.locator("table.equation-map tbody tr")
    assert rows.count() >= 10
    rows.last.locator("a").last.click()
    page.wait_for_load_state()
    anchor = page.url.partition("#")[2]
    assert page.locator(f"#{anchor}").evaluate("e => e.classList.contains('cell')")


@page_of_book
def test_preview_of_every_reference_by_keyboard(visit, name):
    """Every reference to an equation, theorem, exercise, figure or work shows its target on focus, over file:// too."""
    page = visit(name, base=SITE.as_uri())
    works = ", main a.reference.internal[href*='bibliography.html#id']"
    assert page.locator(REFERENCES + works).evaluate_all(SHOWS) == []
    assert page.troubles == []


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("ntk", "a[href='#equation-eq-residual']"),
        ("ntk", "a[href='gradient_flow.html#equation-eq-flow-sum']"),
        ("lecture", "a[href='limit_kernel.html#thm-start']"),
        ("index", "a[href^='bibliography.html#id']"),
    ],
)
def test_preview_by_hover(visit, name, link):
    """Hovering shows the target in the window and moves nothing; Escape or leaving closes it, entering does not."""
    page = visit(name, width=390)
    reference, tip = (
        page.locator(f"main {link}").and_(page.locator(".reference.internal")).first,
        page.locator("#preview"),
    )
    reference.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    state = "e => [scrollY, document.body.scrollHeight, e.getBoundingClientRect().top]"
    before = reference.evaluate(state)
    reference.hover()
    tip.wait_for()
    assert tip.get_attribute("role") == "tooltip"
    assert reference.get_attribute("aria-describedby") == "preview"
    assert len(tip.inner_text()) > 10
    assert tip.locator("a, button, [tabindex], [id]").count() == 0
    box = tip.bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert 0 <= box["y"] <= box["y"] + box["height"] <= 900
    tip.hover()
    page.wait_for_timeout(400)
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert reference.get_attribute("aria-describedby") is None
    page.mouse.move(1, 1)
    reference.hover()
    tip.wait_for()
    page.mouse.move(1, 1)
    tip.wait_for(state="hidden")
    assert reference.evaluate(state) == before
    assert page.evaluate("window.shifts") <= 0.1

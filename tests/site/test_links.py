"""Links and references: alive, and shown in place by hover and by keyboard."""

import functools
import re
from urllib.parse import unquote, urljoin

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.site.conftest import ROOT, SITE, page_of_book

SHOWS = """links => links.filter(link => {
  if (!link.checkVisibility({visibilityProperty: true})) return false;
  link.focus();
  const tip = document.getElementById("preview");
  const shown = !tip.hidden && tip.getBoundingClientRect().height > 20;
  const described = link.getAttribute("aria-describedby") === tip.id;
  link.blur();
  return !shown || !described || !tip.hidden;
}).map(link => link.outerHTML)"""
# None where no preview belongs to the focus; else where it is.
BESIDE = """() => {
  const link = document.activeElement, tip = document.getElementById("preview");
  const kinds = ["equation", "fig", "thm"].map(kind => `article a[href*='#${kind}-']`);
  if (link.matches(".headerlink")) return null;
  if (!link.matches(kinds.join())) return null;
  if (tip.hidden || getComputedStyle(tip).visibility === "hidden") return "gone";
  const box = tip.getBoundingClientRect(), lines = [...link.getClientRects()];
  if (box.left < 0 || box.right > innerWidth) return "out of the window";
  if (box.top < 0 || box.bottom > innerHeight) return "out of the window";
  const apart = line => box.bottom <= line.top + 1 || box.top >= line.bottom - 1;
  return lines.every(apart) ? "beside" : "over it";
}"""
KINDS = (
    "equation-",
    "fig-",
    "thm-",
    "lem-",
    "prop-",
    "cor-",
    "def-",
    "ex-",
    "erratum-",
)
REFERENCES = ", ".join(f"main a.reference.internal[href*='#{kind}']" for kind in KINDS)


@functools.cache
def read(path):
    """Links and anchors of the page at `path`, read once."""
    tree = LexborHTMLParser(path.read_text("utf-8"))

    def values(*names):
        return {node.attrs[name] for name in names for node in tree.css(f"[{name}]")}

    return values("href", "src"), values("id", "name")


# What the laboratory's script makes of an address; on that page alone.
EXPERIMENTS = {
    f"experiment={name}"
    for name in re.findall(
        r'^  name: "(\w+)"',
        (ROOT / "ntklib" / "_laboratory" / "experiments.js").read_text("utf-8"),
        re.M,
    )
}


@page_of_book
def test_links_are_alive(name):
    """Every link within the site leads to a file, and to an anchor in it, if any."""
    links, _ = read(SITE / "book" / f"{name}.html")
    assert len(links) > 30
    dead = []
    for link in links:
        if re.match(r"(https?|mailto|data|javascript):", link):
            continue
        target, _, anchor = unquote(urljoin(f"book/{name}.html", link)).partition("#")
        path = SITE / target.partition("?")[0]
        alive = path.exists()
        if alive and anchor and path.suffix == ".html":
            _, anchors = read(path)
            alive = anchor in anchors or anchor in EXPERIMENTS
        if not alive:
            dead.append(link)
    assert dead == []


def test_map_leads_from_equations_to_cells(visit):
    """The equation map has a row for each equation with a function.

    Its last link shows a code cell.
    """
    page = visit("equations")
    rows = page.locator("table.equation-map tbody tr")
    assert rows.count() >= 10
    rows.last.locator("a").last.click()
    page.wait_for_load_state()
    anchor = page.url.partition("#")[2]
    assert page.locator(f"#{anchor}").evaluate("e => e.classList.contains('cell')")


@page_of_book
def test_preview_of_every_reference_by_keyboard(visit, name):
    """Every reference shows on focus what it refers to, from a file too.

    That is an equation, theorem, exercise, figure, erratum or work.
    """
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
    """Hovering shows the target in the window and moves nothing.

    Escape or leaving closes it, entering does not.
    """
    page = visit(name, width=390)
    tip = page.locator("#preview")
    references = page.locator(f"main {link}").and_(page.locator(".reference.internal"))
    reference = references.first
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


@pytest.mark.parametrize(("width", "height"), [(320, 568), (844, 390), (1280, 900)])
def test_preview_by_tab_stays_and_covers_no_reference(visit, width, height):
    """Going from link to link with the Tab key scrolls the page.

    The preview is there, and beside its reference.
    """
    page = visit("kernel_drift", width=width)
    page.set_viewport_size({"width": width, "height": height})
    page.locator("main article a").first.focus()
    seen = 0
    for _ in range(90):
        page.keyboard.press("Tab")
        page.wait_for_timeout(60)  # the scrolling that follows
        found = page.evaluate(BESIDE)
        seen += found is not None
        assert found in (None, "beside"), page.evaluate(
            "document.activeElement.outerHTML"
        )
    assert seen >= 8


def test_preview_stays_while_it_is_clicked(visit):
    """A click into a preview that the keyboard opened leaves it open.

    Its text can be selected.
    """
    page = visit("ntk")
    page.locator(
        "main a.reference.internal[href='#equation-eq-residual']"
    ).first.focus()
    page.locator("#preview").click()
    assert page.locator("#preview").is_visible()
    page.locator("article h1").click()
    page.locator("#preview").wait_for(state="hidden")

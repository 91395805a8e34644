"""The style sheet of the site holds all that its pages use: none changes its looks."""

import io

import pytest
from PIL import Image, ImageChops

from tests.site.conftest import PAGES, SITE

# One for pages with a laboratory, one for the others.
SHEETS = sorted((SITE / "_static").glob("style-*.css"))
WHOLE = SITE.parent / "whole_styles"

# Rules of the whole sheet that the purged one lacks, though a page has an element for
# them. What depends on a state, such as :hover, counts as if the page were in it.
LOST = r"""async ([whole, purged, addresses]) => {
  const rulesOf = text => {
    const sheet = new CSSStyleSheet(), found = new Map();
    sheet.replaceSync(text);
    const collect = (rules, around) => {
      for (const rule of rules) {
        // Commas within parentheses do not part selectors.
        for (const selector of rule.selectorText?.split(/,(?![^(]*\))/) ?? []) {
          const key = [...around, selector.trim(), rule.style.cssText].join(" { ");
          found.set(key, selector.trim());
        }
        const media = rule.conditionText ?? rule.selectorText ?? "";
        if (rule.cssRules) collect(rule.cssRules, [...around, media]);
      }
    };
    collect(sheet.cssRules, []);
    return found;
  };
  const kept = rulesOf(purged);
  const states = new RegExp(
    "::?(before|after|placeholder|marker|selection|hover|focus|focus-visible"
    + "|focus-within|active|visited|target|backdrop|disabled|checked"
    + "|-webkit-[a-z-]+|-moz-[a-z-]+)(?![a-z-])", "g");
  const left = new Map();
  for (const [rule, selector] of rulesOf(whole)) {
    const plain = selector.replace(states, "").replace(/^$|(?<=[>+~\s])$/, "*");
    if (!kept.has(rule) && CSS.supports(`selector(${plain})`)) left.set(rule, plain);
  }
  const lost = [];
  for (const address of addresses) {
    const text = await (await fetch(address)).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const [rule, plain] of left) {
      if (page.querySelector(plain)) lost.push(`${address}: ${rule}`);
    }
  }
  return [kept.size, left.size, lost];
}"""

# Put the whole style sheet in the place of the purged one, and wait for its fonts.
USE_WHOLE = """async () => {
  const old = document.querySelector('link[rel="stylesheet"][href*="style-"]');
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = old.href.replace("style-", "whole-");
  const loaded = new Promise(resolve => { link.onload = resolve; });
  old.after(link);
  await loaded;
  old.remove();
  await document.fonts.ready;
}"""


def pages_with(sheet):
    """The pages that have this style sheet."""
    return [
        name
        for name in PAGES
        if sheet.name in (SITE / "book" / f"{name}.html").read_text("utf-8")
    ]


def test_style_sheets_are_light():
    """A third of the style is left at most; browsers show nothing before it comes."""
    assert sum(len(pages_with(sheet)) for sheet in SHEETS) == len(PAGES)
    for sheet in SHEETS:
        whole = WHOLE / sheet.name
        assert sheet.stat().st_size < whole.stat().st_size / 3


@pytest.mark.parametrize("sheet", SHEETS, ids=range(len(SHEETS)))
def test_style_sheet_keeps_every_rule_that_a_page_can_use(visit, sheet):
    """No rule that was left out has an element on any page, whatever its state."""
    page = visit("index")
    sheets = [path.read_text("utf-8") for path in (WHOLE / sheet.name, sheet)]
    addresses = [f"{page.base}/book/{name}.html" for name in pages_with(sheet)]
    kept, left_out, lost = page.evaluate(LOST, [*sheets, addresses])
    assert kept > 500
    assert left_out > 1000
    assert lost == []


def open_search(page):
    """Open the field of the search."""
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:visible").first.wait_for()


def open_drawer(page):
    """Open the list of chapters of a narrow window."""
    page.locator(".primary-toggle").first.click()
    page.locator("#pst-primary-sidebar-modal, #pst-primary-sidebar").first.wait_for()


def point_at_button(page):
    """Keep the pointer over a button of the header, whose tooltip comes."""
    page.locator(".theme-switch-button:visible").first.hover()


def point_at_reference(page):
    """Keep the focus on a reference, whose preview comes."""
    page.locator("main a.reference.internal[href*='#equation']").first.focus()


def open_details(page):
    """Open every solution, hint and folded cell."""
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")


def show(page):
    """A picture of the page, or of the window where something lies over the page."""
    page.wait_for_timeout(500)  # transitions last up to 0.35 s
    open_above = "dialog[open], .tooltip, :popover-open, main a:focus"
    whole = page.locator(open_above).count() == 0
    png = page.screenshot(full_page=whole, caret="hide", animations="disabled")
    return Image.open(io.BytesIO(png)).convert("RGB")


STATES = [
    ("index", 390, open_drawer),
    ("limit_kernel", 390, open_search),
    ("limit_kernel", 1280, open_search),
    ("limit_kernel", 1280, point_at_button),
    ("limit_kernel", 1280, point_at_reference),
    *(
        (name, width, open_details)
        for name in ("index", "gronwall", "notation")
        for width in (390, 1280)
    ),
]


def largest_change(page, change):
    """How far a colour moves when the whole sheet takes the place of the purged."""

    def whole_sheet(route):
        name = route.request.url.rpartition("/")[2].replace("whole-", "style-")
        route.fulfill(path=WHOLE / name)

    page.route("**/whole-*.css", whole_sheet)
    page.wait_for_load_state("networkidle")
    change(page)
    purged = show(page)
    page.evaluate(USE_WHOLE)
    whole = show(page)
    assert whole.size == purged.size
    difference = ImageChops.difference(whole, purged).getextrema()
    return max(high for _, high in difference)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width", "change"), STATES)
def test_pages_look_as_with_the_whole_style_sheet(visit, name, width, change, scheme):
    """No pixel changes its colour when the whole sheet takes the place of the purged.

    Chromium draws some layers anew when a sheet comes, even the same sheet: a colour
    may then be off by 2 of 256, and in a dark figure now and then by more. A rule that
    is missing shows each time that the page is opened, so one time without will do.
    """
    assert any(
        largest_change(visit(name, width=width, scheme=scheme), change) <= 4
        for _ in range(4)
    )

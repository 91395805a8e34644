"""The style sheet of the site holds all that its pages use: none changes its looks."""

import pytest

from tests.site.conftest import SITE, page_of_book

WHOLE = SITE.parent / "whole_styles"
(SHEET,) = (SITE / "_static").glob("style-*.css")

# Selectors of the whole sheet that the sheet of the site lacks, and that match now.
# What depends on a state, such as :hover, counts as if the page were in that state.
LOST = r"""whole => {
  const selectors = (rules, into) => {
    for (const rule of rules) {
      if (rule.selectorText) into.add(rule.selectorText);
      if (rule.cssRules) selectors(rule.cssRules, into);
    }
    return into;
  };
  const sheetOf = text => {
    const style = new CSSStyleSheet();
    style.replaceSync(text);
    return style.cssRules;
  };
  const own = [...document.styleSheets].find(sheet => /style-/.test(sheet.href ?? ""));
  const split = text => text.split(/,(?![^(\[]*[)\]])/).map(part => part.trim());
  const kept = new Set([...selectors(own.cssRules, new Set())].flatMap(split));
  const states = new RegExp(
    "::?(before|after|placeholder|marker|selection|hover|focus|focus-visible"
    + "|focus-within|active|visited|target|backdrop|-webkit-[a-z-]+|-moz-[a-z-]+)"
    + "(?![a-z-])", "g");
  const found = [];
  for (const selector of [...selectors(sheetOf(whole), new Set())].flatMap(split)) {
    if (kept.has(selector)) continue;
    let plain = selector.replace(states, "");
    if (!plain || /[>+~\s]$/.test(plain)) plain += "*";
    try {
      if (document.querySelector(plain)) found.push(selector);
    } catch { /* a selector of another browser */ }
  }
  return found;
}"""


def whole_style():
    """The style sheet before it was purged."""
    return (WHOLE / SHEET.name).read_text("utf-8")


def test_style_sheet_is_light():
    """A third of the style is left at most; browsers show nothing before it comes."""
    assert SHEET.stat().st_size < len(whole_style()) / 3


@page_of_book
def test_style_sheet_keeps_every_rule_that_a_page_can_use(visit, name):
    """No selector that was left out matches an element, as it is or in any state."""
    page = visit(name)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(LOST, whole_style()) == []


def open_drawer(page):
    """Open the list of chapters of a narrow window."""
    page.locator(".primary-toggle").first.click()
    page.locator("#pst-primary-sidebar-modal, #pst-primary-sidebar").first.wait_for()


def open_search(page):
    """Open the field of the search."""
    page.keyboard.press("Control+k")


def point_at_button(page):
    """Keep the pointer over a button of the header, whose tooltip comes."""
    page.locator(".theme-switch-button:visible").first.hover()


def point_at_reference(page):
    """Keep the focus on a reference, whose preview comes."""
    page.locator("main a.reference.internal[href*='#equation']").first.focus()


def open_solution(page):
    """Open a solution and the code of a folded cell."""
    page.locator(".solution.dropdown button").first.press("Enter")
    page.locator("details.hide summary").first.click()


STATES = {
    "as it is": lambda page: None,
    "search": open_search,
    "tooltip": point_at_button,
    "preview": point_at_reference,
    "solution": open_solution,
    "drawer": open_drawer,
}
LOOKED_AT = [
    (name, state)
    for name in ("index", "limit_kernel", "api", "exercises/kernel")
    for state in STATES
    if state == "as it is" or name == "limit_kernel"
]


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
@pytest.mark.parametrize(("name", "state"), LOOKED_AT)
def test_pages_look_as_with_the_whole_style_sheet(visit, name, state, width, scheme):
    """Not a pixel differs when the whole sheet takes the place of the purged one."""
    if state == "drawer" and width > 1000:
        pytest.skip("a wide window has no drawer")
    screens = []
    for style in (SHEET, WHOLE / SHEET.name):
        page = visit("network", width=width, scheme=scheme)
        page.route(f"**/{SHEET.name}", lambda route, _, s=style: route.fulfill(path=s))
        page.emulate_media(reduced_motion="reduce")
        page.goto(f"{page.base}/book/{name}.html", wait_until="networkidle")
        page.evaluate("document.fonts.ready.then(() => true)")
        STATES[state](page)
        page.wait_for_timeout(600)
        # The search and the drawer cover the window; other pages are seen in whole.
        whole = state in ("as it is", "solution")
        screens.append(page.screenshot(full_page=whole, caret="hide"))
        page.emulate_media(reduced_motion="no-preference")
    assert screens[0] == screens[1]

"""A phone, by finger: what a tap does, what lies over the text, how long lines are."""

import pytest

from tests.site.conftest import watch

COVERED = """() => [...document.querySelectorAll(".bd-header-article button")].filter(
e => {
  const box = e.getBoundingClientRect();
  if (!box.width) return false;
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !e.contains(top);
}).map(e => e.outerHTML.slice(0, 120))"""

# How many characters each full line of the paragraphs without formulas has.
LINES = """() => {
  const found = [], range = document.createRange();
  for (const text of document.querySelectorAll("article section > p, article li")) {
    if (text.textContent.length < 200 || text.querySelector(".katex, p, li")) continue;
    const lines = new Map();
    const walk = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      for (let i = 0; i < node.length; i++) {
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        const line = Math.round((range.getClientRects()[0]?.top ?? -9) / 10);
        lines.set(line, (lines.get(line) ?? 0) + 1);
      }
    }
    found.push(...[...lines.values()].slice(0, -1));
  }
  return found.sort((a, b) => a - b);
}"""


@pytest.fixture
def phone(browser, address):
    """Opens a page of the book on a phone with a touch screen."""
    contexts = []

    def opened(name):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
        )
        contexts.append(context)
        page = context.new_page()
        page.base, page.troubles, page.requests = address, [], []
        watch(page)
        page.goto(f"{address}/book/{name}.html")
        return page

    yield opened
    for context in contexts:
        context.close()


def test_tap_shows_a_reference_before_it_is_followed(phone):
    """The first tap shows the formula, the second follows; so does "Go there"."""
    page = phone("ntk")
    reference = page.locator("main p a[href*='gradient_flow.html#equation-']").first
    tip = page.locator("#preview")
    for follow in (reference, tip.locator(".preview-go")):
        page.goto(f"{page.base}/book/ntk.html")
        reference.tap()
        tip.locator(".katex").first.wait_for()
        page.wait_for_timeout(400)
        assert tip.is_visible()
        assert page.url.endswith("/ntk.html")
        assert tip.get_attribute("role") == "dialog"
        follow.tap()
        page.wait_for_url("**/gradient_flow.html#equation-*")
    assert page.troubles == []


def test_tap_elsewhere_closes_the_preview(phone):
    """A tap on the text closes what a tap has shown; a link to a page needs one."""
    page = phone("ntk")
    page.locator("main p a[href*='#equation-']").first.tap()
    tip = page.locator("#preview")
    tip.locator(".katex").first.wait_for()
    page.locator("article h1").tap()
    tip.wait_for(state="hidden")
    page.locator(".prev-next-footer a").first.tap()
    page.wait_for_url(lambda url: "ntk" not in url)


def test_nothing_lies_over_buttons_after_the_drawer(phone):
    """When the list of chapters has closed, each button of the header takes its tap."""
    page = phone("ntk")
    for drawer in ("primary", "secondary"):
        page.locator(f".bd-header-article .{drawer}-toggle:visible").first.tap()
        dialog = page.locator(f"#pst-{drawer}-sidebar-modal")
        dialog.wait_for()
        page.wait_for_timeout(400)
        page.touchscreen.tap(385 if drawer == "primary" else 5, 600)
        dialog.wait_for(state="hidden")
        page.wait_for_timeout(400)
        assert page.locator(".tooltip:visible").count() == 0
        assert page.evaluate(COVERED) == []


@pytest.mark.parametrize("width", [390, 1024, 1280])
def test_back_to_top_covers_no_text(visit, width):
    """The theme's "Back to top", which lies over formulas, is never shown."""
    shown = """e => {
      e.style.display = "block"; // as the theme does on the way up
      return e.getBoundingClientRect().height;
    }"""
    page = visit("gronwall", width=width)
    assert page.locator("#pst-back-to-top").evaluate(shown) == 0


@pytest.mark.parametrize("name", ["index", "ntk", "limit_kernel", "gronwall"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_lines_have_about_75_characters(visit, name, width):
    """Full lines of text have 60 to 80 characters on every screen that has room."""
    lines = visit(name, width=width).evaluate(LINES)
    assert len(lines) >= 8
    assert 60 <= lines[len(lines) // 2] <= 80
    assert lines[-1] <= 82

"""The pages for marking and of feedback in a browser: what is typed is never lost."""

import threading
from datetime import UTC, datetime

import pytest

from grading import marking, marks, report
from grading.course import Course
from grading.notebooks import Cell
from grading.submissions import ExerciseSet, Submission
from tests.site.conftest import chromium
from tools.execute import ROOT

pytestmark = pytest.mark.slow
DERIVATION = """<script>document.title = "taken over"</script>

By $x^2 \\ge 0$ and

$$
\\sum_{i=1}^n \\frac{\\psi(h_i)\\,\\psi(h'_i)\\,\\psi(h''_i)\\,\\psi(h'''_i)}{\\sqrt n}
= \\int_0^\\infty e^{-t} dt + \\int_0^\\infty e^{-2t} dt + \\int_0^\\infty e^{-3t} dt
$$

$\\frac{WIDE}{2}$
$\\href{javascript:alert(1)}{\\unknown}$ [link](https://example.org) ![x](https://example.org/x.png)
""".replace("WIDE", " + ".join(["a_i"] * 200))
AXE = ROOT / "tests" / "site" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def browser():
    """One browser for the tests of this file."""
    with chromium() as started:
        yield started


@pytest.fixture
def out(tmp_path):
    """Grades of two students, as they are before anything is marked."""
    submissions = []
    for name in ("ada", "bob"):
        submission = Submission(name, f"{name}.ipynb", "kernel")
        submission.points = {"ntk": 3}
        submission.lines = {"ntk": "ntk: correct"}
        submission.answers = {"ntk": f"def ntk():\n    return '{'long ' * 40}'"}
        submission.derivations = {"ntk": DERIVATION}
        submission.seed, submission.graded_at = 7, datetime(2026, 10, 2, tzinfo=UTC)
        submissions.append(submission)
    cells = [Cell("markdown", "So $a = b$.", "ntk-derivation")]
    course = Course(derivations={"default": 3})
    report.write(
        tmp_path, submissions, {"kernel": ExerciseSet({"ntk": 3}, cells, [])}, course
    )
    return tmp_path


@pytest.fixture
def start(out):
    """start() -> the server of the form, always at the same address."""
    servers = []

    def started(secret="secret"):
        port = servers[0].server_port if servers else 0
        server = marking.server(marks.path(out), secret, port)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        return server

    yield started
    for server in servers:
        stop(server)


def stop(server):
    """End a server; twice does no harm."""
    server.shutdown()
    server.server_close()


def row(out, student):
    """What the file of marks says about a student."""
    return next(row for row in marks.read(marks.path(out)) if row["student"] == student)


def form(page, student):
    """A student's form, the points in it, and what it says."""
    found = page.locator(f'article[data-student="{student}"]')
    return found.locator("input"), found.locator("textarea"), found.locator("output")


def test_form_keeps_what_is_typed(browser, start, out):
    """Saved at once, refused in a sentence, and kept while nothing can be saved."""
    server = start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/secret/ntk.html")
    page.get_by_text("0 of 2 marked").wait_for()
    assert not page.locator("#note").is_visible()

    points, comment, output = form(page, "ada")
    points.fill("2,5")
    comment.fill("=good")
    comment.press("Tab")
    output.get_by_text("Saved").wait_for()
    page.get_by_text("1 of 2 marked").wait_for()
    assert (row(out, "ada")["points"], row(out, "ada")["comment"]) == ("2,5", "=good")

    points, _, output = form(page, "bob")
    points.fill("4")
    points.press("Tab")
    output.get_by_text("Not saved: points must be from 0 to 3, not 4").wait_for()
    page.get_by_text("1 of 2 marked").wait_for()

    stop(server)
    points.fill("1")
    points.press("Tab")
    output.get_by_text("Not saved: make mark does not run any more").wait_for()
    assert row(out, "bob")["points"] == ""
    start()
    page.reload()
    form(page, "bob")[2].get_by_text("Saved").wait_for()
    assert row(out, "bob")["points"] == "1"
    assert form(page, "ada")[0].input_value() == "2,5"
    page.close()


def opened(browser, server, secret="secret"):
    """The page of the exercise in a browser of its own, ready for marks."""
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/{secret}/ntk.html")
    page.get_by_text("of 2 marked").wait_for()
    return page


def test_form_keeps_a_comment_that_was_never_left(browser, start, out):
    """A page that is loaded again, or closed, in the middle of a word."""
    server = start()
    page = opened(browser, server)
    form(page, "ada")[1].press_sequentially("First line\nsecond")
    page.reload()
    form(page, "ada")[2].get_by_text("Saved").wait_for()
    assert form(page, "ada")[1].input_value() == "First line\nsecond"
    assert row(out, "ada")["comment"] == "First line\nsecond"

    form(page, "bob")[1].press_sequentially("closed")
    page.goto("about:blank")
    page.close()
    again = opened(browser, server)
    again.wait_for_function("document.forms[1].elements.comment.value === 'closed'")
    assert row(out, "bob")["comment"] == "closed"
    again.close()


@pytest.mark.parametrize(
    "storage",
    ["get() { throw new DOMException('no', 'SecurityError'); }", "value: null"],
)
def test_form_needs_no_storage(browser, start, out, storage):
    """Where a browser keeps nothing, marks are saved as well."""
    server = start()
    page = browser.new_page()
    page.add_init_script(
        f"Object.defineProperty(window, 'localStorage', {{{storage}}})"
    )
    page.goto(f"http://127.0.0.1:{server.server_port}/secret/ntk.html")
    page.get_by_text("0 of 2 marked").wait_for()
    form(page, "ada")[0].fill("1")
    form(page, "ada")[0].press("Enter")
    form(page, "ada")[2].get_by_text("Saved").wait_for()
    assert row(out, "ada")["points"] == "1"
    page.close()


def test_form_does_not_write_over_another_mark(browser, start, out):
    """Two browsers: who has not seen a mark cannot replace it, and loses nothing."""
    server = start()
    first, second = opened(browser, server), opened(browser, server)
    points, _, output = form(first, "ada")
    points.fill("2")
    points.press("Enter")
    output.get_by_text("Saved").wait_for()

    _, comment, output = form(second, "ada")
    comment.fill("unclear")
    comment.press("Tab")
    output.get_by_text(
        "Not saved: derivations.csv has 2 points by now; load"
    ).wait_for()
    assert (row(out, "ada")["points"], row(out, "ada")["comment"]) == ("2", "")
    second.reload()
    output.get_by_text("Entered here before, and not saved: unclear").wait_for()
    comment.fill("unclear")
    comment.press("Tab")
    output.get_by_text("Saved", exact=True).wait_for()
    assert (row(out, "ada")["points"], row(out, "ada")["comment"]) == ("2", "unclear")
    first.close()
    second.close()


def test_form_says_that_its_address_is_old(browser, start, out):
    """`make mark` was started anew: its page takes up what the old one cannot save."""
    server = start()
    page = opened(browser, server)
    stop(server)
    server = start("another")
    points, _, output = form(page, "ada")
    points.fill("1")
    points.press("Enter")
    output.get_by_text(f"Not saved: {marking.OLD}").wait_for()
    page.goto(f"http://127.0.0.1:{server.server_port}/another/ntk.html")
    output.get_by_text("Saved").wait_for()
    assert row(out, "ada")["points"] == "1"
    page.close()


def test_form_says_why_marks_cannot_be_read(browser, start, out):
    """A file that a spreadsheet has spoilt is named, and nothing can be typed."""
    server = start()
    file = marks.path(out)
    file.write_text(file.read_text("utf-8").replace("points", "Punkte"), "utf-8")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/secret/ntk.html")
    page.get_by_text(f"{file} has no column 'points'").wait_for()
    assert form(page, "ada")[0].is_disabled()
    page.close()


@pytest.mark.parametrize(
    "name", ["marks/ntk.html", "marks/index.html", "feedback/ada.html"]
)
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_opens_as_a_file(browser, out, name, colours, width):
    """It fits, runs nothing of a student's, asks for nothing that is not beside it."""
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=colours
    )
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((out / name).as_uri())
    page.wait_for_load_state("networkidle")
    assert all(address.startswith(out.as_uri()) for address in asked)
    assert errors == []
    assert page.title() != "taken over"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "marks/ntk.html":
        assert page.locator("#note").is_visible()
        assert page.locator("a[href^=javascript]").count() == 0
    page.close()


def test_wide_formula_can_be_scrolled_to(browser, out):
    """A formula within a line may be wider than its column; none of it is cut off."""
    page = browser.new_page()
    page.goto((out / "marks" / "ntk.html").as_uri())
    written = page.locator("article .written").first
    page.wait_for_function("document.querySelector('.written').scrollWidth > 2000")
    assert written.evaluate("e => (e.scrollLeft = 1000, e.scrollLeft)") == 1000
    page.close()


@pytest.mark.parametrize("name", ["marks/ntk.html", "feedback/ada.html"])
def test_page_can_be_used_without_a_mouse(browser, start, out, name):
    """axe finds that all fields have names, and enough contrast.

    What scrolls on the page for marking is reached by the Tab key only where it has to
    scroll, which browsers see to: else three keys would not do for a derivation.
    """
    server = start()
    page = browser.new_page(viewport={"width": 360, "height": 800}, bypass_csp=True)
    if name.startswith("marks"):
        page.goto(f"http://127.0.0.1:{server.server_port}/secret/ntk.html")
        page.get_by_text("0 of 2 marked").wait_for()
    else:
        page.goto((out / name).as_uri())
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = {each["id"] for each in found["violations"]}
    scrolling = {"scrollable-region-focusable"} if name.startswith("marks") else set()
    assert faults <= scrolling
    page.close()


def test_formulas_are_set(browser, out):
    """KaTeX sets the formulas, where it is installed."""
    if not (out / "marks" / "assets" / "katex.min.js").exists():
        pytest.skip("KaTeX is not installed here")
    page = browser.new_page()
    page.goto((out / "marks" / "ntk.html").as_uri())
    page.locator("article .tex.display .katex").first.wait_for()
    assert page.locator(".tex .katex").count() >= 4
    page.close()

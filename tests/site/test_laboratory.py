"""The laboratory by mouse, by finger and by key, and what it says."""

import json
import re
import types

import jax.numpy as jnp
import numpy as np
import pytest
from playwright.sync_api import expect

from book._ext import finished_pages
from ntklib import Params, empirical_ntk, lambda_min
from tests.site.conftest import serve
from tests.site.test_pages import AXE, BARRIERS

NAME = "laboratory"
OPTIONS = {"address": True, "experiments": True, "controls": True}
# A page without the theme: the machine is the same on every page.
BARE = """<!DOCTYPE html><html lang="en" data-theme="light"><head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>The laboratory</title></head><body><main>
<h1>The laboratory</h1><p>Before.</p>
<div class="laboratory" data-laboratory='OPTIONS'><p>A network.</p></div>
<p>After.</p></main></body></html>"""
# From the first to the last cross, and from the middle of the first handle to the last.
SPANS = """() => {
  const boxes = [...document.querySelectorAll(".laboratory-handle")].map(
    (handle) => handle.getBoundingClientRect());
  const middles = boxes.map((box) => box.x + box.width / 2);
  const crosses = [...document.querySelectorAll(".picture-function path.target")].pop();
  const span = crosses.getBoundingClientRect();
  const around = Math.max(0, span.width - Math.max(...middles) + Math.min(...middles));
  return [[Math.min(...middles), Math.max(...middles)],
    [span.left + around / 2, span.right - around / 2]];
}"""
HOOK = "document.querySelector('.laboratory').laboratory"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Where the laboratory's page lies: on the built site, or on a bare one."""
    folder = tmp_path_factory.mktemp("site") / "html"
    (folder / "book").mkdir(parents=True)
    page = BARE.replace("OPTIONS", json.dumps(OPTIONS))
    (folder / "book" / f"{NAME}.html").write_text(page, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finished_pages, "PASSES", [finished_pages.fill_laboratories])
        builder = types.SimpleNamespace(format="html")
        app = types.SimpleNamespace(builder=builder, outdir=folder)
        finished_pages.finish(app, None)
    server = serve(folder.parent)
    yield f"http://127.0.0.1:{server.server_port}/html"
    server.shutdown()
    server.server_close()


@pytest.fixture
def laboratory(visit, base):
    """Opens the laboratory and waits until its network is trained."""

    def opened(address="", **settings):
        page = visit(NAME, base=base, **settings)
        trained(page)
        if address:
            page.goto("about:blank")
            page.goto(f"{base}/book/{NAME}.html{address}")
            trained(page)
        return page

    return opened


def trained(page):
    """Wait until the network is trained and its pictures are drawn."""
    page.locator(".laboratory").first.scroll_into_view_if_needed()
    page.locator(".laboratory-panel.alive").wait_for()
    page.wait_for_function(
        f"{HOOK}.scene().training.share === 1 || {HOOK}.scene().training.failed"
    )


def state(page):
    """What is chosen."""
    return page.evaluate(f"{HOOK}.state()")


def handle(page, number):
    """The handle of an input, by its name."""
    return page.get_by_role("slider", name=f"Input {number}", exact=True)


def middle(box):
    """The middle of a box in the window."""
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_laboratory_follows_the_mouse(laboratory):
    """A dragged point moves, the network is trained anew, and the live region says it.

    The numbers shown are those of ntklib for the parameters that the page has.
    """
    page = laboratory()
    point = handle(page, 3)
    point.scroll_into_view_if_needed()
    before = state(page)
    x, y = middle(point.bounding_box())
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 40, steps=6)
    page.mouse.up()
    after = state(page)
    moved, old = after["points"][2], before["points"][2]
    assert moved["at"] > old["at"] + 0.3
    assert moved["y"] > old["y"] + 0.2
    others = [i for i in range(len(before["points"])) if i != 2]
    assert [after["points"][i] for i in others] == [before["points"][i] for i in others]
    place = middle(point.bounding_box())
    assert place == pytest.approx((x + 60, y - 40), abs=1.5)  # pixels
    trained(page)
    expect(page.get_by_role("status")).to_contain_text("Input 3 is at")
    check_against_library(page)
    assert page.troubles == []


def check_against_library(page):
    """The kernel's smallest eigenvalue, as shown, is the one that ntklib computes."""
    scene = page.evaluate(
        f"""(() => {{
          const {{ params0, spectrum0, K0 }} = {HOOK}.scene();
          return {{ W0: params0.W0.map((row) => [...row]), W1: [...params0.W1],
            values: [...spectrum0.values], K0: K0.map((row) => [...row]) }};
        }})()"""
    )
    chosen = state(page)
    assert chosen["psi"] == "tanh"
    angles = np.array([point["at"] for point in chosen["points"]])
    columns = [np.cos(angles), np.sin(angles)]
    if chosen["constant"]:
        columns.append(np.ones_like(angles))
    params = Params(jnp.array(scene["W0"]), jnp.array(scene["W1"]))
    K0 = empirical_ntk(params, jnp.array(np.stack(columns, axis=1)), jnp.tanh)
    close = 1e-10 if K0.dtype == jnp.float64 else 1e-5
    np.testing.assert_allclose(scene["K0"], K0, rtol=0, atol=close)
    smallest = lambda_min(np.array(scene["K0"]))
    assert scene["values"][-1] == pytest.approx(smallest, abs=1e-10)
    page.locator(".view-spectrum").scroll_into_view_if_needed()
    caption = page.locator(".view-spectrum figcaption")
    expect(caption).to_contain_text(f"{float(f'{smallest:.3g}'):g}")


def test_laboratory_follows_a_finger(laboratory):
    """A finger on a handle moves its point; beside the handles the page scrolls."""
    page = laboratory(width=390)
    point = handle(page, 2)
    point.scroll_into_view_if_needed()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    before = state(page)
    x, y = middle(point.bounding_box())

    def touch(kind, *points):
        found = [{"x": a, "y": b} for a, b in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": found})

    try:
        touch("touchStart", (x, y))
        for step in range(1, 7):
            touch("touchMove", (x + 5 * step, y - 10 * step))
        touch("touchEnd")
        after = state(page)
        assert after["points"][1]["at"] > before["points"][1]["at"] + 0.2
        assert after["points"][1]["y"] > before["points"][1]["y"] + 0.5
        assert (
            page.evaluate(
                "getComputedStyle(document.querySelector('.laboratory-handle')).touchAction"
            )
            == "none"
        )
        assert (
            page.evaluate(
                "getComputedStyle(document.querySelector('.laboratory-plot')).touchAction"
            )
            == "manipulation"
        )
    finally:
        session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert page.troubles == []


def test_laboratory_follows_the_keys(laboratory):
    """Arrow keys move a point by small steps, with Shift by larger ones."""
    page = laboratory()
    point = handle(page, 1)
    box = point.bounding_box()
    assert min(box["width"], box["height"]) >= 24
    start = state(page)["points"][0]
    point.press("ArrowRight")
    small = state(page)["points"][0]["at"] - start["at"]
    point.press("Shift+ArrowRight")
    large = state(page)["points"][0]["at"] - start["at"] - small
    assert 0 < small < large
    point.press("ArrowDown")
    now = state(page)["points"][0]
    assert now["y"] < start["y"]
    degrees = round(np.rad2deg(now["at"]))
    sign = "−" if degrees < 0 else ""
    target = f"{now['y']:.2f}".rstrip("0").rstrip(".")
    words = f"at {sign}{abs(degrees)} degrees, target {target}"
    # words and number follow with the next picture
    expect(point).to_have_attribute("aria-valuenow", str(degrees))
    expect(point).to_have_attribute("aria-valuetext", words)
    expect(page.get_by_role("status")).to_contain_text(words)


@pytest.mark.parametrize("name", ["laboratory", "kernel_drift", "ntk"])
def test_panels_keep_their_height_when_they_come_to_life(visit, name):
    """A panel is as high with its script as without, whatever the window's width."""
    still = visit(name, without="**/laboratory.js")
    alive = visit(name)
    alive.locator(".laboratory").first.scroll_into_view_if_needed()
    alive.wait_for_function(f"Boolean({HOOK})")
    heights = (
        "e => [...e.querySelectorAll('.laboratory-plot')].map(p => p.offsetHeight)"
    )
    for width in (320, 360, 390, 430, 610, 768, 1280):
        found = []
        for page in (still, alive):
            page.set_viewport_size({"width": width, "height": 900})
            panel = page.locator(".laboratory").first
            panel.scroll_into_view_if_needed()
            page.wait_for_timeout(300)
            found.append(panel.evaluate(heights))
        assert found[1] == pytest.approx(found[0], abs=1), width


def test_laboratory_adds_and_removes_points(laboratory):
    """By button, by double click and by Delete; from 1 to 16 of them."""
    page = laboratory()
    sliders = page.locator(".laboratory-handle")
    count = sliders.count()
    add = page.get_by_role("button", name="Add an input")
    add.click()
    expect(sliders).to_have_count(count + 1)
    plot = page.locator(".view-function .laboratory-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.dblclick(box["x"] + 0.8 * box["width"], box["y"] + 0.75 * box["height"])
    expect(sliders).to_have_count(count + 2)
    handle(page, count + 2).press("Delete")
    expect(sliders).to_have_count(count + 1)
    expect(handle(page, count + 1)).to_be_focused()
    for _ in range(16 - count - 1):
        add.click()
    expect(sliders).to_have_count(16)
    expect(add).to_be_disabled()
    for left in range(15, 0, -1):
        handle(page, 1).press("Delete")
        expect(sliders).to_have_count(left)
    handle(page, 1).press("Delete")
    expect(sliders).to_have_count(1)
    trained(page)
    assert page.troubles == []


def test_laboratory_takes_an_activation_that_is_typed(laboratory):
    """A right expression is used; a wrong one is not, and says what is wrong."""
    page = laboratory()
    page.locator("[data-control=psi]").select_option("your own")
    field = page.get_by_role("textbox")
    field.fill("tanh(2*z) - z^2/4")
    assert state(page)["psi"] == "tanh(2*z) - z^2/4"
    fault = page.locator(f"#{field.get_attribute('aria-describedby')}")
    assert fault.inner_text() == ""
    field.fill("tanh(2*z) - alert(1)")
    assert state(page)["psi"] == "tanh(2*z) - z^2/4"
    expect(fault).to_have_text(re.compile(r"\w.*\."))
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("<img src=x onerror=alert(1)>")
    assert page.locator(".laboratory img").count() == 0
    assert page.troubles == []


def test_laboratory_lives_in_the_address(laboratory):
    """What is chosen is in the address, and an address sets it again."""
    page = laboratory()
    handle(page, 1).press("Shift+ArrowRight")
    page.locator("[data-control=rule]").select_option("gradient descent")
    page.locator("[data-control=loss]").select_option("logistic")
    page.wait_for_function("location.hash.includes('loss=logistic')")
    chosen = state(page)
    hash_ = page.evaluate("location.hash")
    again = laboratory(hash_)
    found = state(again)
    for point, other in zip(found.pop("points"), chosen.pop("points"), strict=True):
        assert point == pytest.approx(other, abs=1e-4)
    assert found == pytest.approx(chosen, abs=1e-4) or found == chosen
    assert again.locator(".laboratory-note").inner_text() == ""
    assert page.troubles == again.troubles == []


def test_laboratory_refuses_bad_addresses(laboratory):
    """Values that cannot be used are named, and the usual ones stand in their place."""
    usual = state(laboratory())
    page = laboratory("#tau=1,2&y=x,1&width=9999&psi=alert(1)&s=0.75&wrong=1")
    found = state(page)
    assert found == {**usual, "s": 0.75}
    note = page.locator(".laboratory-note")
    for name in ("tau", "width", "psi", "wrong"):
        expect(note).to_contain_text(name)
    page.evaluate("location.hash = 'width=2&seed=7'")
    page.wait_for_function(f"{HOOK}.state().width === 2")
    assert state(page)["seed"] == 7
    assert page.troubles == []


def test_laboratory_shows_that_it_trains(laboratory):
    """A wide network takes a while: the bar says how far it is, and goes at the end."""
    page = laboratory()
    bar = page.locator("progress")
    page.evaluate(
        """() => {
          window.shares = [];
          const bar = document.querySelector("progress");
          new MutationObserver(() => window.shares.push(bar.value)).observe(
            bar, { attributes: true });
        }"""
    )
    page.evaluate(f"{HOOK}.update({{ width: 1024 }})")
    expect(bar).to_have_class("busy")
    expect(bar).not_to_have_class("busy", timeout=60_000)
    shares = page.evaluate("window.shares")
    assert shares[-1] == 1
    assert any(0 < share < 1 for share in shares)
    assert page.troubles == []


def test_laboratory_trains_where_workers_are_refused(visit, base):
    """The page then trains in slices by itself."""
    page = visit(NAME, base=base)
    trained(page)
    page.evaluate("delete window.Worker")
    page.evaluate(f"{HOOK}.update({{ seed: 5 }})")
    trained(page)
    assert page.evaluate(f"{HOOK}.scene().network !== null")
    assert page.troubles == []


def test_laboratory_marks_pairs_of_the_kernel(laboratory):
    """Entries of the heat maps mark their two points, by mouse and by key."""
    page = laboratory()
    page.locator(".view-kernels").scroll_into_view_if_needed()
    page.locator('.view-kernels [data-pair="1,3"]').first.hover()
    page.wait_for_function(f"{HOOK}.scene().picked.join() === '1,3'")
    page.mouse.move(1, 1)
    page.wait_for_function(f"{HOOK}.scene().picked.length === 0")
    entries = page.get_by_role("group", name="Entries of the kernels")
    entries.press("ArrowRight")
    entries.press("ArrowDown")
    entries.press("ArrowRight")
    page.wait_for_function(f"{HOOK}.scene().picked.join() === '1,2'")
    status = page.get_by_role("status")
    expect(status).to_contain_text(re.compile("[Ii]nputs 2 and 3"))


def test_laboratory_plays_and_respects_calm(laboratory):
    """Time runs by itself, and stops; readers who want calm go by steps."""
    page = laboratory()
    page.locator("[data-control=time]").press("Home")
    play = page.locator('[data-do="play"]')
    play.click()
    expect(play).to_have_text("Pause")
    page.wait_for_function(f"{HOOK}.state().time > 0.1")
    play.click()
    expect(play).to_have_text("Play")
    page.emulate_media(reduced_motion="reduce")
    try:
        expect(play).to_have_text("Next step")
        before = state(page)["time"]
        play.click()
        after = state(page)["time"]
        assert after > before
        page.wait_for_timeout(300)
        assert state(page)["time"] == after
    finally:
        page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_laboratory_is_open_to_everyone(laboratory, width, scheme):
    """No barrier that axe finds; nothing moves, nothing is wider than the page."""
    page = laboratory(width=width, scheme=scheme)
    page.evaluate(AXE)
    assert page.evaluate(BARRIERS) == []
    assert page.evaluate("window.shifts") <= 0.1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.troubles == []


def check_pictures(page):
    """Six pictures with their sentences, and no dead controls."""
    panel = page.locator(".laboratory")
    figures = panel.locator("figure")
    assert figures.count() == 6
    for figure in figures.all():
        assert figure.locator("svg").is_visible()
        sentence = figure.locator("figcaption")
        assert sentence.is_visible()
        assert re.search(r"\d", sentence.inner_text())
        assert "training" not in figure.inner_text()
    for dead in panel.locator("button, input, select, progress").all():
        assert not dead.is_visible()


def test_laboratory_leaves_pictures_without_scripts(visit, base):
    """Without scripts the trained network is seen, and said."""
    page = visit(NAME, base=base, scripts=False)
    check_pictures(page)
    assert [trouble for trouble in page.troubles if ".js" not in trouble] == []


def test_laboratory_leaves_pictures_on_paper(laboratory):
    """On paper the pictures stand as they were left."""
    page = laboratory()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    try:
        check_pictures(page)
    finally:
        page.emulate_media(media="screen")


def test_laboratory_offers_experiments(laboratory):
    """A link sets an experiment; a button sets another, and says how far one is."""
    page = laboratory("#experiment=edge")
    section = page.locator('[data-experiment="edge"]')
    expect(section).to_have_attribute("open", "")
    assert state(page)["rule"] == "descent"
    other = page.locator('[data-experiment="together"]')
    other.locator("summary").click()
    other.get_by_role("button", name="Set it up").click()
    trained(page)
    found = page.locator(".laboratory-found")
    expect(found).to_contain_text(other.locator("summary").inner_text().strip())
    expect(other).to_have_class(re.compile("current"))
    page.wait_for_function("location.hash.includes('experiment=together')")
    expect(section).not_to_have_attribute("open", "")  # one is open at a time
    page.evaluate("location.hash = 'experiment=edge'")
    expect(section).to_have_class(re.compile("current"))
    assert state(page)["rule"] == "descent"
    assert page.troubles == []


def test_laboratory_puts_an_experiment_s_pictures_before_the_controls(laboratory):
    """First the pictures that it names, then the controls; the answer is kept."""
    page = laboratory("#experiment=limit")
    trained(page)
    order = page.locator(".laboratory-views > *").evaluate_all(
        "nodes => nodes.map(node => node.dataset.view ?? 'controls')"
    )
    first = order[: order.index("controls")]
    assert "kernels" in first
    assert len(first) < 4
    page.get_by_role("slider", name=re.compile("^width")).press("End")
    answer = page.locator('[data-experiment="limit"] .laboratory-answer')
    expect(answer).to_contain_text("1024", timeout=30_000)
    page.get_by_role("button", name="Start over").click()
    assert page.locator(".laboratory-views > *").first.get_attribute("data-view") == (
        "function"
    )
    expect(answer).to_contain_text("1024")


@pytest.mark.parametrize("width", [390, 1280])
def test_laboratory_lives_on_the_site(visit, width):
    """On the site's own page the panel comes to life, and answers to a key."""
    page = visit(NAME, width=width)
    trained(page)
    start = state(page)["points"][0]["at"]
    handle(page, 1).press("ArrowRight")
    assert state(page)["points"][0]["at"] != start
    # Handles lie over the crosses, whatever the theme puts around figures.
    handles, crosses = page.evaluate(SPANS)
    assert handles == pytest.approx(crosses, abs=1.5)  # pixels
    assert page.troubles == []

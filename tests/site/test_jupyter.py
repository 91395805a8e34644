"""The laboratory and a slider in a running Jupyter: JupyterLab, and Notebook 7."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.book.conftest import write_notebook
from tests.site.conftest import watch
from tests.site.test_laboratory import handle, middle

CELLS = [
    "import matplotlib.pyplot as plt\n"
    "from ntklib.figures import laboratory, slider_figure\n"
    "panel = laboratory(width=16)\n"
    "panel",
    "def frame(n):\n"
    "    plt.figure(figsize=(3, 2))\n"
    "    plt.plot([0, n])\n"
    "slider_figure(frame, lambda n: f'a line up to {n}', n=[1, 2, 3])",
    "print('target of the third input:', panel.y[2])",
]
PATIENCE = 120_000  # milliseconds for what takes some seconds on an idle machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two notebooks, in which Jupyter keeps all that it writes."""
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("lab", "notebook"):
        write_notebook(folder / f"{name}.ipynb", CELLS)
    return folder


@pytest.fixture(scope="module")
def jupyter(folder):
    """The address of a JupyterLab that serves the folder and asks for no password."""
    port = free_port()
    options = {
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdates",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    names = ["CONFIG", "DATA", "RUNTIME"]
    places = {f"JUPYTER_{name}_DIR": str(folder / name) for name in names}
    places |= {"IPYTHONDIR": str(folder / "ipython"), "HOME": str(folder)}
    with open(folder / "log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            command,
            env=os.environ | places | {"JAX_PLATFORMS": "cpu"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        with server:
            try:
                yield wait_for(f"http://127.0.0.1:{port}", server, folder / "log")
            finally:
                server.terminate()


def free_port():
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address, server, log):
    """The address, once the server answers there."""
    while server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/api/status").close()
            return address
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.2)
    raise AssertionError(f"JupyterLab has stopped:\n{log.read_text('utf-8')}")


@pytest.fixture
def page(browser, jupyter):
    """A tab that is watched (see `watch`)."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.base, page.troubles, page.requests = jupyter, [], []
    watch(page)
    yield page
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("view", ["lab/tree/lab", "notebooks/notebook"])
def test_laboratory_and_slider_live_in_jupyter(page, view):
    """Both come alive, follow the mouse, and Python has what was dragged."""
    page.goto(f"{page.base}/{view}.ipynb")
    # before the notebook has a kernel, Jupyter runs nothing and does not say so
    page.get_by_text("Python 3 (ipykernel)").first.wait_for()
    page.troubles.clear()  # Notebook 7 has some of its own while it opens
    run_cell(page, 0)
    page.locator(".laboratory-panel.alive").wait_for()
    drag(page, handle(page, 3), 60, -40)
    run_cell(page, 1)
    picture = page.locator(".slider-figure img:visible")
    expect(picture).to_have_attribute("alt", "a line up to 1", timeout=PATIENCE)
    drag(page, page.get_by_role("slider", name="n", exact=True), 600, 0)
    expect(picture).to_have_attribute("alt", "a line up to 3", timeout=PATIENCE)
    run_cell(page, 2)
    printed = re.compile(r"target of the third input: 0\.[5-9]\d*\s*")
    expect(page.locator(".jp-OutputArea").last).to_have_text(printed, timeout=PATIENCE)
    # JupyterLab warns of parts that a slow machine has started slowly
    assert [text for text in page.troubles if "to activate" not in text] == []


def run_cell(page, number):
    """Run a cell, and stay in it."""
    page.locator(".jp-CodeCell .cm-content").nth(number).click()
    page.keyboard.press("Control+Enter")


def drag(page, place, right, down):
    """Take what stands at `place` by the mouse, and move it by so many pixels."""
    place.scroll_into_view_if_needed()
    x, y = middle(place.bounding_box())
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=6)
    page.mouse.up()

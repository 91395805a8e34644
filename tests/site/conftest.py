"""A real browser on the built site. Without one the checks are left out, loudly; under CI they fail."""

import functools
import http.server
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[2] / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write a line for every request."""

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="session")
def address():
    """Address of the built site, served on this machine."""
    assert (SITE / "index.html").exists(), "the site is not built: run `make book` first"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    """Chromium, started afresh."""
    if BROWSER is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium or Chrome was found")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        yield playwright.chromium.launch_persistent_context(profile, executable_path=BROWSER, args=FLAGS.split())


def pytest_terminal_summary(terminalreporter):
    """Say what was not checked."""
    if BROWSER is None:
        terminalreporter.section("NO BROWSER", red=True)
        terminalreporter.line("No Chromium or Chrome was found: NO PAGE WAS CHECKED IN A BROWSER.", red=True)
        terminalreporter.line("Install chromium, or name a browser: CHROMIUM=/path/to/chrome make test", red=True)

"""A real browser on the built site. Without one the checks are left out, loudly; under CI they fail."""

import functools
import gzip
import http.server
import os
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
PAGES = re.findall(
    r"(?:root|file): book/([\w/]+)", (ROOT / "_toc.yml").read_text("utf-8")
)
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
BROWSER = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, NAMES)), None
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
SHIFTS = """window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach(
  e => { if (!e.hadRecentInput) window.shifts += e.value; })).observe({type: "layout-shift", buffered: true});"""

page_of_book = pytest.mark.parametrize("name", PAGES)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write a line for every request."""

    def log_message(self, *args):
        """Say nothing."""


@functools.cache
def _file_weight(path):
    data = path.read_bytes()
    return min(len(data), len(gzip.compress(data, 9)))


def weight(urls):
    """Bytes that a server sends for these addresses: each file once, gzipped unless that makes it larger."""
    paths = {
        unquote(urlsplit(url).path).lstrip("/")
        for url in urls
        if url.startswith("http")
    }
    return sum(_file_weight(SITE.parent / path) for path in paths)


@pytest.fixture(scope="session")
def address():
    """Address of the built site, served on this machine from a folder below the root, as a project's site often is."""
    assert (SITE / "index.html").exists(), (
        "the site is not built: run `make book` first"
    )
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=SITE.parent)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    """Chromium, with a fresh profile."""
    if BROWSER is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "no Chromium or Chrome was found"
        )
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=BROWSER, args=FLAGS.split())


@pytest.fixture
def visit(browser, address):
    """Opens a page of the book; page.troubles collects errors and warnings, and requests that fail or go elsewhere."""
    contexts = []

    def opened(name, *, width=1280, scheme="light", base=address, scripts=True):
        contexts.append(
            browser.new_context(color_scheme=scheme, java_script_enabled=scripts)
        )
        page = contexts[-1].new_page()
        page.troubles, page.requests = [], []
        page.on(
            "console",
            lambda m: m.type in ("error", "warning") and page.troubles.append(m.text),
        )
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on(
            "requestfailed",
            lambda request: page.troubles.append(f"failed: {request.url}"),
        )
        page.on(
            "response",
            lambda reply: (
                reply.status >= 400
                and page.troubles.append(f"{reply.status}: {reply.url}")
            ),
        )
        page.on("request", lambda request: page.requests.append(request.url))
        page.route(
            lambda url: not url.startswith((base, "data:", "blob:")),
            lambda route: (
                page.troubles.append(f"elsewhere: {route.request.url}"),
                route.abort(),
            ),
        )
        if scripts:
            page.add_init_script(SHIFTS)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{base}/book/{name}.html")
        page.evaluate("document.fonts.ready.then(() => true)")
        return page

    yield opened
    for context in contexts:
        context.close()


def pytest_terminal_summary(terminalreporter):
    """Say what was not checked."""
    if BROWSER is None:
        terminalreporter.section("NO BROWSER", red=True)
        terminalreporter.line(
            "No Chromium or Chrome was found: NO PAGE WAS CHECKED IN A BROWSER.",
            red=True,
        )
        terminalreporter.line(
            "Install chromium, or name a browser: CHROMIUM=/path/to/chrome make test",
            red=True,
        )

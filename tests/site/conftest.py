"""A real browser on the built site.

Without a browser the checks are left out, loudly; under CI they fail.
"""

import contextlib
import functools
import gzip
import http.server
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from book._ext.equation_map import pages
from tools.print_book import BROWSERS

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
PAGES = [page.removeprefix("book/") for page in pages(ROOT)]
BROWSER = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, BROWSERS)), None
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Without a network a browser loads lazy pictures from farther away.
    "--force-effective-connection-type=4G",
    # Nothing but this machine is found, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SHIFTS = """window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => {
  if (!entry.hadRecentInput) window.shifts += entry.value;
})).observe({type: "layout-shift", buffered: true});"""

page_of_book = pytest.mark.parametrize("name", PAGES)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write a line for every request."""

    def log_message(self, *args):
        """Say nothing."""


@functools.cache
def _file_weight(path):
    """Bytes of one file, gzipped unless that makes it larger."""
    data = path.read_bytes()
    return min(len(data), len(gzip.compress(data, 9)))


def weight(urls):
    """Bytes that a server sends for these addresses.

    Each file counts once, gzipped unless that makes it larger.
    """
    paths = {
        unquote(urlsplit(url).path).lstrip("/")
        for url in urls
        if url.startswith("http")
    }
    return sum(_file_weight(SITE.parent / path) for path in paths)


def serve(folder):
    """A server of the files in `folder` on this machine, in a thread of its own."""
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def address():
    """Address of the built site, served on this machine.

    It lies in a folder below the server's root, as a project's site often does.
    """
    assert (SITE / "index.html").exists(), "the site is not built: run `make book`"
    server = serve(SITE.parent)
    yield f"http://127.0.0.1:{server.server_port}/html"
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def chromium():
    """Chromium, or what CHROMIUM names, with a fresh profile."""
    if BROWSER is None:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave("no Chromium or Chrome was found")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)


@pytest.fixture(scope="session")
def browser():
    """One browser for all pages of the site."""
    with chromium() as started:
        yield started


def watch(page):
    """Collect what a page asks for in page.requests, and page.troubles.

    Troubles are errors and warnings of the console, requests that fail, and those that
    go elsewhere than to page.base.
    """

    def on_console(message):
        if message.type in ("error", "warning"):
            page.troubles.append(message.text)

    def on_request(request):
        page.requests.append(request.url)
        if not request.url.startswith((page.base, "data:", "blob:")):
            page.troubles.append(f"elsewhere: {request.url}")

    def on_failure(request):
        # the browser itself gives up what a page still wants when one leaves it
        if request.failure != "net::ERR_ABORTED":
            page.troubles.append(f"failed: {request.url}: {request.failure}")

    def on_response(reply):
        if reply.status >= 400:
            page.troubles.append(f"{reply.status}: {reply.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", on_request)
    page.on("requestfailed", on_failure)
    page.on("response", on_response)


class Tabs:
    """Tabs of the browser, each used again: a new one costs a second of a processor."""

    def __init__(self, browser):
        """Begin without any."""
        self.browser = browser
        self.idle = {}  # tabs by their colour scheme and whether scripts run

    def take(self, scheme, scripts):
        """A tab with these settings that nobody uses."""
        settings = scheme, scripts
        if self.idle.get(settings):
            return self.idle[settings].pop()
        context = self.browser.new_context(
            color_scheme=scheme, java_script_enabled=scripts
        )
        page = context.new_page()
        page.settings = settings
        if scripts:
            page.add_init_script(SHIFTS)
        watch(page)
        return page

    def give_back(self, page):
        """Leave the page and what it stored, and let others use its tab."""
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        page.unroute_all()
        page.base = "about:"
        page.goto("about:blank")
        self.idle.setdefault(page.settings, []).append(page)


@pytest.fixture(scope="session")
def tabs(browser):
    """The tabs of all tests."""
    return Tabs(browser)


@pytest.fixture(scope="session")
def open_page(tabs, address):
    """Opens a page of the book, watched (see `watch`).

    With `without`, a pattern of addresses, it does not get the files that match.
    """

    def opened(
        name, *, width=1280, scheme="light", base=address, scripts=True, without=None
    ):
        page = tabs.take(scheme, scripts)
        page.base, page.troubles, page.requests = base, [], []
        if without:
            page.route(without, lambda route: route.abort())
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{base}/book/{name}.html")
        page.evaluate("document.fonts.ready.then(() => true)")
        return page

    return opened


@pytest.fixture
def visit(open_page, tabs):
    """Opens a page as `open_page` does, and leaves it after the test."""
    pages = []

    def visit(name, **settings):
        pages.append(open_page(name, **settings))
        return pages[-1]

    yield visit
    for page in pages:
        tabs.give_back(page)


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

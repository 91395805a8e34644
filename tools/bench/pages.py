"""Weight of each page, gzipped, and the time until its last formula is set.

The time is taken with two busy cores.
"""

import multiprocessing
import statistics
import sys

from playwright.sync_api import sync_playwright

from tests.site.conftest import BROWSER, FLAGS, PAGES, SITE, serve, weight

VISITS = 5  # of each page, each with an empty cache

# Formulas are part of the page: the last one stands in the first frame after the page
# is parsed and its fonts came.
SET = """document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  document.body.offsetHeight;  // lay out, which asks for the fonts
  document.fonts.ready.then(() => requestAnimationFrame(() => {
    window.formulasSet = performance.now();
  }));
});"""


def busy():
    """Keep a core busy."""
    while True:
        pass


def visit(browser, address):
    """Seconds to the last formula of a page, and the addresses that it asked for."""
    page = browser.new_context().new_page()
    requests = set()
    page.on("request", lambda request: requests.add(request.url))
    page.add_init_script(SET)
    page.goto(address, wait_until="networkidle")
    seconds = page.evaluate("window.formulasSet") / 1000  # from milliseconds
    page.context.close()
    return seconds, requests


def measure(names):
    """The times of all visits to each page, and the addresses that it asked for."""
    server = serve(SITE.parent)
    address = f"http://127.0.0.1:{server.server_port}/html/book"
    cores = [multiprocessing.Process(target=busy, daemon=True) for _ in range(2)]
    times = {name: [] for name in names}
    requests = {name: set() for name in names}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        for core in cores:
            core.start()
        for name in names:
            for _ in range(VISITS):
                seconds, asked = visit(browser, f"{address}/{name}.html")
                times[name].append(seconds)
                requests[name] |= asked
        for core in cores:
            core.terminate()
        browser.close()
    server.shutdown()
    return times, requests


def main():
    """Print a line for each page."""
    if BROWSER is None or not (SITE / "index.html").exists():
        sys.exit(
            "Page weights need the built site (make book) and Chromium;"
            " they were left out."
        )
    times, requests = measure(PAGES)
    first = requests[PAGES[0]]
    runtime = {
        url for asked in requests.values() for url in asked if "/embed.js" in url
    }
    print(
        "Gzipped weight; time to the last formula with two busy cores,"
        f" median and worst of {VISITS} visits"
    )
    print(
        f"The script of the sliders, {weight(runtime) / 1000:.0f} kB,"
        " comes once a visit: not in the second column"
    )
    after = f"after {PAGES[0]}"
    print(f"{'page':20} {'first visit':>12} {after:>12} {'median':>8} {'worst':>8}")
    for name in PAGES:
        alone = weight(requests[name]) / 1000
        second = weight(requests[name] - first - runtime) / 1000
        middle, worst = statistics.median(times[name]), max(times[name])
        print(
            f"{name:20} {alone:9.0f} kB {second:9.0f} kB {middle:6.2f} s {worst:6.2f} s"
        )


if __name__ == "__main__":
    main()

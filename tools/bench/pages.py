"""Weight of each page, gzipped, and the time until its last formula is set with two busy cores."""

import functools
import http.server
import multiprocessing
import statistics
import sys
import threading

from playwright.sync_api import sync_playwright

from tests.site.conftest import BROWSER, FLAGS, PAGES, SITE, Quiet, weight

VISITS = 5  # of each page, each with an empty cache

# Formulas are part of the page: the last one stands in the first frame after the page is parsed and its fonts came.
SET = """document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  document.body.offsetHeight;  // lay out, which asks for the fonts
  document.fonts.ready.then(() => requestAnimationFrame(() => { window.formulasSet = performance.now(); }));
});"""


def busy():
    """Keep a core busy."""
    while True:
        pass


def main():
    """Print a line for each page."""
    if BROWSER is None or not (SITE / "index.html").exists():
        sys.exit(
            "Page weights need the built site (make book) and Chromium; they were left out."
        )
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=SITE.parent)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/html/book"
    cores = [multiprocessing.Process(target=busy, daemon=True) for _ in range(2)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=FLAGS.split()
        )
        requests, times = {name: set() for name in PAGES}, {}
        for core in cores:
            core.start()
        for name in PAGES:
            times[name] = []
            for _ in range(VISITS):
                page = browser.new_context().new_page()
                page.on(
                    "request",
                    lambda request, seen=requests[name]: seen.add(request.url),
                )
                page.add_init_script(SET)
                page.goto(f"{base}/{name}.html", wait_until="networkidle")
                times[name].append(page.evaluate("window.formulasSet") / 1000)
                page.context.close()
        for core in cores:
            core.terminate()
        browser.close()
    server.shutdown()
    runtime = {
        url
        for urls in requests.values()
        for url in urls
        if url.partition("?")[0].endswith("/embed.js")
    }
    print(
        f"Gzipped weight; time to the last formula with two busy cores, median and worst of {VISITS} visits"
    )
    print(
        f"The script of the sliders, {weight(runtime) / 1000:.0f} kB, comes once a visit: not in the second column"
    )
    print(
        f"{'page':20} {'first visit':>12} {'after ' + PAGES[0]:>12} {'median':>8} {'worst':>8}"
    )
    for name in PAGES:
        second = requests[name] - requests[PAGES[0]] - runtime
        first, second = (weight(urls) / 1000 for urls in (requests[name], second))
        middle, worst = statistics.median(times[name]), max(times[name])
        print(
            f"{name:20} {first:9.0f} kB {second:9.0f} kB {middle:6.2f} s {worst:6.2f} s"
        )


if __name__ == "__main__":
    main()

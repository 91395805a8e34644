"""What a reader on a phone waits for, page by page, and what Lighthouse says.

The phone: 390 pixels wide, a processor slowed four times, 1.6 Mbit/s and 150 ms to the
server and back, nothing in its cache. With names of pages only these are measured:
`python -m tools.bench.pages gronwall limit_kernel`.
"""

import contextlib
import functools
import gzip
import http.server
import json
import os
import re
import statistics
import subprocess
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from book._ext.katex_math import node_program
from tests.site.conftest import BROWSER, FLAGS, PAGES, SITE, Quiet

VISITS = 3  # of each page, each with an empty cache
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
}
SLOWDOWN = 4  # of the processor
NETWORK = {
    "offline": False,
    "latency": 150,  # milliseconds from a request to its answer
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 1.6e6 / 8,
}

MOST_KILOBYTES = {"laboratory": 300}  # and 250 for any other page
LONGEST_WAIT = 4.5  # seconds

LIGHTHOUSE = Path(__file__).parent / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
# The pages that Lighthouse scores, and what they should reach in performance; in the
# other categories it is 100.
PERFORMANCE = {"index": 90, "gronwall": 90, "limit_kernel": 80, "laboratory": 90}

# Formulas are part of the page: the last one stands in the first frame after the page
# is parsed and its fonts came. A slider answers from the first frame after a script
# began to listen to it; the last one counts.
WATCH = """
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  document.body.offsetHeight;  // lay out, which asks for the fonts
  document.fonts.ready.then(() => requestAnimationFrame(() => {
    window.formulasSet = performance.now();
  }));
});
const listen = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (type, ...rest) {
  listen.call(this, type, ...rest);
  if (type !== "input" || !this.closest?.(".slider-figure, .laboratory")) return;
  requestAnimationFrame(() => { window.slidersAnswer = performance.now(); });
};
"""
READY = """window.formulasSet
&& (window.slidersAnswer || !document.querySelector(".slider-figure"))"""


class Host(Quiet):
    """A server of files that compresses text and keeps connections, as hosts do."""

    protocol_version = "HTTP/1.1"

    def handle(self):
        """Answer until the visitor is gone."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        """Send a file, gzipped if it is text."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        kind = self.guess_type(path)
        gzipped = is_text(kind)
        data = compressed(path) if gzipped else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if gzipped:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(data)


def is_text(kind):
    """Whether files of this media type are sent gzipped."""
    return kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))


@functools.cache
def compressed(path):
    """A file gzipped, once: a host does it beforehand, and the phone does not wait."""
    return gzip.compress(path.read_bytes())


def visit(browser, address):
    """A visit: its weight (kB), and when formulas are set and sliders answer (s).

    Without sliders, the last one is None.
    """
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.add_init_script(WATCH)
    phone = context.new_cdp_session(page)
    sizes = []
    phone.on("Network.loadingFinished", lambda e: sizes.append(e["encodedDataLength"]))
    phone.send("Network.enable")
    phone.send("Network.emulateNetworkConditions", NETWORK)
    phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.goto(address, wait_until="networkidle")
    page.wait_for_function(READY)
    times = page.evaluate("[window.formulasSet, window.slidersAnswer]")
    context.close()
    formulas, sliders = (None if time is None else time / 1000 for time in times)
    return sum(sizes) / 1000, formulas, sliders


def beside(figure, target, missed):
    """A figure beside its target, with a star if it misses it."""
    return f"{figure} / {target}{'*' if missed else ' '}"


def median(times):
    """The median beside its target, or a dash if a visit had no such time."""
    if None in times:
        return "–"
    middle = statistics.median(times)
    return beside(f"{middle:.2f}", LONGEST_WAIT, middle > LONGEST_WAIT)


def print_visits(playwright, address, names):
    """Print what a first visit to each page weighs, and how long its reader waits."""
    print(f"First visits on a slowed phone, median of {VISITS}, beside the targets")
    print(f"{'page':20} {'weight, kB':>15} {'formulas, s':>15} {'sliders, s':>15}")
    browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
    for name in names:
        visits = [visit(browser, f"{address}/{name}.html") for _ in range(VISITS)]
        weights, formulas, sliders = zip(*visits, strict=True)
        kilobytes, most = statistics.median(weights), MOST_KILOBYTES.get(name, 250)
        weight = beside(f"{kilobytes:.0f}", most, kilobytes > most)
        print(f"{name:20} {weight:>15} {median(formulas):>15} {median(sliders):>15}")
    browser.close()


def scores(address):
    """Lighthouse's scores of a page on its phone, from 0 to 100."""
    # Lighthouse splits the flags at spaces.
    flags = [re.sub("=(.*)", r'="\1"', flag) for flag in FLAGS]
    command = [
        *(node_program(), LIGHTHOUSE, address),
        *("--output=json", "--quiet", "--no-enable-error-reporting"),
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={' '.join(flags)}",
    ]
    environment = os.environ | {"CHROME_PATH": str(BROWSER)}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    categories = json.loads(run.stdout)["categories"]
    # What could not be measured has None.
    return [round(100 * (categories[name]["score"] or 0)) for name in CATEGORIES]


def print_scores(address, names):
    """Print the scores of each page."""
    print("Lighthouse's scores on its phone, beside the targets")
    print(f"{'page':20}", *(f"{category:>15}" for category in CATEGORIES))
    for name in names:
        targets = [PERFORMANCE[name], 100, 100, 100]
        reached = zip(scores(f"{address}/{name}.html"), targets, strict=True)
        cells = [beside(score, target, score < target) for score, target in reached]
        print(f"{name:20}", *(f"{text:>15}" for text in cells))


def main():
    """Measure the pages that are named, or all."""
    if BROWSER is None or not (SITE / "index.html").exists():
        sys.exit(
            "Measuring pages needs the built site (make book) and Chromium;"
            " they were left out."
        )
    names = sys.argv[1:] or PAGES
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Host, directory=SITE)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/book"
    with sync_playwright() as playwright:
        print_visits(playwright, address, names)
    print()
    print_scores(address, [name for name in PERFORMANCE if name in names])
    server.shutdown()


if __name__ == "__main__":
    main()

"""Time from a pointer's move to the laboratory's answer on a slow phone.

390 pixels, a processor slowed four times, the widest network, twelve points. Pictures
far from the window are drawn later; then all six are drawn at each move.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from book._ext import finished_pages
from book._ext.laboratory import fill_laboratories
from tests.site.conftest import BROWSER, FLAGS

SLOWED = 4
MOVES = 40
POINTS = [{"at": -2.9 + 0.5 * k, "y": (-1) ** k * 0.6} for k in range(12)]
STATE = {"points": POINTS, "width": 1024}
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Laboratory</title></head>
<body>
<div class="laboratory" data-laboratory='OPTIONS'></div></body></html>"""
# An observer of what is near the window that is told everything is.
ALL_NEAR = """window.IntersectionObserver = class {
  constructor(call) { this.call = call; }
  observe(target) { setTimeout(() => this.call([{ target, isIntersecting: true }])); }
  unobserve() {}
  disconnect() {}
};"""
# Milliseconds from a pointermove to the frame after it, and those of the drawing alone.
MEASURE = """() => {
  window.answers = [];
  let moved = 0;
  addEventListener("pointermove", (event) => {
    moved = performance.now();
    requestAnimationFrame(() => {
      const from = moved;
      const channel = new MessageChannel();
      channel.port1.onmessage = () => answers.push(performance.now() - from);
      channel.port2.postMessage(null);
    });
  }, true);
}"""


def answers(page):
    """Milliseconds from each move of a drag to the end of the frame that answers it."""
    session = page.context.new_cdp_session(page)
    page.evaluate(MEASURE)
    handle = page.get_by_role("slider", name="Input 5", exact=True)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(MOVES):
        page.mouse.move(x + step, y - step / 2)
        page.wait_for_timeout(30)
    page.mouse.up()
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    drawing = page.evaluate(
        """() => {
          const ends = performance.getEntriesByName("laboratory-frame-end");
          const starts = performance.getEntriesByName("laboratory-frame-start");
          return starts.map((start, k) => ends[k].startTime - start.startTime);
        }"""
    )
    return page.evaluate("answers")[1:], drawing[-MOVES:]


def main():
    """Print median and worst."""
    if BROWSER is None:
        sys.exit("The laboratory's speed needs Chromium; it was left out.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "laboratory.html")
        path.write_text(PAGE.replace("OPTIONS", json.dumps({"state": STATE})), "utf-8")
        site = finished_pages.read(folder)
        fill_laboratories(site)
        for page in site.pages.values():
            page.path.write_text(page.tree.html or "", "utf-8")
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        print(
            f"The laboratory at 390 pixels, processor slowed {SLOWED} times, n = 1024,"
            f" m = {len(POINTS)}, {MOVES} moves of a drag, milliseconds"
        )
        for script, name in (("", "in the window"), (ALL_NEAR, "all six pictures")):
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.add_init_script(script)
            page.goto(path.as_uri())
            trained = page.locator(".alive progress:not(.busy)")
            trained.wait_for(timeout=120_000, state="attached")
            page.wait_for_timeout(1000)
            for kind, times in zip(("answer", "computing"), answers(page), strict=True):
                middle, worst = statistics.median(times), max(times)
                print(f"{name:18} {kind:10} median {middle:6.1f}  worst {worst:6.1f}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()

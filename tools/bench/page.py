"""The page of results, `book/performance.md`, and its figure, from what is stored.

`python -m tools.bench.page` writes both anew.
"""

import json
import tomllib
from pathlib import Path

import numpy as np

from tools.bench.figure import picture
from tools.bench.growth import GROWING, answered, power_law
from tools.bench.peers.problem import AGREEMENT, PROBLEMS
from tools.bench.rows import in_words
from tools.bench.table import TABLE
from tools.bench.words import (
    DEVICE,
    GROWTH,
    HEAD,
    NO_DEVICE,
    NO_PEERS,
    PEERS,
    SETTINGS,
    TARGETS,
)
from tools.execute import ROOT

BOOK = ROOT / "book"
STORED = BOOK / "data" / "performance.json"
PAGE = BOOK / "performance.md"
FIGURE = BOOK / "data" / "performance.png"
REASONS = Path(__file__).with_name("reasons.toml")

UNKNOWN = "`tools/bench/reasons.toml` has no reason yet."
ANSWERS = {True: "yes", False: "**no**", None: None}
IN_WORDS = {
    "infinite, many dimensions": "infinite width, relu",
    "infinite, many inputs": "infinite width, relu",
    "finite": "width n, tanh",
}


def read():
    """The stored results, or none yet."""
    return json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}


def write(results):
    """Store results, and write the page and the figure that show them."""
    STORED.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    PAGE.write_text(text(results, reasons()), "utf-8")
    FIGURE.write_bytes(picture(results["growth"]))


def reasons():
    """Why a target is not met, by the names of rows."""
    return tomllib.loads(REASONS.read_text("utf-8"))


def text(results, reasons):
    """The page."""
    machine = results["machine"]
    packages = ", ".join(f"{name} {of}" for name, of in machine["packages"].items())
    parts = [HEAD.format(**machine | {"packages": packages})]
    parts += [targets(results["table"], reasons), growth(results["growth"])]
    parts += [peers(results["peers"]) if results.get("peers") else NO_PEERS]
    parts += [device(results["device"]) if results.get("device") else NO_DEVICE]
    return "".join(parts)


def line(*cells):
    """A line of a table; None stands for what is not there."""
    return "| " + " | ".join("–" if c is None else str(c) for c in cells) + " |\n"


def digits(number):
    """A number as a reader wants it: a count as it is, three digits of any other, and
    no exponent unless it is needed.
    """
    if isinstance(number, int):
        return f"{number:,}"
    if not 1e-3 <= abs(number) < 1e6:
        return f"{number:.1e}"
    places = max(0, 2 - int(np.floor(np.log10(abs(number)))))
    return f"{number:,.{places}f}"


# ---- targets ----------


def is_met(result):
    """Whether the number is at most its target; None without a target."""
    if result["target"] is None:
        return None
    return "failed" not in result and result["value"] <= result["target"]


def measured(result):
    """What was measured, in words."""
    if "failed" in result:
        return result["failed"]
    words = digits(result["value"])
    if "spread" in result:
        low, high = map(digits, result["spread"])
        words += f" ({low}–{high})"
    return words


def targets(table, reasons):
    """A table for each row, and why some of its targets are not met."""
    met = [is_met(result) for result in table]
    written = TARGETS.format(met=met.count(True), all=len(met) - met.count(None))
    for name in dict.fromkeys(result["row"] for result in table):
        results = [result for result in table if result["row"] == name]
        row = TABLE[name]
        written += f"\n**{row.what}, {row.unit}**\n\n{SETTINGS}"
        written += "".join(map(target, results))
        if any(is_met(result) is False for result in results):
            written += f"\nNot met: {reasons.get(name, UNKNOWN)}\n"
    return written


def target(result):
    """The line of one setting."""
    setting = in_words(result["setting"])
    if "note" in result:
        setting += f" ({result['note']})"
    seconds = ", ".join(map(digits, result.get("seconds", [])))
    answer = ANSWERS[is_met(result)]
    return line(setting, measured(result), result["target"], answer, seconds or None)


# ---- growth, other libraries, a GPU ----------


def growth(series):
    """The figure, and a table of what it shows."""
    written = GROWTH
    for one in series:
        at = answered(one)
        sizes, seconds, memory = zip(*at, strict=True)
        written += line(
            GROWING[one["problem"]].what,
            one["size"],
            f"{sizes[0]:,} to {sizes[-1]:,}",
            f"{digits(seconds[0])} to {digits(seconds[-1])} s",
            f"{power_law(sizes, seconds)[0]:.1f}",
            f"{digits(memory[0] / 1e6)} to {digits(memory[-1] / 1e6)} MB",
            f"{power_law(sizes, memory)[0]:.1f}",
        )
    return written


def peers(found):
    """A table of all libraries, problem by problem."""
    requirements = ", ".join(
        f"{name} by {' '.join(packages)}"
        for name, packages in found["requirements"].items()
    )
    written = PEERS.format(
        date=found["date"], requirements=requirements, agreement=AGREEMENT
    )
    for problem in PROBLEMS:
        lines = [one for one in found["lines"] if one["problem"] == problem]
        what = IN_WORDS[problem] + ", " + in_words(PROBLEMS[problem])
        for one in sorted(lines, key=lambda one: one["seconds"]):
            seconds, memory = digits(one["seconds"]), digits(one["bytes"] / 1e9)
            written += line(what, one["library"], one["mode"], seconds, memory)
            what = ""
    return written


def device(found):
    """A table of times on a GPU."""
    if "failed" in found:
        return f"\n## On a GPU\n\nNot measured: {found['failed']}.\n"
    rates = " and ".join(f"{rate:.1e} in {of}" for of, rate in found["rates"].items())
    written = DEVICE.format(name=found["name"], rates=rates)
    for one in found["lines"]:
        share = f"{one['share']:.2f}" if "share" in one else "–"
        setting, ms = in_words(one["setting"]), digits(1000 * one["seconds"])
        written += line(f"`{one['name']}`", setting, one["dtype"], ms, share)
    return written


if __name__ == "__main__":
    write(read())

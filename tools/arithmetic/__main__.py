"""Run the notebooks with other arithmetic; the stored outputs must come out again.

`make arithmetic` takes all of them, `make arithmetic SETTINGS=finer` one,
`make arithmetic WHAT=ntk` one notebook. Each run is that of `make test`:
nbval compares every text, and `tools.notebook_gate` the pictures and the widgets.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tools.arithmetic.settings import (
    SETTINGS,
    bits,
    kernels_with,
    why_it_does_not_take,
)
from tools.execute import BOOK, ROOT, named, short_name

GATE = [
    *("-n", "2", "--dist", "loadfile", "-q", "-rf", "-p", "no:cacheprovider"),
    *("--nbval", "--nbval-current-env", "-p", "tools.notebook_gate"),
    *("-o", "junit_family=xunit1"),  # this report names the files
]


def differing(report):
    """How many cells of each notebook differ, by the report that pytest has written."""
    counts = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        differs = any(case.find(tag) is not None for tag in ("failure", "error"))
        counts[short_name(Path(case.get("file", "")))] += differs
    return counts


def run(name, notebooks, usual):
    """Run the notebooks with the setting of this name.

    Returns how many cells of each notebook differ; None if this shows nothing.
    """
    setting = SETTINGS[name]
    print(f"\n{name}: {setting.about}", flush=True)
    with kernels_with(setting) as environment, tempfile.TemporaryDirectory() as folder:
        fault = why_it_does_not_take(setting, environment, usual)
        if fault:
            print(f"The setting {name!r} shows nothing on this machine: {fault}.")
            return None
        report = Path(folder, "report.xml")
        options = [*GATE, *setting.options, f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, notebooks)]
        ended = subprocess.run(command, cwd=ROOT, env=environment).returncode
        if ended not in (0, 1):  # 1 says that cells differ, and they are counted
            print(f"pytest ended with {ended} before all notebooks were run.")
            return None
        return differing(report)


def table(results):
    """What came of each notebook in each setting, as lines of text."""
    lines = [" " * 28 + "".join(f"{name:>12}" for name in results)]
    for name in sorted(set().union(*(counts or () for counts in results.values()))):
        words = []
        for counts in results.values():
            count = None if counts is None else counts[name]
            words.append({None: "not run", 0: "same"}.get(count, f"{count} differ"))
        lines.append(f"{name:28}" + "".join(f"{word:>12}" for word in words))
    return "\n".join(lines)


def main():
    """Run what the command line names; the exit status says whether all held."""
    parser = argparse.ArgumentParser(prog="python -m tools.arithmetic")
    parser.add_argument(
        "notebooks", nargs="*", type=named, help="all, if none is named"
    )
    parser.add_argument(
        "--settings",
        nargs="+",
        choices=SETTINGS,
        default=["older", "threads", "finer"],
        help="all, if none is named; 'together' is 'older' and 'finer' at once",
    )
    chosen = parser.parse_args()
    results = {}
    try:
        usual = bits(dict(os.environ))
        for name in chosen.settings:
            results[name] = run(name, chosen.notebooks or BOOK, usual)
    except KeyboardInterrupt:
        sys.exit(f"\nInterrupted. What ran to its end:\n{table(results)}")
    print(f"\n{table(results)}")
    # a run without any notebook shows nothing either
    held = all(counts and counts.total() == 0 for counts in results.values())
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()

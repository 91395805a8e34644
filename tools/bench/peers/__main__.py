"""Measure other libraries, and store and show the results: `make bench-peers`.

With a folder, the environments are kept there, and found there the next time.
"""

import argparse
import datetime
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.bench import page
from tools.bench.peers import OURS, PEERS
from tools.bench.process import FOR_JAX, NoAnswer, answer, stay_on_one_core

LIMIT = 600  # seconds for all problems of one library


def python_with(requirements, folder):
    """The interpreter of an environment with these packages."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        install += ["--disable-pip-version-check", *requirements]
        subprocess.run(install, check=True)
    return python


def answers(name, python, module, right):
    """What a library answers; it stops at one that does not agree with ours."""
    print(f"{name} …", flush=True)
    try:
        found = answer([python, "-m", module], right, LIMIT, **FOR_JAX)
    except NoAnswer as reason:
        sys.exit(f"{name}: {reason}")
    for line in found:
        if "seconds" not in line:
            sys.exit(
                f"{name}, {line['problem']}, {line['mode']}: off by {line['error']}"
            )
        print(
            f"  {line['problem']}, {line['mode']}: {line['seconds']:.3g} s", flush=True
        )
    return found


def without_entries(name, lines):
    """What is stored of a library's answers."""
    lines = [{k: v for k, v in line.items() if k != "entries"} for line in lines]
    return [{"library": name} | line for line in lines]


def measure_all(folder):
    """The answers of this library and of all others."""
    ours = answers(OURS, sys.executable, "tools.bench.peers.with_ntklib", None)
    right = {line["problem"]: line["entries"] for line in ours}
    found = without_entries(OURS, ours)
    for peer in PEERS:
        python = python_with(peer.requirements, folder / peer.name)
        theirs = answers(peer.name, python, peer.module, right)
        found += without_entries(peer.name, theirs)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    requirements = {peer.name: peer.requirements for peer in PEERS}
    return {"date": today, "requirements": requirements, "lines": found}


def main():
    """Measure everything, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.peers")
    parser.add_argument("folder", nargs="?", type=Path)
    kept = parser.parse_args().folder
    stay_on_one_core()
    with tempfile.TemporaryDirectory() as folder:
        peers = measure_all(kept or Path(folder))
    page.write(page.read() | {"peers": peers})


if __name__ == "__main__":
    main()

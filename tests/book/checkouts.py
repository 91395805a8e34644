"""Copies of the checkout in which things go wrong, for tests.

A copy has an environment of its own, which finds this one's packages. Its program
jupyter-book is a stub, and so is what makes the students' copies.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tools.execute import ROOT
from tools.files import files

# As awkward as a folder's name gets.
AWKWARD = "Übung & Co/Ann's (new) book"
# Without what a make around these tests hands down: `make check WHAT=make` names WHAT.
VARIABLES = set(re.findall(r"\$\(([A-Z]+)\)", (ROOT / "Makefile").read_text("utf-8")))
ALONE = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("MAKE", "MFLAGS", "NTK_")) and name not in VARIABLES
}
# Notes its parent; waits for a file `go`, if the file `wait` is there; then it is done.
JUPYTER_BOOK = """#!/bin/sh
mkdir -p _build/html
echo unfinished > _build/html/index.html
echo $PPID > started
while [ -e wait ] && [ ! -e go ]; do sleep 0.05; done
echo finished > _build/html/index.html
"""
# Jupyter Book itself, as the script that pip makes; that has a path of this machine.
REAL_JUPYTER_BOOK = """#!/bin/sh
exec .venv/bin/python -c 'from jupyter_book.cli.main import main; main()' "$@"
"""
MARKS = (".book", ".lab", ".grade", ".test")


def program(path, text):
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


def environment(folder):
    """An environment that finds the packages of this one, with all marks."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys._base_executable)
    for path in Path(sys.prefix, "bin").iterdir():
        if not path.name.startswith(("python", "activate", "jupyter-book")):
            (folder / "bin" / path.name).symlink_to(path)
    (folder / "share").symlink_to(Path(sys.prefix, "share"))
    packages = Path(sysconfig.get_path("purelib"))
    own = folder / packages.relative_to(sys.prefix)
    own.mkdir(parents=True)
    (own / "shared.pth").write_text(f"{packages}\n", "utf-8")
    home = Path(sys._base_executable).parent
    (folder / "pyvenv.cfg").write_text(f"home = {home}\n", "utf-8")
    for mark in MARKS:
        (folder / mark).touch()


def whole_copy(folder):
    """A copy of all files, as an archive has them: without the history."""
    for name in files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    environment(folder / ".venv")
    modules = folder / "book" / "_ext" / "node_modules"
    modules.mkdir()
    for path in (ROOT / "book" / "_ext" / "node_modules").iterdir():
        if path.is_dir():
            (modules / path.name).symlink_to(path.resolve())
    (modules / ".installed").touch()
    program(folder / ".venv" / "bin" / "jupyter-book", REAL_JUPYTER_BOOK)
    return folder


def stub_copy(folder):
    """A copy of what make needs, with stubs in place of what takes long."""
    needed = ("tools/", "Makefile", "pyproject", "requirements", "_", "course.toml")
    for name in files():
        if name.startswith(needed) or name.startswith("book/_ext/package"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    modules = folder / "book" / "_ext" / "node_modules"
    for place in (modules, folder / "ntklib", folder / "ntk_answers"):
        place.mkdir()
    (folder / "book" / "page.md").write_text("# A page\n")
    (folder / "tools" / "assignment.py").write_text("print('copies')\n")
    environment(folder / ".venv")
    program(folder / ".venv" / "bin" / "jupyter-book", JUPYTER_BOOK)
    site = folder / "tests" / "site"
    (site / "node_modules").mkdir(parents=True)
    (site / "package-lock.json").touch()
    for place in (modules, site / "node_modules"):
        (place / ".installed").touch()
    return folder


def make(folder, *words, within=()):
    """Run make in a copy, perhaps within another program; what came of it."""
    return subprocess.run(
        [*within, "make", f"PYTHON={sys.executable}", *words],
        cwd=folder,
        env=ALONE,
        capture_output=True,
        text=True,
        timeout=600,  # for a build that should be refused, and waits instead
    )


def bubble(*options):
    """The beginning of a command that runs in bubblewrap, with all that is here."""
    if shutil.which("bwrap") is None:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave("no bubblewrap was found, which makes disks full and networks vanish")
    return ["bwrap", "--dev-bind", "/", "/", *map(str, options)]

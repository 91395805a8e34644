"""Trials in an environment of their own, with a copy of the tree for some.

`make drift`, `make escape` and `make elsewhere` use them. What the first two find is
printed and stored as Markdown, below the reports of the tests, so that a workflow can
show it.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.checkout import ROOT
from tools.files import files

REPORTS = ROOT / "_build" / "reports"
BIN = Path(sys.executable).parent  # where uv and jupyter-book lie


def copy_tree(folder):
    """A copy of the book's files in a folder; its JavaScript is that of this tree."""
    tree = folder / "book"
    for name in files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    extensions = Path("book", "_ext", "node_modules")
    (tree / extensions).symlink_to(ROOT / extensions)
    return tree


def uv(*arguments):
    """Run uv, which downloads no Python of its own; what it printed."""
    result = subprocess.run(
        [BIN / "uv", *arguments, "--quiet", "--no-python-downloads"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(f"The environment could not be made:\n{result.stderr.strip()}")
    return result.stdout


def environment(folder, requirements, python=sys.executable):
    """The program of a new environment of `python` in `folder`, with these packages."""
    uv("venv", "--python", python, folder)
    python = folder / "bin" / "python"
    uv("pip", "install", "--python", python, *requirements)
    return python


def installed(python):
    """The versions in an environment by the names of its packages."""
    lines = uv("pip", "freeze", "--python", python).splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def pins(lock):
    """The versions that a lock has for this Python and this system."""
    lines = map(Requirement, lock.read_text("utf-8").splitlines())
    return {
        canonicalize_name(line.name): str(line.specifier).removeprefix("==")
        for line in lines
        if line.marker is None or line.marker.evaluate()
    }


def needs(*extras):
    """What pyproject.toml asks for: to build and to run ntklib, and for its extras."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = content["project"]
    texts = content["build-system"]["requires"] + project["dependencies"]
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    found = []
    for need in map(Requirement, texts):
        found += needs(*need.extras) if need.name == project["name"] else [need]
    return found


def reason(said):
    """The line in which an error is named, of all that was said about it."""
    lines = re.findall(r"^[\w.]*(?:Error|Exception|Warning)\b.*", said, re.M)
    return (lines or said.strip().splitlines() or ["it said nothing"])[-1][:200]


def table(columns, rows):
    """A table in Markdown; what stands in a cell has no lines of its own."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def report(name, text):
    """Print what a trial found, and store it for whoever reads the job's summary."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"{name}.md"
    path.write_text(f"{text}\n", "utf-8")
    print(f"{text}\n\nStored as {path.relative_to(ROOT)}")

"""The archive for students: the sets, the library, and how to begin, in one file.

`make assignment` writes it beside the students' copies. It holds the wheel of this
checkout's library, which has no solutions, so that no student needs the repository.
"""

import copy
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import nbformat
from flit_core.wheel import make_wheel_in

from grading import course
from tools.downloads import Places, install_cell, wheel_name
from tools.execute import ROOT

FOLDER = "ntk-exercises"  # in which everything lies
PINS = ROOT / "requirements-lab.lock"
README = """\
# Exercises: {course}

Unpack this archive, open a terminal in its folder, and type three commands. They need
Python 3.11 or newer, and a connection for the second one.

    python3 -m venv .venv
    .venv/bin/python -m pip install -r requirements.txt
    .venv/bin/jupyter lab

On Windows they are

    py -m venv .venv
    .venv\\Scripts\\python -m pip install -r requirements.txt
    .venv\\Scripts\\jupyter lab

Then open a notebook:

{sets}

`check` tells in one line whether an answer is right, and where to look if it is not.
"""


def write_archive(target, notebooks):
    """Write a zip of these notebooks, the library, its pins and a README.

    Args:
        target: the path of the zip.
        notebooks: the paths of students' copies of sets.
    """
    pins = f"{PINS.read_text('utf-8')}./{wheel_name()}\n"
    read = {path.name: nbformat.read(path, as_version=4) for path in notebooks}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{FOLDER}/README.md", readme(read))
        archive.writestr(f"{FOLDER}/requirements.txt", pins)
        archive.writestr(f"{FOLDER}/{wheel_name()}", library())
        for name, notebook in read.items():
            text = nbformat.writes(beside_its_library(notebook))
            archive.writestr(f"{FOLDER}/{name}", text)


@cache
def library():
    """The wheel of this checkout's library; one for all archives of a class."""
    with tempfile.TemporaryDirectory() as folder:
        make_wheel_in(ROOT / "pyproject.toml", Path(folder))
        return Path(folder, wheel_name()).read_bytes()


def readme(notebooks):
    """How to begin, with the titles of the notebooks and when they are due."""
    settings = course.read_public()
    listed = []
    for name, notebook in notebooks.items():
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        words = settings.due_in_words(Path(name).stem)
        due = f", due {words}" if words else ""
        listed.append(f"- `{name}`: {title}{due}")
    heading = settings.name or settings.title
    return README.format(course=heading, sets="\n".join(listed))


def beside_its_library(notebook):
    """The notebook with a first cell that installs the wheel in the same folder."""
    notebook = copy.deepcopy(notebook)
    nowhere = Places("", "", "")
    for cell in notebook.cells:
        if cell.id == "library":
            cell.source = install_cell(nowhere).source
    return notebook

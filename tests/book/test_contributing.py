"""CONTRIBUTING.md: each of its examples is added to a copy of the book, and works."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools.execute import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
# The notebook to which an example adds cells, and the figure behind which they stand;
# without a figure they come last.
NOTEBOOKS = {
    "An equation": ("book/linear_flow.ipynb", "fig-eigenvectors"),
    "An activation": None,
    "An exercise": ("book/exercises/bounds.ipynb", None),
}
PRINTED = {
    "An equation": r"\d\.\d of 24 modes\n",
    "An exercise": r"halving_time: correct \(checked against a flow that .*\)\n",
}
# The commands compute little: a compiler's effort, threads that wait for each other and
# plugins that nothing uses would take most of their time.
QUICK = {
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "yes",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
BLOCK = re.compile(r"^(`{3,})(\w+)\n(.*?)^\1$", re.M | re.S)
CELL = re.compile(
    r"^A (markdown|code) cell(?:, `([\w-]+)`)?[^\n]*\n\n(`{3,})\w+\n(.*?)\n\3$",
    re.M | re.S,
)
examples = pytest.mark.parametrize("title", NOTEBOOKS)


def section(title):
    """The text below the heading of an example, up to that of the next one."""
    return re.search(rf"^## {title}\n(.*?)(?=^## An |\Z)", PAGE, re.M | re.S)[1]


def blocks(title, language):
    """The texts of the section's blocks in a language."""
    found = BLOCK.findall(section(title))
    return [text for _, its_language, text in found if its_language == language]


def apply(diff, folder, *options):
    """Have git apply a diff in a folder, whatever repository lies around it."""
    return subprocess.run(
        ["git", "apply", *options, "-"],
        input=diff,
        cwd=folder,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the book without what was built or installed."""
    built = shutil.ignore_patterns(".*", "_build", "node_modules", "__pycache__")
    return shutil.copytree(ROOT, tmp_path / "copy", ignore=built)


def run(command, folder):
    """Run a command of the page in the copy, with this Python; what it prints."""
    arguments = shlex.split(command, comments=True)
    assert arguments[0] == ".venv/bin/python"
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "NTK_"))
    }
    result = subprocess.run(
        [sys.executable, *arguments[1:]],
        cwd=folder,
        env=clean | QUICK | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def new_cells(title, notebook):
    """The cells that the section shows.

    Those with an id get the metadata of the exercise before them, as the page says.
    """
    ids = [cell.id for cell in notebook.cells]
    found = []
    for kind, name, _, source in CELL.findall(section(title)):
        make = getattr(nbformat.v4, f"new_{kind}_cell")
        cell = make(source)
        if name:
            role = name.removeprefix("halving_time")
            model = notebook.cells[ids.index(f"singular_inputs{role}")]
            cell.id, cell.metadata = name, nbformat.from_dict(dict(model.metadata))
            if "nbgrader" in cell.metadata:
                cell.metadata.nbgrader.grade_id = name
            if role == "-test":
                cell.metadata.nbgrader.points = 2
        found.append(cell)
    return found


def place_for(cells, figure):
    """Behind the cell with the figure, or behind all."""
    if figure is None:
        return len(cells)
    names = [
        cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in cells
    ]
    return names.index(figure) + 1


def state_new_sums(title, notebook):
    """Put what the page says in italics into the first cell of an exercise set."""
    sums = r"\w+ exercises, \d+ points, about \d+ minutes\."
    stated = re.search(rf"\*({sums})\*", section(title))
    if stated:
        intro = notebook.cells[0]
        intro.source, changed = re.subn(sums, stated[1], intro.source)
        assert changed == 1


def add_cells_and_execute(title, copy, command):
    """Add the cells and run the notebook as far as they go; the cells with outputs.

    What stands behind them is as before, and would take long.
    """
    name, figure = NOTEBOOKS[title]
    path = copy / name
    notebook = nbformat.read(path, as_version=4)
    added = new_cells(title, notebook)
    place = place_for(notebook.cells, figure)
    rest = notebook.cells[place:]
    notebook.cells = [*notebook.cells[:place], *added]
    state_new_sums(title, notebook)
    nbformat.write(notebook, path)
    run(command, copy)
    notebook = nbformat.read(path, as_version=4)
    executed = notebook.cells[-len(added) :]
    notebook.cells += rest
    nbformat.write(notebook, path)
    return executed


@pytest.mark.slow
@examples
def test_contributing_example_can_be_added(title, copy):
    """Its diff applies, its cells run, and its commands end without a fault."""
    (diff,) = blocks(title, "diff")
    applied = apply(diff, copy)
    assert applied.returncode == 0, applied.stderr
    (commands,) = blocks(title, "bash")
    for command in commands.splitlines():
        if "tools.execute" in command:
            cells = add_cells_and_execute(title, copy, command)
            assert re.fullmatch(PRINTED[title], cells[-1].outputs[0].text)
        else:
            run(command, copy)


@examples
def test_contributing_diffs_apply(title):
    """The lines around what is added are still there."""
    (diff,) = blocks(title, "diff")
    applied = apply(diff, ROOT, "--check")
    assert applied.returncode == 0, applied.stderr


def test_contributing_is_one_page():
    """Beside the examples it has no more than 900 words."""
    assert len(BLOCK.sub("", PAGE).split()) <= 900


def test_contributing_names_every_example():
    """The sections that show a diff are those that are tried above."""
    assert re.findall(r"^## (An .*)$", PAGE, re.M) == list(NOTEBOOKS)
    assert PAGE.count("```diff\n") == len(NOTEBOOKS)

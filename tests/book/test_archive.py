"""What students get: the archive of the sets and the library's wheel, without answers.

Both are unpacked, and every file is searched for every line of every answer.
"""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from flit_core.wheel import make_wheel_in

import ntk_answers
from tests.book.test_assignment import course, leaks, legible
from tools.archive import FOLDER, PINS, write_archive
from tools.downloads import wheel_name
from tools.execute import ROOT

ORDER = ("kernel", "dynamics", "bounds", "drift", "generalization", "regimes")
# Lines that every program of this kind has.
COMMON = {
    "n = len(params.W1)",
    "norms = np.linalg.norm(X, axis=1)",
    "params, X, y, psi",
}
# The modules with answers, without those that compute, store and describe them.
OTHERS = ("__init__", "answers", "computed", "store")
ANSWERS = [
    path
    for path in sorted(Path(ntk_answers.__path__[0]).glob("*.py"))
    if path.stem not in OTHERS
]
__all__ = ["course"]  # the fixture


def lines_of_answers():
    """Every line in a function of ntk_answers: solutions, references, slips, terms."""
    found = set()
    for path in ANSWERS:
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                found |= {
                    " ".join(line.split())
                    for part in body
                    for line in text.split("\n")[part.lineno - 1 : part.end_lineno]
                }
    return {line for line in found if len(line) >= 14} - COMMON


def found_in(folder):
    """The lines of answers that stand in some file of a folder."""
    texts = [legible(path) for path in folder.rglob("*") if path.is_file()]
    return {line for line in lines_of_answers() if any(line in text for text in texts)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The unpacked wheel of the library."""
    folder = tmp_path_factory.mktemp("wheel")
    make_wheel_in(ROOT / "pyproject.toml", folder)
    with zipfile.ZipFile(folder / wheel_name()) as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture(scope="module")
def archive(course, tmp_path_factory):
    """The unpacked archive, as `make assignment` makes it."""
    folder = tmp_path_factory.mktemp("archive")
    copies = [course / "release" / stem / f"{stem}.ipynb" for stem in ORDER]
    write_archive(folder / "exercises.zip", copies)
    with zipfile.ZipFile(folder / "exercises.zip") as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked" / FOLDER


def test_lines_of_answers_are_found_where_they_are():
    """The search below can find some: in the answers it finds nearly all."""
    assert found_in(ANSWERS[0].parent) == lines_of_answers()
    assert len(lines_of_answers()) > 450


def test_wheel_holds_no_line_of_an_answer(wheel):
    """Neither a solution nor a reference nor a slip is in what pip installs."""
    assert found_in(wheel) == set()
    # The chapters' own modules compute some answers; the guide names those.
    assert leaks(wheel / "ntklib" / "exercises") <= {"for the variance of"}
    assert {path.name for path in wheel.iterdir()} == {
        "ntklib",
        wheel_name().removesuffix("-py3-none-any.whl") + ".dist-info",
    }


INSTALLED = """
import importlib, inspect, json, pkgutil
import numpy as np
import ntklib
from ntklib.exercises import check, names, solution

sources = []
for found in pkgutil.walk_packages(ntklib.__path__, "ntklib."):
    sources.append(inspect.getsource(importlib.import_module(found.name)))
pasted = {"__name__": "ntklib", "__file__": ntklib.__file__}
for source in sources:
    exec(source, pasted)
try:
    refused = solution("sharp_rate")
except ValueError as error:
    refused = str(error)
print(json.dumps({
    "file": ntklib.__file__,
    "answers": importlib.util.find_spec("ntk_answers") is not None,
    "named": [name for name in names() if callable(pasted.get(name))],
    "refused": refused,
    "right": str(check("sharp_rate", lambda lam, m: 2 * lam / m)),
    "wrong": str(check("sharp_rate", lambda lam, m: lam / m)),
}))
"""


@pytest.mark.slow
def test_installed_library_checks_without_answers(wheel):
    """It tells right from wrong; its source, pasted whole, answers no exercise."""
    # -S leaves out the link to this checkout that the environment has.
    packages = Path(nbformat.__file__).parents[1]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(wheel), str(packages)]),
        "JAX_PLATFORMS": "cpu",
    }
    result = subprocess.run(
        [sys.executable, "-S", "-c", INSTALLED],
        cwd=wheel,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert Path(found["file"]).is_relative_to(wheel)
    assert not found["answers"]
    assert found["named"] == []
    assert found["refused"].startswith("the solution of sharp_rate is not installed")
    assert found["right"].startswith("sharp_rate: correct")
    assert found["wrong"].startswith("sharp_rate: this is the rate of the residuals")


@pytest.mark.slow
def test_archive_holds_what_a_student_needs(archive):
    """The sets, the wheel, pins, and three commands; no line of a solution."""
    names = {path.name for path in archive.iterdir()}
    sets = {f"{stem}.ipynb" for stem in ORDER}
    assert names == sets | {"README.md", "requirements.txt", wheel_name()}
    pins = (archive / "requirements.txt").read_text("utf-8").splitlines()
    assert pins == [*PINS.read_text("utf-8").splitlines(), f"./{wheel_name()}"]
    text = (archive / "README.md").read_text("utf-8")
    assert "pip install -r requirements.txt" in text
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("- ")]
    assert listed == [f"{stem}.ipynb" for stem in ORDER]
    assert leaks(archive) == found_in(archive) == set()


@pytest.mark.slow
@pytest.mark.parametrize("stem", ORDER)
def test_archived_notebook_installs_the_library_beside_it(archive, stem):
    """Its first code names the wheel in the same folder, and no repository."""
    notebook = nbformat.read(archive / f"{stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    (cell,) = [cell for cell in notebook.cells if cell.id == "library"]
    assert f'"./{wheel_name()}[notebooks]"' in cell.source
    assert "git" not in cell.source

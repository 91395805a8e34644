"""Notebooks for the tests of the grading: a tiny set, with right and wrong answers.

The tiny set needs no JAX in the process of a submission, which makes most tests quick.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import nbformat.v4 as nb
import pytest

from grading import points
from grading.pool import Limits
from grading.submissions import Submission, released
from tools.execute import ROOT

POINTS = {"stable_step": 2, "general_loss_velocity": 2, "sharp_rate": 2}
RIGHT = {
    "stable_step": """
def stable_step(K):
    return 2 * len(K) / np.linalg.eigvalsh(K)[-1]""",
    "general_loss_velocity": """
def general_loss_velocity(K, dl):
    return -dl @ K @ dl / len(dl) ** 2""",
    "sharp_rate": """
def sharp_rate(lam, m):
    return 2 * lam / m""",
}
WRONG = {name: f"def {name}(*arguments):\n    return 0.0" for name in RIGHT}
BLANK = dict.fromkeys(RIGHT, "# YOUR CODE HERE\nraise NotImplementedError()")

SETUP = "import numpy as np"
TEST = """
from ntklib.exercises import check
result = check("{0}", {0})
assert result, result
print(result)"""

# What no submission may change, whatever it tries.
PRECIOUS = [ROOT / "ntklib", ROOT / "grading", ROOT / "book" / "exercises"]
OUTSIDE = Path("/tmp/written-by-a-submission")


@pytest.fixture(autouse=True, scope="module")
def no_settings():
    """Nothing is due, whatever course.toml of this copy of the book says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTK_COURSE", os.devnull)
        yield


def cells(answers, setup=SETUP):
    """A set with these answers: a setup, and a derivation, answer and test for each."""
    made = [nb.new_code_cell(setup, id="setup")]
    for name, source in answers.items():
        made.append(nb.new_markdown_cell("Your derivation", id=f"{name}-derivation"))
        made.append(labelled(name, source, solution=True))
        value = POINTS.get(name, 3)
        test = TEST.format(name)
        made.append(
            labelled(f"{name}-test", test, grade=True, locked=True, points=value)
        )
    return made


def labelled(name, source, **label):
    """A code cell with nbgrader's metadata."""
    defaults = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
    metadata = {"nbgrader": defaults | label | {"grade_id": name}}
    return nb.new_code_cell(source, id=name, metadata=metadata)


def answered(source):
    """The tiny set, right but for the first exercise, which has this answer."""
    return cells({**RIGHT, "stable_step": source})


def doing(statement):
    """The tiny set, right but that the first function begins with this statement."""
    lines = [
        "def stable_step(K):",
        "    import os",
        f"    {statement}",
        "    return 0.0",
    ]
    return answered("\n".join(lines))


def after(source, answers=RIGHT):
    """The tiny set with a cell of the author's own as its cell 2."""
    setup, *others = cells(answers)
    return [setup, nb.new_code_cell(source, id="own"), *others]


def write(path, content):
    """Write a notebook, given as cells or as JSON, or a file, given as bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        content = {**nb.new_notebook(), "cells": content}
    if isinstance(content, dict):
        content = json.dumps(content).encode()
    path.write_bytes(content)
    return path


def digest(folders):
    """What is in the files of these folders."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, which has to be empty again in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def grade(tmp_path, temporary):
    """grade(cells, seconds=30, memory=2**30) -> the submission, graded as the tiny set.

    Another set is given as its blank cells, `handed_out`.
    """

    def graded(content, *, handed_out=None, seconds=30, memory=2**30):
        handed_out = handed_out or cells(BLANK)
        write(tmp_path / "sets" / "tiny.ipynb", handed_out)
        exercises = released(tmp_path / "sets")["tiny"]
        path = write(tmp_path / "in" / "ada_tiny.ipynb", content)
        submission = Submission("ada", path.name, "tiny", path)
        points.grade_file(submission, exercises, 3, Limits(seconds, memory))
        return submission

    return graded

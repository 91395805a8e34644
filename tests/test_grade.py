"""Grading in a batch: `grading/grade.py` on folders of honest and of hostile notebooks."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat.v4 as nb
import pytest
from notebooks import ROOT

POINTS = {"stable_step": 2, "general_loss_velocity": 2, "sharp_rate": 2}
RIGHT = {
    "stable_step": "def stable_step(K):\n    return 2 * len(K) / np.linalg.eigvalsh(K)[-1]",
    "general_loss_velocity": "def general_loss_velocity(K, dl):\n    return -dl @ K @ dl / len(dl) ** 2",
    "sharp_rate": "def sharp_rate(lam, m):\n    return 2 * lam / m",
}
BY_AUTODIFF = {
    "ntk": """
def ntk(params, X, psi):
    blocks = jax.tree.leaves(jax.jacobian(network)(params, X, psi))
    return sum(jnp.tensordot(B, B, 2 * [[*range(1, B.ndim)]]) for B in blocks)""",
    "conserved": "conserved = {'relu', 'leaky_relu', 'abs'}",
    "lemma_matrices": "lemma_matrices = 'symmetric'",
    "singular_inputs": "angles = np.arange(6) * np.pi / 3\nsingular_inputs = np.c_[np.cos(angles), np.sin(angles)]",
}
JAX_SETUP = """
import jax
import jax.numpy as jnp
import numpy as np
from ntklib import Params, half_mse, init_params, network
import ntklib
jax.config.update("jax_enable_x64", True)
params = init_params(jax.random.key(0), 5, 3)"""
BLANK = "# YOUR CODE HERE\nraise NotImplementedError()"
WRONG = "def {0}(*arguments):\n    return 0.0"


def cells(answers, setup="import numpy as np"):
    """Cells of a set with these answers: setup, and for each exercise a derivation, an answer and a locked test."""
    made = [nb.new_code_cell(setup, id="setup")]
    for name, source in answers.items():
        label = {"schema_version": 3, "grade": False, "solution": True, "locked": False}
        made.append(nb.new_markdown_cell("Your derivation", id=f"{name}-derivation"))
        made.append(nb.new_code_cell(source, id=name, metadata={"nbgrader": {**label, "grade_id": name}}))
        label = {"schema_version": 3, "grade": True, "solution": False, "locked": True, "points": POINTS.get(name, 3)}
        test = f'from ntklib.exercises import check\nresult = check("{name}", {name})\nassert result, result\nresult'
        grade = {**label, "grade_id": f"{name}-test"}
        made.append(nb.new_code_cell(test, id=f"{name}-test", metadata={"nbgrader": grade}))
    return made


def answer(source):
    """The reference, but for the first exercise."""
    return cells({**RIGHT, "stable_step": source})


def body(source):
    """The reference, but that the first function begins with this statement."""
    return answer(f"def stable_step(K):\n    import os, signal\n    {source}\n    return 0.0")


def before(source, answers=RIGHT):
    """The reference after a cell of the author's own."""
    made = cells(answers)
    return [made[0], nb.new_code_cell(source, id="own"), *made[1:]]


def without(made, *names):
    """All cells but these."""
    return [cell for cell in made if cell["id"] not in names]


def changed(made, name, **entries):
    """The same cells, one of them with other entries."""
    return [nb.new_markdown_cell("").__class__({**cell, **entries}) if cell["id"] == name else cell for cell in made]


ALL_WRONG = {name: WRONG.format(name) for name in RIGHT}
STRIPPED = [{"cell_type": c["cell_type"], "source": c["source"], "metadata": {}} for c in cells(RIGHT)]
OUTSIDE = "/tmp/written-by-a-submission"
HOSTILE_OBJECT = """
class Right:
    def __eq__(self, other): return True
    def __repr__(self): raise SystemExit
    def __array__(self, *a, **k): raise KeyboardInterrupt
    def __float__(self): return os._exit(0)
stable_step = lambda K: Right()"""
PATCHES = """
import builtins, numpy.testing, ntklib.exercises, ntklib, sys
numpy.testing.assert_allclose = np.allclose = np.array_equal = lambda *a, **k: True
ntklib.exercises.check = lambda *a: True
sys.modules['__main__'].pack = sys.modules['__main__'].call = lambda *a: {'value': 1.0, 'points': 2}
builtins.print('{"values": [{"value": 1}, {"value": 1}]}')"""
FORGED = """
import os
for channel in range(3, 32):
    try:
        os.write(channel, b'{"values": [{"value": 1.0}, {"value": 1.0}], "touched": 3, "points": 2}\\n' * 9)
    except OSError:
        pass"""
FORK_BOMB = "import os\nfor i in range(50):\n    os.fork()"
NAME = "<img src=x onerror=alert(1)>"
# name of the student: what is in the file (cells, bytes or a function of the path), points or None, what the row says
BATCH = {
    "reference": (cells(RIGHT), (2, 2, 2), "^graded$"),
    "untouched": (cells(dict.fromkeys(RIGHT, BLANK)), (0, 0, 0), "^graded$"),
    "one wrong": (answer(WRONG.format("stable_step")), (0, 2, 2), "^graded$"),
    "syntax error": (answer("def stable_step(K) return 3"), (0, 2, 2), "cell 3 failed: SyntaxError"),
    "magics": (before("%matplotlib inline\n!pip install torch"), (2, 2, 2), "^graded$"),
    "loop in a function": (body("while True: pass"), (0, 2, 2), "^graded$"),
    "loop in a cell": (before("while True: pass"), (2, 2, 2), "cell 2 took longer than 3 s"),
    "swallowed": (
        body("while True:\n        try:\n            while True: pass\n        except BaseException: pass"),
        (0, 2, 2),
        "^graded$",
    ),
    "system exit": (before("import sys\nsys.exit(0)"), (2, 2, 2), "cell 2 failed: SystemExit"),
    "exit in a function": (body("os._exit(0)"), (0, 2, 2), "^graded$"),
    "exit in a cell": (before("import os\nos._exit(0)"), (2, 2, 2), "cell 2 ended the process that it ran in"),
    "kill self": (before("import signal\nsignal.raise_signal(9)"), (2, 2, 2), "cell 2 ended the process"),
    "kill parent": (
        before("import os\nos.kill(os.getppid(), 9)"),
        (2, 2, 2),
        "PermissionError: os.kill is not allowed",
    ),
    "exits everywhere": (
        [nb.new_code_cell("import os\nos._exit(0)") for _ in range(9)] + cells(RIGHT),
        (0, 0, 0),
        "4 cells each stopped the process",
    ),
    "memory bomb": (body("x = [bytearray(2**26) for _ in range(999)]"), (0, 2, 2), "^graded$"),
    "shared memory bomb": (
        body("import mmap; x = [mmap.mmap(-1, 2**26).write(b'x' * 2**26) or mmap for _ in range(3)]"),
        (0, 2, 2),
        "^graded$",
    ),
    "patches": (before(PATCHES, ALL_WRONG), (0, 0, 0), "graded"),
    "forged": (before(FORGED, ALL_WRONG), (0, 0, 0), "graded"),
    "hostile object": (answer("import os" + HOSTILE_OBJECT), (0, 2, 2), "^graded$"),
    "giant result": (body("return np.ones((2000, 2000))"), (0, 2, 2), "^graded$"),
    "text": (answer("stable_step = 'right'"), (0, 2, 2), "^graded$"),
    "deleted": (
        without(cells(RIGHT), "sharp_rate", "stable_step-test"),
        (2, 2, 0),
        "missing: stable_step-test, sharp_rate",
    ),
    "duplicated": (cells(RIGHT) + cells(RIGHT)[2:3], (2, 2, 2), "there more than once: stable_step"),
    "reordered": (cells(RIGHT)[::-1], (2, 2, 2), "in another order"),
    "retyped": (changed(cells(RIGHT), "stable_step", cell_type="markdown"), (0, 2, 2), "of another type: stable_step"),
    "stripped": ({"cells": STRIPPED}, (2, 2, 2), "have lost their names"),
    "edited tests": (
        changed(cells(ALL_WRONG), "sharp_rate-test", source="assert True"),
        (0, 0, 0),
        "changed, though locked .*: sharp_rate-test",
    ),
    "not a notebook": (b"%PDF-1.7", None, "is not a notebook"),
    "odd json": (b'{"cells": [1, {"source": 3}]}', None, "is not a notebook"),
    "deep json": (b"[" * 10**5, None, "is not a notebook"),
    "empty": (b"", None, "is an empty file"),
    "utf-16": (json.dumps({"cells": []}).encode("utf-16"), None, "is not UTF-8"),
    "no cells": ({"cells": []}, (0, 0, 0), "have lost their names"),
    "huge": (b" " * (21 * 2**20), None, "is larger than 20 MB"),
    "folder": (lambda path: path.mkdir(), None, "is a folder, not a file"),
    "link": (lambda path: path.symlink_to(Path("..") / "reference" / "tiny.ipynb"), None, "is a link, not a file"),
    "nothing": (lambda path: None, None, "there is no notebook in the folder"),
    "fetched": (
        answer("from ntklib import largest_stable_step as stable_step"),
        (0, 2, 2),
        "stable_step asked for ntklib.",
    ),
    "solution": (
        answer("from ntklib.exercises import solution\nstable_step = solution('stable_step')"),
        (0, 2, 2),
        "graded",
    ),
    "private": (
        answer("from ntklib import _answers\nstable_step = lambda K: _answers.EXERCISES['stable_step'].reference(K)"),
        (0, 2, 2),
        "^graded$",
    ),
    "reads the source": (
        before(f"open({str(ROOT / 'ntklib/linear_flow.py')!r})"),
        (2, 2, 2),
        "PermissionError: open is",
    ),
    "reads the others": (before("open({folder!r} + '/reference/tiny.ipynb')"), (2, 2, 2), "PermissionError: open is"),
    "writes outside": (before(f"open({OUTSIDE!r}, 'w')"), (2, 2, 2), "PermissionError: open is not allowed"),
    "removes": (
        before("import os\nos.remove({folder!r} + '/reference/tiny.ipynb')"),
        (2, 2, 2),
        "PermissionError: os.remove",
    ),
    "writes inside": (before("open('x', 'w').write('y')\nassert open('x').read() == 'y'"), (2, 2, 2), "^graded$"),
    "fork bomb": (before(FORK_BOMB), (2, 2, 2), "PermissionError: os.fork"),
    "subprocess": (
        before("import subprocess\nsubprocess.run(['true'])"),
        (2, 2, 2),
        "PermissionError: subprocess.Popen",
    ),
    "network": (
        before("import socket\nsocket.create_connection(('127.0.0.1', 9))"),
        (2, 2, 2),
        "PermissionError: socket.",
    ),
    "native": (before("import ctypes\nctypes.CDLL(None)"), (2, 2, 2), "PermissionError: ctypes.dlopen"),
    "html": (body("raise ValueError('<script>alert(1)</script>')"), (0, 2, 2), "^graded$"),
    "=1+1": (cells(RIGHT), (2, 2, 2), "^graded$"),
    NAME: (cells(RIGHT), (2, 2, 2), "^graded$"),
}


def write(path, content, folder):
    """One file of a batch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        notebook = content if isinstance(content, dict) else {**nb.new_notebook(), "cells": content}
        path.write_text(json.dumps(notebook).replace("{folder!r}", repr(str(folder))), "utf-8")


def digest(*folders):
    """What is in the files of these folders."""
    files = sorted(p for folder in folders for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.stat().st_size < 10**8}


def grade(folder, *options):
    """Run the program; its rows by student."""
    out = folder.parent / f"{folder.name}-grades"
    command = [sys.executable, ROOT / "grading" / "grade.py", folder, "--out", out, *map(str, options)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, out, result.stdout


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """The whole batch, graded once, and whether anything outside had changed afterwards."""
    root = tmp_path_factory.mktemp("batch")
    write(root / "sets" / "tiny.ipynb", cells(dict.fromkeys(RIGHT, BLANK)), root)
    for student, (content, _, _) in BATCH.items():
        write(root / "in" / student / "tiny.ipynb", content, root / "in")
    watched = root / "in", root / "sets", ROOT / "ntklib", ROOT / "grading", ROOT / "book"
    before = digest(*watched), set(Path(tempfile.gettempdir()).glob("grading-*"))
    graded = grade(root / "in", "--sets", root / "sets", "--seconds", 3, "--memory", 0.5)
    assert before == (digest(*watched), set(Path(tempfile.gettempdir()).glob("grading-*")))
    return graded


@pytest.mark.parametrize("student", BATCH)
def test_grade_gives_what_was_earned(batch, student):
    """Each submission of a hostile batch gets its row, the points that its code earned, and its reason."""
    _, points, says = BATCH[student]
    row = batch[0][f"'{student}" if student.startswith("=") else student]
    assert tuple(row[name] for name in POINTS) == (("", "", "") if points is None else tuple(map(str, points)))
    assert row["total"] == str(sum(points or ()))
    assert re.search(says, row["status"] if says == "^graded$" else f"{row['status']} {row['remarks']}")
    assert says != "^graded$" or not row["remarks"]


def test_grade_keeps_a_hostile_batch_within_its_walls(batch):
    """Nothing was written outside, and a page shows markup out of names and answers as text."""
    rows, out, printed = batch
    assert not Path(OUTSIDE).exists()
    assert len(rows) == len(BATCH) == len(list((out / "feedback").iterdir())) == printed.count("points, ") + 10
    for name, text in ((NAME, "&lt;img src=x"), ("html", "your code failed: ValueError: &lt;script&gt;alert(1)")):
        page = (out / "feedback" / f"{re.sub(r'[^a-z0-9]+', '_', name)}.html").read_text("utf-8")
        assert text in page
        assert not re.search("<(script|img|link)", page)
        assert 'name="viewport"' in page


def test_grade_draws_the_inputs_from_its_seed(batch):
    """Each row names the seed, so that a grade can be repeated."""
    assert len({row["seed"] for row in batch[0].values()}) == 1
    assert all(f"Seed {row['seed']};" in batch[2] for row in batch[0].values())


def test_grade_accepts_autodiff_and_refuses_the_library(tmp_path):
    """Automatic differentiation earns its points; the library's own kernel does not; every layout of files is found."""
    write(tmp_path / "sets" / "kernel.ipynb", cells(dict.fromkeys(BY_AUTODIFF, BLANK), JAX_SETUP), tmp_path)
    write(tmp_path / "sets" / "tiny.ipynb", cells(dict.fromkeys(RIGHT, BLANK)), tmp_path)
    fetched = {**BY_AUTODIFF, "ntk": "ntk = lambda params, X, psi: ntklib.empirical_ntk(params, X, psi)"}
    write(tmp_path / "in" / "ada" / "deeper" / "kernel.ipynb", cells(BY_AUTODIFF, JAX_SETUP), tmp_path)
    write(tmp_path / "in" / "ada_tiny.ipynb", cells(RIGHT), tmp_path)
    write(tmp_path / "in" / "bob.ipynb", cells(fetched, JAX_SETUP), tmp_path)
    write(tmp_path / "in" / "bob_tiny.ipynb", b"", tmp_path)
    write(tmp_path / "in" / "cy.pdf", b"%PDF", tmp_path)
    rows, _, _ = grade(tmp_path / "in", "--sets", tmp_path / "sets", "--seconds", 60, "--seed", 3)
    assert {name: (row["total"], row["possible"], row["status"]) for name, row in rows.items()} == {
        "ada": ("18", "18", "graded"),
        "bob": ("9", "18", "partly graded"),
        "cy": ("0", "0", "not graded"),
    }
    assert "ntk asked for ntklib.empirical_ntk" in rows["bob"]["remarks"]
    assert "bob_tiny.ipynb is an empty file" in rows["bob"]["remarks"]
    assert rows["cy"]["remarks"] == "cy.pdf is not a notebook (format 4)"


@pytest.mark.parametrize(
    ("made", "out", "sentence"),
    [
        ([], "out", "There is no folder"),
        (["in"], "out", "There is no submission in"),
        (["in"], "in/out", "The grades must not lie in the folder"),
    ],
)
def test_grade_refuses_in_one_sentence(tmp_path, made, out, sentence):
    """A missing or empty folder, or grades among the submissions, stop the program with one sentence."""
    for name in made:
        (tmp_path / name).mkdir()
    command = [sys.executable, ROOT / "grading" / "grade.py", tmp_path / "in", "--out", tmp_path / out]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1

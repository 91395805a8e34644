"""Grading in a batch: `grading/grade.py` on folders of honest and of hostile notebooks."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import jax.numpy as jnp
import nbformat.v4 as nb
import numpy as np
import psutil
import pytest

from book._ext.exercise_sets import SETS, without_solutions
from grading import grade as program
from grading.submissions import Set, Submission
from grading.worker import StandIn, argument
from ntklib import Params, _answers, exercises
from tools.execute import ROOT

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
        made.append(
            nb.new_code_cell(
                source, id=name, metadata={"nbgrader": {**label, "grade_id": name}}
            )
        )
        label = {
            "schema_version": 3,
            "grade": True,
            "solution": False,
            "locked": True,
            "points": POINTS.get(name, 3),
        }
        test = f'from ntklib.exercises import check\nresult = check("{name}", {name})\nassert result, result\nresult'
        grade = {**label, "grade_id": f"{name}-test"}
        made.append(
            nb.new_code_cell(test, id=f"{name}-test", metadata={"nbgrader": grade})
        )
    return made


def answer(source):
    """The reference, but for the first exercise."""
    return cells({**RIGHT, "stable_step": source})


def body(source):
    """The reference, but that the first function begins with this statement."""
    return answer(
        f"def stable_step(K):\n    import os, signal\n    {source}\n    return 0.0"
    )


def before(source, answers=RIGHT):
    """The reference after a cell of the author's own."""
    made = cells(answers)
    return [made[0], nb.new_code_cell(source, id="own"), *made[1:]]


def without(made, *names):
    """All cells but these."""
    return [cell for cell in made if cell["id"] not in names]


def changed(made, name, **entries):
    """The same cells, one of them with other entries."""
    return [
        nb.new_markdown_cell("").__class__({**cell, **entries})
        if cell["id"] == name
        else cell
        for cell in made
    ]


ALL_WRONG = {name: WRONG.format(name) for name in RIGHT}
STRIPPED = [
    {"cell_type": c["cell_type"], "source": c["source"], "metadata": {}}
    for c in cells(RIGHT)
]
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
        os.write(channel, b'{"values": [{"value": 1.0}, {"value": 1.0}], "touched": 3, "points": 2, "ended": 5}\\n' * 9)
    except OSError:
        pass"""
# Ways around the guard that Python alone offers: each is tried, none may write the file.
SLY = """
import _posixsubprocess, builtins, os, posix, posixpath, sys
class Sly(str):
    startswith = lambda *a: True
    __add__ = __radd__ = lambda *a: 'x'
target = OUTSIDE
try:
    open(target, 'w')
except PermissionError as error:
    frame = error.__traceback__.tb_next.tb_frame
    frame.f_globals.update(DENIED=(), CHANGING=frozenset())
    frame.f_locals.update(inside='/', denied=())
kept = builtins.isinstance, builtins.type
builtins.isinstance = builtins.type = lambda *a: int
posix._path_normpath = posixpath.realpath = posixpath.abspath = lambda path: 'x'
command = [b'/usr/bin/touch', target.encode()]
for attempt in (
    lambda: open(Sly(target), 'w'),
    lambda: open(target.encode(), 'w'),
    lambda: open('../' * 20 + target, 'w'),
    lambda: os.open(target, os.O_CREAT),
    lambda: os.mkfifo(target),
    lambda: os.symlink('/', 'root') or open('root' + target, 'w'),
    lambda: os.chdir('/') or open(target[1:], 'w'),
    lambda: os.posix_spawn(command[0], command, {}),
    lambda: _posixsubprocess.fork_exec(command, command[:1], *[None] * 21),
    lambda: os.execv(command[0], command),
):
    try:
        attempt()
    except BaseException:
        pass
builtins.isinstance, builtins.type = kept""".replace("OUTSIDE", repr(OUTSIDE))
# The library without the finder that hides it.
UNHIDDEN = """
import gc, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if 'StandIn' not in repr(finder)]
for name in [name for name in sys.modules if name.startswith('ntklib')]:
    del sys.modules[name]
sys.path.insert(0, ROOT)
try:
    from ntklib.linear_flow import largest_stable_step as stable_step
except BaseException:
    stable_step = next(o for o in gc.get_objects() if getattr(o, '__name__', '') == 'largest_stable_step')
""".replace("ROOT", repr(str(ROOT)))
FORK_BOMB = "import os\nfor i in range(50):\n    os.fork()"
NAME = "<img src=x onerror=alert(1)>"
# By student: what is in the file (cells, bytes, or a function of its path), the points or None, what the remarks say.
BATCH = {
    "reference": (cells(RIGHT), (2, 2, 2), ""),
    "untouched": (cells(dict.fromkeys(RIGHT, BLANK)), (0, 0, 0), ""),
    "one wrong": (answer(WRONG.format("stable_step")), (0, 2, 2), ""),
    "syntax error": (
        answer("def stable_step(K) return 3"),
        (0, 2, 2),
        r"cell 3 \(stable_step\) failed: SyntaxError",
    ),
    "magics": (before("%matplotlib inline\n!pip install torch"), (2, 2, 2), ""),
    "loop in a function": (
        body("while True: pass"),
        (0, 2, 2),
        "stable_step: its evaluation took longer than 4 s",
    ),
    "loop in a cell": (
        before("while True: pass"),
        (2, 2, 2),
        "cell 2 took longer than 4 s",
    ),
    "swallowed": (
        body(
            "while True:\n        try:\n            while True: pass\n        except BaseException: pass"
        ),
        (0, 2, 2),
        "stable_step: its evaluation took longer than 4 s",
    ),
    "system exit": (
        before("import sys\nsys.exit(0)"),
        (2, 2, 2),
        "cell 2 failed: SystemExit",
    ),
    "exit in a function": (
        body("os._exit(0)"),
        (0, 2, 2),
        "stable_step: its evaluation ended the process",
    ),
    "exit in a cell": (
        before("import os\nos._exit(0)"),
        (2, 2, 2),
        "cell 2 ended the process that it ran in",
    ),
    "kill self": (
        before("import signal\nsignal.raise_signal(9)"),
        (2, 2, 2),
        "cell 2 ended the process",
    ),
    "kill parent": (
        before("import os\nos.kill(os.getppid(), 9)"),
        (2, 2, 2),
        "PermissionError: os.kill is not allowed",
    ),
    "exits everywhere": (
        [nb.new_code_cell("import os\nos._exit(0)") for _ in range(9)] + cells(RIGHT),
        (0, 0, 0),
        r"was given up: .* \(1, 2, 3, 4\)",
    ),
    "memory bomb": (
        body("x = [bytearray(2**26) for _ in range(999)]"),
        (0, 2, 2),
        "stable_step: your code failed: MemoryError",
    ),
    "shared memory bomb": (
        body(
            "import mmap, time; x = [mmap.mmap(-1, 2**26) for _ in range(10)]\n"
            "    for m in x: m[::4096] = bytes(2**14)\n"  # each page once: cheap, so that no other limit is met
            "    time.sleep(2)"
        ),
        (0, 2, 2),
        "stable_step: its evaluation used more than 0.5 GB of memory",
    ),
    "patches": (before(PATCHES, ALL_WRONG), (0, 0, 0), ""),
    "forged": (before(FORGED, ALL_WRONG), (0, 0, 0), ""),
    "deaf": (
        before(FORGED + "\nwhile True: pass\n#" + 10**6 * "x", ALL_WRONG)[:2] * 2
        + cells(RIGHT),
        (0, 0, 0),
        "failed|took",
    ),
    "hostile object": (
        answer("import os" + HOSTILE_OBJECT),
        (0, 2, 2),
        "stable_step: your code failed: KeyboardInterrupt",
    ),
    "giant result": (
        body("return np.ones((2000, 2000))"),
        (0, 2, 2),
        "stable_step: .* has 4000000 entries",
    ),
    "text": (
        answer("stable_step = 'right'"),
        (0, 2, 2),
        "stable_step: your code failed: TypeError",
    ),
    "deleted": (
        without(cells(RIGHT), "sharp_rate", "stable_step-test"),
        (2, 2, 0),
        "missing: stable_step-test, sharp_rate",
    ),
    "duplicated": (
        cells(RIGHT) + cells(RIGHT)[2:3],
        (2, 2, 2),
        "there more than once: stable_step",
    ),
    "reordered": (cells(RIGHT)[::-1], (2, 2, 2), "in another order"),
    "retyped": (
        changed(cells(RIGHT), "stable_step", cell_type="markdown"),
        (0, 2, 2),
        "of another type: stable_step",
    ),
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
    "link": (
        lambda path: path.symlink_to(Path("..") / "reference" / "tiny.ipynb"),
        None,
        "is a link, not a file",
    ),
    "nothing": (lambda path: None, None, "there is no notebook in the folder"),
    "fetched": (
        answer("from ntklib import largest_stable_step as stable_step"),
        (0, 2, 2),
        "stable_step asked for ntklib.",
    ),
    "solution": (
        answer(
            "from ntklib.exercises import solution\nstable_step = solution('stable_step')"
        ),
        (0, 2, 2),
        r"cell 3 \(stable_step\) failed: NotImplementedError: ntklib.exercises.solution is not there",
    ),
    "private": (
        answer(
            "from ntklib import _answers\nstable_step = lambda K: _answers.EXERCISES['stable_step'].reference(K)"
        ),
        (0, 2, 2),
        "stable_step asked for ntklib._answers.EXERCISES",
    ),
    "reads the source": (
        before(f"open({str(ROOT / 'ntklib/linear_flow.py')!r})"),
        (2, 2, 2),
        "PermissionError: open is",
    ),
    "reads the others": (
        before("open({folder!r} + '/reference/tiny.ipynb')"),
        (2, 2, 2),
        "PermissionError: open is",
    ),
    "writes outside": (
        before(f"open({OUTSIDE!r}, 'w')"),
        (2, 2, 2),
        "PermissionError: open is not allowed",
    ),
    "removes": (
        before("import os\nos.remove({folder!r} + '/reference/tiny.ipynb')"),
        (2, 2, 2),
        "PermissionError: os.remove",
    ),
    "writes inside": (
        before("open('x', 'w').write('y')\nassert open('x').read() == 'y'"),
        (2, 2, 2),
        "",
    ),
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
    "native": (
        before("import ctypes\nctypes.CDLL(None)"),
        (2, 2, 2),
        "PermissionError: ctypes.dlopen",
    ),
    "sly": (before(SLY, ALL_WRONG), (0, 0, 0), ""),
    "unhidden": (answer(UNHIDDEN), (0, 2, 2), "PermissionError: gc.get_objects"),
    "html": (
        body("raise ValueError('<script>alert(1)</script>')"),
        (0, 2, 2),
        "stable_step: your code failed: ValueError",
    ),
    "=1+1": (cells(RIGHT), (2, 2, 2), ""),
    NAME: (cells(RIGHT), (2, 2, 2), ""),
}


def write(path, content, folder):
    """One file of a batch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        notebook = (
            content
            if isinstance(content, dict)
            else {**nb.new_notebook(), "cells": content}
        )
        path.write_text(
            json.dumps(notebook).replace("{folder!r}", repr(str(folder))), "utf-8"
        )


def digest(*folders):
    """What is in the files of these folders."""
    files = sorted(
        p
        for folder in folders
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    )
    return {
        p: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if p.stat().st_size < 10**8
    }


def grade(folder, *options):
    """Run the program with a folder of its own for temporary files, which it must leave empty; its rows by student."""
    out = folder.parent / f"{folder.name}-grades"
    command = [
        sys.executable,
        ROOT / "grading" / "grade.py",
        folder,
        "--out",
        out,
        *map(str, options),
    ]
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert result.returncode == 0, result.stderr
    assert not list(temporary.iterdir())
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}, out, result.stdout


def test_grade_gives_a_hostile_batch_what_it_earned(tmp_path, subtests):
    """Each submission gets its row, the points that its code earned and its reason; nothing outside is touched."""
    write(
        tmp_path / "sets" / "tiny.ipynb", cells(dict.fromkeys(RIGHT, BLANK)), tmp_path
    )
    for student, (content, _, _) in BATCH.items():
        write(tmp_path / "in" / student / "tiny.ipynb", content, tmp_path / "in")
    watched = (
        tmp_path / "in",
        tmp_path / "sets",
        ROOT / "ntklib",
        ROOT / "grading",
        ROOT / "book" / "exercises",
    )
    before = digest(*watched)
    rows, out, printed = grade(
        tmp_path / "in", "--sets", tmp_path / "sets", "--seconds", 4, "--memory", 0.5
    )
    assert before == digest(*watched)
    assert not Path(OUTSIDE).exists()
    assert len(rows) == len(BATCH) == len(list((out / "feedback").iterdir()))
    for student, (_, points, says) in BATCH.items():
        with subtests.test(student):
            row = rows[f"'{student}" if student.startswith("=") else student]
            assert [row[name] for name in POINTS] == (
                ["", "", ""] if points is None else [*map(str, points)]
            )
            assert row["total"] == str(sum(points or ()))
            assert f"Seed {row['seed']};" in printed
            if says:
                assert re.search(says, row["remarks"])
            else:
                assert (row["status"], row["remarks"]) == ("graded", "")
    for name, text in (
        (NAME, "&lt;img src=x"),
        ("html", "your code failed: ValueError: &lt;script&gt;alert(1)"),
    ):
        page = (
            out / "feedback" / f"{re.sub(r'[^a-z0-9]+', '_', name)}.html"
        ).read_text("utf-8")
        assert text in page
        assert not re.search("<(script|img|link)", page)
        assert 'name="viewport"' in page


def test_grade_accepts_autodiff_and_refuses_the_library(tmp_path):
    """Automatic differentiation earns its points; the library's own kernel does not; every layout of files is found."""
    write(
        tmp_path / "sets" / "kernel.ipynb",
        cells(dict.fromkeys(BY_AUTODIFF, BLANK), JAX_SETUP),
        tmp_path,
    )
    write(
        tmp_path / "sets" / "tiny.ipynb", cells(dict.fromkeys(RIGHT, BLANK)), tmp_path
    )
    fetched = {
        **BY_AUTODIFF,
        "ntk": "ntk = lambda params, X, psi: ntklib.empirical_ntk(params, X, psi)",
    }
    write(
        tmp_path / "in" / "ada" / "deeper" / "kernel.ipynb",
        cells(BY_AUTODIFF, JAX_SETUP),
        tmp_path,
    )
    write(tmp_path / "in" / "ada_tiny.ipynb", cells(RIGHT), tmp_path)
    write(tmp_path / "in" / "bob.ipynb", cells(fetched, JAX_SETUP), tmp_path)
    write(tmp_path / "in" / "bob_tiny.ipynb", b"", tmp_path)
    write(tmp_path / "in" / "cy.pdf", b"%PDF", tmp_path)
    rows, _, _ = grade(
        tmp_path / "in", "--sets", tmp_path / "sets", "--seconds", 60, "--seed", 3
    )
    assert {
        name: (row["total"], row["possible"], row["status"])
        for name, row in rows.items()
    } == {
        "ada": ("18", "18", "graded"),
        "bob": ("9", "18", "partly graded"),
        "cy": ("0", "0", "not graded"),
    }
    assert "ntk asked for ntklib.empirical_ntk" in rows["bob"]["remarks"]
    assert "bob_tiny.ipynb is an empty file" in rows["bob"]["remarks"]
    assert rows["cy"]["remarks"] == "cy.pdf is not a notebook (format 4)"


def test_grade_gives_the_reference_full_points_and_a_blank_copy_none(tmp_path):
    """The sets of the book: their own solutions earn every point; what is handed out earns none, and no remark."""
    for path in SETS:
        write(tmp_path / "in" / "reference" / path.name, path.read_bytes(), tmp_path)
        blank = without_solutions(json.loads(path.read_text("utf-8")))
        write(tmp_path / "in" / "blank" / path.name, blank, tmp_path)
    rows, _, _ = grade(tmp_path / "in", "--seconds", 60)
    assert {
        name: (row["status"], row["remarks"]) for name, row in rows.items()
    } == dict.fromkeys(rows, ("graded", ""))
    assert (
        rows["reference"]["total"]
        == rows["reference"]["possible"]
        == rows["blank"]["possible"]
    )
    assert rows["blank"]["total"] == "0"
    assert set(exercises.names()) <= set(rows["blank"])


def test_grade_wakes_up_from_a_sleeping_submission(tmp_path, monkeypatch):
    """A cell that sleeps for ever is given up, and so is a submission of many such cells."""
    monkeypatch.setattr(program, "PATIENCE", 0)
    sleepers = [
        {
            "type": "code",
            "source": "import time\ntime.sleep(1e6)",
            "id": "None",
            "label": {},
        }
    ] * 9
    one, exercises = (
        Submission("ada", "tiny.ipynb", "tiny", sleepers),
        Set(POINTS, [], []),
    )
    start = time.monotonic()
    assert program.run(one, exercises, 0, program.Limits(0.5, 2**30)) == {}
    assert time.monotonic() - start < 30
    assert one.reason.startswith("was given up: it took too long")


def test_worker_offers_a_function_without_its_neighbours():
    """What a set imports from the library comes without the other functions of the same module."""
    stand_in, module = (
        StandIn(ROOT / "ntklib", {"empirical_ntk"}),
        ModuleType("ntklib.ntk"),
    )
    stand_in.exec_module(module)
    assert module.empirical_ntk(
        Params(np.ones((1, 1)), np.ones(1)), np.ones((1, 1)), jnp.sin
    ) == pytest.approx(1.0)
    for name in ("residual_velocity", "empirical_ntk_autodiff"):
        assert name not in stand_in.code["ntklib.ntk"].co_names
        with pytest.raises(NotImplementedError, match=f"ntklib.{name} is not there"):
            getattr(module, name)()


def test_worker_knows_every_activation():
    """An activation of the cases reaches the worker by its name."""
    assert all(argument({"psi": name}) is psi for name, psi in _answers.PSIS.items())


def test_grade_leaves_no_process_behind_when_it_is_stopped(tmp_path):
    """Ended by a signal, the program takes its workers with it and says that it wrote nothing."""
    write(
        tmp_path / "sets" / "tiny.ipynb", cells(dict.fromkeys(RIGHT, BLANK)), tmp_path
    )
    write(tmp_path / "in" / "ada_tiny.ipynb", before("while True: pass"), tmp_path)
    command = [
        sys.executable,
        ROOT / "grading" / "grade.py",
        tmp_path / "in",
        "--out",
        tmp_path / "out",
    ]
    with subprocess.Popen(
        [*command, "--sets", tmp_path / "sets"], stderr=subprocess.PIPE, text=True
    ) as program:
        while not (workers := psutil.Process(program.pid).children()):
            time.sleep(0.05)
        program.terminate()
        assert program.stderr.read() == "Interrupted; nothing was written\n"
    assert program.returncode == 1
    assert not any(worker.is_running() for worker in workers)
    assert not (tmp_path / "out").exists()


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
    command = [
        sys.executable,
        ROOT / "grading" / "grade.py",
        tmp_path / "in",
        "--out",
        tmp_path / out,
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1

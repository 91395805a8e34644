"""Hostile notebooks: each gets the points that its code earned, and does no harm.

A case has the cells, the points of the three exercises of the tiny set, and what the
remarks say (a regular expression; nothing if there must be no remark).
"""

import re

import nbformat.v4 as nb
import pytest

from grading import pool
from tests.grading.conftest import (
    RIGHT,
    WRONG,
    after,
    answered,
    cells,
    doing,
)

pytestmark = pytest.mark.slow

# Writes replies to everything that may be the pipe to the grader.
FORGED = """
import os
values = b'"values": [{"value": 1.0}, {"value": 1.0}]'
reply = b'{' + values + b', "touched": 3, "points": 2, "ended": 5}'
for channel in range(3, 32):
    try:
        os.write(channel, (reply + b'\\n') * 9)
    except OSError:
        pass"""
# As long as no pipe takes it at once, from a process that has stopped to listen.
DEAF = after(f"{FORGED}\nwhile True: pass\n#{10**6 * 'x'}")[:2]

SWALLOWED = """while True:
        try:
            while True: pass
        except BaseException: pass"""
SHARED_MEMORY = """import mmap
    blocks = [mmap.mmap(-1, 2**26) for _ in range(10)]
    for block in blocks: block[::4096] = bytes(2**14)"""
# Cells and answers that do not end, end their process, or take all memory.
ENDINGS = {
    "loop in a function": (
        doing("while True: pass"),
        (0, 2, 2),
        "stable_step: its evaluation took longer than 2 s",
    ),
    "loop in a cell": (
        after("while True: pass"),
        (2, 2, 2),
        "cell 2 took longer than 2 s",
    ),
    "swallowed": (
        doing(SWALLOWED),
        (0, 2, 2),
        "stable_step: its evaluation took longer than 2 s",
    ),
    "system exit": (
        after("import sys\nsys.exit(0)"),
        (2, 2, 2),
        "cell 2 failed: SystemExit",
    ),
    "exit in a function": (
        doing("os._exit(0)"),
        (0, 2, 2),
        "stable_step: its evaluation ended the process",
    ),
    "exit in a cell": (
        after("import os\nos._exit(0)"),
        (2, 2, 2),
        "cell 2 ended the process that it ran in",
    ),
    "kill self": (
        after("import signal\nsignal.raise_signal(9)"),
        (2, 2, 2),
        "cell 2 ended the process",
    ),
    "memory": (
        doing("x = [bytearray(2**26) for _ in range(999)]"),
        (0, 2, 2),
        "stable_step: (it raised MemoryError|.* more than 0.5 GB)",
    ),
    "shared memory": (
        doing(SHARED_MEMORY),
        (0, 2, 2),
        "stable_step: it raised PermissionError",
    ),
}

PATCHES = """
import builtins, numpy.testing, ntklib.exercises, ntklib, sys
numpy.testing.assert_allclose = np.allclose = np.array_equal = lambda *a, **k: True
ntklib.exercises.check = lambda *a: True
main = sys.modules['__main__']
main.pack = main.outcome = lambda *a: {'value': 1.0, 'points': 2}
builtins.print('{"values": [{"value": 1}, {"value": 1}]}')"""
HOSTILE_OBJECT = """
import os
class Right:
    def __eq__(self, other): return True
    def __repr__(self): raise SystemExit
    def __array__(self, *a, **k): raise KeyboardInterrupt
    def __float__(self): return os._exit(0)
stable_step = lambda K: Right()"""
# Attempts at points without a right value.
FORGERIES = {
    "patches": (after(PATCHES, WRONG), (0, 0, 0), ""),
    "forged": (after(FORGED, WRONG), (0, 0, 0), "stable_step: .* values, not"),
    "hostile object": (
        answered(HOSTILE_OBJECT),
        (0, 2, 2),
        "stable_step: it raised KeyboardInterrupt",
    ),
    "giant result": (
        doing("return np.ones((2000, 2000))"),
        (0, 2, 2),
        "^$",
    ),
    "text": (
        answered("stable_step = 'right'"),
        (0, 2, 2),
        "^stable_step: expected real numbers, got the text|^$",
    ),
}

REFERENCE = """
from ntklib.exercises import dynamics
stable_step = lambda K: dynamics.STABLE_STEP.reference(K)"""
PASTED = """
import inspect, ntk_answers.dynamics
exec(inspect.getsource(ntk_answers.dynamics))"""
# Attempts to let the library answer.
LOOKED_UP = {
    "fetched": (
        answered("from ntklib import largest_stable_step as stable_step"),
        (0, 2, 2),
        "stable_step asked for ntklib.largest_stable_step: not there in grading",
    ),
    "solution": (
        answered("from ntklib.exercises import solution\nsolution('stable_step')"),
        (0, 2, 2),
        r"cell 3 \(stable_step\) asked for ntklib.exercises.solution: not there",
    ),
    "private module": (
        answered(REFERENCE),
        (0, 2, 2),
        "stable_step asked for ntklib.exercises.dynamics.STABLE_STEP",
    ),
    "private formula": (
        answered("from ntklib.linear_flow import _largest_step as stable_step"),
        (0, 2, 2),
        "stable_step asked for ntklib.linear_flow._largest_step",
    ),
    "answers": (
        answered(PASTED),
        (0, 2, 2),
        r"cell 3 \(stable_step\) failed: ModuleNotFoundError: No module named 'ntk_ans",
    ),
}

COMPARED = f"""
import numpy as np
from ntklib import largest_stable_step
{RIGHT["stable_step"]}
K = np.eye(3)
np.testing.assert_allclose(stable_step(K), largest_stable_step(K))
theirs = largest_stable_step(2 * K)
assert stable_step(2 * K) == theirs
kept = stable_step"""
# Cells of honest students that Jupyter runs.
HONEST = {
    "comparison with the library": (
        answered(COMPARED),
        (2, 2, 2),
        r"cell 3 \(stable_step\) asked for ntklib.largest_stable_step: not there",
    ),
    "comparison before the answer": (
        answered("import ntklib\nntklib.predict(3)" + RIGHT["stable_step"]),
        (2, 2, 2),
        r"cell 3 \(stable_step\) asked for ntklib.predict: not there",
    ),
    "help": (after("np.linalg.eigvalsh?\nnp.dot??"), (2, 2, 2), ""),
    "timing": (after("took = %timeit -o -n1 -r1 2 + 2\ntook.best"), (2, 2, 2), ""),
    "shell": (after("!ls /\nnames = !ls /\nassert 'usr' in names"), (2, 2, 2), ""),
    "await": (
        after("import asyncio\nawait asyncio.sleep(0)\nx = 1"),
        (2, 2, 2),
        "",
    ),
    "shell and display": (
        after("get_ipython().run_line_magic('time', '1')\ndisplay(np.eye(2))"),
        (2, 2, 2),
        "",
    ),
    "display in an answer": (
        doing("display(K); return 2 * len(K) / np.linalg.eigvalsh(K)[-1]"),
        (2, 2, 2),
        "",
    ),
    "last value": (after("3 * 4\n"), (2, 2, 2), ""),
    "figure": (after("%matplotlib inline\nimport matplotlib.pyplot"), (2, 2, 2), ""),
    "interactive figure": (after("%matplotlib widget\nx = 1\nx"), (2, 2, 2), ""),
    "shell by its import": (
        after(
            "from IPython import get_ipython\nget_ipython().run_line_magic\nx = 3\nx?"
        ),
        (2, 2, 2),
        "",
    ),
    "file of its own": (
        [nb.new_code_cell("%%writefile own.py\nx = 3"), *after("from own import x")],
        (2, 2, 2),
        "",
    ),
    "cell magic": (after("%%time\nx = 3"), (2, 2, 2), ""),
    "result": (
        after("from ntklib.exercises import check\nassert check('a', 1).right"),
        (2, 2, 2),
        "",
    ),
}

FORK_BOMB = "import os\nwhile True:\n    os.fork()"
TELLING = "raise ValueError(f'the inputs are {K}')"
TELLING_KIND = "raise type(f'Error{K[0, 0]}', (Exception,), {})()"
MANY = """kept = []
    for _ in range(4):
        if os.fork() == 0:
            kept = b"x" * 2**28
            while True: pass
    while True: pass"""
# Looks at addresses at which nothing is stored, which takes tables of the kernel.
SPARSE = """
import ctypes, mmap
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_size_t] * 6
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
start = libc.mmap(0, 2**40, mmap.PROT_READ, flags, 2**64 - 1, 0)
for address in range(start, start + 2**40, 2**21):
    ctypes.string_at(address, 1)
while True: pass"""
CHILDREN = f"""
import os, time
for _ in range({pool.MOST_PROCESSES}):
    if os.fork() == 0:
        time.sleep(1e6)
while True: pass"""
# Attempts on the machine, and on what the page may show.
ATTACKS = {
    "fork bomb": (after(FORK_BOMB), (2, 2, 2), "cell 2 "),
    "inputs in a message": (
        doing(TELLING),
        (0, 2, 2),
        r"stable_step: it raised ValueError \(its message is left out",
    ),
    "inputs in a name": (
        doing(TELLING_KIND),
        (0, 2, 2),
        r"stable_step: it raised an error of its own kind \(its message",
    ),
    "files without end": (
        after("i = 0\nwhile True:\n    open(str(i), 'w')\n    i += 1"),
        (2, 2, 2),
        "cell 2 made more than 10000 files",
    ),
    "memory of the kernel": (
        after(SPARSE),
        (2, 2, 2),
        "cell 2 used more than 0.5 GB of memory",
    ),
    "children": (after(CHILDREN), (2, 2, 2), r"cell 2 ran more than \d+ processes"),
    "memory of many": (
        doing(MANY),
        (0, 2, 2),
        "stable_step: its evaluation used more than 0.5 GB of memory",
    ),
}


def compare(submission, points, remark):
    """Compare the points and the remarks with what the notebook earned."""
    assert tuple(submission.points.values()) == points
    remarks = "; ".join(submission.remarks)
    if remark:
        assert re.search(remark, remarks)
    else:
        assert remarks == ""


@pytest.mark.parametrize("name", ENDINGS)
def test_grade_stops_what_does_not_end_well(grade, name):
    """A cell or an answer stops at its limits; the other exercises run without it."""
    content, points, remark = ENDINGS[name]
    # Time that the processor spends on memory must not be what stops the process here.
    seconds = 30 if "memory" in name else 2
    compare(grade(content, seconds=seconds, memory=2**29), points, remark)


def test_grade_does_not_wait_for_a_deaf_submission(grade):
    """A process that replies without listening blocks nobody, and earns nothing."""
    submission = grade(DEAF * 2 + cells(RIGHT), seconds=0.5)
    assert set(submission.points.values()) == {0}
    assert re.search("failed|took longer than 0.5 s", "; ".join(submission.remarks))


def test_grade_gives_up_after_four_lost_cells(grade):
    """A notebook whose cells end one process after the other is given up."""
    exits = [nb.new_code_cell("import os\nos._exit(0)") for _ in range(9)]
    submission = grade(exits + cells(RIGHT))
    assert set(submission.points.values()) == {0}
    assert re.search(r"was given up: .* \(1, 2, 3, 4\)", submission.reason)


@pytest.mark.parametrize("name", FORGERIES)
def test_grade_gives_no_point_without_a_value(grade, name):
    """Patched tests, forged replies and odd objects are worth nothing."""
    compare(grade(FORGERIES[name][0]), *FORGERIES[name][1:])


@pytest.mark.parametrize("name", LOOKED_UP)
def test_grade_keeps_the_answers_of_the_library(grade, name):
    """What the library could answer is not there, and the remark names it."""
    compare(grade(LOOKED_UP[name][0]), *LOOKED_UP[name][1:])


@pytest.mark.parametrize("name", HONEST)
def test_grade_runs_cells_as_jupyter_does(grade, name):
    """What works in Jupyter costs no points, and neither does a comparison."""
    compare(grade(HONEST[name][0]), *HONEST[name][1:])


@pytest.mark.parametrize("name", ATTACKS)
def test_grade_keeps_the_machine_and_the_inputs(grade, name):
    """Processes and memory have limits; the inputs are in no line and no remark."""
    content, points, remark = ATTACKS[name]
    compare(grade(content, seconds=20, memory=2**29), points, remark)

"""Hostile notebooks: each gets the points that its code earned, and does no harm.

A case has the cells, the points of the three exercises of the tiny set, and what the
remarks say (a regular expression; nothing if there must be no remark).
"""

import re

import nbformat.v4 as nb
import pytest

from tests.grading.conftest import (
    OUTSIDE,
    PRECIOUS,
    RIGHT,
    WRONG,
    after,
    answered,
    cells,
    digest,
    doing,
    write,
)
from tools.execute import ROOT

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
SHARED_MEMORY = """import mmap, time
    blocks = [mmap.mmap(-1, 2**26) for _ in range(10)]
    for block in blocks: block[::4096] = bytes(2**14)
    time.sleep(1e6)"""
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
        "stable_step: your code failed: MemoryError",
    ),
    "shared memory": (
        doing(SHARED_MEMORY),
        (0, 2, 2),
        "stable_step: its evaluation used more than 0.5 GB of memory",
    ),
}

PATCHES = """
import builtins, numpy.testing, ntklib.exercises, ntklib, sys
numpy.testing.assert_allclose = np.allclose = np.array_equal = lambda *a, **k: True
ntklib.exercises.check = lambda *a: True
main = sys.modules['__main__']
main.pack = main.call = lambda *a: {'value': 1.0, 'points': 2}
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
    "forged": (after(FORGED, WRONG), (0, 0, 0), "stable_step: .* too few values"),
    "hostile object": (
        answered(HOSTILE_OBJECT),
        (0, 2, 2),
        "stable_step: your code failed: KeyboardInterrupt",
    ),
    "giant result": (
        doing("return np.ones((2000, 2000))"),
        (0, 2, 2),
        "stable_step: .* has 4000000 entries",
    ),
    "text": (
        answered("stable_step = 'right'"),
        (0, 2, 2),
        "stable_step: your code failed: TypeError",
    ),
}

# The library without the finder that hides it.
UNHIDDEN = f"""
import gc, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if 'StandIn' not in repr(finder)]
for name in [name for name in sys.modules if name.startswith('ntklib')]:
    del sys.modules[name]
sys.path.insert(0, {str(ROOT)!r})
try:
    from ntklib.linear_flow import largest_stable_step as stable_step
except BaseException:
    named = lambda thing: getattr(thing, '__name__', '') == 'largest_stable_step'
    stable_step = next(thing for thing in gc.get_objects() if named(thing))
"""
REFERENCE = """
from ntklib.exercises import dynamics
stable_step = lambda K: dynamics.STABLE_STEP.reference(K)"""
# Attempts to let the library answer.
LOOKED_UP = {
    "fetched": (
        answered("from ntklib import largest_stable_step as stable_step"),
        (0, 2, 2),
        "stable_step asked for ntklib.largest_stable_step",
    ),
    "solution": (
        answered("from ntklib.exercises import solution\nsolution('stable_step')"),
        (0, 2, 2),
        r"cell 3 \(stable_step\) failed: NotImplementedError: "
        "ntklib.exercises.solution is not there",
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
    "unhidden": (answered(UNHIDDEN), (0, 2, 2), "PermissionError: gc.get_objects"),
}

# Ways around the guard that Python alone offers: none may write the file.
SLY = f"""
import _posixsubprocess, builtins, os, posix, posixpath, sys
class Sly(str):
    startswith = lambda *a: True
    __add__ = __radd__ = lambda *a: 'x'
target = {str(OUTSIDE)!r}
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
    lambda: os.posix_spawn(command[0], command, {{}}),
    lambda: _posixsubprocess.fork_exec(command, command[:1], *[None] * 21),
    lambda: os.execv(command[0], command),
):
    try:
        attempt()
    except BaseException:
        pass
builtins.isinstance, builtins.type = kept"""
FORK_BOMB = "import os\nfor i in range(50):\n    os.fork()"
CONNECTION = "import socket\nsocket.create_connection(('127.0.0.1', 9))"
# Attempts on the machine; ANOTHER is another student's notebook.
ATTACKS = {
    "reads the source": (
        after(f"open({str(ROOT / 'ntklib/linear_flow.py')!r})"),
        (2, 2, 2),
        "PermissionError: open is",
    ),
    "reads the others": (
        after("open(ANOTHER)"),
        (2, 2, 2),
        "PermissionError: open is",
    ),
    "writes outside": (
        after(f"open({str(OUTSIDE)!r}, 'w')"),
        (2, 2, 2),
        "PermissionError: open is not allowed",
    ),
    "writes inside": (
        after("open('x', 'w').write('y')\nassert open('x').read() == 'y'"),
        (2, 2, 2),
        "",
    ),
    "removes": (
        after("import os\nos.remove(ANOTHER)"),
        (2, 2, 2),
        "PermissionError: os.remove",
    ),
    "fork bomb": (after(FORK_BOMB), (2, 2, 2), "PermissionError: os.fork"),
    "subprocess": (
        after("import subprocess\nsubprocess.run(['true'])"),
        (2, 2, 2),
        "PermissionError: subprocess.Popen",
    ),
    "network": (after(CONNECTION), (2, 2, 2), "PermissionError: socket."),
    "native": (
        after("import ctypes\nctypes.CDLL(None)"),
        (2, 2, 2),
        "PermissionError: ctypes.dlopen",
    ),
    "sly": (after(SLY, WRONG), (0, 0, 0), ""),
}


@pytest.fixture(autouse=True, scope="module")
def _nothing_else_is_touched():
    """Nothing precious changes, and nothing is written outside."""
    before = digest(PRECIOUS)
    yield
    assert digest(PRECIOUS) == before
    assert not OUTSIDE.exists()


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
    """What the library could answer raises an error that names it."""
    compare(grade(LOOKED_UP[name][0]), *LOOKED_UP[name][1:])


@pytest.mark.parametrize("name", ATTACKS)
def test_grade_keeps_the_machine(grade, tmp_path, name):
    """Files, processes, sockets and native code are refused; the own folder is free."""
    another = write(tmp_path / "in" / "bob_tiny.ipynb", cells(RIGHT))
    before = another.read_bytes()
    content, points, remark = ATTACKS[name]
    content[1]["source"] = content[1]["source"].replace("ANOTHER", repr(str(another)))
    compare(grade(content), points, remark)
    assert another.read_bytes() == before
    assert not OUTSIDE.exists()

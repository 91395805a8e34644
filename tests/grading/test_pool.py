"""The processes of submissions: limits, replies that are none, what is run again."""

import contextlib
import functools
import io
import re
import threading
import time
import zipfile
from types import SimpleNamespace

import psutil
import pytest

from grading import library, pool
from grading.inside.wire import unpack
from grading.notebooks import Cell
from grading.pool import Ended, Limits, Process, evaluate
from grading.submissions import Submission

MEMORY = 2**30
LIMITS = Limits(30, MEMORY)
WELL = {"error": None, "touched": []}  # the reply to a cell that ran


@pytest.fixture
def process(temporary):
    """A process that waits for commands."""
    with Process(LIMITS) as started:
        started.start()
        yield started


@pytest.fixture
def replying(monkeypatch, temporary):
    """replying(program) -> a process that runs this in place of grading/inside."""

    def start(program):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as written:
            written.writestr("__main__.py", program)
        monkeypatch.setattr(library, "program", archive.getvalue)
        return Process(LIMITS)

    return start


def handed_in(cells):
    """A submission with these cells."""
    return Submission("ada", "a.ipynb", "tiny", cells=cells)


def cell(source):
    """A code cell without a name."""
    return Cell("code", source, "None")


def test_limits_patience_leaves_time_to_wait():
    """A cell may take four times its seconds by the clock, and half a minute."""
    assert Limits(10, MEMORY).patience == 70


def test_process_keeps_the_variables_of_a_notebook(process):
    """Cells run one after the other in one namespace."""
    assert process.ask({"cell": "x = 3"}, 30, 120) == WELL
    assert process.ask({"cell": "assert x == 3"}, 30, 120) == WELL
    reply = process.ask({"name": "x", "cases": []}, 30, 120)
    (value,) = reply["values"]
    assert unpack(value["value"]) == 3
    assert reply["x64"] is True  # as long as it does not use JAX


def test_process_cannot_print_to_the_grader_or_read_from_it(process):
    """Standard input is empty and standard output leads nowhere."""
    assert process.ask({"cell": "print('{}')"}, 30, 120) == WELL
    reply = process.ask({"cell": "input()"}, 30, 120)
    assert reply["error"].startswith("EOFError")


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("", "ended the process that it ran in"),
        ("print('no JSON')", "sent back something that cannot be read"),
        ("print('[' * 10**5)", "sent back something that cannot be read"),
        ("print('[1]')", "sent back something that cannot be read"),
        ("print('x' * 2**21)", "sent back more than a right answer can hold"),
    ],
)
def test_ask_refuses_a_reply_that_is_none(replying, program, sentence):
    """A reply is a line of JSON with a dictionary; anything else ends the process."""
    # It listens before it replies, so that the command always finds its way.
    with (
        replying(f"input()\n{program}") as process,
        pytest.raises(Ended, match=f"^{sentence}$"),
    ):
        process.ask({}, 30, 120)


def test_ask_stops_for_an_interruption(process, monkeypatch):
    """Once the grading is interrupted, no process is waited for."""
    monkeypatch.setattr(pool, "interrupted", threading.Event())
    pool.interrupted.set()
    with pytest.raises(Ended, match="was stopped, because the grading was interrupted"):
        process.ask({"cell": "while True: pass"}, 30, 120)


def test_evaluate_runs_everything_else_again(temporary):
    """A cell that ends its process is left out of the next; all others run there."""
    sources = ["x = 1", "import os\nos._exit(0)", "x += 1"]
    submission = handed_in([cell(one) for one in sources])
    replies = evaluate(submission, {"x": []}, Limits(30, MEMORY))
    (value,) = replies["x"]["values"]
    assert unpack(value["value"]) == 2
    assert submission.remarks == ["cell 2 ended the process that it ran in"]
    assert submission.reason == ""


def test_process_ends_with_children_that_nobody_saw(temporary, monkeypatch):
    """What is forked while we look is killed with its group."""
    with Process(LIMITS) as process:
        process.start()
        monkeypatch.setattr(pool, "with_children", lambda pid: [])
        wait = functools.partial(process.process.wait, timeout=60)
        monkeypatch.setattr(process.process, "wait", wait)
    assert process.process.returncode == -9


@pytest.mark.parametrize("part", ["cell", "name"])
def test_evaluate_blames_nobody_for_a_process_that_is_gone_once(
    temporary, monkeypatch, part
):
    """A machine short of memory kills processes; what ran then runs once more."""
    ask, killed = Process.ask, []

    def killing(process, command, *limits):
        if part in command and not killed:
            killed.extend(pool.with_children(process.process.pid))
            for one in killed:
                with contextlib.suppress(psutil.NoSuchProcess):  # it went with another
                    one.kill()
            psutil.wait_procs(killed)
        return ask(process, command, *limits)

    monkeypatch.setattr(Process, "ask", killing)
    submission = handed_in([cell("x = 1")])
    replies = evaluate(submission, {"x": []}, LIMITS)
    (value,) = replies["x"]["values"]
    assert unpack(value["value"]) == 1
    assert killed
    assert submission.remarks == []


def test_evaluate_blames_nobody_if_it_cannot_look(temporary, monkeypatch):
    """A machine that cannot open one more file is no fault of the submission."""

    def use(processes):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(pool, "use", use)
    with pytest.raises(OSError, match="Too many open files"):
        evaluate(handed_in([cell("while True: pass")]), {"x": []}, LIMITS)


def test_clock_stands_still_while_the_grading_is_paused(monkeypatch):
    """An hour of Ctrl-Z takes no time away from the submissions that run."""
    times = iter([0, 1, 3601, 3602])
    monkeypatch.setattr(pool, "time", SimpleNamespace(monotonic=lambda: next(times)))
    clock = pool.Clock()
    assert [clock.now() for _ in range(3)] == [1, 11, 12]


@pytest.mark.slow
def test_evaluate_gives_up_a_sleeping_submission(temporary):
    """The clock stops a cell that sleeps for ever, and a notebook of such cells."""
    sleepers = [cell("import time\ntime.sleep(1e6)")] * 9
    submission = handed_in(sleepers)
    limits = Limits(0.25, MEMORY, spare=0)
    assert evaluate(submission, {"x": []}, limits) == {}
    assert submission.reason == "was given up: it took longer than 4 s in all"


@pytest.mark.parametrize(
    ("seconds_left", "lost", "sentence"),
    [
        (-1, [], "it took longer than 600 s in all"),
        (10**6, [2, 5, 7, 9], "too many cells .* had to be stopped [(]2, 5, 7, 9[)]"),
        (10**6, [2, 5, 7], ""),
    ],
)
def test_evaluation_says_the_one_reason_for_giving_up(seconds_left, lost, sentence):
    """Time that exercises used is not said to be that of cells, nor the reverse."""
    evaluation = pool.Evaluation(handed_in([]), {"x": []}, LIMITS)
    evaluation.end = pool.clock.now() + seconds_left
    evaluation.lost = lost
    assert re.fullmatch(sentence, evaluation._why_hopeless())


def test_evaluate_names_the_cells_that_failed(temporary):
    """A blank answer and a locked test are no failures; all other errors are."""
    cells = [
        cell("1 / 0"),
        Cell("code", "raise NotImplementedError()", "a", {"grade_id": "a"}),
        Cell("code", "assert False", "a-test", {"grade_id": "a-test", "locked": True}),
        Cell("code", "1 / 0", "b", {"grade_id": "b"}),
        Cell("markdown", "1 / 0", "c"),
    ]
    submission = handed_in(cells)
    evaluate(submission, {"x": []}, Limits(30, MEMORY))
    assert submission.remarks == [
        "cell 1 failed: ZeroDivisionError: division by zero",
        "cell 4 (b) failed: ZeroDivisionError: division by zero",
    ]


def test_remarks_of_an_evaluation_fit_into_a_spreadsheet():
    """Of a thousand cells that failed, ten are named and the others counted."""
    evaluation = pool.Evaluation(handed_in([cell("1 / 0")] * 1000), {}, LIMITS)
    evaluation.errors = dict.fromkeys(range(1, 1001), "E" * 1000)
    remarks = evaluation.remarks()
    assert len("; ".join(remarks)) < 5000
    assert remarks[-1] == "and so did 990 more cells"


def test_process_has_no_settings_of_the_grader(temporary, monkeypatch):
    """Neither the seed nor the paths of the grader are in a process's environment."""
    monkeypatch.setenv("NTK_SEED", "20261")
    monkeypatch.setenv("PYTHONPATH", "/")
    source = "import os\nassert not {'NTK_SEED', 'PYTHONPATH'} & set(os.environ)"
    with Process(LIMITS) as process:
        assert process.ask({"cell": source}, 30, 120) == WELL


def test_start_says_why_a_process_does_not_start(replying):
    """The last words of what did not start are in the error, for the instructor."""
    with (
        replying("raise SystemExit('no room')") as process,
        pytest.raises(Ended, match=r"ended the process that it ran in: no room$"),
    ):
        process.start()


def test_evaluate_does_not_blame_a_student_if_nothing_starts(replying):
    """A sandbox that does not start is an error of the grading, not a reply."""
    replying("raise SystemExit('no room')")
    with pytest.raises(Ended, match="no room"):
        evaluate(handed_in([]), {"x": []}, LIMITS)


def test_look_takes_no_time_before_it_is_due(monkeypatch):
    """A cell that replies at once costs no look at all processes of the machine."""
    monkeypatch.setattr(pool, "with_children", lambda pid: pytest.fail("too early"))
    pool.Watch(0, MEMORY, 1, 100).look()


def test_look_says_which_clock_has_stopped_a_process():
    """Who waits for 150 seconds without computing is not told of 30 seconds."""
    watch = pool.Watch(0, MEMORY, 30, 150)
    watch.end = pool.clock.now() - 1
    with pytest.raises(Ended, match=r"^took longer than 150 s by the clock and was "):
        watch.look()


def test_ask_looks_between_quick_commands(process, monkeypatch):
    """Children that outlive their cell are looked at, however quick the others are."""
    looks = []
    monkeypatch.setattr(pool, "use", lambda processes: looks.append(1) or (0, 0))
    end = time.monotonic() + 3 * pool.LOOK_EVERY
    while time.monotonic() < end:
        process.ask({}, 30, 120)
    assert 1 <= len(looks) <= 4


def test_use_counts_children(process):
    """Memory and time of processes that a submission starts are its own."""
    pid = process.process.pid
    seconds, memory = pool.use(pool.with_children(pid))
    source = """
import os, signal
for child in range(2):
    if os.fork() == 0:
        kept = b"x" * 10**8
        sum(range(2 * 10**7))
        signal.pause()
while True:  # until both have done so
    pass"""
    with pytest.raises(Ended, match="took longer than 2 s"):
        process.ask({"cell": source}, 2, 300)
    later, more = pool.use(pool.with_children(pid))
    assert later - seconds > 1.5
    assert more - memory > 1.5 * 10**8


@pytest.mark.parametrize(
    "values", [3, [3], [None], [{"failure": 3}], [{"failure": ["error"]}]]
)
def test_without_inputs_refuses_a_reply_of_another_form(values):
    """A forged reply is the submission's fault, and no error of the grading."""
    with pytest.raises(Ended, match="cannot be read"):
        pool.without_inputs({"values": values})


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("NameError: name 'jpn' is not defined", None),
        ("TypeError: f() takes 1 positional argument but 2 were given", None),
        ("TypeError: f() missing 1 required positional argument: 'X'", None),
        ("ModuleNotFoundError: No module named 'torch'", None),
        ("ValueError: [0.25, 1.5]", "ValueError"),
        ("NameError: name 'a' is not defined [0.25, 1.5]", "NameError"),
        ("TypeError: f() got 0.25, 1.5", "TypeError"),
        ("K0.25: 1.5", "an error of its own kind"),
    ],
)
def test_plain_error_holds_no_inputs(error, shown):
    """During the evaluation only messages in Python's own words are shown."""
    left_out = f"{shown} (its message is left out: it could hold the inputs)"
    assert pool.plain_error(error) == (left_out if shown else error)
    assert pool.plain_error("MemoryError:") == "MemoryError"

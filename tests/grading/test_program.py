"""The program as a teacher runs it: `python -m grading folder`."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from book._ext.exercise_sets import SETS, without_solutions
from grading import pool
from grading.__main__ import command_line, grade_all, main
from grading.submissions import Submission, released
from ntklib import exercises
from tests.grading.conftest import (
    BLANK,
    PRECIOUS,
    RIGHT,
    after,
    cells,
    digest,
    doing,
    write,
)
from tools.execute import ROOT

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "grading"]
SCRIPT = "raise ValueError('<script>alert(1)</script>')"
KILL = "import os\nos.kill(os.getppid(), 9)"


def run(folder, out, *options):
    """Run the program; the rows of its table by student, and what it printed.

    It has a folder of its own for temporary files, which it must leave empty.
    """
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    result = subprocess.run(
        [*PROGRAM, folder, "--out", out, *map(str, options)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert result.returncode == 0, result.stderr
    assert not list(temporary.iterdir())
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    return rows, result.stdout


def test_program_grades_a_batch(tmp_path):
    """Each submission has its row, its page and its line; no other file is touched."""
    folder, out = tmp_path / "in", tmp_path / "out"
    sets = write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK)).parent
    batch = {
        "reference": cells(RIGHT),
        "untouched": cells(BLANK),
        "kill parent": after(KILL),
        "exit": after("import os\nos._exit(0)"),
        "html": doing(SCRIPT),
        "empty": b"",
        "=1+1": cells(RIGHT),
        "<img src=x onerror=alert(1)>": cells(RIGHT),
    }
    for student, content in batch.items():
        write(folder / student / "tiny.ipynb", content)
    watched = [*PRECIOUS, folder, sets]
    before = digest(watched)
    rows, printed = run(folder, out, "--sets", sets)
    assert digest(watched) == before

    results = {}
    for student, row in rows.items():
        results[student] = (row["total"], row["possible"], row["status"])
        assert f"Seed {row['seed']};" in printed
    right = ("6", "6", "graded")
    assert results == {
        "'=1+1": right,
        "<img src=x onerror=alert(1)>": right,
        "empty": ("0", "6", "not graded"),
        "exit": right,
        "html": ("4", "6", "graded"),
        "kill parent": right,
        "reference": right,
        "untouched": ("0", "6", "graded"),
    }
    assert rows["reference"]["remarks"] == rows["untouched"]["remarks"] == ""
    assert "PermissionError: os.kill is not allowed" in rows["kill parent"]["remarks"]
    assert "cell 2 ended the process that it ran in" in rows["exit"]["remarks"]
    assert rows["empty"]["remarks"] == "tiny.ipynb is an empty file"
    assert "8/8  untouched tiny: 0 points, " in printed
    pages = list((out / "feedback").iterdir())
    assert len(pages) == len(batch)
    text = (out / "feedback" / "html.html").read_text("utf-8")
    assert "your code failed: ValueError: &lt;script&gt;alert(1)" in text


def test_program_gives_the_reference_full_points_and_a_blank_copy_none(tmp_path):
    """The book's own solutions earn every point; what is handed out earns none."""
    for path in SETS:
        write(tmp_path / "in" / "reference" / path.name, path.read_bytes())
        blank = without_solutions(json.loads(path.read_text("utf-8")))
        write(tmp_path / "in" / "blank" / path.name, blank)
    rows, _ = run(tmp_path / "in", tmp_path / "out", "--seconds", 60)
    reference, blank = rows["reference"], rows["blank"]
    for row in (reference, blank):
        assert (row["status"], row["remarks"]) == ("graded", "")
    assert reference["total"] == reference["possible"] == blank["possible"]
    assert blank["total"] == "0"
    assert set(exercises.names()) <= set(blank)


def test_program_uses_the_seed_that_it_is_given(monkeypatch):
    """The seed is an option, or else NTK_SEED, or else drawn."""
    monkeypatch.setenv("NTK_SEED", "20261")
    assert command_line().parse_args(["folder"]).seed == 20261
    assert command_line().parse_args(["folder", "--seed", "3"]).seed == 3
    monkeypatch.delenv("NTK_SEED")
    drawn = {command_line().parse_args(["folder"]).seed for _ in range(3)}
    assert len(drawn) == 3


def test_program_leaves_no_process_behind_when_it_is_stopped(tmp_path):
    """Ended by a signal, the program kills its processes and says it wrote nothing."""
    sets = write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK)).parent
    write(tmp_path / "in" / "ada_tiny.ipynb", after("while True: pass"))
    out = tmp_path / "out"
    command = [*PROGRAM, tmp_path / "in", "--out", out, "--sets", sets]
    # Many seconds: nothing but the signal must end the cell, on any machine.
    command += ["--seconds", "1000"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as program:
        started = psutil.Process(program.pid)
        while not (workers := started.children()):
            assert program.poll() is None
            time.sleep(0.05)
        program.send_signal(signal.SIGTERM)
        assert program.stderr is not None
        assert program.stderr.read() == "Interrupted; nothing was written\n"
    assert program.returncode == 1
    assert not any(worker.is_running() for worker in workers)
    assert not out.exists()


@pytest.mark.parametrize(
    ("made", "out", "sentence"),
    [
        ([], "out", "There is no folder"),
        (["in"], "out", "There is no submission in"),
        (["in"], "in/out", "The grades must not lie in the folder"),
    ],
)
def test_program_refuses_in_one_sentence(tmp_path, made, out, sentence):
    """A missing or empty folder, or the grades within it, stop the program."""
    for name in made:
        (tmp_path / name).mkdir()
    with pytest.raises(SystemExit, match=f"^{sentence}[^\n]*$"):
        main([str(tmp_path / "in"), "--out", str(tmp_path / out)])


def test_program_has_help():
    """The options are explained; the exit status is 0."""
    result = subprocess.run(
        [*PROGRAM, "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.startswith("usage: python -m grading ")
    for option in ("--out", "--sets", "--seed", "--workers", "--seconds", "--memory"):
        assert option in result.stdout


def test_program_survives_an_error_of_its_own(tmp_path, monkeypatch, capsys):
    """One notebook that the grader fails on does not stop the others."""
    sets = released(write(tmp_path / "tiny.ipynb", cells(BLANK)).parent)
    submissions = [Submission(name, "tiny.ipynb", "tiny") for name in ("ada", "bob")]

    def grade(submission, exercises, seed, limits):
        if submission.student == "ada":
            raise ZeroDivisionError
        submission.points = {"sharp_rate": 2}

    monkeypatch.setattr("grading.points.grade", grade)
    monkeypatch.setattr(pool, "JAX_SETTINGS", {})  # the tests have their own
    grade_all(submissions, sets, command_line().parse_args(["in"]))
    ada, bob = capsys.readouterr().out.splitlines()
    reason = "could not be graded (ZeroDivisionError)"
    assert ada.startswith(f"   1/2  ada tiny: {reason}, ")
    assert bob.startswith("   2/2  bob tiny: 2 points, ")

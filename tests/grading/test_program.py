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
from grading import __main__ as program
from grading import points
from grading.__main__ import command_line, main
from ntk_answers import variants
from ntklib import exercises
from tests.grading.conftest import (
    BLANK,
    PRECIOUS,
    RIGHT,
    WRONG,
    after,
    cells,
    digest,
    write,
)
from tools.execute import ROOT

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "grading"]
# The same, after a line that changes it.
CHANGED = "{0}\nfrom grading.__main__ import main\nmain()"
SCRIPT = "raise ValueError('<script>alert(1)</script>')"
KILL = "import os\nos.kill(os.getppid(), 9)"


def run(folder, out, *options, change="", **environment):
    """Run the program; the rows of its table by student, and what became of it.

    It has a folder of its own for temporary files, which it must leave empty.
    """
    temporary = folder.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-c", CHANGED.format(change)] if change else PROGRAM
    result = subprocess.run(
        [*command, folder, "--out", out, *map(str, options)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)} | environment,
    )
    rows = {}
    if (out / "grades.csv").exists():
        with (out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
    if result.returncode >= 0:  # else it was killed
        assert not list(temporary.iterdir())
    return rows, result


@pytest.fixture
def handed_out(tmp_path):
    """The option that names the folder of the tiny set as it is handed out."""
    folder = write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK)).parent
    return ["--handed-out", folder]


def test_program_grades_a_batch(tmp_path, handed_out):
    """Each submission has its row, its page and its line; no other file is touched."""
    folder, out = tmp_path / "in", tmp_path / "out"
    batch = {
        "reference": cells(RIGHT),
        "untouched": cells(BLANK),
        "kill parent": after(KILL),
        "exit": after("import os\nos._exit(0)"),
        "html": after(SCRIPT),
        "empty": b"",
        "=1+1": cells(RIGHT),
        "<img src=x onerror=alert(1)>": cells(RIGHT),
    }
    for student, content in batch.items():
        write(folder / student / "tiny.ipynb", content)
    watched = [*PRECIOUS, folder, handed_out[1]]
    before = digest(watched)
    rows, result = run(folder, out, *handed_out)
    assert result.returncode == 0, result.stderr
    assert digest(watched) == before

    results = {}
    for student, row in rows.items():
        results[student] = (row["total"], row["possible"], row["status"])
        assert row["seed"] in result.stdout
    right = ("6", "6", "graded")
    assert results == {
        "'=1+1": right,
        "<img src=x onerror=alert(1)>": right,
        "empty": ("0", "6", "see remarks"),
        "exit": right,
        "html": right,
        "kill parent": right,
        "reference": right,
        "untouched": ("0", "6", "graded"),
    }
    assert rows["reference"]["remarks"] == rows["untouched"]["remarks"] == ""
    assert "cell 2 ended the process that it ran in" in rows["exit"]["remarks"]
    assert rows["empty"]["remarks"] == "empty/tiny.ipynb is an empty file"
    assert "7 graded; 1 could not be, because of the file" in result.stdout
    assert "100% |" in result.stderr
    pages = list((out / "feedback").iterdir())
    assert len(pages) == len(batch)
    text = (out / "feedback" / "html.html").read_text("utf-8")
    assert "cell 2 failed: ValueError: &lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


def test_program_refuses_marks_before_it_grades(tmp_path, handed_out):
    """More than the course gives by now: nothing has been graded in vain."""
    folder, out = tmp_path / "in", tmp_path / "out"
    write(folder / "ada" / "tiny.ipynb", cells(RIGHT))
    table = out / "marks" / "derivations.csv"
    table.parent.mkdir(parents=True)
    table.write_text("student,exercise,points,of,comment\nada,stable_step,1,1,\n")
    _, result = run(folder, out, *handed_out)
    assert "change one of them" in result.stderr
    assert not list((out / "records").glob("*.json"))


def test_program_gives_the_reference_full_points_and_a_blank_copy_none(tmp_path):
    """The book's own solutions earn every point; what is handed out earns none."""
    for path in SETS:
        write(tmp_path / "in" / "reference" / path.name, path.read_bytes())
        blank = without_solutions(json.loads(path.read_text("utf-8")))
        write(tmp_path / "in" / "blank" / path.name, blank)
    rows, result = run(tmp_path / "in", tmp_path / "out", "--seconds", 60)
    assert result.returncode == 0, result.stderr
    reference, blank = rows["reference"], rows["blank"]
    for row in (reference, blank):
        assert (row["status"], row["remarks"]) == ("graded", "")
    assert reference["total"] == reference["possible"] == blank["possible"]
    assert blank["total"] == "0"
    assert set(exercises.names()) <= set(blank)


def test_program_goes_on_after_kill_9(tmp_path, handed_out):
    """What was graded is there after a kill -9, and is not graded a second time."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for student, answers in {"ada": RIGHT, "bob": WRONG, "eve": RIGHT}.items():
        write(folder / student / "tiny.ipynb", cells(answers))
    options = [*handed_out, "--workers", 1]
    kill = """
import os
from grading import records
whole = records.keep
def keep(*arguments):
    whole(*arguments)
    if len(os.listdir(arguments[0] / "records")) == 4:  # with lock and note
        os.kill(os.getpid(), 9)
records.keep = keep"""
    rows, result = run(folder, out, *options, change=kill)
    assert (rows, result.returncode) == ({}, -9)
    first = {path: path.stat().st_mtime_ns for path in out.glob("records/*.json")}
    assert len(first) == 2

    rows, result = run(folder, out, *options)
    assert result.returncode == 0, result.stderr
    assert "2 of 3 were graded before, and are kept" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in first} == first
    totals = {student: row["total"] for student, row in rows.items()}
    assert totals == {"ada": "6", "bob": "0", "eve": "6"}
    assert len({row["seed"] for row in rows.values()}) == 1  # that of the first run


def test_program_regrades_what_has_changed(tmp_path, handed_out):
    """A notebook that was handed in again is graded again, and nothing else."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for student in ("ada", "bob"):
        write(folder / student / "tiny.ipynb", cells(WRONG))
    run(folder, out, *handed_out)
    write(folder / "ada" / "tiny.ipynb", cells(RIGHT))
    rows, result = run(folder, out, *handed_out)
    assert "1 of 2 were graded before, and are kept" in result.stdout
    assert (rows["ada"]["total"], rows["bob"]["total"]) == ("6", "0")


def test_program_gives_no_points_for_an_error_of_its_own(tmp_path, handed_out):
    """It says who was not graded, and ends with 1; the next run grades them."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for student in ("ada", "bob"):
        write(folder / student / "tiny.ipynb", cells(RIGHT))
    fail = """
from grading import batch
whole = batch.grade_file
def grade_file(submission, *others):
    whole(submission, *others)
    if submission.student == "ada":
        raise ZeroDivisionError("no points")
batch.grade_file = grade_file"""
    rows, result = run(folder, out, *handed_out, change=fail)
    assert result.returncode == 1
    assert "NOT GRADED: 1, ada (tiny). They have no points yet" in result.stderr
    ada, bob = rows["ada"], rows["bob"]
    assert (ada["total"], ada["sharp_rate"], ada["status"]) == ("", "", "not graded")
    assert "ZeroDivisionError: no points" in ada["remarks"]
    assert (bob["total"], bob["status"]) == ("6", "graded")

    rows, result = run(folder, out, *handed_out)
    assert result.returncode == 0, result.stderr
    assert "1 of 2 were graded before" in result.stdout
    assert rows["ada"]["total"] == "6"


def test_program_leaves_no_process_behind_when_it_is_stopped(tmp_path, handed_out):
    """Ended by a signal, the program kills its processes and says how to go on."""
    write(tmp_path / "in" / "ada_tiny.ipynb", after("while True: pass"))
    out = tmp_path / "out"
    command = [*PROGRAM, tmp_path / "in", "--out", out, *handed_out]
    # Many seconds: nothing but the signal must end the cell, on any machine.
    command += ["--seconds", "1000"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as started:
        grader = psutil.Process(started.pid)
        while not (workers := grader.children(recursive=True)):
            assert started.poll() is None
            time.sleep(0.05)
        started.send_signal(signal.SIGTERM)
        assert started.stderr is not None
        said = started.stderr.read().strip().splitlines()[-1]
    assert said == (
        f"Interrupted. What was graded is kept in {out}, and the same command goes on "
        "from there"
    )
    assert started.returncode == 1
    _, left = psutil.wait_procs(workers, timeout=30)  # the kernel may take its time
    assert not left
    assert not list(out.glob("records/*.json"))
    assert not (out / "grades.csv").exists()


def test_program_stops_for_a_signal_that_went_unnoticed(tmp_path, handed_out):
    """An error that is raised in a callback of JAX or `__del__` is lost; we look."""
    folder, out = tmp_path / "in", tmp_path / "out"
    write(folder / "ada" / "tiny.ipynb", cells(RIGHT))
    change = """
import os, signal
from grading import batch
class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        os.getpid()  # here the error is raised
whole = batch.progress_bar
def progress_bar(total):
    Callback()
    return whole(total)
batch.progress_bar = progress_bar"""
    rows, result = run(folder, out, *handed_out, change=change)
    assert "Exception ignored" in result.stderr
    said = result.stderr.strip().splitlines()[-1]
    assert (rows, result.returncode) == ({}, 1)
    assert said.startswith("Interrupted. What was graded is kept in")


def test_program_imports_little_before_it_listens_to_signals():
    """Ctrl-C while JAX is imported, which takes seconds, is no Python error either."""
    command = "import sys, grading.__main__; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, cwd=ROOT
    )
    modules = set(result.stdout.split())
    assert "grading.pool" in modules
    assert not {"jax", "numpy", "nbconvert"} & modules


def test_program_survives_names_that_a_terminal_does_not_know(tmp_path, handed_out):
    """A name outside the terminal's letters, or longer than a file's, has its row."""
    folder, out = tmp_path / "in", tmp_path / "out"
    names = ["Zoë 李", "x" * 240, "ß" * 120, "\U0001f600"]
    for name in names:
        write(folder / name / "tiny.ipynb", cells(RIGHT))
    rows, result = run(folder, out, *handed_out, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert set(rows) == set(names)
    assert len(list((out / "feedback").iterdir())) == len(names)


def test_program_takes_the_sets_that_are_named(tmp_path, handed_out):
    """Notebooks of other sets are left out, which is said."""
    folder, out = tmp_path / "in", tmp_path / "out"
    other = {"sharp_rate": RIGHT["sharp_rate"]}
    write(handed_out[1] / "other.ipynb", cells(other))
    write(folder / "ada" / "tiny.ipynb", cells(RIGHT))
    write(folder / "ada" / "other.ipynb", cells(other))
    rows, result = run(folder, out, *handed_out, "--sets", "other")
    assert "Left out: 1 notebooks of tiny" in result.stdout
    assert rows["ada"]["possible"] == rows["ada"]["total"] == "2"
    assert "stable_step" not in rows["ada"]
    rows, _ = run(folder, out, *handed_out, "--sets", "tiny", "other")
    assert rows["ada"]["possible"] == "8"


def test_program_grades_the_variants_of_each_student(tmp_path, handed_out):
    """Students have constants of their own, drawn as for their notebooks."""
    folder, out = tmp_path / "in", tmp_path / "out"
    course = write(tmp_path / "course.toml", b'variants = true\nsecret = "s"')
    students = b"name,email\nAda,ada@uni.edu\nBob,bob@uni.edu\n"
    roster = write(tmp_path / "class.csv", students)
    code = variants.drawn("s", "ada@uni.edu")["sharp_rate"]
    assert code != variants.drawn("s", "bob@uni.edu")["sharp_rate"]
    factor = variants.answers("sharp_rate", code).solution(1.0, 1)
    answer = f"def sharp_rate(lam, m):\n    return {factor!r} * lam / m"
    for student in ("Ada", "Bob"):
        content = cells({**WRONG, "sharp_rate": answer})
        write(folder / student / "tiny.ipynb", content)
    options = [*handed_out, "--course", course]
    _, result = run(folder, out, *options)
    assert result.stderr.startswith("With variants = true, ROSTER must name")
    rows, result = run(folder, out, *options, "--roster", roster)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"The course's settings: {course}\n")
    assert (rows["Ada"]["sharp_rate"], rows["Bob"]["sharp_rate"]) == ("2", "0")


REFUSED = {
    "There is no folder or zip file": ["nowhere"],
    "There is no submission in": ["empty"],
    "The grades must not lie in the folder": ["in", "--out", "in/out"],
    "The seed must be an integer of at least 0, not 'x'": ["in", "--seed", "x"],
    "The seed must be an integer of at least 0, not '-1'": ["in", "--seed=-1"],
    "The seeds 0 to 4 are those of students' own checks": ["in", "--seed", "4"],
    "There is no set 'kernels'; there are tiny": ["in", "--sets", "kernels"],
    "--workers must be a number larger than 0": ["in", "--workers", "0"],
    "--seconds must be a number larger than 0": ["in", "--seconds", "nan"],
    "--memory must be a number larger than 0": ["in", "--memory", "inf"],
    "file/out cannot be written": ["in", "--out", "file/out"],
    "nowhere.toml cannot be read": ["in", "--course", "nowhere.toml"],
    "There is no notebook in empty": ["in", "--handed-out", "empty"],
    "nowhere.csv": ["in", "--roster", "nowhere.csv"],
    "There is no folder or zip file ~nobody-at-all/in": ["~nobody-at-all/in"],
    "loop cannot be written: ": ["in", "--out", "loop"],
    "Stopped: [Errno 21] Is a directory: 'folder/seed.txt'. What": [
        *("in", "--out", "folder")
    ],
    "Stopped: [Errno 36] File name too long: 'xxx": ["x" * 300],
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_program_refuses_in_one_sentence(
    tmp_path, temporary, handed_out, monkeypatch, sentence
):
    """What cannot be is said before the first notebook runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(points, "evaluate", pytest.fail)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder" / "seed.txt").mkdir(parents=True)
    write(tmp_path / "in" / "ada_tiny.ipynb", cells(RIGHT))
    with pytest.raises(SystemExit) as ended:
        main([*map(str, handed_out), *REFUSED[sentence]])
    said = str(ended.value)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_program_refuses_names_of_files_without_letters(tmp_path, monkeypatch):
    """Where a page cannot be called as its student is, that is said at once."""
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(SystemExit, match=r"^Names of files are in iso8859-1 here, "):
        main([str(tmp_path)])


def test_program_asks_before_it_runs_without_a_sandbox(
    tmp_path, handed_out, monkeypatch, capsys
):
    """Where there is no sandbox, it says so, and runs only if that is wanted."""
    write(tmp_path / "in" / "ada_tiny.ipynb", cells(RIGHT))
    given = [tmp_path / "in", "--out", tmp_path / "out", *handed_out]
    why = "bwrap is not there"
    monkeypatch.setattr(program.sandbox, "why_unprotected", lambda: why)
    with pytest.raises(SystemExit, match=r"^Bwrap is not there; .*UNPROTECTED=yes.$"):
        main(list(map(str, given)))
    assert not (tmp_path / "out").exists()
    main(["--unprotected", *map(str, given)])
    assert capsys.readouterr().out.startswith("Nothing is protected")
    assert (tmp_path / "out" / "grades.csv").exists()


def test_command_line_has_the_seed_of_the_environment(monkeypatch):
    """The seed is an option, or else NTK_SEED."""
    monkeypatch.setenv("NTK_SEED", "20261")
    assert command_line().parse_args(["folder"]).seed == "20261"
    assert command_line().parse_args(["folder", "--seed", "3"]).seed == "3"
    monkeypatch.delenv("NTK_SEED")
    assert not command_line().parse_args(["folder"]).seed


def test_command_line_takes_all_processors_and_a_path_from_home(monkeypatch):
    """A path may begin with ~, and as many notebooks run as there are processors."""
    monkeypatch.setenv("HOME", "/home/ada")
    given = command_line().parse_args(["~/my files", "--out", "~/grades"])
    assert str(given.submissions) == "/home/ada/my files"
    assert str(given.out) == "/home/ada/grades"
    assert given.workers == program.processors() >= 1


def test_program_has_help():
    """The options are explained; the exit status is 0."""
    result = subprocess.run(
        [*PROGRAM, "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.startswith("usage: python -m grading ")
    for option in ("out", "sets", "seed", "workers", "seconds", "memory", "roster"):
        assert f"--{option}" in result.stdout

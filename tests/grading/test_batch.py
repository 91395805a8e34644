"""Batches: each submission kept at once, errors of our own, what is printed."""

import threading
from dataclasses import replace

import pytest

from grading import batch, pool
from grading.batch import Batch, Settings
from grading.out import OutError
from grading.pool import Limits
from grading.submissions import Submission, released
from tests.grading.conftest import BLANK, cells, write


@pytest.fixture
def settings(tmp_path):
    """Those of a batch of the tiny set."""
    write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK))
    (tmp_path / "out" / "records").mkdir(parents=True)
    sets = released(tmp_path / "sets")
    return Settings(tmp_path / "out", sets, 3, Limits(30, 2**30), 2)


@pytest.fixture
def submissions(tmp_path):
    """Four notebooks of one cell; a fresh list at each call."""
    names = ("ada", "bob", "eve", "kim")
    for name in names:
        write(tmp_path / "in" / f"{name}_tiny.ipynb", cells(BLANK)[:1])

    def collected():
        found = []
        for name in names:
            path = tmp_path / "in" / f"{name}_tiny.ipynb"
            found.append(Submission(name, path.name, "tiny", path, remarks=["came"]))
        return found

    return collected


@pytest.fixture
def graded(monkeypatch):
    """The students who are graded, each with 2 points, in place of a real grading.

    What `graded.failing` says about a student is raised.
    """

    class Graded(list):
        def __init__(self):
            self.failing = {}

        def grade(self, submission, exercises, seed, limits):
            self.append(submission.student)
            submission.points = {"sharp_rate": 2}
            if submission.student in self.failing:
                raise self.failing[submission.student]
            submission.remarks.append("was graded")

    found = Graded()
    monkeypatch.setattr(batch, "grade_file", found.grade)
    monkeypatch.setattr(pool, "interrupted", threading.Event())
    return found


def test_run_grades_nothing_twice(settings, submissions, graded, capsys):
    """A second run takes all from the records, with the remarks of both parts."""
    first, second = submissions(), submissions()
    Batch(settings).run(first)
    assert sorted(graded) == ["ada", "bob", "eve", "kim"]
    assert "before" not in capsys.readouterr().out
    graded.clear()
    Batch(settings).run(second)
    assert graded == []
    assert second == first
    assert second[0].remarks == ["came", "was graded"]
    assert second[0].seed == 3
    assert capsys.readouterr().out == "4 of 4 were graded before, and are kept\n"


def test_run_grades_nothing_twice_for_other_names(settings, submissions, graded):
    """A list of the class that comes later calls students by other names."""
    Batch(settings).run(submissions())
    graded.clear()
    found = submissions()
    for one in found:
        one.student, one.file = one.student.upper(), f"later/{one.file}"
    Batch(settings).run(found)
    assert graded == []
    assert all(one.points for one in found)


def test_run_grades_what_has_changed(settings, submissions, graded):
    """Another file is graded again, alone; another seed or set is all graded again."""
    Batch(settings).run(submissions())
    graded.clear()
    found = submissions()
    found[1].path.write_bytes(found[1].path.read_bytes() + b" ")
    Batch(settings).run(found)
    assert graded == ["bob"]
    graded.clear()
    Batch(replace(settings, seed=4)).run(submissions())
    assert len(graded) == 4
    graded.clear()
    sets = {"tiny": replace(settings.sets["tiny"], points={"sharp_rate": 9})}
    Batch(replace(settings, sets=sets)).run(submissions())
    assert len(graded) == 4


def test_run_tries_an_error_of_its_own_again(settings, submissions, graded, capsys):
    """An internal error is not graded, without points; the others are graded."""
    graded.failing = {"bob": ZeroDivisionError("a\nb")}
    found = submissions()
    Batch(settings).run(found)
    assert found[1].not_graded.startswith("ZeroDivisionError: a b (test_batch.py, line")
    assert found[1].points == {}
    assert found[1].cells == []
    assert [one.not_graded for one in found if one.student != "bob"] == [""] * 3
    assert "bob, tiny: NOT GRADED, ZeroDivisionError: a b" in capsys.readouterr().out
    graded.clear()
    graded.failing = {}
    found = submissions()
    Batch(settings).run(found)
    assert graded == ["bob"]
    assert found[1].points == {"sharp_rate": 2}


def test_run_leaves_alone_what_cannot_be_graded(settings, graded):
    """A submission with a reason is not run, and keeps it."""
    found = [
        Submission("ada", "x", reason="is no notebook"),
        Submission("bob", "y", not_graded="cannot be opened"),
    ]
    Batch(settings).run(found)
    assert graded == []
    assert found[0].reason == "is no notebook"
    assert found[1].not_graded == "cannot be opened"


def test_run_says_that_a_file_is_gone(settings, submissions, graded):
    """A file that cannot be opened any more is no fault of its student."""
    found = submissions()
    found[0].path.unlink()
    Batch(settings).run(found)
    assert found[0].not_graded.startswith("FileNotFoundError: ")
    assert found[0].points == {}


def test_run_stops_where_nothing_can_be_kept(settings, submissions, graded):
    """A full disk stops the batch in one sentence, and all processes."""
    (settings.out / "records").rmdir()
    with pytest.raises(OutError, match="cannot be written"):
        Batch(settings).run(submissions())
    assert pool.interrupted.is_set()


def test_run_keeps_nothing_that_was_cut_short(
    settings, submissions, graded, monkeypatch
):
    """What ends because of an interruption has no record: it is graded again."""

    def interrupted(submission, exercises, seed, limits):
        pool.interrupted.set()
        submission.points = {"sharp_rate": 0}

    monkeypatch.setattr(batch, "grade_file", interrupted)
    with pytest.raises(KeyboardInterrupt):  # the signal's own may have gone unnoticed
        Batch(settings).run(submissions())
    assert not list((settings.out / "records").iterdir())


def test_run_passes_an_interruption_on(settings, submissions, graded, monkeypatch):
    """Ctrl-C stops the processes that run; nothing more is begun."""

    def wait(*arguments):
        raise KeyboardInterrupt

    def grade(submission, exercises, seed, limits):
        graded.append(submission.student)
        pool.interrupted.wait()

    monkeypatch.setattr(batch, "wait", wait)
    monkeypatch.setattr(batch, "grade_file", grade)
    with pytest.raises(KeyboardInterrupt):
        Batch(settings).run(submissions())
    assert pool.interrupted.is_set()
    assert len(graded) <= settings.workers


def test_slowest_running_is_named(settings, monkeypatch):
    """The bar names what has run for long; the list names it when it ends."""
    one = Batch(settings)
    assert one.slowest_running() == ""
    now = batch.time.monotonic()
    one.running = {"ada, tiny": now - 90, "bob, tiny": now - 200, "eve, tiny": now}
    assert one.slowest_running() in ("bob, tiny: 200 s", "bob, tiny: 201 s")
    one.running = {"eve, tiny": now - batch.SLOW / 2}
    assert one.slowest_running() == ""


def test_run_names_what_took_long(settings, submissions, graded, monkeypatch, capsys):
    """A line for each slow notebook; none for the others."""
    monkeypatch.setattr(batch, "SLOW", -1)
    Batch(settings).run(submissions())
    printed = capsys.readouterr().out
    assert printed.count(": took 0 s\n") == 4
    assert "ada, tiny: took" in printed

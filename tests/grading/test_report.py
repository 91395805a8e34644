"""What is written: a table, and a page for each student without foreign markup."""

import csv
import re

import pytest

from grading import report
from grading.report import by_student, cell, file_names, page
from grading.submissions import ExerciseSet, Submission

SETS = {
    "kernel": ExerciseSet({"ntk": 3, "erf_limit": 4}, [], []),
    "bounds": ExerciseSet({"sharp_rate": 2}, [], []),
    "drift": ExerciseSet({"drift_slope": 2}, [], []),
}


@pytest.fixture
def submissions():
    """Ada handed in two sets, bob a broken one, cy something else."""
    kernel = Submission("ada", "kernel.ipynb", "kernel")
    kernel.points = {"ntk": 3, "erf_limit": 0}
    kernel.lines = {"ntk": "ntk: correct", "erf_limit": "your code failed: <b>&"}
    kernel.remarks = ["cell 2 failed: <script>"]
    bounds = Submission("ada", "bounds.ipynb", "bounds", reason="was given up")
    bounds.points = {"sharp_rate": 0}
    bounds.lines = {"sharp_rate": "was not reached"}
    broken = Submission("=bob", "bob_bounds.ipynb", "bounds", reason="is an empty file")
    other = Submission("<img src=x>", "", reason="there is no notebook in the folder")
    return [kernel, bounds, broken, other]


def test_write_makes_a_row_for_each_student(tmp_path, submissions):
    """Columns are the exercises of the sets that came; what was not graded is empty."""
    report.write(tmp_path / "out", submissions, SETS, 7)
    with (tmp_path / "out" / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    head = ["student", "ntk", "erf_limit", "sharp_rate", "total", "possible"]
    assert rows[0] == [*head, "status", "remarks", "seed"]
    ada = "bounds.ipynb was given up; cell 2 failed: <script>"
    empty = "bob_bounds.ipynb is an empty file"
    nothing = "there is no notebook in the folder"
    assert rows[1:] == [
        ["ada", "3", "0", "0", "3", "9", "partly graded", ada, "7"],
        ["'=bob", "", "", "", "0", "2", "not graded", empty, "7"],
        ["<img src=x>", "", "", "", "0", "0", "not graded", nothing, "7"],
    ]
    pages = {path.name for path in (tmp_path / "out" / "feedback").iterdir()}
    assert pages == {"ada.html", "_bob.html", "_img_src_x_.html"}


def test_write_survives_broken_names(tmp_path):
    """Half of a surrogate pair, which is no text that a file can hold, is escaped."""
    odd = Submission("ada\ud800", "a.ipynb", reason="is an empty file")
    report.write(tmp_path, [odd], SETS, 7)
    assert r"ada\ud800" in (tmp_path / "grades.csv").read_text("utf-8")


def test_status_is_graded_without_reasons(submissions):
    """Where every file could be graded, the status says so."""
    (student,) = by_student(submissions[:1], SETS)
    assert (student.status, student.total, student.possible) == ("graded", 3, 7)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_cell_is_no_formula(begin):
    """A text that a spreadsheet would take for a formula gets an apostrophe."""
    assert cell(f"{begin}1+1") == f"'{begin}1+1"
    assert cell("1+1") == "1+1"
    assert cell(-1) == -1


def test_file_names_differ(submissions):
    """No page overwrites another, even where files' names have no case."""
    names = ["Ada", "ada", "ada!", "ada?", "...", "x" * 200]
    students = by_student([Submission(name, "") for name in names], SETS)
    files = list(file_names(students))
    assert len(files) == len({file.casefold() for file in files}) == len(names)
    assert files[:2] == ["Ada.html", "ada_1.html"]
    assert files[4:] == ["student.html", f"{'x' * 80}.html"]


def test_page_shows_lines_and_remarks(submissions):
    """Each exercise has its points and its line, each file its reason."""
    ada, bob, _ = by_student(submissions, SETS)
    text = page(ada, SETS)
    assert "<p>3 of 9 points</p>" in text
    assert "<dt>ntk: 3 of 3 points</dt><dd>correct</dd>" in text
    assert "<dt>erf_limit: 0 of 4 points</dt><dd>your code failed: &lt;b&gt;" in text
    assert "<li>bounds.ipynb was given up</li>" in text
    assert "<dl>" not in page(bob, SETS)


def test_page_is_safe_and_fits_a_phone(submissions):
    """Nothing that a student wrote is markup."""
    for student in by_student(submissions, SETS):
        text = page(student, SETS)
        assert not re.search("<(script|img|link|b>)", text)
        assert 'name="viewport"' in text
    assert "&lt;img src=x&gt;" in text

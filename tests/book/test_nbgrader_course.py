"""The nbgrader course: it keeps what was entered, collects, and grades quietly."""

import csv
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from book._ext.exercise_sets import SETS
from tools import nbgrader_course
from tools.assignment import plain
from tools.checkout import Refused
from tools.execute import ROOT

BOUNDS = next(path for path in SETS if path.stem == "bounds")
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a space in its path, in which nbgrader itself does not run."""
    monkeypatch.setattr(nbgrader_course, "_generate", lambda folder, names: None)
    return tmp_path / "My Drive" / "ntk course"


def bounds():
    """The set that most tests use, without the book's markup."""
    return plain(nbformat.read(BOUNDS, as_version=4))


def make(folder, notebook=None):
    """Make the course of this one set; what it says."""
    return nbgrader_course.make_course(folder, {"bounds": notebook or bounds()})


def source(folder):
    """The reference copy in the course."""
    path = folder / "source" / "bounds" / "bounds.ipynb"
    return path, nbformat.read(path, as_version=4)


def cell(notebook, grade_id):
    """The cell with this label."""
    labels = [each.metadata.get("nbgrader", {}) for each in notebook.cells]
    return notebook.cells[[each.get("grade_id") for each in labels].index(grade_id)]


def test_make_course_a_second_time_keeps_points_and_takes_new_text(folder):
    """Points that a derivation was given stay when the book's text has changed."""
    assert make(folder) == []
    path, old = source(folder)
    cell(old, "sharp_rate-derivation").metadata.nbgrader.points = 3
    nbformat.write(old, path)
    changed = bounds()
    changed.cells[0].source += "\n\nA sentence that is new in the book."
    assert make(folder, changed) == []
    new = source(folder)[1]
    assert cell(new, "sharp_rate-derivation").metadata.nbgrader.points == 3
    assert new.cells[0].source == changed.cells[0].source


def test_make_course_a_second_time_keeps_an_edited_notebook(folder):
    """A reference copy that was edited by hand is kept, and a sentence says so."""
    make(folder)
    path, old = source(folder)
    old.cells[0].source = "# Our own title"
    nbformat.write(old, path)
    (sentence,) = make(folder)
    assert sentence.startswith(f"Kept as it is: {path}, which was edited by hand")
    assert source(folder)[1].cells[0].source == "# Our own title"


def test_make_course_a_second_time_keeps_the_configuration(folder):
    """The instructor's settings stay, and a sentence says so."""
    make(folder)
    path = folder / "nbgrader_config.py"
    path.write_text(path.read_text().replace("300", "900"))
    (sentence,) = make(folder)
    assert sentence.startswith(f"Kept as it is: {path}")
    assert "timeout = 900" in path.read_text()


@pytest.mark.parametrize("text", ["", "{broken", "{}", "[]", '{"nbformat": 9}'])
def test_make_course_a_second_time_refuses_what_is_no_notebook(folder, text):
    """A reference copy that was damaged is named, and stays as it is."""
    make(folder)
    path, _ = source(folder)
    path.write_text(text, "utf-8")
    with pytest.raises(Refused, match=r"bounds\.ipynb is no notebook; mend it, or del"):
        make(folder)
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("below", [".", "course", "x" * 300])
def test_make_course_says_where_no_folder_can_be_made(tmp_path, below):
    """One sentence names the place, where a file lies or the name is too long."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r" cannot be made: \w"):
        make((tmp_path if len(below) > 9 else tmp_path / "file") / below)


@pytest.mark.parametrize(
    ("name", "student", "set_name"),
    [
        ("leeann_12345_678901_kernel.ipynb", "leeann", "kernel"),
        ("brownbo_LATE_12346_678902_kernel-1.ipynb", "brownbo", "kernel"),
        ("leeann_12345_678903_my_kernel.ipynb", "leeann", "kernel"),
        ("Ann Lee_77_assignsubmission_file/bounds.ipynb", "Ann Lee_77", "bounds"),
        ("Zoë M_78_assignsubmission_file_/bounds (1).ipynb", "Zoë M_78", "bounds"),
        ("Participant_9_assignsubmission_file/drift.ipynb", "Participant_9", "drift"),
        ("Ann_Lee_7_assignsubmission_file_drift.ipynb", "Ann_Lee_7", "drift"),
        ("leeann_12345_678904_notes.ipynb", None, None),
        ("kernel.ipynb", None, None),
    ],
)
def test_pattern_finds_student_and_set(name, student, set_name):
    """Names as Canvas and Moodle give them, in the folder that nbgrader unpacks to."""
    path = f"/home/u/course/downloaded/kernel/extracted/submissions/{name}"
    found = re.match(nbgrader_course.pattern(), path)
    expected = {"student_id": student, "file_id": set_name} if student else None
    assert (found and found.groupdict()) == expected


def nbgrader(folder, *arguments):
    """What an nbgrader command prints, but for what it does as asked."""
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    result = subprocess.run(
        [PROGRAMS / "nbgrader", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "PATH": path},
    )
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    return [line for line in lines if "INFO" not in line and "Creating" not in line]


@pytest.mark.slow
def test_collected_archive_is_graded_without_a_warning(tmp_path):
    """From `make assignment COURSE=` over Canvas's archive to points, in silence."""
    folder = tmp_path / "My Drive" / "ntk course"
    script = "import sys; from tools import assignment as a; a.make_course(sys.argv[1])"
    command = [sys.executable, "-c", script, folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    archive = folder / "downloaded" / "bounds" / "archive"
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "submissions.zip", "w") as file:
        file.write(source(folder)[0], "leeann_LATE_12345_678901_bounds-1.ipynb")
    assert nbgrader(folder, "zip_collect", "bounds") == []
    assert nbgrader(folder, "autograde", "bounds") == []
    assert nbgrader(folder, "export") == []
    with (folder / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["assignment"]: row for row in csv.DictReader(file)}
    assert scores["bounds"]["student_id"] == "leeann"
    assert float(scores["bounds"]["score"]) == float(scores["bounds"]["max_score"]) > 0

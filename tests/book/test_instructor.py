"""The page for instructors: its commands, in a row, do what it says."""

import csv
import json
import re
import shlex
import subprocess
import zipfile

import pytest

from grading import course as course_settings
from tests.book.checkouts import ALONE
from tools.execute import ROOT

PAGE = (ROOT / "book" / "instructor.md").read_text("utf-8")


def test_page_is_one_page():
    """It can be read in a quarter of an hour: below 2,400 words."""
    assert len(PAGE.split()) < 2400


def test_settings_on_the_page_can_be_read(tmp_path):
    """The example of course.toml, with the secret where the page puts it."""
    (tmp_path / "book").mkdir()
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "secret").write_text("some words")
    (example,) = re.findall("^```toml\n(.*?)^```", PAGE, re.M | re.S)
    path = tmp_path / "book" / "course.toml"
    path.write_text(example, "utf-8")
    found = course_settings.read(path)
    assert (found.secret, found.anonymous) == ("some words", True)
    assert (found.free_days, found.derivation_points("ntk")) == (2, 3)


def notebook(name, **sources):
    """A set with its solutions, but for the cells that are given."""
    path = ROOT / "book" / "exercises" / f"{name}.ipynb"
    content = json.loads(path.read_text("utf-8"))
    for cell in content["cells"]:
        if cell["id"] in sources:
            cell["source"] = sources[cell["id"]]
    return json.dumps(content)


@pytest.fixture
def course(tmp_path):
    """A course of two students on Canvas: one is late, one handed in nothing."""
    folder = tmp_path / "My Drive" / "course"
    folder.mkdir(parents=True)
    (folder / "course.toml").write_text("[derivations]\ndefault = 3\n")
    (folder / "export.csv").write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,bounds (555)\n"
        "    Points Possible,,,,,17\n"
        '"Lee, Ann",101,u1,annlee,A,\n"Brown, Bo",102,u2,bobrown,A,\n',
        "utf-8",
    )
    wrong = "def sharp_rate(lam, m):\n    return lam / m"
    (folder / "handed-in").mkdir()
    with zipfile.ZipFile(folder / "handed-in" / "submissions.zip", "w") as archive:
        text = notebook("bounds", sharp_rate=wrong)
        archive.writestr("leeann_101_9001_bounds-1.ipynb", text)
    return folder


def grade(folder):
    """The command of the page, with this folder; what it prints."""
    (typed,) = re.findall("^make grade .* OUT=.*$", PAGE, re.M)
    make, *words = shlex.split(typed)
    words = [word.replace("../course", str(folder)) for word in words]
    command = [make, "--silent", "--assume-old=.venv/.grade", *words]
    command += ["SEED=20261", "WORKERS=1"]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=ALONE
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def table(path):
    """The rows of a table, as Excel reads it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def mark(out, points):
    """Enter the same points for every derivation, as a person does in Excel."""
    path = out / "marks" / "derivations.csv"
    rows = table(path)
    for row in rows:
        row["points"] = points
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.slow
def test_page_can_be_followed(course):
    """Grade, mark derivations, grade again, and the platform's list is filled in."""
    out = course / "grades"
    grade(course)
    mark(out, "2.5")
    records = {path: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    printed = grade(course)
    assert "1 of 1 were graded before" in printed
    after = {path: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    assert {path: after[path] for path in records if path.suffix} == {
        path: time for path, time in records.items() if path.suffix
    }

    ann, bo = table(out / "grades.csv")
    assert float(ann["total"]) == 6 + 3 * 2.5
    assert float(ann["possible"]) == 8 + 3 * 3
    assert bo["status"] == "nothing handed in"
    _, *filled = table(out / "filled_export.csv")
    assert [row["bounds (555)"] for row in filled] == ["13.5", ""]
    assert len(list((out / "feedback").glob("*.html"))) == 2

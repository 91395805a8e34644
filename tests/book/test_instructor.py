"""The page for instructors: each of its commands is run by a test, and all in a row."""

import ast
import csv
import json
import os
import re
import subprocess
import zipfile

import pytest

from tools.execute import ROOT

PAGE = (ROOT / "book" / "instructor.md").read_text("utf-8")
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)
HERE = "tests/book/test_instructor.py::test_page_can_be_followed"
MAKE = "tests/book/test_make.py::"
NBGRADER = (
    "tests/book/test_nbgrader_course.py"
    "::test_collected_archive_is_graded_without_a_warning"
)
# What runs each command of the page, or why nothing does.
RUN_BY = {
    "make assignment": f"{MAKE}test_assignment_takes_a_folder_with_spaces",
    "make variants ROSTER=../course/export.csv COURSE=../course/course.toml": (
        f"{MAKE}test_variants_makes_the_copies_first"
    ),
    "make book SOLUTIONS=no": (
        "tests/book/test_assignment.py::test_site_without_solutions_holds_none"
    ),
    'make grade SUBMISSIONS="../course/submissions.zip" '
    "ROSTER=../course/export.csv OUT=../course/grades-kernel": HERE,
    "make grade SUBMISSIONS=../course/submissions.zip CONTAINER=podman": (
        f"{MAKE}test_grade_in_a_container_needs_no_packages_outside"
    ),
    "make grade SUBMISSIONS=../course/submissions.zip UNPROTECTED=yes": (
        f"{MAKE}test_grade_passes_paths_as_they_were_typed"
    ),
    "make mark OUT=../course/grades-kernel": (
        f"{MAKE}test_mark_and_gradescope_pass_their_variables"
    ),
    "make gradescope SETS=kernel": (
        "tests/grading/test_gradescope.py::test_autograder_gives_points_to_each_exercise"
    ),
    "make assignment COURSE=../ntk-course": NBGRADER,
    "source .venv/bin/activate": "not run: it is for a person's own shell",
    "cd ../ntk-course": "not run: it is for a person's own shell",
    "nbgrader zip_collect kernel": NBGRADER,
    "nbgrader autograde kernel": NBGRADER,
    "jupyter lab": "not run: it opens a browser",
    "nbgrader generate_feedback kernel": "not run: it is nbgrader's own",
    "nbgrader export": NBGRADER,
    "NTK_SEED=20261 nbgrader autograde kernel": NBGRADER,
}


def commands():
    """The commands in the blocks of the page, without the comments behind them."""
    lines = "\n".join(BLOCK.findall(PAGE)).splitlines()
    return [re.sub(r"\s{2,}#.*", "", line) for line in lines if line]


def test_each_command_is_run_by_a_test():
    """The list above has every command of the page and no other."""
    assert set(commands()) == set(RUN_BY)


@pytest.mark.parametrize("place", sorted(set(RUN_BY.values())))
def test_list_names_tests_that_exist(place):
    """A test that runs a command has this name, and stands in this file."""
    if place.startswith("not run: "):
        return
    file, name = place.split("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in [getattr(node, "name", "") for node in tree.body]


def test_page_is_one_page():
    """It can be read in a quarter of an hour: below 2,400 words."""
    assert len(PAGE.split()) < 2400


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
    with zipfile.ZipFile(folder / "submissions.zip", "w") as archive:
        text = notebook("bounds", sharp_rate=wrong)
        archive.writestr("leeann_101_9001_bounds-1.ipynb", text)
    return folder


def grade(folder):
    """The command of the page, with this folder; what it prints."""
    out = folder / "grades-kernel"
    command = ["make", "--silent", "--assume-old=.venv/.grade", "grade"]
    command += [f"SUBMISSIONS={folder / 'submissions.zip'}", f"OUT={out}"]
    command += [f"ROSTER={folder / 'export.csv'}", "SEED=20261", "WORKERS=1"]
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS"))
    }
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=clean
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
    out = course / "grades-kernel"
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

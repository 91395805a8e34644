"""The exercise sets: complete, the same in every form, graded by nbgrader, without solutions where they say so."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import snowballstemmer

from book._ext import exercise_sets
from book._ext.exercise_sets import (
    REGION,
    ROLE,
    ROOT,
    SETS,
    is_solution,
    plain,
    without_solutions,
)
from book._ext.exercise_table import rows
from ntklib import exercises

ORDER = ("kernel", "dynamics", "bounds", "drift")
LINE = re.compile(
    r"^\*(easy|medium|hard) · (\d+) minutes · (\d+) points · chapter\* \{doc\}`\.\./(\w+)`",
    re.M,
)
HINT = re.compile(r"<details><summary>Hint</summary>\n\n.{40,}\n\n</details>$", re.S)
SOLUTION = re.compile(
    r"^<details><summary>Solution: the derivation</summary>\n\n.{300,}\n\n</details>$",
    re.S,
)
SLIPS = re.compile(r"^\*\*Common slips\.\*\* .{40,}$", re.M)
MARKS = re.compile(r"</?(?:details|summary)>|\$\$?|`|\*+|\n")
WORD = re.compile(r"[a-z]{3,}")
STRAIGHT = str.maketrans({"’": "'", "“": '"', "”": '"'})
READ = {path.stem: json.loads(path.read_text("utf-8")) for path in SETS}
ALL = [cell for notebook in READ.values() for cell in notebook["cells"]]
NAMES = exercises.names()


def source(cell):
    """The text of a cell."""
    return "".join(cell["source"])


def cells(stem):
    """The cells of a set by their ids."""
    return {cell["id"]: cell for cell in READ[stem]["cells"]}


HOME = {
    name: stem
    for stem in ORDER
    for name in cells(stem)
    if f"{name}-test" in cells(stem)
}
exercise = pytest.mark.parametrize("name", NAMES)


def table():
    """The rows of the instructor's guide: name to set, level, minutes, points."""
    return {name: tuple(map(str, row)) for name, *row in rows(ROOT)}


def test_sets_hold_the_exercises_of_the_library():
    """The notebooks' exercises are those of exercises.names(), in its order; the guide's table has a row for each."""
    assert list(HOME) == NAMES == list(table())
    assert {path.stem for path in SETS} == set(ORDER)


@exercise
def test_exercise_is_complete(name):
    """Level, minutes, points, chapter, hint, derivation, slips, code and test; points and level as in the table."""
    cell = cells(HOME[name])
    text, derivation = source(cell[f"{name}-text"]), source(cell[f"{name}-derivation"])
    level, minutes, points, chapter = LINE.search(text).groups()
    assert re.match(r"## \d\. \S", text)
    assert (ROOT / "book" / f"{chapter}.ipynb").exists()
    assert "**Derivation.**" in text
    assert "**Code.**" in text
    assert HINT.search(text)
    assert SOLUTION.search(derivation)
    assert SLIPS.search(derivation)
    assert REGION.search(source(cell[name]))
    assert (
        source(cell[f"{name}-test"])
        == f'result = check("{name}", {name})\nassert result, result\nresult'
    )
    assert cell[f"{name}-test"]["metadata"]["nbgrader"]["points"] == int(points)
    assert table()[name] == (HOME[name], level, minutes, points)


@exercise
def test_exercise_has_the_metadata_of_nbgrader(name):
    """Cell id = grade_id; the derivation is graded by hand, the answer is a solution, the test is locked."""
    kinds = {
        f"{name}-derivation": (True, True, False),
        name: (False, True, False),
        f"{name}-test": (True, False, True),
    }
    for grade_id, kind in kinds.items():
        found = cells(HOME[name])[grade_id]["metadata"]["nbgrader"]
        assert (found["grade"], found["solution"], found["locked"]) == kind
        assert found["grade_id"] == grade_id


@pytest.mark.parametrize("stem", ORDER)
def test_set_states_its_points_and_minutes(stem):
    """The sums at the top of a set are those of its exercises."""
    mine = [row for row in table().values() if row[0] == stem]
    stated = re.search(
        r"(\d+) points, about (\d+) minutes", source(cells(stem)["intro"])
    ).groups()
    assert stated == (
        str(sum(int(row[3]) for row in mine)),
        str(sum(int(row[2]) for row in mine)),
    )
    assert {
        cell["metadata"].get("nbgrader", {}).get("grade_id", cell["id"])
        for cell in READ[stem]["cells"]
    } == set(cells(stem))


def pieces(text):
    """The runs of words and formulas between the marks of a text, and the lines of code: what a reader would see."""
    text = text.translate(STRAIGHT)
    return {
        " ".join(piece.split())
        for piece in MARKS.split(ROLE.sub("\n", text))
        if len(piece.strip()) >= 14
    }


def in_the_open():
    """What everybody may read: the instructor's guide, and the sets but for their solutions."""
    texts = [(ROOT / "book" / "instructor.md").read_text("utf-8")]
    for cell in ALL:
        if cell["cell_type"] == "code":
            texts.append(REGION.sub("", source(cell)))
        elif not is_solution(cell):
            texts.append(source(cell))
    return texts


def secrets():
    """Every line of every solution, but those that also stand in the open."""
    hidden, readable = set(), " ".join("\n".join(in_the_open()).split())
    for cell in filter(is_solution, ALL):
        if cell["cell_type"] == "markdown":
            hidden |= pieces(source(cell))
        else:
            region = REGION.search(source(cell))[0].splitlines()[1:-1]
            hidden |= {
                " ".join(line.split()) for line in region if len(line.strip()) >= 10
            }
    return {piece for piece in hidden if piece not in readable}


def test_secrets_are_nearly_all_of_the_solutions():
    """The lines searched for below are many, and come from every exercise, code and prose."""
    found = secrets()
    assert len(found) > 400
    assert not [piece for piece in found if "SOLUTION" in piece]
    for name in NAMES:
        answer, prose = (cells(HOME[name])[key] for key in (name, f"{name}-derivation"))
        assert any(
            " ".join(line.split()) in found for line in source(answer).splitlines()
        )
        assert len(pieces(source(prose)) & found) >= 5


def strings(value):
    """Every string in a parsed JSON value."""
    if isinstance(value, dict):
        return [
            text for pair in value.items() for item in pair for text in strings(item)
        ]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


class Text(HTMLParser):
    """The text of a page, attributes included."""

    def __init__(self, html):
        """Read a page."""
        super().__init__()
        self.data, self.attributes = [], []
        self.feed(html)

    def handle_data(self, data):
        """Collect text."""
        self.data.append(data)

    def handle_starttag(self, tag, attrs):
        """Collect the values of attributes."""
        self.attributes += [value for _, value in attrs if value]


def legible(path):
    """What can be read in a file: text of pages and of notebooks, unpacked inventories, anything else as it is."""
    data = path.read_bytes()
    if path.name == "objects.inv":
        data = data + zlib.decompress(data.split(b"\n", 4)[4])
    text = data.decode("utf-8", "replace")
    if path.suffix == ".html":
        page = Text(text)
        text = "".join(page.data) + "\n" + "\n".join(page.attributes)
    elif path.suffix == ".ipynb":
        text = "\n".join(strings(json.loads(text)))
    return " ".join(text.translate(STRAIGHT).split())


def leaks(folder):
    """The secret lines found in any file below a folder."""
    texts = [legible(path) for path in folder.rglob("*") if path.is_file()]
    return {piece for piece in secrets() if any(piece in text for text in texts)}


START = f"""
import json, shutil, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from book._ext import exercise_sets
folder = Path(sys.argv[1])
"""
GRADE = """
import os
from nbgrader.apps import AutogradeApp, ExportApp
os.chdir(folder)
for stem in sys.argv[2:]:
    for student, place in (("reference", "source"), ("untouched", "release")):
        shutil.copytree(folder / place / stem, folder / "submitted" / student / stem)
    AutogradeApp.clear_instance()
    AutogradeApp.launch_instance([stem])
    AutogradeApp.clear_instance()
ExportApp.launch_instance([])
"""


def script(text, *arguments):
    """Run a script in a process of its own: nbgrader warns, and keeps a database open."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("NTK_")
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-c", START + text, *map(str, arguments)]
    environment = {**clean, "JAX_PLATFORMS": "cpu", "PATH": path}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An nbgrader course with the four sets, as `make assignment COURSE=folder` leaves it."""
    folder = tmp_path_factory.mktemp("course")
    script("exercise_sets.make_course(folder)", folder)
    return folder


def test_students_copies_hold_no_solution(course):
    """No line of a solution is in any field of a student's copy; in the reference copies all of them are."""
    assert leaks(course / "release") == set()
    assert leaks(course / "source") == secrets()


@pytest.mark.parametrize("stem", ORDER)
def test_students_copy_is_ready_to_work_on(course, stem):
    """Tasks, hints and tests are there; stubs, no outputs, no roles, no links and no metadata of the book."""
    copy = json.loads((course / "release" / stem / f"{stem}.ipynb").read_text("utf-8"))
    assert [cell["id"] for cell in copy["cells"]] == [
        cell["id"] for cell in READ[stem]["cells"]
    ]
    for cell in copy["cells"]:
        text = source(cell)
        assert not cell.get("outputs")
        assert not re.search(r"\{\w+\}`|:::|\.\./", text)
        assert set(cell["metadata"]) <= {"nbgrader", "deletable", "editable"}
        if cell["cell_type"] == "markdown" and is_solution(cell):
            assert text == "YOUR ANSWER HERE"
        elif is_solution(cell):
            assert re.search(
                r"# YOUR CODE HERE\n\s*raise NotImplementedError\(\)$", text
            )
        elif cell["id"].endswith("-text"):
            assert HINT.search(text)
            assert "chapter* “" in text


def test_reference_gets_all_points_and_the_untouched_copy_none(course):
    """nbgrader's autograde, for the four sets: what the book holds scores 100 %, what it hands out scores 0."""
    script(GRADE, course, *ORDER)
    points = {
        stem: sum(int(row[3]) for row in table().values() if row[0] == stem)
        for stem in ORDER
    }
    with (course / "grades.csv").open() as file:
        rows = [
            (row["assignment"], row["student_id"], row["score"], row["max_score"])
            for row in csv.DictReader(file)
        ]
    graded = {
        (stem, student): (float(score), float(most))
        for stem, student, score, most in rows
    }
    expected = {(stem, "reference"): (most, most) for stem, most in points.items()}
    assert graded == expected | {
        (stem, "untouched"): (0, most) for stem, most in points.items()
    }


def small_book(folder, course, choice):
    """The site of the sets and the guide alone, with this book's settings, with solutions or without."""
    shutil.copytree(ROOT / "book", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    listed = "".join(f"- file: book/exercises/{stem}\n" for stem in ORDER)
    (folder / "_toc.yml").write_text(
        f"format: jb-book\nroot: book/instructor\nchapters:\n{listed}"
    )
    (folder / "_build" / "assignment").mkdir(parents=True)
    for stem in ORDER:
        shutil.copy(
            course / "release" / stem / f"{stem}.ipynb",
            folder / "_build" / "assignment",
        )
    command = [
        Path(sys.executable).with_name("jupyter-book"),
        "build",
        ".",
    ]  # no -W: the chapters are not there
    environment = {**os.environ, "NTK_SOLUTIONS": choice}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "_build" / "html"


def indexed(html):
    """The words of a site's search index that stand in solutions alone, stemmed as the index stems them."""
    stem = snowballstemmer.stemmer("porter").stemWord
    texts = (" ".join(some).lower() for some in (secrets(), in_the_open()))
    hidden, shown = ({stem(word) for word in WORD.findall(text)} for text in texts)
    return (hidden - shown) & set(
        re.findall(r'"?([a-z]{3,})"?:', (html / "searchindex.js").read_text("utf-8"))
    )


@pytest.mark.parametrize("choice", ["yes", "no"])
def test_site_without_solutions_holds_none(course, tmp_path, choice):
    """No file of the site with NTK_SOLUTIONS=no holds a line of a solution; in the normal site all are found."""
    html = small_book(tmp_path, course, choice)
    pages = [legible(html / "book" / "exercises" / f"{stem}.html") for stem in ORDER]
    absent, outputs = (
        sum(page.count(text) for page in pages)
        for text in (exercise_sets.ABSENT, "correct (checked against")
    )
    assert len(list(html.rglob("*.ipynb"))) == len(ORDER)
    if choice == "yes":
        assert leaks(html) == secrets()
        assert len(indexed(html)) > 20
        assert (absent, outputs) == (0, len(NAMES))
    else:
        assert leaks(html) == set()
        assert indexed(html) == set()
        assert (absent, outputs) == (2 * len(NAMES), 0)


def test_chapters_hold_no_line_of_a_solution():
    """The rest of the book may teach the results, and their formulas, but has no other line of a model solution."""
    others = [
        path for kind in ("*.ipynb", "*.md") for path in (ROOT / "book").glob(kind)
    ]
    text = " ".join(legible(path) for path in others)
    assert {
        piece
        for piece in secrets()
        if piece in text and "\\" not in piece and len(piece) > 30
    } == set()


def test_without_solutions_removes_an_answer_without_markers():
    """If the markers are missing, the whole cell goes; an answer is never shown for want of a comment."""
    marked = {
        "cell_type": "code",
        "metadata": {"nbgrader": {"solution": True}},
        "outputs": [42],
        "source": ["x = 42"],
    }
    (cell,) = without_solutions({"cells": [marked]})["cells"]
    assert "42" not in json.dumps(cell)
    assert marked["source"] == ["x = 42"]


def test_without_solutions_leaves_chapters_alone():
    """A notebook without a solution keeps its outputs."""
    notebook = json.loads((ROOT / "book" / "ntk.ipynb").read_text("utf-8"))
    assert any(cell.get("outputs") for cell in notebook["cells"])
    assert without_solutions(notebook) == notebook


def test_plain_turns_roles_into_words():
    """A link to a chapter becomes its title, a reference with a text becomes the text, a download goes."""
    text = "See {doc}`../ntk` and {ref}`erratum 1 <erratum-1>`.\n\n{download}`This set <../../x.ipynb>`"
    (cell,) = plain(
        {
            "cells": [
                {
                    "cell_type": "markdown",
                    "metadata": {"tags": ["hide"]},
                    "source": text,
                }
            ]
        }
    )["cells"]
    assert cell == {
        "cell_type": "markdown",
        "metadata": {},
        "source": "See “The tangent kernel” and erratum 1.",
    }


def test_switch_refuses_other_words(monkeypatch):
    """Anything but yes and no stops the build: a slip must not publish the solutions."""
    monkeypatch.setenv("NTK_SOLUTIONS", "No")
    with pytest.raises(ValueError, match="NTK_SOLUTIONS must be yes or no; got 'No'"):
        exercise_sets.switch(None, "page", [""])


def test_make_builds_anew_when_the_choice_changes():
    """A site with solutions is never taken for one without: each has a mark of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "SOLUTIONS"))
    }
    command = [
        "make",
        "--dry-run",
        "SOLUTIONS=no",
        "--assume-old=.venv/.installed",
        "book",
    ]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=clean
    )
    assert "_build/html/.built-no" in result.stdout
    assert "jupyter-book build" in result.stdout

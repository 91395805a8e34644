"""The exercise sets: complete, graded by nbgrader, without solutions where they say so.

All forms of a set come from its notebook.
"""

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

from book._ext import exercise_sets
from book._ext.exercise_sets import REGION, SETS, is_solution, without_solutions
from book._ext.exercise_table import rows
from book._ext.search_index import OTHER_WORDS
from grading.course import Course
from grading.notebooks import blank, read
from grading.submissions import released
from ntklib import exercises
from tests.book.checkouts import ALONE
from tools import print_book
from tools.assignment import ROLE, plain
from tools.execute import ROOT

ORDER = ("kernel", "dynamics", "bounds", "drift", "generalization", "regimes")
LINE = re.compile(
    r"^\*(easy|medium|hard) · (\d+) minutes · (\d+) points"
    r" · chapter\* \{doc\}`\.\./(\w+)`",
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
    """Notebooks, exercises.names() and the guide's table agree, in the same order."""
    assert list(HOME) == NAMES == list(table())
    assert {path.stem for path in SETS} == set(ORDER)


@exercise
def test_exercise_is_complete(name):
    """Level, minutes, points, chapter, hint, derivation, slips, code and test."""
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
    test = f'result = check("{name}", {name})\nassert result, result\nprint(result)'
    # on one line or, with a long name, on several
    assert ast.unparse(ast.parse(source(cell[f"{name}-test"]))) == ast.unparse(
        ast.parse(test)
    )
    assert cell[f"{name}-test"]["metadata"]["nbgrader"]["points"] == int(points)
    assert table()[name] == (HOME[name], level, minutes, points)


@exercise
def test_exercise_has_the_metadata_of_nbgrader(name):
    """Derivations are graded by hand, answers are solutions, tests are locked."""
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
    """What a reader sees of a text: the words and formulas between its marks."""
    text = text.translate(STRAIGHT)
    return {
        " ".join(piece.split())
        for piece in MARKS.split(ROLE.sub("\n", text))
        if len(piece.strip()) >= 14
    }


def in_the_open():
    """What all may read: the instructor's guide, and the sets without solutions."""
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
    """The lines searched for below are many, from code and prose of every exercise."""
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
    """What can be read in a file: the text of pages, notebooks and inventories."""
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
    files = [path for path in folder.rglob("*") if path.is_file()]
    # A library with comments in English, which share a phrase with a solution.
    texts = [legible(path) for path in files if path.name != "minisearch.js"]
    return {piece for piece in secrets() if any(piece in text for text in texts)}


MAKE_COURSE = """
import sys
from tools.assignment import make_course

make_course(sys.argv[1])
"""
# Submissions named as STUDENT=SET are graded, and the grades exported.
GRADE = """
import os, sys
from nbgrader.apps import AutogradeApp, ExportApp

os.chdir(sys.argv[1])
for submission in sys.argv[2:]:
    student, name = submission.split("=")
    AutogradeApp.clear_instance()
    AutogradeApp.launch_instance([name, f"--student={student}"])
AutogradeApp.clear_instance()
ExportApp.launch_instance([])
"""


def script(text, *arguments):
    """Run a script in its own process: nbgrader warns, and keeps a database open."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("NTK_")
    }
    programs = str(Path(sys.executable).parent)
    environment = clean | {
        "JAX_PLATFORMS": "cpu",
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", text, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An nbgrader course of the six sets, as `make assignment COURSE=folder` does."""
    folder = tmp_path_factory.mktemp("course")
    script(MAKE_COURSE, folder)
    return folder


def students_copy(course, stem):
    """The cells of a student's copy of a set."""
    path = course / "release" / stem / f"{stem}.ipynb"
    return json.loads(path.read_text("utf-8"))["cells"]


@pytest.mark.slow
def test_students_copies_hold_no_solution(course):
    """A student's copy holds no line of a solution, in any field; a reference all."""
    assert leaks(course / "release") == set()
    assert leaks(course / "source") == secrets()


@pytest.mark.slow
@pytest.mark.parametrize("stem", ORDER)
def test_students_copy_has_no_mark_made_of_solutions(course, stem):
    """What the notebook as a whole carries names its language, and nothing else."""
    path = course / "release" / stem / f"{stem}.ipynb"
    metadata = json.loads(path.read_text("utf-8"))["metadata"]
    assert set(metadata) == {"kernelspec", "language_info"}


@pytest.mark.slow
@pytest.mark.parametrize("stem", ORDER)
def test_students_copy_is_ready_to_work_on(course, stem):
    """Tasks, hints, tests and stubs; no outputs, roles, links, metadata of the book."""
    copy = students_copy(course, stem)
    ids = [cell["id"] for cell in READ[stem]["cells"]]
    ids.insert(ids.index("setup"), "library")
    assert [cell["id"] for cell in copy] == ids
    for cell in copy:
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


@pytest.mark.slow
@pytest.mark.parametrize("stem", ORDER)
def test_untouched_copy_fails_every_test(course, stem):
    """On the stubs that a student gets, the test of each exercise fails."""
    names = {}
    failed = []
    for cell in students_copy(course, stem):
        if cell["cell_type"] == "code":
            try:
                exec(source(cell), names)
            except NotImplementedError:
                pass  # a stub outside of a function
            except (AssertionError, NameError):
                failed.append(cell["id"])
    assert failed == [f"{name}-test" for name in NAMES if HOME[name] == stem]


@pytest.mark.slow
@pytest.mark.parametrize("stem", ORDER)
def test_untouched_copy_counts_as_blank(course, stem):
    """Where a student has handed in another notebook, that one counts."""
    exercises_of = released(ROOT / "book" / "exercises")[stem]
    assert blank(read(course / "release" / stem / f"{stem}.ipynb"), exercises_of)
    assert not blank(exercises_of.cells, exercises_of)


@pytest.mark.slow
def test_nbgrader_gives_the_reference_all_points_and_the_untouched_copy_none(course):
    """By nbgrader's autograde each set of the book has 100 %, a student's copy 0.

    The untouched copy of one set is enough here: the test above covers the others.
    """
    submissions = [("reference", "source", stem) for stem in ORDER]
    submissions.append(("untouched", "release", "bounds"))
    for student, place, stem in submissions:
        submitted = course / "submitted" / student / stem
        shutil.copytree(course / place / stem, submitted)
    script(GRADE, course, *(f"{student}={stem}" for student, _, stem in submissions))
    with (course / "grades.csv").open() as file:
        rows = list(csv.DictReader(file))
    graded = {}
    for row in rows:
        score = float(row["score"]), float(row["max_score"])
        graded[row["student_id"], row["assignment"]] = score
    expected = {}
    for stem in ORDER:
        points = sum(int(row[3]) for row in table().values() if row[0] == stem)
        expected["reference", stem] = points, points
        expected["untouched", stem] = 0, points
    assert graded == expected


def for_instructors():
    """What the book's first page has for instructors alone."""
    text = (ROOT / "book" / "index.md").read_text("utf-8")
    return exercise_sets.LINES_FOR_INSTRUCTORS.search(text)[0]


def test_links_to_the_guide_are_for_instructors():
    """No other line of the book leads to the page that students do not have."""
    assert "{doc}`instructor`" in for_instructors()
    for path in (ROOT / "book").rglob("*.md"):
        text = exercise_sets.LINES_FOR_INSTRUCTORS.sub("", path.read_text("utf-8"))
        assert not re.search(r"instructor(?:\.md)?[`>)]", text), path
    for path in (ROOT / "book").rglob("*.ipynb"):
        text = path.read_text("utf-8")
        assert not re.search(r"instructor(?:\.md)?[`>)]", text), path


def test_no_page_sends_students_to_the_repository():
    """It has every solution; what can be done with a copy of it is for instructors."""
    for path in (ROOT / "book").glob("*.md"):
        text = exercise_sets.LINES_FOR_INSTRUCTORS.sub("", path.read_text("utf-8"))
        if path.stem != "instructor":
            assert "repository" not in text, path


def site_without_solutions(folder, course):
    """The site of a first page, the sets and the guide, with this book's settings."""
    shutil.copytree(ROOT / "book", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    listed = "".join(f"- file: book/exercises/{stem}\n" for stem in ORDER)
    (folder / "_toc.yml").write_text(
        f"format: jb-book\nroot: book/start\nchapters:\n{listed}"
        "- file: book/instructor\n"
    )
    (folder / "book" / "start.md").write_text(f"# Start\n\n{for_instructors()}")
    copies = folder / "_build" / "assignment"
    copies.mkdir(parents=True)
    for stem in ORDER:
        shutil.copy(course / "release" / stem / f"{stem}.ipynb", copies)
    # Without -W: there are links to chapters, which are not there.
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    environment = os.environ | {
        "NTK_SOLUTIONS": "2999-12-31",
        "NTK_REPOSITORY": "https://github.com/a/b",
    }
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "_build" / "html"


def words(texts):
    """The words of texts."""
    return {word for text in texts for word in WORD.findall(text.lower())}


def indexed(html):
    """The words of a site's search index."""
    return words([(html / "_static" / "search_index.js").read_text("utf-8")])


def only_in_solutions(html):
    """The words of the solutions that no page of a site without solutions shows."""
    shown = words(legible(page) for page in html.rglob("*.html"))
    typed = words([OTHER_WORDS.read_text("utf-8")])  # by readers, for the same
    return words(secrets()) - shown - typed


def pages_of_sets(html):
    """The text of the pages of the six sets."""
    return "\n".join(
        legible(html / "book" / "exercises" / f"{stem}.html") for stem in ORDER
    )


def results():
    """What the tests of the exercises print in the book."""
    outputs = [cells(HOME[name])[f"{name}-test"]["outputs"] for name in NAMES]
    return ["".join(output["text"]).strip() for (output,) in outputs]


@pytest.mark.slow
def test_site_without_solutions_holds_none(course, tmp_path):
    """No file of a site before its date holds a line of a solution, or the guide."""
    html = site_without_solutions(tmp_path, course)
    pages = pages_of_sets(html)
    # A copy each for the link in the set's text and for the button of its page.
    assert len(list(html.rglob("*.ipynb"))) == 2 * len(ORDER)
    assert leaks(html) == set()
    assert not indexed(html) & only_in_solutions(html)
    assert pages.count(exercise_sets.ABSENT) == 2 * len(NAMES)
    assert not [result for result in results() if result in pages]
    everything = " ".join(path.read_text("utf-8") for path in html.rglob("*.html"))
    assert not list(html.rglob("instructor*"))
    assert "For instructors" not in everything
    assert "instructor.html" not in everything
    # The repository has the solutions: no page and no notebook leads there.
    files = [path for kind in ("*.html", "*.ipynb") for path in html.rglob(kind)]
    there = "github.com/a/b"
    assert not [path for path in files if there in path.read_text("utf-8")]


@pytest.mark.slow
def test_site_with_solutions_holds_all():
    """In the site as built every line is found, so the search above can find some."""
    html = ROOT / "_build" / "html"
    assert html.exists(), "the site is not built: run `make book` first"
    pages = pages_of_sets(html)
    assert leaks(html / "book" / "exercises") == secrets()
    # Solutions are never searched, and what is in the open is.
    assert len(indexed(html) & words(in_the_open())) > 200
    assert exercise_sets.ABSENT not in pages
    assert all(result in pages for result in results())


@pytest.mark.slow
def test_chapters_hold_no_line_of_a_solution():
    """The chapters may teach results and formulas, but hold no line of a solution."""
    others = [
        path for kind in ("*.ipynb", "*.md") for path in (ROOT / "book").glob(kind)
    ]
    text = " ".join(legible(path) for path in others)
    assert {
        piece
        for piece in secrets()
        if piece in text and "\\" not in piece and len(piece) > 30
    } == set()


@pytest.mark.parametrize(("chosen", "promised"), [("no", False), ("yes", True)])
def test_title_page_of_the_pdf_promises_no_missing_solutions(
    monkeypatch, chosen, promised
):
    """It says that all solutions are there only where they are."""
    monkeypatch.setenv("NTK_SOLUTIONS", chosen)
    text = print_book.TITLE_PAGE.format(**print_book.about())
    assert ("all solutions" in text) == promised


def test_without_solutions_removes_an_answer_without_markers():
    """If the markers are missing, the whole cell goes."""
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
    """A chapter becomes its title, a reference its text, and a download goes."""
    text = (
        "See {doc}`../ntk` and {ref}`erratum 1 <erratum-1>`.\n\n"
        "{download}`This set <../../x.ipynb>`"
    )
    cell = {"cell_type": "markdown", "metadata": {"tags": ["hide"]}, "source": text}
    (found,) = plain({"cells": [cell]})["cells"]
    assert found["source"] == "See “The tangent kernel” and erratum 1."
    assert found["metadata"] == {}


@pytest.mark.parametrize("word", ["No", "tomorrow", "2026-13-01", "1"])
def test_solutions_are_shown_refuses_other_words(monkeypatch, word):
    """Anything else stops the build, lest a slip publish the solutions."""
    monkeypatch.setenv("NTK_SOLUTIONS", word)
    message = f"^SOLUTIONS must be yes, no, or the date .*; got '{word}'$"
    with pytest.raises(ValueError, match=message):
        exercise_sets.switch(None, "page", [""])


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("yes", True),
        ("no", False),
        ("2026-12-20", True),
        ("2026-12-21", False),
        ("2027-01-01", False),
    ],
)
def test_solutions_are_shown_from_their_date_on(monkeypatch, chosen, shown):
    """Yes, no, or from the day that is named: by make, or else by course.toml."""
    monkeypatch.setenv("NTK_SOLUTIONS", chosen)
    found = exercise_sets.solutions_are_shown(today=date(2026, 12, 20))
    assert found is shown
    settings = Course(solutions=chosen)
    monkeypatch.setattr(exercise_sets.course, "read_public", lambda: settings)
    monkeypatch.setenv("NTK_SOLUTIONS", "")
    found = exercise_sets.solutions_are_shown(today=date(2026, 12, 20))
    assert found is shown


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-12-19T23:59:00-05:00", 19),  # a set is due in Toronto
        ("2026-12-20T01:00:00+14:00", 18),
        ("2026-12-20T11:59:00+00:00", 19),
        ("2026-12-20T12:00:00+00:00", 20),
    ],
)
def test_a_day_counts_once_it_has_begun_everywhere(moment, day):
    """No solution is out on the evening before its day, in whatever time zone."""
    found = exercise_sets.begun_everywhere(datetime.fromisoformat(moment))
    assert found == date(2026, 12, day)


def test_lines_for_instructors_are_left_out(monkeypatch):
    """A page loses what stands between the two comments, and nothing else."""
    page = ["One.\n\n% BEGIN INSTRUCTORS\nTwo.\n% END INSTRUCTORS\n\nThree.\n"]
    env = SimpleNamespace(doc2path=lambda name: f"{name}.md")
    monkeypatch.setenv("NTK_SOLUTIONS", "no")
    exercise_sets.switch(SimpleNamespace(env=env), "index", page)
    assert page == ["One.\n\nThree.\n"]


@pytest.mark.parametrize(("chosen", "pages"), [("no", 1), ("yes", 2)])
def test_leave_out_instructors_takes_their_page_from_the_site(
    monkeypatch, chosen, pages
):
    """It leaves the table of contents, and no page of that name is read."""
    monkeypatch.setenv("NTK_SOLUTIONS", chosen)
    site_map = parse_toc_yaml(ROOT / "_toc.yml")
    config = SimpleNamespace(external_site_map=site_map, exclude_patterns=["_build"])
    before = len(site_map)
    exercise_sets.leave_out_instructors(None, config)
    assert len(site_map) == before - 2 + pages
    listed = [page for part in site_map.root.subtrees for page in part.items]
    assert ("book/instructor" in listed) == (chosen == "yes")
    assert ("book/instructor.md" in config.exclude_patterns) == (chosen == "no")


def test_make_builds_anew_when_the_choice_changes():
    """A site with solutions is never taken for one without: each has its own mark."""
    options = ["--dry-run", "SOLUTIONS=no", "--assume-old=.venv/.book"]
    result = subprocess.run(
        ["make", *options, "book"], cwd=ROOT, capture_output=True, text=True, env=ALONE
    )
    assert "tools.build _build/html/.built-no" in result.stdout


def test_no_workflow_says_what_the_course_says():
    """course.toml alone decides what is published: nothing in CI goes before it."""
    files = list((ROOT / ".github" / "workflows").glob("*.yml"))
    assert files
    for path in files:
        assert "SOLUTIONS" not in path.read_text("utf-8"), path

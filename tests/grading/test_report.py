"""What is written: a table, and a page for each student without foreign markup."""

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest

from grading import pages, report, roster, tables
from grading.course import Course
from grading.marks import Marks
from grading.notebooks import Cell
from grading.report import file_names
from grading.results import Student, set_title, students, titles
from grading.submissions import ExerciseSet, Submission

HEADINGS = [
    Cell("markdown", "# Exercises: the kernel\n\nFour of them.", "intro"),
    Cell("markdown", "## 1. The kernel by hand\n\nFind it.", "ntk-text"),
    Cell("code", "# no heading\n...", "erf_limit"),
]
SETS = {
    "kernel": ExerciseSet({"ntk": 3, "erf_limit": 4}, HEADINGS, []),
    "bounds": ExerciseSet({"sharp_rate": 2}, [], []),
}
DUE = datetime(2026, 10, 1, 23, 59, tzinfo=UTC)


class Roster:
    """A list of names, as the report reads it."""

    def __init__(self, *names):
        """Keep the names."""
        self.students = list(names)
        self.filled = None

    def fill(self, out, totals, possible):
        """Keep what would be filled in."""
        self.filled = (totals, possible)
        return ["kernel: filled in, in the column Kernel"]


@pytest.fixture
def submissions():
    """Ada handed in two sets, bob a broken one, and for cy the grading went wrong."""
    kernel = Submission("ada", "kernel.ipynb", "kernel")
    kernel.points = {"ntk": 3, "erf_limit": 0}
    kernel.lines = {"ntk": "ntk: correct", "erf_limit": "your code failed: <b>&"}
    kernel.answers = {"ntk": "def ntk(x):\n    return '<script>'"}
    kernel.derivations = {"ntk": "It is so.", "erf_limit": ""}
    kernel.remarks = ["cell 2 failed: <script>"]
    kernel.seed, kernel.graded_at = 7, DUE
    bounds = Submission("ada", "bounds.ipynb", "bounds", reason="was given up")
    bounds.points = {"sharp_rate": 0}
    bounds.lines = {"sharp_rate": "was not reached"}
    broken = Submission("=bob", "bob_bounds.ipynb", "bounds", reason="is an empty file")
    ours = Submission("<img src=x>", "x.ipynb", "kernel", not_graded="no memory left")
    return [kernel, bounds, broken, ours]


def results(submissions, course=None, names=(), rows=()):
    """What the students earned, by name."""
    course = course or Course()
    names = [*names, *(submission.student for submission in submissions)]
    given = Marks(rows, names, course)
    found = students(submissions, SETS, course, names, given)
    return {student.name: student for student in found}


def grades(out):
    """The rows of grades.csv, by student."""
    with (out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def row(student, exercise, points, of="3", comment=""):
    """A row of the file of marks."""
    values = (student, exercise, points, of, comment)
    columns = ("student", "exercise", "points", "of", "comment")
    return dict(zip(columns, values, strict=True))


def handed_in(days, set_name="kernel", points=4):
    """A submission of ada's so many days after the set was due."""
    when = None if days is None else DUE + timedelta(days=days)
    submission = Submission("ada", "a.ipynb", set_name, handed_in=when)
    submission.points = {next(iter(SETS[set_name].points)): points}
    return submission


# --- the table -----------------------------------------------------------------------


def test_write_makes_a_row_for_each_student(tmp_path, submissions):
    """Columns are the exercises of all sets; a set that was not handed in is empty."""
    report.write(tmp_path, submissions, SETS, Course())
    with (tmp_path / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    head = ["student", "ntk", "erf_limit", "sharp_rate", "total", "possible"]
    assert rows[0] == [*head, "status", "remarks", "seed"]
    ada = "cell 2 failed: <script>; bounds.ipynb was given up"
    empty = "bob_bounds.ipynb is an empty file"
    ours = "x.ipynb was not graded: no memory left"
    assert rows[1:] == [
        ["ada", "3", "0", "0", "3", "9", "see remarks", ada, "7"],
        ["'=bob", "", "", "0", "0", "9", "see remarks", empty, ""],
        ["<img src=x>", "", "", "", "", "9", "not graded", ours, ""],
    ]


def test_write_has_a_row_for_who_handed_in_nothing(tmp_path, submissions):
    """The roster's students come first, all of them, and once."""
    report.write(tmp_path, submissions, SETS, Course(), Roster("zoe", "ada"))
    rows = grades(tmp_path)
    assert list(rows) == ["zoe", "ada", "'=bob", "<img src=x>"]
    assert rows["zoe"]["status"] == "nothing handed in"
    assert (rows["zoe"]["total"], rows["zoe"]["possible"]) == ("0", "9")
    assert (tmp_path / "feedback" / "zoe.html").exists()


def test_write_opens_in_excel(tmp_path, submissions):
    """The file begins with the mark by which Excel knows UTF-8, and is never half."""
    report.write(tmp_path, submissions, SETS, Course())
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")
    assert not list(tmp_path.glob("*.new"))


def test_write_survives_broken_names(tmp_path):
    """Half of a surrogate pair is no text that a file can hold."""
    odd = Submission("ada\ud800", "a.ipynb", reason="is an empty file")
    report.write(tmp_path, [odd], SETS, Course())
    assert "a.ipynb is an empty file" in (tmp_path / "grades.csv").read_text("utf-8")
    assert len(list((tmp_path / "feedback").iterdir())) == 1


def test_status_is_graded_without_reasons(submissions):
    """Where every file could be graded, the status says so."""
    student = results(submissions[:1])["ada"]
    assert (student.status, student.total, student.possible) == ("graded", 3, 9)


def test_total_is_empty_as_long_as_a_set_is_not_graded(submissions):
    """What the grading itself did wrong is never a 0, not even within a sum."""
    submissions[0].student = "<img src=x>"
    submissions[0].set_name = "bounds"
    assert results(submissions)["<img src=x>"].total is None
    submissions[3].set_name = None  # of a folder that cannot be read
    assert results(submissions)["<img src=x>"].total is None


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize(
    "before", ["", " ", "\u00a0", '"', "a;", "a; ", 'a,"', "a\t", "\n"]
)
def test_safe_has_no_formula(begin, before):
    """With no separator a program takes the text, or what follows, for a formula."""
    text = tables.safe(f"{before}{begin}1+1")
    for cell in re.split(r"[,;\t\n|]", text):
        assert cell.strip(' "\u00a0')[:1] not in {*"=+-@＝＋－＠"}
    assert tables.safe(text) == text
    assert "'" not in tables.plain(text)


def test_safe_leaves_the_rest():
    """Numbers stay numbers, and signs within a line are no formulas."""
    assert tables.safe(-1) == -1
    assert tables.safe("a-b, c = d") == "a-b, c = d"
    assert tables.safe("a\x00b\x1b[31m\u2028c") == "a b [31m c"


# --- late ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expected"),
    [(-1, 4), (0.5, 4), (1.5, 3.6), (2, 3.6), (4.5, 2.4), (5.1, 0)],
)
def test_late_days_cost_their_share(days, expected):
    """One day is free, each begun after it costs a tenth, after five all is lost."""
    course = Course(due={"kernel": DUE}, free_days=1, per_day=0.1, most_days=5)
    student = results([handed_in(days)], course)["ada"]
    assert student.total == pytest.approx(expected)
    assert student.late_penalty == pytest.approx(4 - expected)


def test_free_days_are_spent_once():
    """Two free days over all sets: the set that was due first has them."""
    due = {"kernel": DUE + timedelta(days=7), "bounds": DUE}
    course = Course(due=due, free_days=2, per_day=0.5)
    both = [handed_in(1.5, "bounds", 2), handed_in(7.5, "kernel", 4)]
    assert results(both, course)["ada"].total == pytest.approx(2 + 4 * 0.5)


def test_late_column_and_unknown_time(tmp_path):
    """Without a time nothing is taken off, and a sentence leaves it to a person."""
    course = Course(due={"kernel": DUE})
    bob = Submission("bob", "b.ipynb", "kernel", handed_in=DUE + timedelta(days=1.5))
    cy = Submission("cy", "c.ipynb", "kernel", late=False)
    batch = [handed_in(None), bob, cy]
    said = report.write(tmp_path, batch, SETS, course, Roster("zoe"))
    rows = grades(tmp_path)
    days = {name: row["kernel days late"] for name, row in rows.items()}
    assert days == {"zoe": "", "ada": "", "bob": "2", "cy": "0"}
    assert rows["ada"]["late penalty"] == "0"
    assert said[0].startswith("Handed in at a time that nobody knows: 1. Nothing was")


# --- derivations ---------------------------------------------------------------------


def test_total_includes_the_derivations(tmp_path, submissions):
    """Marks are added, an empty derivation is 0, one that waits is said."""
    course = Course(derivations={"default": 3, "ntk": 5})
    rows = [row("ada", "ntk", "2,5", "5")]
    ada = results(submissions, course, rows=rows)["ada"]
    kernel = ada.sets["kernel"]
    assert kernel.points_for_derivation("ntk") == 2.5
    assert kernel.points_for_derivation("erf_limit") == 0
    assert (kernel.points, kernel.possible) == (5.5, 3 + 4 + 5 + 3)
    assert ada.unmarked == []
    assert results(submissions, course)["ada"].unmarked == ["ntk"]


def test_late_derivations_lose_their_share_too():
    """The share is of all points of a set."""
    course = Course(due={"kernel": DUE}, per_day=0.5, derivations={"default": 3})
    submission = handed_in(0.5)
    submission.derivations = {"ntk": "so", "erf_limit": ""}
    ada = results([submission], course, rows=[row("ada", "ntk", "2")])["ada"]
    assert ada.total == pytest.approx(0.5 * (4 + 2))


def test_write_keeps_what_a_person_entered(tmp_path, submissions):
    """The second run counts the marks, and leaves the file as it is."""
    course = Course(derivations={"default": 3})
    report.write(tmp_path, submissions, SETS, course)
    assert grades(tmp_path)["ada"]["derivations to mark"] == "1"
    file = tmp_path / "marks" / "derivations.csv"
    text = file.read_text("utf-8-sig").replace("ntk,,3,", "ntk,2,3,well done")
    file.write_text(text, "utf-8")
    report.write(tmp_path, submissions, SETS, course)
    assert file.read_text("utf-8-sig") == text
    found = grades(tmp_path)["ada"]
    assert (found["ntk derivation"], found["total"]) == ("2", "5")
    assert found["derivations to mark"] == "0"
    assert "well done" in (tmp_path / "feedback" / "ada.html").read_text("utf-8")


def test_write_says_which_table_is_not_read(tmp_path, submissions):
    """Marks that were saved in a spreadsheet's own form do not get lost in silence."""
    (tmp_path / "marks").mkdir()
    for name in ("derivations.xlsx", "derivations (1).csv", ".~lock.derivations.csv#"):
        (tmp_path / "marks" / name).touch()
    said = report.write(tmp_path, submissions, SETS, Course())
    assert said == [
        f"{name} in {tmp_path / 'marks'} is not read; save it as derivations.csv"
        for name in ("derivations (1).csv", "derivations.xlsx")
    ]


def test_write_says_who_is_gone(tmp_path, submissions):
    """A page and marks of a student who is gone are kept, aside, and named."""
    report.write(tmp_path, submissions, SETS, Course())
    said = report.write(tmp_path, submissions[2:], SETS, Course())
    assert [line.replace(f"{tmp_path}/", "") for line in said] == [
        "Pages of students who are not there any more, moved to feedback-gone: "
        "ada.html",
        "Marks in marks/derivations.csv for students who are not there any more, "
        "kept: ada",
    ]
    assert not (tmp_path / "feedback" / "ada.html").exists()
    assert (tmp_path / "feedback-gone" / "ada.html").exists()
    assert "ada,ntk," in (tmp_path / "marks" / "derivations.csv").read_text("utf-8")


def test_write_fills_the_table_of_a_platform(tmp_path, submissions):
    """The list of a class comes back with the points in a column of its own."""
    path = tmp_path / "class.csv"
    path.write_text("Name,Email\nzoe,z@x.org\nada,a@x.org\n", "utf-8")
    course = Course(derivations={"default": 3})
    said = report.write(tmp_path, submissions, SETS, course, roster.read(path))
    filled = (tmp_path / "filled_class.csv").read_text("utf-8").splitlines()
    assert filled[0] == "Name,Email,kernel,bounds"
    assert filled[2] == "ada,a@x.org,3,0"
    assert "not in class.csv: =bob, <img src=x>" in said


def test_write_fills_the_roster(tmp_path, submissions):
    """Points of what was handed in, None for what was not graded; its sentences."""
    people = Roster("zoe", "ada")
    course = Course(derivations={"default": 3})
    said = report.write(tmp_path, submissions, SETS, course, people)
    assert people.filled == (
        {
            "zoe": {},
            "ada": {"kernel": 3, "bounds": 0},
            "=bob": {"bounds": 0},
            "<img src=x>": {"kernel": None},
        },
        {"kernel": 3 + 4 + 6, "bounds": 2 + 3},
    )
    assert said == [
        "Derivations that are not marked yet, and not counted: 1",
        "kernel: filled in, in the column Kernel",
    ]


# --- the pages -----------------------------------------------------------------------


def test_file_names_differ():
    """No page overwrites another, whatever a file system takes for the same name."""
    names = ["Ada", "ada", "ada!", "ada?", "...", "re\u0301", "r\u00e9", "CON", "aux.x"]
    files = list(file_names([Student(name, [], {}) for name in names]))
    assert len(files) == len({file.casefold() for file in files}) == len(names)
    assert re.fullmatch("Ada_[0-9a-f]{12}.html", files[0])
    assert files[4] == "student.html"
    assert files[7:] == ["CON_.html", "aux.x_.html"]


def test_file_names_do_not_depend_on_the_others():
    """A page keeps its name when students come or go before it."""
    ada, bob = Student("ada!", [], {}), Student("bob", [], {})
    assert list(file_names([bob, ada]))[1:] == list(file_names([ada]))


@pytest.mark.parametrize("letter", ["x", "é", "漢", "🙂"])
def test_file_names_are_short_in_bytes(tmp_path, letter):
    """A name of any letters can be written."""
    (file,) = file_names([Student(letter * 300, [], {})])
    assert len(file.encode()) <= 120
    (tmp_path / file).write_text("")


def test_titles_are_the_headings_of_the_notebook():
    """The set's heading and the exercises'; the name where there is none."""
    assert set_title("kernel", SETS["kernel"]) == "The kernel"
    assert set_title("bounds", SETS["bounds"]) == "bounds"
    assert titles(SETS["kernel"]) == {
        "ntk": "1. The kernel by hand",
        "erf_limit": "erf_limit",
    }


def test_page_shows_what_came_out(submissions):
    """Points, title, line, code, mark, comment, reasons, date and seed."""
    course = Course(derivations={"default": 3})
    given = [row("ada", "ntk", "1.5", comment="See (2) & say <why>")]
    found = results(submissions, course, rows=given)
    text = pages.feedback(found["ada"])
    for expected in (
        "4.5 of 18 points",
        "Graded on 1 October 2026, 23:59 UTC, with inputs drawn from seed 7.",
        "<h2>The kernel: 4.5 of 13 points</h2>",
        "<h3>1. The kernel by hand</h3>",
        "3 of 3 points for the code, 1.5 of 3 for the derivation.",
        "<p>Correct</p>",
        "<p>Your code failed: &lt;b&gt;&amp;</p>",
        "See (2) &amp; say &lt;why&gt;",
        '<span class="nf">ntk</span>',
        "<li>bounds.ipynb was given up</li>",
    ):
        assert expected in text
    assert "Nothing was handed in." in pages.feedback(found["=bob"])
    assert "Not all of it could be graded yet" in pages.feedback(found["<img src=x>"])


def test_page_says_how_late_it_was():
    """The days, and what they cost."""
    course = Course(due={"kernel": DUE}, free_days=1, per_day=0.1)
    text = pages.feedback(results([handed_in(1.5)], course)["ada"])
    assert "Handed in 2 days late: 90 % of 4 points count.</p>" in text
    text = pages.feedback(results([handed_in(0.5)], course)["ada"])
    assert "Handed in 1 day late: within the free days" in text


def test_page_is_safe_and_asks_no_other_host(submissions):
    """Nothing that a student wrote is markup; there is no script and no address."""
    for student in results(submissions).values():
        text = pages.feedback(student)
        assert not re.search("<(script|img|link|b)[ >]", text)
        assert not re.search("https?:|//|url\\(", text)
        assert 'name="viewport"' in text
    assert "&lt;img src=x&gt;" in text


def test_page_cuts_endless_code(submissions):
    """A megabyte of code does not make a page that no browser shows."""
    submissions[0].answers["ntk"] = "x = 1\n" * 200_000
    text = pages.feedback(results(submissions)["ada"])
    assert "(cut after 20000 characters)" in text
    assert len(text) < 40_000

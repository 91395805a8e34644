"""The list of a class: the platforms' exports, read, matched and filled in."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest

from grading import roster
from grading.owners import Owner
from grading.roster import RosterError

POSSIBLE = {"kernel": 7, "bounds": 2}
# In the forms of canvas-lms, lib/gradebook_exporter.rb, and of Moodle,
# mod/assign/feedback/offline; of Gradescope's "Download Grades".
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Exercises: kernel (901),Bounds (902),\
Kernel Final Score
,,,,,Manual Posting,,(read only)
    Points Possible,,,,,7.00,20.00,(read only)
"Lee, Ann",12345,S1,alee,NTK 1,,,0
"Müller, Jörg",12346,S2,jmueller,NTK 1,,1.50,0
"Doe, Jane",12347,S3,jdoe,NTK 2,,,0
"Student, Test",12399,,0123456789abcdef,NTK 1,,,0
"""
MOODLE = """\
\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum grade",\
"Grade can be changed","Last modified (submission)","Last modified (grade)",\
"Feedback comments"
"Participant 501","Ann Lee",ann@example.edu,"Submitted for grading - ",,7.00,Yes,\
"Thursday, 1 October 2026, 11:59 PM",-,
"Participant 502","Jörg Müller",joerg@example.edu,"Submitted for grading - ",,7.00,Yes,\
"Friday, October 2, 2026, 12:01 AM",-,
"Participant 503","Jane Doe",jane@example.edu,"No submission - ",,7.00,Yes,-,-,"Come!"
"""
GRADESCOPE = """\
First Name,Last Name,SID,Email,Sections,Total Score,Max Points,Status,Submission Time
Ann,Lee,3001,ann@example.edu,,,7.0,Ungraded,2026-10-01 23:58:59 -0700
"""


@pytest.fixture
def reading(tmp_path):
    """reading(text, name) -> the roster in a file with this text and name."""

    def read(text, name="export.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return roster.read(path)

    return read


def table(path, delimiter=","):
    """The rows of a file that was written."""
    text = path.read_text("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def test_read_knows_the_gradebook_of_canvas(reading):
    """Rows without a number and the test student are nobody."""
    found = reading(CANVAS)
    assert found.platform == "canvas"
    assert found.students == ["Lee, Ann", "Müller, Jörg", "Doe, Jane"]
    assert [one.key for one in found.people] == ["alee", "jmueller", "jdoe"]


def test_read_knows_columns_of_first_and_last_names(reading):
    """Canvas can export the two parts of a name."""
    text = CANVAS.replace("Student,ID", "LastName,FirstName,ID")
    text = text.replace('"Lee, Ann"', "Lee,Ann").replace("Possible,", "Possible,,")
    found = reading(text)
    assert found.platform == "canvas"
    assert found.students[0] == "Ann Lee"


def test_read_leaves_out_the_test_student_by_first_and_last_name(reading):
    """Canvas calls nobody so in either order."""
    found = reading("LastName,FirstName,ID,Section\nLee,Ann,1,\nStudent,Test,2,\n")
    assert found.students == ["Ann Lee"]


def test_read_takes_rows_that_say_the_same_of_a_person_for_one(reading):
    """nbgrader's own export has a row for each student and set."""
    text = "assignment,student_id,last_name,first_name\n"
    text += "kernel,ada,Byron,Ada\nbounds,ada,Byron,Ada\nkernel,ada2,Byron,Ada\n"
    found = reading(text)
    assert found.students == ["Ada Byron (ada)", "Ada Byron (ada2)"]
    assert found.find(Owner("ada")).row == 1


@pytest.mark.parametrize("names", ["Vollständiger Name,E-Mail-Adresse,", ""])
def test_read_knows_the_worksheet_of_moodle_in_any_language(reading, tmp_path, names):
    """Moodle writes the head in the teacher's language, and may hide who it is."""
    head = f"ID,{names}Status,Bewertung,Bestwertung,Bewertung kann geändert werden"
    rows = ["Teilnehmer/in501,Ann Lee,ann@b.c,Neu,,", "Teilnehmer/in502,Bo,bo@b.c,-,-,"]
    if not names:
        rows = ["Teilnehmer/in501,Neu,,", "Teilnehmer/in502,-,-,"]
    text = "\n".join([head, *(f'{row}"7,00",Ja' for row in rows), ""])
    found = reading(text)
    assert found.platform == "moodle"
    keys = ["ann@b.c", "bo@b.c"] if names else ["Teilnehmer/in501", "Teilnehmer/in502"]
    assert [one.key for one in found.people] == keys
    assert found.students == (["Ann Lee", "Bo"] if names else keys)
    assert found.find(Owner("Teilnehmerin", "moodle", "502")).row == 2
    found.fill(tmp_path, {found.students[0]: {"kernel": 5.5}}, {"kernel": 7})
    filled = (tmp_path / "filled_export.csv").read_text("utf-8")
    assert filled == text.replace(',,"7,00"', ',"5,5","7,00"')


@pytest.mark.parametrize(
    "text",
    [
        "login,mail,group,year\nst1,a@b.c,x,2026\nst2,b@b.c,y,2026\n",
        "login,mail,points,group\nst1,a@b.c,1,x\nst2,b@b.c,2,x\n",
        "login,Name,points,of\nst1,Ann,1,2\nst2,Bo,2,2\n",
        "login,mail\nst1,a@b.c\n",
        "login\n",
    ],
)
def test_read_takes_no_other_table_for_a_worksheet(reading, text):
    """One column of the same number is not enough."""
    assert reading(text).platform == ""


def test_read_knows_the_worksheet_of_moodle(reading):
    """The key is the address, since participants' numbers differ between courses."""
    found = reading(MOODLE)
    assert found.platform == "moodle"
    assert found.students == ["Ann Lee", "Jörg Müller", "Jane Doe"]
    assert found.people[0].key == "ann@example.edu"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Owner("leeann", "canvas", "12345"), "Lee, Ann"),
        (Owner("renamed", "canvas", "12346"), "Müller, Jörg"),
        (Owner("leeann", "canvas", "999"), None),
        (Owner("müllerjörg"), "Müller, Jörg"),
        (Owner("mu\u0308llerjo\u0308rg"), "Müller, Jörg"),
        (Owner("Ann Lee"), "Lee, Ann"),
        (Owner("Jane Doe", "moodle", "12345"), "Doe, Jane"),
        (Owner("JDOE"), "Doe, Jane"),
        (Owner("x", "gradescope", "S3", ("S3", "a@b.c")), "Doe, Jane"),
        (Owner("eve"), None),
        (Owner("Test Student"), None),
    ],
)
def test_find_matches_by_number_then_by_name(reading, owner, name):
    """The platform's own number decides; other names do if they are one person's."""
    found = reading(CANVAS).find(owner)
    assert (found and found.name) == name


def test_find_matches_participants_of_moodle(reading):
    """Marked blindly, only the number of the participant is known."""
    found = reading(MOODLE)
    assert found.find(Owner("Participant", "moodle", "502")).name == "Jörg Müller"
    assert found.find(Owner("Ann Lee", "moodle", "77")).name == "Ann Lee"
    assert found.find(Owner("Participant 77", "moodle", "77")) is None
    blind = MOODLE.replace(',"Full name","Email address"', "")
    for name in ("Ann Lee", "Jörg Müller", "Jane Doe"):
        address = f"{name.split()[0].lower().replace('ö', 'oe')}@example.edu"
        blind = blind.replace(f',"{name}",{address}', "")
    found = reading(blind)
    assert found.students == ["Participant 501", "Participant 502", "Participant 503"]
    assert found.find(Owner("Participant 502", "moodle", "502")).row == 2


@pytest.mark.parametrize(
    ("name", "found"),
    [("Ann Lee", True), ("Group A-Ann Lee", True), ("Group 3", False)],
)
def test_find_takes_no_group_of_moodle_for_a_person(reading, name, found):
    """Groups have numbers of their own, which may be a participant's, too."""
    student = reading(MOODLE).find(Owner(name, "moodle", "501"))
    assert (student is not None) == found


def test_find_matches_names_in_either_order(reading):
    """Canvas writes the last name first, without blanks; a class list may not."""
    found = reading('Name\nAnn Mary Lee\n"Müller, Jörg"\n')
    for name in ("leeannmary", "Ann Mary Lee", "annmarylee"):
        assert found.find(Owner(name)).name == "Ann Mary Lee"
    for name in ("müllerjörg", "Jörg Müller", "Müller Jörg"):
        assert found.find(Owner(name)).name == "Müller, Jörg"


def test_find_matches_no_name_of_two_people(reading):
    """Two people of one name are told apart by their keys, never by guessing."""
    text = CANVAS.replace('"Doe, Jane"', '"Lee, Ann"')
    found = reading(text)
    assert found.students[::2] == ["Lee, Ann (alee)", "Lee, Ann (jdoe)"]
    assert found.find(Owner("leeann")) is None
    assert found.find(Owner("leeann", "canvas", "12347")).name == "Lee, Ann (jdoe)"


def test_find_tells_names_apart_that_differ_by_a_sign(reading):
    """A login that is like another but for a dot is found as it is written."""
    found = reading("Login,Email\njan.e,1@example.edu\njane,2@example.edu\n")
    for login in ("jan.e", "jane"):
        assert found.find(Owner(login)).key == login
    assert found.find(Owner("ja-ne")) is None


def test_find_reads_all_letters(reading):
    """Vowels of Indian scripts are marks beside letters, and tell names apart."""
    found = reading("Name\nराम\nरमा\n")
    assert [found.find(Owner(name)).name for name in ("राम", "रमा")] == ["राम", "रमा"]
    assert found.find(Owner("रम")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Name,E-mail\nAnn Lee,ann@example.edu\n",
        "name;login\r\nAnn Lee;ann\r\n",
        "\ufeffFirst Name\tLast Name\tUsername\nAnn\tLee\tann\n",
        "email\nann@example.edu\n\n",
        '"Login";"Ada, Bo, Cy"\rann;1\r',
        "Name,E-mail\nAnn Lee,ann@example.edu\n".encode("utf-16"),
        GRADESCOPE,
    ],
)
def test_read_knows_other_tables(reading, text):
    """Any separator, any mark of the order of bytes; empty rows are nobody."""
    found = reading(text)
    assert len(found.students) == 1
    assert found.find(Owner("ann")).row == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\ufeff\r\n ,,\n", "is empty"),
        ("Points,Remark\n3,good\n", "has no column that names students, such as Stud"),
        ("PK\3\4", "is a spreadsheet; save it as CSV UTF-8"),
        ("Name\nMüller\n".encode("cp1252"), "is not UTF-8 text; save it as CSV UTF-8"),
    ],
)
def test_read_refuses_in_one_sentence(reading, text, sentence):
    """What is no roster is named."""
    with pytest.raises(RosterError, match=r"export\.csv ") as caught:
        reading(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_refuses_a_file_that_is_not_there(tmp_path):
    """The path and the system's reason."""
    with pytest.raises(RosterError, match=r"gone\.csv cannot be read: No such file"):
        roster.read(tmp_path / "gone.csv")


def test_fill_writes_points_into_the_columns_of_canvas(reading, tmp_path):
    """Each set in the assignment that names it; everything else stays as it was."""
    totals = {
        "Lee, Ann": {"kernel": 7, "bounds": 1.5},
        "Müller, Jörg": {"kernel": 0, "bounds": None},
        "eve": {"kernel": 7},
    }
    out = tmp_path / "grades"
    out.mkdir()
    sentences = reading(CANVAS).fill(out, totals, POSSIBLE)
    assert sentences[0] == f"Filled in: {out}/filled_export.csv"
    before = list(csv.reader(io.StringIO(CANVAS)))
    after = table(out / "filled_export.csv")
    assert [row[:5] for row in after] == [row[:5] for row in before]
    assert [row[5:] for row in after[3:]] == [
        ["7", "1.5", "0"],
        ["0", "1.50", "0"],
        ["", "", "0"],
        ["", "", "0"],
    ]
    assert after[:3] == before[:3]
    assert sentences[1:] == [
        "kernel: filled in, in the column Exercises: kernel (901)",
        "bounds: filled in, in the column Bounds (902)",
        "bounds has 2 points, but Bounds (902) allows 20",
        "not in export.csv: eve",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Bounds (902)", "Limits (902)", "as no assignment of export.csv is called so"),
        ("Bounds (902)", "Kernel 2 (902)", "as several columns fit: Exercises: kernel"),
        ("Bounds (902)", "Bounds of a kernel (902)", "bounds: not filled in, as no"),
    ],
)
def test_fill_says_where_no_column_of_canvas_fits(
    reading, tmp_path, old, new, sentence
):
    """Canvas refuses columns that it does not know, so none is made."""
    out = tmp_path / "grades"
    out.mkdir()
    sentences = reading(CANVAS.replace(old, new)).fill(out, {}, POSSIBLE)
    assert any(sentence in one for one in sentences)
    assert len(table(out / "filled_export.csv")[0]) == 8


def test_fill_prefers_the_column_of_exactly_that_name(reading, tmp_path):
    """An assignment `Kernel` is meant before another that has the word in its name."""
    text = CANVAS.replace("Bounds (902)", "Kernel (902)")
    out = tmp_path / "grades"
    out.mkdir()
    reading(text).fill(out, {"Lee, Ann": {"kernel": 7}}, {"kernel": 7})
    assert table(out / "filled_export.csv")[3][5:7] == ["", "7"]


def test_fill_writes_points_into_the_course_grades_of_gradescope(reading, tmp_path):
    """Each assignment has four columns there, the first of which is for the points."""
    other = [f"1: Kernel - {what}" for what in ("Max Points", "Submission Time")]
    text = (
        ",".join(["Name,SID,Email,1: Kernel", *other]) + "\nAnn Lee,3001,a@b.c,,7.0,\n"
    )
    out = tmp_path / "grades"
    out.mkdir()
    reading(text).fill(out, {"Ann Lee": {"kernel": 7, "bounds": 1}}, POSSIBLE)
    assert table(out / "filled_export.csv") == [
        ["Name", "SID", "Email", "1: Kernel", *other, "bounds"],
        ["Ann Lee", "3001", "a@b.c", "7", "7.0", "", "1"],
    ]


def test_fill_writes_points_into_the_worksheet_of_moodle(reading, tmp_path):
    """It is about the assignment in its name, or the only one that was asked for."""
    totals = {"Ann Lee": {"kernel": 5.5}, "Jörg Müller": {"kernel": None}}
    out = tmp_path / "grades"
    out.mkdir()
    for name, sets in [
        ("Grades-NTK-Kernel-77.csv", POSSIBLE),
        ("Grades-77.csv", {"kernel": 7}),
    ]:
        sentences = reading(MOODLE, name).fill(out, totals, sets)
        after = table(out / f"filled_{name}")
        assert [row[4] for row in after] == ["Grade", "5.5", "", ""]
        assert [row[-1] for row in after[1:]] == ["", "", "Come!"]
        assert sentences[-1] == "kernel: filled in, in the column Grade"
        assert (
            (out / f"filled_{name}").read_bytes().startswith(b"\xef\xbb\xbfIdentifier")
        )
    sentences = reading(MOODLE).fill(out, totals, {"kernel": 8})
    assert sentences[-1] == "kernel has 8 points, but Grade allows 7"
    sentences = reading(MOODLE).fill(out, totals, POSSIBLE)
    assert [row[4] for row in table(out / "filled_export.csv")] == ["Grade", "", "", ""]
    assert sentences[1:] == [
        f"{name}: not filled in, as Grade is for a set that neither export.csv nor "
        "SETS names"
        for name in POSSIBLE
    ]


def test_fill_adds_columns_to_a_table_of_ones_own(reading, tmp_path):
    """Where no column is named like a set a new one is; semicolons mean commas."""
    out = tmp_path / "grades"
    out.mkdir()
    found = reading("Name;Kernel\nAnn Lee\nBo Smith;\n")
    found.fill(out, {"Ann Lee": {"kernel": 2.5, "bounds": 1}}, POSSIBLE)
    assert table(out / "filled_export.csv", ";") == [
        ["Name", "Kernel", "bounds"],
        ["Ann Lee", "2,5", "1"],
        ["Bo Smith", ""],
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", " '=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+1", "'+1+1"),
        ("\t-a", " '-a"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("Lee;=1+1", "Lee;'=1+1"),
        ("Lee, =1+1", "Lee, '=1+1"),
        ("A\x07n\x1bn", "A n n"),
        ("good\r\n=1+1", "good\n'=1+1"),
        ("good\r\n1+1", "good\r\n1+1"),
        ("-", "-"),
        ("-1", "-1"),
        ("+49,5%", "+49,5%"),
    ],
)
@pytest.mark.parametrize("column", [0, 2])
def test_fill_writes_no_formulas(reading, tmp_path, text, shown, column):
    """Students choose their names and texts; a spreadsheet must not compute them."""
    cells = ["Ann", "ann", "text"]
    cells[column] = f'"{text}"'
    before = f"Name,Login,Online text\n{','.join(cells)}\n"
    reading(before).fill(tmp_path, {}, {})
    after = (tmp_path / "filled_export.csv").read_bytes().decode()
    assert after == before.replace(text, shown)


# What an export has of its own, and a table that was written anew would lose. Here |
# separates the cells, and < > are about what is filled in.
ODD = """\
\n"Student"|ID|SIS User ID|Section|"Kernel (1)"|Note\r
    Points Possible||||"7.00"|(read only)\r
"Lee, ""J"" Ann"|1|007|"A; B"|<6.5>|"two
lines"\r
Müller|2|S2||"<7>"|\r
"Doe, Jane"|"3"|S3|A|EX|"""


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        ("", "utf-8"),
        ("\ufeff", "utf-8"),
        ("\ufeff", "utf-16-le"),
        ("\ufeff", "utf-16-be"),
    ],
)
def test_fill_changes_nothing_else(reading, tmp_path, mark, encoding, separator):
    """Quotation marks, ends of lines, encoding and empty cells stay as they were."""
    odd = mark + ODD.replace("|", separator)
    text, filled = re.sub("<.*?>", "", odd), re.sub("[<>]", "", odd)
    points = {'Lee, "J" Ann': 6.5, "Müller": 7, "Doe, Jane": 1}
    totals = {name: {"kernel": value} for name, value in points.items()}
    sentences = reading(text.encode(encoding)).fill(tmp_path, totals, {"kernel": 7})
    after = (tmp_path / "filled_export.csv").read_bytes()
    assert after.decode(encoding) == filled
    assert sentences[-1] == "kernel: excused, and left so: Doe, Jane"


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Name,Kernel\nAnn,\n,7.5\n", "Name,Kernel\nAnn,2.5\n,7.5\n"),
        ('Name,Kernel\nAnn,\n,"7,5"\n', 'Name,Kernel\nAnn,"2,5"\n,"7,5"\n'),
        ("Name;Kernel\nAnn;\n;7.5\n", "Name;Kernel\nAnn;2.5\n;7.5\n"),
        ("Name;Kernel\nAnn;\n", "Name;Kernel\nAnn;2,5\n"),
        (
            'Name,Section,Kernel\nAnn,"101,102",\n',
            'Name,Section,Kernel\nAnn,"101,102",2.5\n',
        ),
        (
            'Name,Seat,Kernel\nAnn,"1,2",\n,,10.00\n',
            'Name,Seat,Kernel\nAnn,"1,2",2.5\n,,10.00\n',
        ),
        ("Name;Kernel\nAnn", "Name;Kernel\nAnn;2,5"),
    ],
)
def test_fill_writes_decimals_as_the_table_does(reading, tmp_path, text, filled):
    """Canvas and Moodle write them by the language, whatever the separator."""
    reading(text).fill(tmp_path, {"Ann": {"kernel": 2.5}}, {"kernel": 7})
    assert (tmp_path / "filled_export.csv").read_text() == filled


def test_fill_prefers_points_to_percentages(reading, tmp_path):
    """Moodle's gradebook has up to four columns of an assignment."""
    kinds = ["Percentage", "Real", "Letter", "Feedback"]
    head = ",".join(f"Assignment: Kernel ({kind})" for kind in kinds)
    found = reading(
        f"First name,Last name,Email address,{head}\nAnn,Lee,a@b.c,-,-,-,-\n"
    )
    found.fill(tmp_path, {"Ann Lee": {"kernel": 7}}, {"kernel": 7})
    assert table(tmp_path / "filled_export.csv")[1][3:] == ["-", "7", "-", "-"]


def test_handed_in_is_read_from_the_export_of_the_assignment(reading):
    """Moodle's times have no zone, Gradescope's do; a dash is no time."""
    found = reading(MOODLE, "Grades-kernel.csv")
    times = [found.handed_in(one, "kernel") for one in found.people]
    assert times == [
        datetime(2026, 10, 1, 23, 59),
        datetime(2026, 10, 2, 0, 1),
        None,
    ]
    assert found.handed_in(found.people[0], "bounds") is None
    assert found.handed_in(found.people[0], None) is None
    found = reading(GRADESCOPE, "kernel_scores.csv")
    moment = datetime(2026, 10, 2, 6, 58, 59, tzinfo=UTC)
    assert found.handed_in(found.people[0], "kernel") == moment

"""Marks for derivations: entered in a spreadsheet or in the form, and never lost."""

import csv
import errno
import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from grading import markdown, marking, marking_pages, marks, report
from grading.course import Course
from grading.markdown import html, solution
from grading.marks import (
    Derivation,
    Mark,
    Marks,
    add_rows,
    label,
    pseudonym,
    text_code,
)
from grading.notebooks import Cell
from grading.submissions import ExerciseSet, Submission
from grading.written import fill
from ntk_answers.variants import in_words
from tools.execute import ROOT

ANONYMOUS = Course(anonymous=True, secret="s", derivations={"default": 3})
NAMED = Course(derivations={"default": 3})
HEAD = ["student", "exercise", "points", "of", "comment"]
TEXT_CODE = text_code("So.")


@pytest.fixture
def file(tmp_path):
    """Where the marks of a folder of grades are."""
    return tmp_path / "marks" / "derivations.csv"


def save(file, text, encoding="utf-8"):
    """Save the file as a spreadsheet would."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode(encoding))


def rows(file):
    """What is in the file, as lists."""
    with file.open(newline="", encoding="utf-8-sig") as opened:
        return list(csv.reader(opened))


def add(file, students, course=NAMED, names=None):
    """Add a row for the exercise ntk of each of these students."""
    given = Marks(marks.read(file), names or students, course)
    found = [Derivation(student, "ntk", 3, "So.") for student in students]
    add_rows(file, found, given, course)
    return given


# --- the file ------------------------------------------------------------------------


def test_add_rows_adds_only_what_is_new(file):
    """What was entered stays, with the order and a column of one's own."""
    save(
        file,
        "marker,student,exercise,points,of,comment\nJo,bob,ntk,1.5,3,\"so, 'so'\"\n",
    )
    add(file, ["ada", "bob"])
    assert rows(file) == [
        [*HEAD, "marker", "text"],
        ["bob", "ntk", "1.5", "3", "so, 'so'", "Jo", TEXT_CODE],
        ["ada", "ntk", "", "3", "", "", TEXT_CODE],
    ]
    before = file.read_bytes()
    add(file, ["ada", "bob"])
    assert file.read_bytes() == before


def test_add_rows_never_deletes(file):
    """Rows of students who are gone stay as they are, and are counted as strangers."""
    save(file, "student,exercise,points,of,comment\neve,ntk,2,3,good\n")
    given = add(file, ["ada"])
    assert [row["student"] for row in given.strangers] == ["eve"]
    assert rows(file)[1:] == [
        ["eve", "ntk", "2", "3", "good", ""],
        ["ada", "ntk", "", "3", "", TEXT_CODE],
    ]


def test_add_rows_keeps_the_lines_of_a_comment(file):
    """Several lines stay several, and none of them begins a formula."""
    save(file, 'student,exercise,points,of,comment\nada,ntk,2,3,"Good.\r\n\r\n=so"\n')
    for _ in range(2):
        given = add(file, ["ada"])
        assert given.of("ada", "ntk").comment == "Good.\n\n=so"
    assert rows(file)[1][4] == "Good.\n\n'=so"


def test_add_rows_keeps_a_mark_for_what_is_gone(file):
    """A derivation that was handed in and marked, and then was taken out again."""
    add(file, ["ada"], names=["ada"])
    marks.enter(file, {**ENTRY, "points": "2"})
    before = file.read_bytes()
    given = add(file, [], names=["ada"])
    assert given.of("ada", "ntk").points == 2
    assert file.read_bytes() == before


def test_change_sees_what_somebody_saved_meanwhile(file, monkeypatch):
    """A spreadsheet saves the file between reading and writing: it is read again."""
    save(file, "student,exercise,points,of,comment\nada,ntk,,3,\n")
    fsync = os.fsync

    def saved_meanwhile(written):
        monkeypatch.setattr(os, "fsync", fsync)
        save(file, "student,exercise,points,of,comment\nada,ntk,2,3,\n")

    monkeypatch.setattr(os, "fsync", saved_meanwhile)
    add(file, ["ada", "bob"])
    assert [row[:3] for row in rows(file)[1:]] == [
        ["ada", "ntk", "2"],
        ["bob", "ntk", ""],
    ]


def test_change_waits_for_another_program(file):
    """The form saves while a run of the grading writes: neither undoes the other."""
    students = [f"s{number}" for number in range(20)]
    add(file, students)
    program = (
        "import sys; from pathlib import Path; from grading import marks\n"
        "for student in sys.argv[2:]:\n"
        "    mark = dict(student=student, exercise='ntk', points='1', comment='')\n"
        "    marks.enter(Path(sys.argv[1]), mark | {'text': ''})"
    )
    halves = students[::2], students[1::2]
    running = [
        subprocess.Popen([sys.executable, "-c", program, file, *half], cwd=ROOT)
        for half in halves
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert [row["points"] for row in marks.read(file)] == ["1"] * 20


def test_change_keeps_the_separator(file):
    """Excel opens a file in the form in which it was saved."""
    save(file, "student;exercise;points;of;comment\nada;ntk;2,5;3;\n", "cp1252")
    add(file, ["ada", "bob"])
    assert file.read_text("utf-8-sig").splitlines()[1] == f"ada;ntk;2,5;3;;{TEXT_CODE}"
    assert Marks(marks.read(file), ["ada"], NAMED).of("ada", "ntk").points == 2.5


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1252", ";")],
)
def test_read_takes_what_spreadsheets_save(file, encoding, separator):
    """Excel's encodings and separators, a decimal comma, empty lines."""
    lines = [HEAD, ["José", "ntk", "2,5", "3", "schön"], ["", "", "", "", ""]]
    text = "\r\n".join(
        separator.join(f'"{cell}"' if separator in cell else cell for cell in line)
        for line in lines
    )
    save(file, text, encoding)
    given = Marks(marks.read(file), ["José"], NAMED)
    assert given.of("José", "ntk") == Mark(2.5, "schön")
    assert not given.of("José", "erf_limit").given


@pytest.mark.parametrize("name", ["=bob", " ada", "0012", "re\u0301ne", "a, =b"])
def test_marks_find_the_student_again(file, name):
    """A name that a spreadsheet changes, or that we do, is still the same student."""
    add(file, [name])
    found = marks.read(file)
    found[0]["points"] = "2"
    found[0]["student"] = found[0]["student"].removeprefix("00")
    assert Marks(found, [name], NAMED).of(name, "ntk") == Mark(2, "", TEXT_CODE)


def test_marks_find_a_name_whose_letters_excel_lost():
    """As long as it can only be one student's."""
    row = {"exercise": "ntk", "of": "3", "comment": "", "points": "2"}
    lost = [{**row, "student": "Nguy?n, Gus"}]
    assert Marks(lost, ["Nguyễn, Gus"], NAMED).of("Nguyễn, Gus", "ntk").points == 2
    both = Marks(lost, ["Nguyễn, Gus", "Nguyện, Gus"], NAMED)
    assert both.strangers == lost


def test_marks_tell_numbers_apart():
    """The zeros before a number are forgotten only where nobody else is meant."""
    values = ({"points": "1", "student": "7"}, {"points": "2", "student": "07"})
    found = [{"exercise": "ntk", "of": "3", "comment": "", **row} for row in values]
    for students in (["07", "7"], ["7", "07"]):
        given = Marks(found, students, NAMED)
        assert (given.of("7", "ntk").points, given.of("07", "ntk").points) == (1, 2)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (f"ada,ntk,1,3,{'x' * 200_000}", "is no table: field larger than field limit"),
        (
            "ada,ntk,two,3,",
            r"row 2 \(ada, ntk\): expected a number of points, not 'two'",
        ),
        ("ada,ntk,nan,3,", "expected a number of points, not 'nan'"),
        ("ada,ntk,4,3,", "points must be from 0 to 3, not 4"),
        ("ada,ntk,-1,3,", "points must be from 0 to 3, not -1"),
        ("ada,ntk,1,,", "points must be from 0 to 0, not 1"),
    ],
)
def test_check_refuses_in_one_sentence(tmp_path, file, line, sentence):
    """What cannot be understood is named by its row, before anything is graded."""
    save(file, f"student,exercise,points,of,comment\n{line}\n")
    with pytest.raises(ValueError, match=sentence):
        marks.check(tmp_path)


def test_check_refuses_a_file_without_a_column(tmp_path, file):
    """Another table does not pass for that of the marks."""
    save(file, "name,grade\nada,2\n")
    with pytest.raises(ValueError, match="has no column 'student'"):
        marks.check(tmp_path)


def test_marks_refuse_more_than_the_course_gives():
    """Settings that give less by now, or those of another course by mistake."""
    row = {"student": "ada", "exercise": "ntk", "points": "2,5", "of": "3"}
    row |= {"comment": ""}
    assert Marks([row], ["ada"], NAMED).of("ada", "ntk").points == 2.5
    with pytest.raises(
        ValueError, match=r"2,5 points for the derivation ntk, and .* 2"
    ):
        Marks([row], ["ada"], Course(derivations={"ntk": 2}))
    assert not Marks([row | {"points": ""}], ["ada"], Course()).marks


def test_marks_refuse_two_for_one_derivation():
    """By name and by pseudonym, say; which of them counts is not guessed."""
    row = {"exercise": "ntk", "of": "3", "comment": ""}
    both = [
        {**row, "student": "ada", "points": "1"},
        {**row, "student": pseudonym("ada", "s"), "points": "2"},
    ]
    with pytest.raises(ValueError, match="two different marks for ada, ntk"):
        Marks(both, ["ada"], ANONYMOUS)
    both[1]["points"] = ""
    assert Marks(both, ["ada"], ANONYMOUS).of("ada", "ntk") == Mark(1)


def test_pseudonyms_hide_the_names(file):
    """Letters that depend on the secret; marks are found by them, and go with them."""
    names = [f"student {i}" for i in range(300)]
    assert len({pseudonym(name, "s") for name in names}) == 300
    assert pseudonym("ada", "s") != pseudonym("ada", "t")
    assert pseudonym("re\u0301ne", "s") == pseudonym("r\u00e9ne", "s")
    assert label("ada", NAMED) == "ada"

    save(file, "student,exercise,points,of,comment\nada,ntk,2,3,\n")
    add(file, ["ada", "bob"], ANONYMOUS)
    shown = rows(file)[1:]
    assert "ada" not in file.read_text("utf-8")
    given = Marks(marks.read(file), ["ada", "bob"], ANONYMOUS)
    assert [row[2] for row in shown if row[0] == pseudonym("ada", "s")] == ["2"]
    assert given.of("ada", "ntk").points == 2


def test_pseudonyms_are_in_no_order_of_names(file):
    """Neither the list of the class nor who came later can be read off the rows."""
    names = [f"student {i}" for i in range(20)]
    add(file, names)
    add(file, names, ANONYMOUS)
    add(file, [*names, "late"], ANONYMOUS)
    shown = [row[0] for row in rows(file)[1:]]
    assert shown == sorted(pseudonym(name, "s") for name in [*names, "late"])


# --- what a student wrote ------------------------------------------------------------


SOLUTION = (
    "<details><summary>Solution: the derivation</summary>\n\n"
    "By {eq}`eq-ntk`, $a$.\n\n</details>"
)


def exercises():
    """A set of one exercise, with its solution."""
    cells = [
        Cell("markdown", "## 1. The kernel", "ntk-text"),
        Cell("markdown", SOLUTION, "ntk-derivation"),
        Cell("code", "...", "ntk"),
        Cell("markdown", "## 2. More", "more-text"),
    ]
    return ExerciseSet({"ntk": 3}, cells, [])


def test_fill_keeps_code_and_derivation():
    """Cells that a student put after the derivation belong to it."""
    submission = Submission("ada", "kernel.ipynb", "kernel")
    submission.cells = [
        Cell("markdown", "YOUR ANSWER HERE\n\nfirst", "ntk-derivation"),
        Cell("markdown", "second", "f3a1"),
        Cell("code", "def ntk(): ...", "ntk"),
        Cell("markdown", "no part of it", "77aa"),
    ]
    fill(submission, exercises())
    assert submission.answers == {"ntk": "def ntk(): ..."}
    assert submission.derivations == {"ntk": "first\n\nsecond"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([Cell("markdown", "YOUR ANSWER HERE", "ntk-derivation")], {"ntk": ""}),
        ([Cell("markdown", "It is so.", "77aa")], {}),
        (exercises().cells[1::2], {"ntk": SOLUTION}),
    ],
)
def test_fill_finds_where_a_derivation_ends(cells, expected):
    """Nothing is "", a lost name is missing, the next task is no part of it."""
    submission = Submission("ada", "kernel.ipynb", "kernel", cells=cells)
    fill(submission, exercises())
    assert submission.derivations == expected


def test_html_shows_formulas_and_no_markup():
    """TeX stays TeX, marked for KaTeX; tags, links and foreign pictures are words."""
    text = html(
        "a $x<y$ **b** [c](javascript:alert(1)) ![d](http://e.f/g.png)\n\n"
        "$$\n\\sum_i h_i * *\n$$\n\n\\begin{align}z\\end{align}\n\n<script>1</script>\n"
    )
    assert '<span class="tex">x&lt;y</span> <strong>b</strong>' in text
    assert "c (javascript:alert(1)) [picture: d]" in text
    assert r'<span class="tex display">\sum_i h_i * *</span>' in text
    assert r'<span class="tex display">\begin{align}z\end{align}</span>' in text
    assert "&lt;script&gt;1&lt;/script&gt;" in text
    assert "<a" not in text
    assert "<img" not in text


def test_html_shows_headings_and_listings():
    """A heading stands below those of the page; a listing is no page of its own."""
    text = html("# So *it* is\n\n```html\n<b>\n```\n")
    assert "<p><strong>So <em>it</em> is</strong></p>" in text
    assert "<pre><code>&lt;b&gt;\n</code></pre>" in text


@pytest.mark.parametrize("text", ["> " * 10_000, "[" * 10_000, "$" * 10_000])
def test_html_takes_any_text(text):
    """Deep and broken Markdown is shown somehow."""
    assert html(text).startswith(("<p", "<blockquote"))


def test_html_shows_what_no_parser_takes(monkeypatch):
    """A text that is too long or makes the parser fail is shown as it stands."""
    assert html("a" * 40_000).endswith("a\n… (cut after 30000 characters)</pre>")
    monkeypatch.setattr(markdown.Written, "text", None)
    assert html("*a* <b>") == "<pre>*a* &lt;b&gt;</pre>"


def test_solution_is_unfolded():
    """The reference solution is read at once, without roles of the book."""
    assert solution(SOLUTION) == '<p>By eq-ntk, <span class="tex">a</span>.</p>\n'


# --- the pages and the form ----------------------------------------------------------


def submitted(student, **derivations):
    """A submission of the kernel set with these derivations."""
    submission = Submission(student, f"{student}.ipynb", "kernel")
    submission.points = {"ntk": 3}
    submission.derivations = derivations
    submission.graded_at = datetime(2026, 10, 2, tzinfo=UTC)
    return submission


@pytest.fixture
def batch():
    """Ada wrote something, bob nothing, and cy's cell has lost its name."""
    return [submitted("ada", ntk="See $x$."), submitted("bob", ntk=""), submitted("cy")]


def written(out, batch, course=NAMED):
    """Write all, and read the marking page of the exercise ntk."""
    report.write(out, batch, {"kernel": exercises()}, course)
    return (out / "marks" / "ntk.html").read_text("utf-8")


def test_page_shows_derivations_beside_the_solution(tmp_path, file, batch):
    """Every derivation that is to be read, and where to look for one."""
    text = written(tmp_path, batch)
    assert 'See <span class="tex">x</span>.' in text
    assert "By eq-ntk" in text
    assert "was not found. Look into cy.ipynb." in text
    assert "<h2>Nothing written</h2>\n<p>bob</p>" in text
    assert [row[0] for row in rows(file)] == ["student", "ada", "cy"]
    index = (tmp_path / "marks" / "index.html").read_text("utf-8")
    assert "(<code>ntk</code>): 0 of 2 marked" in index


def test_page_is_anonymous_if_the_course_is(tmp_path, file, batch):
    """No name in any file for marking; grades and feedback have the names."""
    text = written(tmp_path, batch, ANONYMOUS)
    for name in ("ada", "bob", "cy"):
        assert f"{name}.ipynb" not in text
        assert f">{name}<" not in text
        assert f'"{name}"' not in text
        assert pseudonym(name, "s") in text
        assert name not in file.read_text("utf-8")
        assert name in (tmp_path / "grades.csv").read_text("utf-8")


def test_page_says_that_a_derivation_changed(tmp_path, file, batch):
    """A mark belongs to the text that was marked; a newer one is to be looked at."""
    assert "has changed" not in written(tmp_path, batch)
    marks.enter(file, {**ENTRY, "text": text_code("See $x$.")})
    assert "has changed" not in written(tmp_path, batch)
    batch[0].derivations["ntk"] = "See $y$."
    for _ in range(2):  # a second run does not take it for seen
        assert "has changed since it was marked" in written(tmp_path, batch)
    assert (
        "changed after they were marked: ntk" in (tmp_path / "grades.csv").read_text()
    )
    marks.enter(file, {**ENTRY, "text": text_code("See $y$.")})
    assert "has changed" not in written(tmp_path, batch)


def test_page_says_which_variant_a_student_has(tmp_path):
    """The solution beside it is the book's: what differs has to be known."""
    ada = submitted("ada", sharp_rate="so")
    ada.variants = {"sharp_rate": "b"}
    sets = {"kernel": ExerciseSet({"sharp_rate": 2}, [], [])}
    report.write(tmp_path, [ada], sets, NAMED)
    text = (tmp_path / "marks" / "sharp_rate.html").read_text("utf-8")
    assert f"This student's task: {in_words('sharp_rate', 'b')}." in text


def test_page_shows_pasted_pictures(tmp_path, batch):
    """A photograph of a page is read from the notebook, and lies beside the page."""
    path = tmp_path / "ada.ipynb"
    cell = {"cell_type": "markdown", "id": "ntk-derivation", "metadata": {}}
    cell["source"] = (
        "![my page](attachment:my%20page.png) ![other](attachment:o.svg)\n\n"
        "![a<b](attachment:lines.png) ![c<d](attachment:none.png)"
    )
    cell["attachments"] = {
        "my page.png": {"image/png": "iVBORw0KGgo="},
        "o.svg": {"image/svg+xml": "PHN2Zy8+"},
        "lines.png": {"image/png": ["iVBORw0K", "Ggo="]},
        "none.png": {"image/png": None},
    }
    path.write_text(json.dumps({"cells": [cell]}), "utf-8")
    batch[0].path, batch[0].derivations["ntk"] = path, cell["source"]
    text = written(tmp_path / "out", batch)
    (picture,) = (tmp_path / "out" / "marks" / "pictures").iterdir()
    assert picture.read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert f'<img src="pictures/{picture.name}" alt="my page" loading="lazy">' in text
    assert "[picture: other]" in text
    assert f'<img src="pictures/{picture.name}" alt="a&lt;b"' in text
    assert "[picture: c&lt;d]" in text
    path.unlink()
    assert "[picture: my page]" in written(tmp_path / "out", batch)


def test_page_asks_no_other_host(tmp_path, batch):
    """Its script and KaTeX lie beside it."""
    assert "http" not in written(tmp_path, batch).replace("http-equiv", "")
    assert (tmp_path / "marks" / "assets" / "marking.js").exists()


def test_page_without_katex_says_so(tmp_path, batch, monkeypatch):
    """Where KaTeX is not installed the TeX is shown."""
    monkeypatch.setattr(marking_pages, "KATEX", tmp_path / "none")
    text = written(tmp_path, batch)
    assert "Formulas are shown as TeX" in text
    assert "katex.min.js" not in text


ENTRY = {
    "student": "ada",
    "exercise": "ntk",
    "points": "1",
    "comment": "",
    "text": TEXT_CODE,
}


@pytest.fixture
def form(tmp_path, file, batch):
    """The address of the form, while it runs."""
    written(tmp_path, batch)
    with marking.server(file, "secret", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ask(address, entered=None, method=None):
    """The status and the text of an answer."""
    data = None if entered is None else json.dumps(entered).encode()
    try:
        request = urllib.request.Request(address, data, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_form_saves_a_mark_at_once(form, file):
    """One entry changes its own row and nothing else."""
    entry = {**ENTRY, "points": "2,5", "comment": "=good"}
    assert ask(f"{form}/secret/mark", entry) == (200, "Saved")
    assert rows(file)[1:] == [
        ["ada", "ntk", "2,5", "3", "'=good", TEXT_CODE],
        ["cy", "ntk", "", "3", "", text_code("")],
    ]
    _, text = ask(f"{form}/secret/marks.json")
    assert json.loads(text)["rows"][0] == {**entry, "of": "3"}
    assert Marks(marks.read(file), ["ada"], NAMED).of("ada", "ntk").comment == "=good"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"points": "4"}, "points must be from 0 to 3, not 4"),
        ({"student": "eve"}, "derivations.csv has no row for eve, ntk"),
        ({"comment": "x" * 200_000}, "the comment is too long"),
    ],
)
def test_form_refuses_in_one_sentence(form, file, change, sentence):
    """What cannot be entered leaves the file alone."""
    before = file.read_bytes()
    assert ask(f"{form}/secret/mark", ENTRY | change) == (400, sentence)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("points", "comment", "found"),
    [
        ("2", "", "2 points"),
        ("", "good", 'no points and "good"'),
        ("2", "good", '2 points and "good"'),
    ],
)
def test_form_does_not_write_over_another_mark(form, file, points, comment, found):
    """A page that shows less than the file has by now is told what the file has."""
    marks.enter(file, ENTRY | {"points": points, "comment": comment})
    shown = {"points": "", "comment": ""}
    entry = ENTRY | {"comment": "mine", "before": shown}
    sentence = f"derivations.csv has {found} by now; load the page again"
    assert ask(f"{form}/secret/mark", entry) == (400, sentence)
    assert rows(file)[1][2:5] == [points, "3", comment]
    seen = {"points": f" {points}", "comment": comment}
    assert ask(f"{form}/secret/mark", entry | {"before": seen}) == (200, "Saved")
    assert ask(f"{form}/secret/mark", entry | {"before": shown}) == (200, "Saved")


def test_form_says_that_the_disk_is_full(form, file, monkeypatch):
    """What cannot be written is said, and the file is what it was."""
    before = file.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    entered = ask(f"{form}/secret/mark", ENTRY)
    assert entered == (500, "No space left on device")
    assert file.read_bytes() == before


def test_form_answers_only_who_knows_the_secret(form, file):
    """Another page in the browser and another user can neither read nor enter."""
    assert ask(f"{form}/secret/ntk.html")[0] == 200
    before = file.read_bytes()
    for address in ("", "/", "/ntk.html", "/marks.json", "/wrong/ntk.html"):
        assert ask(form + address) == (404, marking.OLD)
        assert ask(form + address, method="HEAD") == (404, "")
    assert ask(f"{form}/wrong/mark", ENTRY) == (404, marking.OLD)
    assert ask(f"{form}/secret/ntk.html", method="HEAD") == (200, "")
    assert ask(f"{form}/secret/../grades.csv")[0] == 404
    assert file.read_bytes() == before


def test_form_opens_without_the_last_slash(form):
    """The links of the list lead to the pages all the same."""
    with urllib.request.urlopen(f"{form}/secret") as answer:
        assert answer.url == f"{form}/secret/"
        assert 'href="ntk.html"' in answer.read().decode()


@pytest.mark.parametrize(
    ("error", "printed"), [(BrokenPipeError(), False), (ValueError("odd"), True)]
)
def test_form_is_silent_when_a_browser_goes_away(file, capfd, error, printed):
    """A tab that is closed early leaves no traceback; a mistake of ours does."""
    with marking.server(file, "secret", 0) as server:
        try:
            raise error
        except type(error):
            server.handle_error(None, ("127.0.0.1", 1))
    assert ("Traceback" in capfd.readouterr().err) is printed


@pytest.mark.parametrize("out", [".", "~nobody-here/grades"])
def test_main_says_what_is_missing(tmp_path, monkeypatch, out):
    """Before anything was graded there is nothing to mark."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="There are no derivations in"):
        marking.main([out])


def test_main_prints_the_address(tmp_path, batch, capsys, monkeypatch):
    """Each start has a secret of its own; Ctrl-C ends it without a word more."""
    written(tmp_path, batch)

    def interrupted(form):
        raise KeyboardInterrupt

    monkeypatch.setattr(marking.Server, "serve_forever", interrupted)
    for _ in range(2):
        marking.main([os.fspath(tmp_path), "--port", "0"])
    found = re.findall(
        r"http://127\.0\.0\.1:\d+/([\w-]{22})/\n", capsys.readouterr().out
    )
    assert len(set(found)) == 2


def test_main_refuses_in_one_sentence(tmp_path, file, batch):
    """A port that is taken or none, and marks that cannot be read."""
    written(tmp_path, batch)
    with marking.server(file, "secret", 0) as server:
        for port in (server.server_port, 99_999):
            with pytest.raises(SystemExit, match=f"^Port {port}: .* choose "):
                marking.main([os.fspath(tmp_path), "--port", str(port)])
    file.unlink()
    file.mkdir()
    with pytest.raises(SystemExit, match=r"derivations.csv cannot be read: Is a dir"):
        marking.main([os.fspath(tmp_path)])

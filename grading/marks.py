"""Marks for derivations: what a person enters in OUT/marks/derivations.csv.

A row is a student and an exercise. A run adds the rows that are new and changes nothing
that was entered; rows of students who are gone stay, and so do columns of one's own.
The column `text` has a code of the text that was marked: a student may hand in another
one later.
"""

import contextlib
import csv
import fcntl
import hashlib
import hmac
import math
import os
import unicodedata
from dataclasses import dataclass, replace

from grading import tables

FILE = "derivations.csv"
OTHER_TABLES = (".csv", ".xlsx", ".xls", ".ods", ".numbers")
HEAD = ("student", "exercise", "points", "of", "comment")
TEXT_CODE = "text"  # the column of the code that tells which text was marked
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # without vowels: no words


@dataclass(frozen=True)
class Derivation:
    """A derivation that a person is to read."""

    student: str
    exercise: str
    worth: float  # in points
    text: str


@dataclass(frozen=True)
class Mark:
    """What a person gave for a derivation; `points` is None until some are given."""

    points: float | None = None
    comment: str = ""
    text_code: str = ""  # of what was marked; "" if that is not known

    @property
    def given(self):
        """Whether a person has entered anything."""
        return self.points is not None or self.comment != ""

    def is_of(self, text):
        """Whether it was this text that was marked."""
        return not self.given or self.text_code in ("", text_code(text))


def label(student, course):
    """How marking pages and files call a student: by name, or by a pseudonym."""
    if not course.anonymous:
        return tables.plain(tables.safe(student))
    return pseudonym(student, course.secret)


def pseudonym(student, secret):
    """Eight letters for a student, which nobody finds out without the secret."""
    message = f"pseudonym {_normal(student)}".encode("utf-8", "backslashreplace")
    return _letters(hmac.digest(secret.encode(), message, "sha256"))


def text_code(text):
    """Eight letters by which a text is known again."""
    return _letters(hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest())


def _letters(digest):
    """Letters for a digest: a spreadsheet would take some digits for a number."""
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:8])


def in_order(students, course):
    """The students as they are shown: by pseudonym if names are not to be known."""
    if not course.anonymous:
        return students
    return sorted(students, key=lambda student: label(student.name, course))


def path(out):
    """Where the marks are, in the folder of the grades."""
    return out / "marks" / FILE


def read(file):
    """The rows of a file of marks; none if it is not there.

    A ValueError says in one sentence what cannot be understood.
    """
    if not file.exists():
        return []
    try:
        rows = [
            {name: _lines(tables.plain, cell) for name, cell in row.items()}
            for row in tables.read(file)
        ]
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise ValueError(f"{file} is no table: {error}") from None
    for number, row in enumerate(rows, 2):
        for column in HEAD:
            if column not in row:
                raise ValueError(f"{file} has no column {column!r}")
        try:
            points_in(row)
        except ValueError as error:
            raise ValueError(
                f"{file}, row {number} ({row['student']}, {row['exercise']}): {error}"
            ) from None
    return rows


def check(out):
    """Refuse a file of marks that cannot be understood, before anything is graded."""
    read(path(out))


def unread(out):
    """Tables in the folder of the marks that nobody reads, by name.

    A spreadsheet likes to save under another name or in its own form.
    """
    return sorted(
        other.name
        for other in path(out).parent.glob("[!.~]*")
        if other.suffix.lower() in OTHER_TABLES and other.name != FILE
    )


def points_in(row):
    """The points that a row gives; None if there are none yet."""
    text, most = row["points"].strip(), row["of"].strip()
    if not text:
        return None
    points, limit = _number(text), _number(most or "0")
    if not 0 <= points <= limit:
        raise ValueError(f"points must be from 0 to {most or 0}, not {text}")
    return points


def _check_worth(row, course):
    """Refuse a mark that is more than the course gives by now."""
    points, worth = points_in(row), course.derivation_points(row["exercise"])
    if points is not None and points > worth:
        raise ValueError(
            f"{FILE} gives {row['student']} {row['points']} points for the derivation "
            f"{row['exercise']}, and the course's settings give {worth} by now; change "
            "one of them"
        )


def _number(text):
    """A number written with a point or a comma."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"expected a number of points, not {text!r}")
    return value


class Marks:
    """The marks of all students, found by name or pseudonym."""

    def __init__(self, rows, students, course):
        """Sort the rows of a file by the students that they belong to."""
        self.students = _names(students, course)
        self.strangers = []  # rows that belong to nobody
        self.marks = {}
        for row in rows:
            student = self.student(row)
            if student is None:
                self.strangers.append(row)
            else:
                _check_worth(row, course)
                mark = Mark(points_in(row), row["comment"], row.get(TEXT_CODE, ""))
                self._enter(student, row["exercise"], mark)

    def student(self, row):
        """The student whom a row belongs to; None if there is nobody of this name."""
        return self.students.get(_normal(row["student"]))

    def of(self, student, exercise):
        """The mark for a derivation; an empty one if none was given."""
        return self.marks.get((student, exercise), Mark())

    def _enter(self, student, exercise, mark):
        """Keep a mark; two different ones for the same derivation are an error."""
        before = self.of(student, exercise)
        same = (before.points, before.comment) == (mark.points, mark.comment)
        if before.given and mark.given and not same:
            raise ValueError(
                f"{FILE} has two different marks for {student}, {exercise}; remove one"
            )
        if mark.given:
            self.marks[student, exercise] = mark


def _names(students, course):
    """The students by everything that may stand for them in a file of marks."""
    named = replace(course, anonymous=False)
    names = {}
    for student in students:
        names[_normal(label(student, named))] = student
        names[pseudonym(student, course.secret)] = student
    spoilt = {}
    for name, student in names.items():
        spoilt.setdefault(_spoilt(name), set()).add(student)
    for name, meant in spoilt.items():
        if len(meant) == 1:
            names.setdefault(name, *meant)
    return names


def _spoilt(name):
    """What a spreadsheet may make of a name when it saves the table.

    It drops the zeros before a number, and Excel writes ? for letters like those of
    Vietnamese unless it saves as CSV UTF-8.
    """
    if name.isdigit():
        return name.lstrip("0") or "0"
    return name.encode("cp1252", "replace").decode("cp1252")


def _normal(name):
    """A name in the one form that an accented letter has here."""
    return unicodedata.normalize("NFC", name).strip()


def add_rows(file, derivations, marks, course):
    """Add a row for each derivation that has none yet.

    The other rows keep all that was entered; they show students by name or pseudonym
    as the course wants it now, and the points that it gives now.
    """

    def brought_up_to_date(rows):
        missing = {(each.student, each.exercise): each for each in derivations}
        for row in rows:
            student = marks.student(row)
            if student is not None:
                row["student"] = label(student, course)
                _renew(row, missing.pop((student, row["exercise"]), None))
        for each in missing.values():
            row = dict.fromkeys((*HEAD, TEXT_CODE), "")
            row["student"] = label(each.student, course)
            row["exercise"] = each.exercise
            _renew(row, each)
            rows.append(row)
        if course.anonymous:  # the order of names, or of arrival, tells who is who
            rows.sort(key=lambda row: (row["exercise"], row["student"]))
        return rows

    change(file, brought_up_to_date)


def _renew(row, derivation):
    """Put into a row what it says about a derivation, if there still is one."""
    if derivation is None:
        return
    row["of"] = str(tables.number(derivation.worth))
    if not (row["points"] or row["comment"]) or not row.get(TEXT_CODE):
        row[TEXT_CODE] = text_code(derivation.text)


def enter(file, entered, before=None):
    """Enter one mark, as the form does it; ValueError if that cannot be done.

    `entered` has the values of a row by column, but for `of`. `before` has the points
    and the comment that the form has shown: what somebody else has entered meanwhile
    is not written over.
    """

    def with_mark(rows):
        for row in rows:
            if all(row[name] == entered[name] for name in ("student", "exercise")):
                if before and _given(row) not in (_given(before), _given(entered)):
                    raise ValueError(_meanwhile(row))
                row |= entered
                points_in(row)
                return rows
        raise ValueError(
            f"{FILE} has no row for {entered['student']}, {entered['exercise']}"
        )

    change(file, with_mark)


def _given(row):
    """What a person has entered in a row, as the file keeps it."""
    kept = [_lines(tables.safe, row[name]) for name in ("points", "comment")]
    return [_lines(tables.plain, cell) for cell in kept]


def _meanwhile(row):
    """A sentence about what somebody else has entered."""
    points, comment = row["points"] or "no", row["comment"]
    found = f"{points} points" + (f' and "{comment}"' if comment else "")
    return f"{FILE} has {found} by now; load the page again"


def change(file, changed):
    """Write the rows that `changed` makes of those in a file.

    If a spreadsheet saves the file meanwhile, it is read again: nothing is lost. The
    form and a run of the grading wait for each other.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file):
        _change(file, changed)


@contextlib.contextmanager
def _alone(file):
    """Wait until no other program of ours writes the marks, and keep them out."""
    with file.with_name(".lock").open("w") as lock:
        with contextlib.suppress(OSError):  # some network folders have no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _change(file, changed):
    """Write the rows, again if the file was saved meanwhile."""
    new = file.with_name(f".{FILE}")
    while True:
        before = _stamp(file)
        rows = read(file)
        columns = dict.fromkeys((*HEAD, *(rows[0] if rows else ()), TEXT_CODE))
        table = [[row.get(name, "") for name in columns] for row in changed(rows)]
        with new.open("w", newline="", encoding="utf-8-sig") as opened:
            writer = csv.writer(opened, delimiter=tables.separator(file))
            for cells in [list(columns), *table]:
                writer.writerow([_lines(tables.safe, cell) for cell in cells])
            opened.flush()
            os.fsync(opened.fileno())  # or a power cut may leave nothing
        if _stamp(file) == before:
            os.replace(new, file)
            return


def _lines(change, text):
    """A cell whose lines were changed one by one: a comment may have several."""
    return "\n".join(change(line) for line in text.strip().splitlines())


def _stamp(file):
    """What changes when a file is saved."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size

"""Marks for derivations: what a person enters in OUT/marks/derivations.csv.

A row is a student and an exercise. A run adds the rows that are new and changes nothing
that was entered; rows of students who are gone stay, and so do columns of one's own.
"""

import hashlib
import hmac
import math
import os
import unicodedata
from dataclasses import dataclass, replace

from grading import tables

FILE = "derivations.csv"
HEAD = ("student", "exercise", "points", "of", "comment")
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # without vowels: no words


@dataclass(frozen=True)
class Mark:
    """What a person gave for a derivation; `points` is None until some are given."""

    points: float | None = None
    comment: str = ""


def label(student, course):
    """How marking pages and files call a student: by name, or by a pseudonym."""
    if not course.anonymous:
        return tables.plain(tables.safe(student))
    return pseudonym(student, course.secret)


def pseudonym(student, secret):
    """Eight letters for a student, which nobody finds out without the secret."""
    message = f"pseudonym {_normal(student)}".encode("utf-8", "backslashreplace")
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
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
        rows = tables.read(file)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
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


def points_in(row):
    """The points that a row gives; None if there are none yet."""
    text, most = row["points"].strip(), row["of"].strip()
    if not text:
        return None
    points, limit = _number(text), _number(most or "0")
    if not 0 <= points <= limit:
        raise ValueError(f"points must be from 0 to {most or 0}, not {text}")
    return points


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
                mark = Mark(points_in(row), row["comment"])
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
        if Mark() not in (before, mark) and before != mark:
            raise ValueError(
                f"{FILE} has two different marks for {student}, {exercise}; remove one"
            )
        if mark != Mark():
            self.marks[student, exercise] = mark


def _names(students, course):
    """The students by everything that may stand for them in a file of marks."""
    named = replace(course, anonymous=False)
    names = {}
    for student in students:
        names[_normal(label(student, named))] = student
        names[pseudonym(student, course.secret)] = student
    for name, student in list(names.items()):
        if name.isdigit():  # spreadsheets drop the zeros before a number
            names.setdefault(name.lstrip("0"), student)
    return names


def _normal(name):
    """A name in the one form that an accented letter has here."""
    return unicodedata.normalize("NFC", name).strip()


def add_rows(file, wanted, marks, course):
    """Add a row for each (student, exercise, points) that has none yet.

    The other rows keep all that was entered; they show students by name or pseudonym
    as the course wants it now, and the points that it gives now.
    """
    limits = {(student, exercise): of for student, exercise, of in wanted}

    def brought_up_to_date(rows):
        missing = dict(limits)
        for row in rows:
            student = marks.student(row)
            if student is None:
                continue
            row["student"] = label(student, course)
            key = (student, row["exercise"])
            if key in limits:
                row["of"] = str(tables.number(limits[key]))
                missing.pop(key, None)
        for (student, exercise), of in missing.items():
            rows.append(_empty_row(label(student, course), exercise, of))
        return rows

    change(file, brought_up_to_date)


def _empty_row(student, exercise, of):
    """A row without points."""
    values = (student, exercise, "", str(tables.number(of)), "")
    return dict(zip(HEAD, values, strict=True))


def enter(file, student, exercise, points, comment):
    """Enter one mark, as the form does it; ValueError if the points cannot be given."""

    def entered(rows):
        for row in rows:
            if (row["student"], row["exercise"]) == (student, exercise):
                points_in({**row, "points": points})
                row["points"], row["comment"] = points.strip(), comment
                return rows
        raise ValueError(f"{FILE} has no row for {student}, {exercise}")

    change(file, entered)


def change(file, changed):
    """Write the rows that `changed` makes of those in a file.

    If somebody else saves the file meanwhile, it is read again: nothing is lost.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name("derivations-new.csv")
    while True:
        before = _stamp(file)
        rows = read(file)
        extra = [name for name in (rows[0] if rows else {}) if name not in HEAD]
        columns = [*HEAD, *extra]
        rows = changed(rows)
        table = [[row.get(name, "") for name in columns] for row in rows]
        tables.write(new, [columns, *table])
        if _stamp(file) == before:
            os.replace(new, file)
            return


def _stamp(file):
    """What changes when a file is saved."""
    if not file.exists():
        return None
    status = file.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size

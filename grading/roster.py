"""The list of a class: a platform's own export, matched by names and filled in.

Canvas      the gradebook: `Student` (or `LastName`, `FirstName`), `ID`, `SIS User ID`,
            `SIS Login ID`, `Section`, a column `Title (number)` for each assignment,
            and a row `Points Possible` (canvas-lms, lib/gradebook_exporter.rb).
Moodle      the offline grading worksheet of one assignment: `Identifier` (Participant
            12345), `Full name`, `Email address`, `Status`, `Grade`, `Maximum grade`,
            `Grade can be changed`, `Last modified (submission)`, … (Moodle,
            mod/assign/feedback/offline/importgradeslib.php and gradingtable.php).
Gradescope  `Name` (or `First Name`, `Last Name`), `SID`, `Email`, `Submission Time`, …
Others      any table with a column of names, logins or e-mail addresses.
"""

import csv
import io
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grading.notebooks import shown
from grading.owners import plain

# The columns in which a person is named, in small letters; the first of them that has
# something is the key, so that it is the same in every export of one platform.
KEYS = (
    *("sis login id", "login", "login id", "username", "user name", "email"),
    *("email address", "e-mail", "sis user id", "sid", "student id", "student_id"),
    *("id number", "integration id", "id", "identifier"),
)
NAMES = ("student", "full name", "name", "student name", "names")
FIRST_NAMES = ("first name", "firstname", "first_name", "given name")
LAST_NAMES = ("last name", "lastname", "last_name", "surname", "family name")
MOMENTS = (
    "%A, %d %B %Y, %I:%M %p",  # Moodle, English
    "%A, %B %d, %Y, %I:%M %p",  # Moodle, English of the United States
    "%A, %d %B %Y, %H:%M",
    "%Y-%m-%d %H:%M:%S %z",  # Gradescope
)
MODIFIED, SUBMITTED = "last modified (submission)", "submission time"
OWN_COLUMNS = {"moodle": "grade", "gradescope": "total score"}  # of one assignment
CANVAS_NUMBER = re.compile(r"\s*\(\d+\)$")  # of an assignment, after its title
MOST_NAMED = 20  # in a sentence
FORMULA = ("=", "+", "-", "@")
TEST_STUDENT = "student, test"  # Canvas's, nobody


class RosterError(ValueError):
    """Why a file is no roster, in one sentence that names it."""


@dataclass(frozen=True)
class Student:
    """A person on the roster."""

    name: str  # as the platform shows it
    key: str  # what does not change: a login, an address, a number
    row: int  # in the table


class Roster:
    """The students of a class, and the table that names them."""

    def __init__(self, path, text):
        """The roster in the text of a file."""
        self.file_name = path.name
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff").lstrip("\r\n")
        first = text.split("\n", 1)[0]
        self.delimiter = max(",;\t", key=first.count)
        self.rows = list(csv.reader(io.StringIO(text), delimiter=self.delimiter))
        self.header = [shown(cell.strip()) for cell in self.rows[0]]
        self.columns = {}
        for number, name in enumerate(self.header):
            self.columns.setdefault(name.casefold(), number)
        self.platform = self._platform()
        self._people = self._read_people()
        self._names = self._index()

    @property
    def students(self):
        """The names of all, in the order of the table."""
        return [student.name for student in self._people]

    @property
    def people(self):
        """All students, with their keys."""
        return list(self._people)

    def find(self, owner):
        """The student whom a file belongs to, or None: by number, then by name."""
        number = (owner.platform, owner.id)
        if owner.id and number in self._names:
            return self._names[number]
        if owner.id and owner.platform == self.platform == "canvas":
            return None  # its numbers are the same everywhere: this is somebody else
        for name in (*owner.others, owner.name):
            student = self._names.get(plain(name))
            if student:
                return student
        return None

    def handed_in(self, student, set_name):
        """When a student handed in a set, if this is the export of that assignment."""
        column = MODIFIED if MODIFIED in self.columns else SUBMITTED
        if not set_name or plain(set_name) not in plain(self.file_name):
            return None
        for form in MOMENTS:
            try:
                return datetime.strptime(self._in(student.row, column), form)
            except ValueError:
                continue
        return None

    def fill(self, out, totals, possible):
        """Write the export into `out` with points in its own columns.

        `totals` has the points by student and set; None and what is not there leave a
        cell as it is. `possible` has the points of each set. Returns sentences: which
        columns were filled, and what could not be.
        """
        rows = [list(row) for row in self.rows]
        columns, sentences = self._columns_of(possible, rows)
        for student in self._people:
            for set_name, column in columns.items():
                points = totals.get(student.name, {}).get(set_name)
                if points is not None:
                    _put(rows[student.row], column, self._number(points))
        strangers = [name for name in totals if name not in self.students]
        if strangers:
            names = ", ".join(strangers[:MOST_NAMED])
            more = ", …" if len(strangers) > MOST_NAMED else ""
            sentences.append(f"not in {self.file_name}: {names}{more}")
        name = f"filled_{self.file_name}"
        self._write(out / name, rows)
        return [f"Filled in: {out / name}", *sentences]

    def _platform(self):
        """Whose export it is, by its columns; a RosterError if it names nobody."""
        names = set(self.columns)
        if "id" in names and names & {"student", "lastname"} and "section" in names:
            return "canvas"
        if {"identifier", "grade"} <= names:
            return "moodle"
        if "sid" in names:
            return "gradescope"
        if names & {*KEYS, *NAMES, *LAST_NAMES}:
            return ""
        raise RosterError(
            f"{self.file_name} has no column that names students, such as Student, "
            f"Full name or Email; its columns are {', '.join(self.header)[:200]}"
        )

    def _read_people(self):
        """A student for each row that names one, with names that differ."""
        people = []
        for number, row in enumerate(self.rows[1:], 1):
            name = self._name_in(number)
            empty = self.platform == "canvas" and not self._in(number, "id")
            if not any(row) or empty or name.casefold() == TEST_STUDENT:
                continue
            keys = [self._in(number, column) for column in KEYS]
            key = next((key for key in keys if key), name)
            people.append(Student(name or key, key, number))
        names = [plain(student.name) for student in people]
        return [
            Student(f"{one.name} ({one.key})", one.key, one.row)
            if names.count(plain(one.name)) > 1
            else one
            for one in people
        ]

    def _name_in(self, row):
        """The name in a row, as the platform shows it."""
        name = next((self._in(row, one) for one in NAMES if self._in(row, one)), "")
        parts = [
            next((self._in(row, one) for one in columns if self._in(row, one)), "")
            for columns in (FIRST_NAMES, LAST_NAMES)
        ]
        return name or " ".join(part for part in parts if part)

    def _index(self):
        """The students by each of their names that is nobody else's."""
        found = {}
        for student in self._people:
            for name in self._all_names(student):
                found.setdefault(name, []).append(student)
        return {name: people[0] for name, people in found.items() if len(people) == 1}

    def _all_names(self, student):
        """What a file of this student may be called after, each once."""
        name = self._name_in(student.row)
        names: set = {plain(name), plain(student.name)}
        last, comma, first = name.partition(",")
        if comma:
            names.add(plain(first + last))
        else:  # Canvas's sortable name, in small letters and without blanks
            first, _, last = name.rpartition(" ")
            names.add(plain(last + first))
        for column in KEYS:
            value = self._in(student.row, column)
            names |= {plain(value), plain(value.split("@")[0])}
        numbers = [self._in(student.row, column) for column in ("id", "sid")]
        numbers.append(re.sub(r"\D", "", self._in(student.row, "identifier")))
        names |= {(self.platform, number) for number in numbers if number}
        return names - {""}

    def _in(self, row, column):
        """What stands in a column, given by its name in small letters."""
        number = self.columns.get(column)
        return "" if number is None else self._cell(row, number)

    def _cell(self, row, column):
        """What stands in a cell; nothing where the row is too short."""
        cells = self.rows[row]
        return shown(cells[column].strip()) if column < len(cells) else ""

    def _columns_of(self, possible, rows):
        """The column of each set, and a sentence about each."""
        columns, sentences = {}, []
        for set_name in possible:
            try:
                columns[set_name] = self._column_of(set_name, possible, rows[0])
            except LookupError as error:
                sentences.append(f"{set_name}: not filled in, {error.args[0]}")
        for set_name, column in columns.items():
            title = rows[0][column]
            sentences.append(f"{set_name}: filled in, in the column {title}")
            points, most = possible[set_name], self._most(column)
            if most not in (None, points):
                sentences.append(
                    f"{set_name} has {points:g} points, but {title} allows {most:g}"
                )
        return columns, sentences

    def _column_of(self, set_name, sets, header):
        """The number of the column of a set, made where the table is not a platform's.

        A LookupError says why there is none.
        """
        own = OWN_COLUMNS.get(self.platform)
        if own in self.columns:
            about = self._own_set(list(sets))
            if about == set_name:
                return self.columns[own]
            about = about or f"a set that neither {self.file_name} nor SETS names"
            raise LookupError(f"as {header[self.columns[own]]} is for {about}")
        fitting = self._fitting(set_name)
        if len(fitting) > 1:
            several = ", ".join(header[column] for column in fitting)
            raise LookupError(f"as several columns fit: {several}")
        if not fitting and self.platform == "canvas":
            raise LookupError(f"as no assignment of {self.file_name} is called so")
        if not fitting:
            header.append(set_name)
        return fitting[0] if fitting else len(header) - 1

    def _fitting(self, set_name):
        """The columns that are called like a set, or else those that name it."""
        titles = {}
        for number, title in enumerate(self.header):
            named = title.casefold() in {*KEYS, *NAMES, *FIRST_NAMES, *LAST_NAMES}
            assignment = CANVAS_NUMBER.search(title) or self.platform != "canvas"
            if assignment and not named and " - " not in title:
                titles[number] = plain(CANVAS_NUMBER.sub("", title))
        wanted = plain(set_name)
        same = [number for number, title in titles.items() if title == wanted]
        return same or [number for number, title in titles.items() if wanted in title]

    def _own_set(self, sets):
        """The set that an export of one assignment is about, or None.

        It is the one in the file's name, or the only one that was asked for.
        """
        file_name = plain(self.file_name)
        by_name = [name for name in sets if plain(name) in file_name]
        one = by_name or sets
        return one[0] if len(one) == 1 else None

    def _most(self, column):
        """The points that the platform allows in a column, or None."""
        text = ""
        if self.platform == "moodle" and self._people:
            text = self._in(self._people[0].row, "maximum grade")
        for number, row in enumerate(self.rows):
            if row and row[0].strip() == "Points Possible":
                text = self._cell(number, column)
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return None

    def _number(self, points):
        """A number as the table writes it, with a comma where semicolons separate."""
        text = f"{points:.10g}"
        return text.replace(".", ",") if self.delimiter == ";" else text

    def _write(self, path, rows):
        """Write the table in the form in which it came, but names as no formulas."""
        names = (*NAMES, *FIRST_NAMES, *LAST_NAMES)
        for column in (self.columns[name] for name in names if name in self.columns):
            for row in rows:
                if column < len(row) and _is_formula(row[column]):
                    row[column] = f"'{row[column]}"
        new = path.with_name(f".{path.name}.new")
        with new.open("w", newline="", encoding="utf-8") as file:
            file.write(self.mark)
            csv.writer(file, delimiter=self.delimiter).writerows(rows)
        os.replace(new, path)


def _put(row, column, text):
    """Put a text into a row, which may be too short."""
    row += [""] * (column + 1 - len(row))
    row[column] = text


def _is_formula(text):
    """Whether a spreadsheet might take a name for a formula."""
    return unicodedata.normalize("NFKC", text).lstrip().startswith(FORMULA)


def read(path):
    """The roster in a file; a RosterError says in one sentence why there is none."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RosterError(f"{path} cannot be read: {error.strerror}") from None
    if data.startswith(b"PK"):
        raise RosterError(f"{path} is a spreadsheet; save it as CSV UTF-8")
    try:
        text = data.decode(
            "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        )
    except UnicodeDecodeError:
        raise RosterError(f"{path} is not UTF-8 text; save it as CSV UTF-8") from None
    if not text.strip("\ufeff\r\n ,;\t"):
        raise RosterError(f"{path} is empty")
    try:
        return Roster(path, text)
    except csv.Error as error:
        raise RosterError(f"{path} is not CSV: {error}") from None

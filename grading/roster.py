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
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grading import filling
from grading.notebooks import shown
from grading.owners import exact, plain

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
PERSONAL = frozenset((*NAMES, *FIRST_NAMES, *LAST_NAMES))
MODIFIED, SUBMITTED = "last modified (submission)", "submission time"
TEST_STUDENT = "student, test"  # Canvas's, nobody
EXACT = "exact"  # marks names that tell `jan.e` from `jane`


class RosterError(ValueError):
    """Why a file is no roster, in one sentence that names it."""


@dataclass(frozen=True)
class Student:
    """A person on the roster."""

    name: str  # as the platform shows it
    key: str  # what does not change: a login, an address, a number
    row: int  # in the table


class Roster:
    """The students of a class, and the table that names them.

    `columns` has the number of each column by its name in small letters; `people` has a
    `Student` for each row that names one.
    """

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
        self.names_in = [self.columns[one] for one in PERSONAL if one in self.columns]
        self.keys_in = [self.columns[one] for one in KEYS if one in self.columns]
        self.people = self._read_people()
        self._names = self._index()

    @property
    def students(self):
        """The names of all, in the order of the table."""
        return [student.name for student in self.people]

    def find(self, owner):
        """The student whom a file belongs to, or None: by number, then by name."""
        number = (owner.platform, owner.id)
        if owner.id and number in self._names:
            return self._names[number]
        if owner.id and owner.platform == self.platform == "canvas":
            return None  # its numbers are the same everywhere: this is somebody else
        for name in (*owner.others, owner.name):
            for known_as in (EXACT, exact(name)), plain(name):
                if known_as in self._names:
                    return self._names[known_as]
        return None

    def handed_in(self, student, set_name):
        """When a student handed in a set, if this is the export of that assignment."""
        column = MODIFIED if MODIFIED in self.columns else SUBMITTED
        if not set_name or plain(set_name) not in plain(self.file_name):
            return None
        for form in MOMENTS:
            try:
                return datetime.strptime(self.value(student.row, column), form)
            except ValueError:
                continue
        return None

    def fill(self, out, totals, possible):
        """Write the table into `out`, with points; see `filling.fill`."""
        return filling.fill(self, out, totals, possible)

    def cell(self, row, column):
        """What stands in a cell; nothing where the row is too short."""
        cells = self.rows[row]
        return shown(cells[column].strip()) if column < len(cells) else ""

    def value(self, row, column):
        """What stands in a column, given by its name in small letters."""
        number = self.columns.get(column)
        return "" if number is None else self.cell(row, number)

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
            empty = self.platform == "canvas" and not self.value(number, "id")
            if not any(row) or empty or name.casefold() == TEST_STUDENT:
                continue
            keys = [self.value(number, column) for column in KEYS]
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
        name = next((self.value(row, one) for one in NAMES if self.value(row, one)), "")
        parts = [
            next((self.value(row, one) for one in columns if self.value(row, one)), "")
            for columns in (FIRST_NAMES, LAST_NAMES)
        ]
        return name or " ".join(part for part in parts if part)

    def _index(self):
        """The students by each of their names that is nobody else's."""
        found = {}
        for student in self.people:
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
            value = self.value(student.row, column)
            for one in (value, value.split("@")[0]):
                names |= {plain(one), (EXACT, exact(one))}
        names.add((EXACT, exact(name)))
        numbers = [self.value(student.row, column) for column in ("id", "sid")]
        numbers.append(re.sub(r"\D", "", self.value(student.row, "identifier")))
        names |= {(self.platform, number) for number in numbers if number}
        return names - {"", (EXACT, "")}


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

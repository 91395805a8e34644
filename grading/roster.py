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

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grading import filling, tables
from grading.notebooks import shown
from grading.owners import comparable, exact

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
TEST_STUDENT = ("student, test", "test student")  # Canvas's, nobody
PARTICIPANT = re.compile(r"\D+\d+")  # Moodle's, in any language
LISTS = ("section", "group", "tutorial", "class")  # beginnings of titles
DECIMALS = re.compile(r"\d+(?P<sign>[.,])\d+")
GRADE = re.compile(r"\d+(?:[.,]\d+)?|-")
BLIND_MAXIMUM = 3  # the number of its column where the worksheet names nobody
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

    def __init__(self, path, data):
        """The roster in the bytes of a file; a RosterError if it names nobody."""
        self.file_name = path.name
        self.text, self.encoding = tables.decoded(data)
        if self.encoding == "cp1252":
            raise RosterError(f"{path} is not UTF-8 text; save it as CSV UTF-8")
        if not self.text.strip("\ufeff\r\n ,;\t"):
            raise RosterError(f"{path} is empty")
        sheet = self.sheet()
        self.rows = sheet.rows
        self.header = [shown(cell.strip()) for cell in self.rows[0]]
        self.columns = {}
        for number, name in enumerate(self.header):
            self.columns.setdefault(name.casefold(), number)
        self.columns |= self._worksheet()
        self.platform = self._platform()
        self.names_in = [self.columns[one] for one in PERSONAL if one in self.columns]
        self.keys_in = [self.columns[one] for one in KEYS if one in self.columns]
        self.decimal = self._decimal(sheet.separator)
        self.people = self._read_people()
        self._names = self._index()

    def sheet(self):
        """The table, to be filled in."""
        return tables.Sheet(self.text)

    @property
    def students(self):
        """The names of all, in the order of the table."""
        return [student.name for student in self.people]

    def find(self, owner, by_name=True):
        """The student whom a file belongs to, or None: by number, then by name.

        Namesakes have `by_name` false: only what else is known tells them apart.
        """
        number = (owner.platform, owner.person_id)
        known = self._names.get(number) if owner.person_id else None
        if known and self._may_be(known, owner):
            return known
        if owner.person_id and owner.platform == self.platform == "canvas":
            return None  # its numbers are the same everywhere: this is somebody else
        for name in (*owner.others, *([owner.name] if by_name else [])):
            for known_as in (EXACT, exact(name)), comparable(name):
                if known_as in self._names:
                    return self._names[known_as]
        return None

    def _may_be(self, student, owner):
        """Whether a student with the owner's number has the owner's name, too.

        In Moodle a group may have the same number. Its older versions put the name of a
        person's group before that of the person.
        """
        name = self._name_in(student.row)
        if owner.platform != "moodle" or not (name and owner.name):
            return True
        blind = re.sub(r"\d", "", self.value(student.row, "identifier"))
        if comparable(re.sub(r"\d", "", owner.name)) == comparable(blind):
            return True
        return comparable(owner.name).endswith(comparable(name))

    def has_name(self, student, name):
        """Whether this is one of the names of a student, in any form."""
        return not {comparable(name), (EXACT, exact(name))}.isdisjoint(
            self._all_names(student)
        )

    def handed_in(self, student, set_name):
        """When a student handed in a set, if this is the export of that assignment."""
        column = MODIFIED if MODIFIED in self.columns else SUBMITTED
        if not set_name or comparable(set_name) not in comparable(self.file_name):
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

    def _worksheet(self):
        """The columns of Moodle's worksheet by their English names; none if it is not.

        Whatever the language, the first column has `Participant 501` and the like, and
        the grade stands before the maximum, which is the same number for all.
        """
        columns = list(zip(*filter(any, self.rows[1:]), strict=False))
        if not columns or not PERSONAL.isdisjoint(self.columns):
            return {}
        if not all(PARTICIPANT.fullmatch(cell) for cell in columns[0]):
            return {}
        for number in range(BLIND_MAXIMUM, len(columns)):
            grades, most = columns[number - 1], set(columns[number])
            same = len(most) == 1 and GRADE.fullmatch(most.pop())
            if same and all(GRADE.fullmatch(cell) for cell in grades if cell):
                return self._worksheet_of(columns[:number])
        return {}

    def _worksheet_of(self, columns):
        """The columns of a worksheet in which these come before the maximum."""
        most = len(columns)
        found = {"identifier": 0, "grade": most - 1, "maximum grade": most}
        if most > BLIND_MAXIMUM:
            found["full name"] = 1
        for number, cells in enumerate(columns):
            if all("@" in cell for cell in cells):
                found["email address"] = number
        return found

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

    def _decimal(self, separator):
        """The sign before decimals: as in the table's points, or by its separator.

        Other columns may have lists, such as the sections `101,102` of a person.
        """
        others = {*self.names_in, *self.keys_in}
        for number, title in enumerate(self.header):
            if title.casefold().startswith(LISTS):
                others.add(number)
        signs = set()
        for row in self.rows[1:]:
            for number, cell in enumerate(row):
                decimals = DECIMALS.fullmatch(cell.strip())
                if decimals and number not in others:
                    signs.add(decimals["sign"])
        if len(signs) == 1:
            return signs.pop()
        return "," if separator == ";" else "."

    def _read_people(self):
        """A student for each row that names one, with names that differ."""
        people, known = [], set()
        for number, row in enumerate(self.rows[1:], 1):
            name = self._name_in(number)
            empty = self.platform == "canvas" and not self.value(number, "id")
            if not any(row) or empty or name.casefold() in TEST_STUDENT:
                continue
            keys = [self.value(number, column) for column in KEYS]
            key = next((key for key in keys if key), name)
            if (name, *keys) not in known:  # or else it is one more row of a person
                known.add((name, *keys))
                people.append(Student(name or key, key, number))
        names = [comparable(student.name) for student in people]
        return [
            Student(f"{one.name} ({one.key})", one.key, one.row)
            if names.count(comparable(one.name)) > 1
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
        names: set = {comparable(name), comparable(student.name)}
        last, comma, first = name.partition(",")
        if comma:
            names.add(comparable(first + last))
        else:  # Canvas's sortable name, in small letters and without blanks
            first, _, last = name.rpartition(" ")
            names.add(comparable(last + first))
        for column in KEYS:
            value = self.value(student.row, column)
            for one in (value, value.split("@")[0]):
                names |= {comparable(one), (EXACT, exact(one))}
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
    return Roster(path, data)

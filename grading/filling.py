"""Points in the columns that an export has for them, and sentences about these."""

import os
import re

from grading.owners import comparable

OWN_COLUMNS = {"moodle": "grade", "gradescope": "total score"}  # of one assignment
CANVAS_NUMBER = re.compile(r"\s*\(\d+\)$")  # of an assignment, after its title
MOST_NAMED = 20  # in a sentence
EXCUSED = "EX"  # Canvas's word


class NoColumn(Exception):
    """Why there is no column for a set."""


def fill(roster, out, totals, possible):
    """Write a roster's table into `out` with points in its own columns.

    `totals` has the points by student and set; None and what is not there leave a cell
    as it is. `possible` has the points of each set. Returns sentences: which columns
    were filled, and what could not be.
    """
    sheet = roster.sheet()
    columns, sentences = _columns(roster, possible, sheet)
    excused = {}
    for student in roster.people:
        for set_name, column in columns.items():
            points = totals.get(student.name, {}).get(set_name)
            if points is not None and roster.cell(student.row, column) == EXCUSED:
                excused.setdefault(set_name, []).append(student.name)
            elif points is not None:
                sheet.put(student.row, column, _number(points, roster))
    for set_name, names in excused.items():
        sentences.append(f"{set_name}: excused, and left so: {_listed(names)}")
    strangers = [name for name in totals if name not in roster.students]
    if strangers:
        sentences.append(f"not in {roster.file_name}: {_listed(strangers)}")
    sheet.make_safe()
    path = out / f"filled_{roster.file_name}"
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(sheet.text.encode(roster.encoding))
    os.replace(new, path)
    return [f"Filled in: {path}", *sentences]


def _listed(names):
    """Names in a row, with an end."""
    more = ", …" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _columns(roster, possible, sheet):
    """The column of each set, and a sentence about each."""
    columns, sentences = {}, []
    for set_name in possible:
        try:
            column = _column(roster, set_name, possible)
        except NoColumn as error:
            sentences.append(f"{set_name}: not filled in, {error}")
            continue
        if column is None:  # a table of one's own, without this set: add a column
            column = len(sheet.rows[0])
            sheet.put(0, column, set_name)
        columns[set_name] = column
    for set_name, column in columns.items():
        title = sheet.rows[0][column].strip()
        sentences.append(f"{set_name}: filled in, in the column {title}")
        points, most = possible[set_name], _most(roster, column)
        if most not in (None, points):
            sentences.append(
                f"{set_name} has {points:g} points, but {title} allows {most:g}"
            )
    return columns, sentences


def _column(roster, set_name, sets):
    """The number of the column of a set; None in a table of one's own without it.

    NoColumn says why an export of a platform has none.
    """
    own = OWN_COLUMNS.get(roster.platform)
    if own in roster.columns:
        about = _own_set(roster, list(sets))
        if about == set_name:
            return roster.columns[own]
        about = about or f"a set that neither {roster.file_name} nor SETS names"
        raise NoColumn(f"as {roster.header[roster.columns[own]]} is for {about}")
    fitting = _fitting(roster, set_name, sets)
    if len(fitting) > 1:
        several = ", ".join(roster.header[column] for column in fitting)
        raise NoColumn(f"as several columns fit: {several}")
    if not fitting and roster.platform == "canvas":
        raise NoColumn(f"as no assignment of {roster.file_name} is called so")
    return fitting[0] if fitting else None


def _own_set(roster, sets):
    """The set that an export of one assignment is about, or None.

    It is the one in the file's name, or the only one that was asked for.
    """
    file_name = comparable(roster.file_name)
    by_name = [name for name in sets if comparable(name) in file_name]
    one = by_name or sets
    return one[0] if len(one) == 1 else None


def _fitting(roster, set_name, sets):
    """The columns that are called like a set, or else those that name it alone."""
    titles = {}
    for number, title in enumerate(roster.header):
        of_people = number in roster.names_in or number in roster.keys_in
        assignment = CANVAS_NUMBER.search(title) or roster.platform != "canvas"
        # Gradescope: "Kernel - Max Points" and others beside "Kernel"
        if assignment and not of_people and " - " not in title:
            titles[number] = comparable(CANVAS_NUMBER.sub("", title))
    wanted = comparable(set_name)
    same = [number for number, title in titles.items() if title == wanted]
    others = [comparable(name) for name in sets if wanted not in comparable(name)]
    some = [
        number
        for number, title in titles.items()
        if wanted in title and not any(other in title for other in others)
    ]
    # Moodle's gradebook: beside "(Real)" may be "(Percentage)" and "(Feedback)"
    real = [number for number in some if roster.header[number].endswith("(Real)")]
    return same or real or some


def _most(roster, column):
    """The points that the platform allows in a column, or None."""
    text = ""
    if roster.platform == "moodle" and roster.people:
        text = roster.value(roster.people[0].row, "maximum grade")
    for number, row in enumerate(roster.rows):
        if row and row[0].strip() == "Points Possible":
            text = roster.cell(number, column)
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _number(points, roster):
    """A number as the table writes it, with its sign before the decimals."""
    return f"{points:.10g}".replace(".", roster.decimal)

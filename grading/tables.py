"""Tables for spreadsheets: written so that they open, read as people save them."""

import csv
import io
import os
import re
import unicodedata

# What begins a formula, in its plain and its wide form. A program with another
# separator sees a cell begin after that one, whatever signs stand between.
FORMULA = re.compile(r"(^|[,;|])([^\w'=+\-@＝＋－＠]*)([=+\-@＝＋－＠])")
ESCAPED = re.compile(r"(^|[,;|])([^\w'=+\-@＝＋－＠]*)'([=+\-@＝＋－＠])")
SEPARATORS = ",;\t"


def safe(value):
    """A value for a cell: one line without control characters and formulas."""
    if not isinstance(value, str):
        return value
    shown = "".join(_visible(character) for character in value)
    return FORMULA.sub(r"\1\2'\3", shown)


def plain(text):
    """The text of a cell without what `safe` put in."""
    return ESCAPED.sub(r"\1\2\3", text).strip()


def _visible(character):
    """The character, or a blank for one that is control, half a pair or a new line."""
    kind = unicodedata.category(character)
    return " " if kind in ("Cc", "Cs", "Zl", "Zp") else character


def number(value):
    """A number of points with two digits at most; nothing for None."""
    if value is None:
        return ""
    rounded = round(float(value), 2)
    return int(rounded) if rounded.is_integer() else rounded


def write(path, rows, separator=","):
    """Write a table, whole or not at all, with the mark by which Excel knows UTF-8."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerows([safe(value) for value in row] for row in rows)
    os.replace(new, path)


def read(path):
    """The rows of a table as dicts by the head's names, without what `safe` put in.

    Spreadsheets save in several encodings and with several separators.
    """
    file = io.StringIO(_decoded(path.read_bytes()), newline="")
    rows = []
    for row in csv.DictReader(file, delimiter=separator(path), restval=""):
        row.pop(None, None)  # cells beyond the head's
        cells = {name.strip(): plain(value) for name, value in row.items()}
        if any(cells.values()):
            rows.append(cells)
    return rows


def separator(path):
    """What separates the cells of a table; a comma if it is not there yet."""
    if not path.exists():
        return ","
    head = _decoded(path.read_bytes()).partition("\n")[0]
    return max(SEPARATORS, key=head.count)


def _decoded(data):
    """The text of a file that a spreadsheet wrote."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")

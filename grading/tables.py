"""Tables for spreadsheets: written so that they open, read as people save them."""

import codecs
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
QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
# What a spreadsheet takes for a number, or a platform writes where there is none.
NUMBER = re.compile(r"[-+]?\d[\d.,]*%?|-")


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
    file = io.StringIO(decoded(path.read_bytes())[0].removeprefix("\ufeff"), newline="")
    rows = []
    for row in csv.DictReader(file, delimiter=separator(path), restval=""):
        row.pop(None, None)  # cells beyond the head's
        cells = {name.strip(): plain(value) for name, value in row.items()}
        if any(cells.values()):
            rows.append(cells)
    return rows


def separator(path):
    """What separates the cells of a table; a comma if it is not there yet."""
    return separator_in(decoded(path.read_bytes())[0]) if path.exists() else ","


def separator_in(text):
    """What separates the cells of a table, by its first line without its quotations."""
    head = QUOTED.sub("", text).lstrip("\r\n").partition("\n")[0]
    return max(SEPARATORS, key=head.count)


def decoded(data):
    """The text of a file that a spreadsheet or a platform wrote, and its encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        little = data.startswith(codecs.BOM_UTF16_LE)
        encoding = "utf-16-le" if little else "utf-16-be"
        return data.decode(encoding, "replace"), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


class Sheet:
    """A table in which cells are changed; all else stays as it was, byte for byte.

    `rows` has what the cells say.
    """

    def __init__(self, text):
        """The table in the text of a file, which may begin with empty lines."""
        table = text.lstrip("\ufeff\r\n")
        self.before = text[: len(text) - len(table)]
        self.separator = separator_in(table)
        self.written = []  # the cells as they stand there
        self.ends = []  # of the lines
        self._split(table)
        self.rows = [[_said(cell) for cell in row] for row in self.written]

    def _split(self, table):
        """Read the cells, each with its quotation marks, and the ends of the lines."""
        cell = re.compile(
            rf"({QUOTED.pattern}[^{self.separator}\r\n]*|[^{self.separator}\r\n]*)"
            rf"({self.separator}|\r\n|\r|\n|\Z)"
        )
        row = []
        for match in cell.finditer(table):
            if match.end() == match.start() and not row:
                break  # after the last line
            row.append(match[1])
            if match[2] != self.separator:
                self.written.append(row)
                self.ends.append(match[2])
                row = []

    def put(self, row, column, text):
        """Put a text into a cell of a row, which may be too short."""
        for cells in self.rows[row], self.written[row]:
            cells += [""] * (column + 1 - len(cells))
        before = self.written[row][column]
        special = any(sign in text for sign in (self.separator, '"', "\n", "\r"))
        doubled = text.replace('"', '""')
        quoted = special or before.startswith('"')
        self.written[row][column] = f'"{doubled}"' if quoted else text
        self.rows[row][column] = text

    def make_safe(self):
        """Leave no formulas and control characters below the head of the table.

        Lines stay lines, and numbers with a sign stay numbers.
        """
        for number, row in enumerate(self.rows[1:], 1):
            for column, text in enumerate(row):
                lines = [safe(line) for line in text.splitlines()]
                if lines != text.splitlines() and not NUMBER.fullmatch(text.strip()):
                    self.put(number, column, "\n".join(lines))

    @property
    def text(self):
        """The table as it is now."""
        lines = zip(self.written, self.ends, strict=True)
        rows = (f"{self.separator.join(cells)}{end}" for cells, end in lines)
        return self.before + "".join(rows)


def _said(cell):
    """What a cell says, by how it is written."""
    return cell[1:-1].replace('""', '"') if QUOTED.fullmatch(cell) else cell

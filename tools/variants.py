"""Copies of the exercise sets with other constants for each student: `make variants`.

Which constant a student gets is drawn from the course's secret and the student's login,
address or number on the roster, see :mod:`ntk_answers.variants`. A copy differs from
the one that `make assignment` has made in the texts of the exercises that vary, and in
the cell that imports `check`. The cells with answers and tests are the same in all.

What stands in the text of a variant is written in the metadata of the book's cell:

    "variant": {"words of the book": "words of a variant"}

where «constant» stands for the constant and «by hand» for the result of the case that
the text works out by hand.
"""

import argparse
import copy
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import nbformat

from book._ext.exercise_table import rows
from grading import course, report, roster
from ntk_answers import variants
from tools import checkout
from tools.archive import write_archive
from tools.assignment import COPIES
from tools.execute import ROOT

FOLDER = ROOT / "_build" / "variants"
INTERRUPTED = "Interrupted; run the same command again to get all archives whole."
INTRO = """

**Your own copy.** Some exercises in this copy have constants of your own, which the \
book and most other students do not have. Hand in this notebook and no other. \
`check` knows your constants by the codes in the cell that imports it; leave them as \
they are."""
SETUP = """\
from functools import partial

{source}
check = partial(check, variants={codes})
"""


def varied(handed_out, book, codes):
    """A student's copy of a set: the one for all, with the student's own constants.

    Args:
        handed_out: the copy without solutions that all get.
        book: the same set in the book.
        codes: of the student's variants, by exercise.
    """
    notebook = copy.deepcopy(handed_out)
    pieces = {}
    for cell in book.cells:
        if "variant" in cell.metadata:
            pieces[cell.id.removesuffix("-text")] = cell.metadata["variant"]
    if not pieces:
        return notebook
    cells = {cell.id: cell for cell in notebook.cells}
    for name in pieces:
        cell = cells[f"{name}-text"]
        cell.source = text(cell.source, pieces[name], name, codes[name])
    cells["intro"].source = cells["intro"].source.rstrip() + INTRO
    mine = {name: codes[name] for name in pieces}
    setup = SETUP.format(source=cells["setup"].source, codes=written(mine))
    cells["setup"].source = setup.rstrip()
    return notebook


def text(source, pieces, name, code):
    """The text of an exercise in the words of a variant."""
    fields = {
        "«constant»": tex(variants.constant(name, code)),
        "«by hand»": variants.by_hand(name, code),
    }
    for words, instead in pieces.items():
        if source.count(words) != 1:
            raise ValueError(
                f"the text of {name} must have these words once: {words!r}; "
                f"it has them {source.count(words)} times"
            )
        for field, value in fields.items():
            instead = instead.replace(field, value)
        source = source.replace(words, instead)
    return source


def tex(number):
    """A whole number or a fraction as TeX writes it."""
    number = Fraction(number)
    if number.denominator == 1:
        return str(number)
    sign = "-" if number < 0 else ""
    return rf"{sign}\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"


def written(codes):
    """The codes as Python writes them, with its own kind of quotes."""
    items = [f'"{name}": "{code}"' for name, code in codes.items()]
    return "{" + ", ".join(items) + "}"


def make(students, secret, out):
    """Write an archive for every student on the roster: all sets, and the library."""
    sets = {}
    for stem in dict.fromkeys(row.set for row in rows(ROOT)):  # as the book has them
        copy_for_all = COPIES / f"{stem}.ipynb"
        if not copy_for_all.exists():
            raise ValueError(f"there is no {copy_for_all}; run make assignment first")
        book = ROOT / "book" / "exercises" / f"{stem}.ipynb"
        sets[stem] = [
            nbformat.read(path, as_version=4) for path in (copy_for_all, book)
        ]
    out.mkdir(parents=True, exist_ok=True)
    for name, student in report.file_names(students, ".zip").items():
        codes = variants.drawn(secret, student.key)
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for stem, (copy_for_all, book) in sets.items():
                paths.append(Path(folder, f"{stem}.ipynb"))
                nbformat.write(varied(copy_for_all, book, codes), paths[-1])
            write_archive(out / name, paths)


def command_line():
    """The options of `make variants`."""
    parser = argparse.ArgumentParser(description="Copies with constants of their own")
    parser.add_argument("roster", type=Path, help="the platform's list of students")
    parser.add_argument("--course", type=Path, default=course.public())
    parser.add_argument("--out", type=Path, default=FOLDER)
    return parser


def main(arguments=None):
    """Make the archives for the students on the roster."""
    given = command_line().parse_args(arguments)
    try:
        settings = course.read(given.course and given.course.expanduser())
        if not (settings.variants and settings.secret):
            sys.exit(
                f"{given.course or 'course.toml'} must say variants = true and give a "
                "secret, so that grading draws the same constants"
            )
        students = roster.read(given.roster.expanduser()).people
        if not students:
            sys.exit(f"{given.roster} names no student")
        out = given.out.expanduser()
        with checkout.one_sentence(INTERRUPTED):
            make(students, settings.secret, out)
    except ValueError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or given.out} cannot be written: {error.strerror}")
    print(f"The archives of {len(students)} students are in {out}.")


if __name__ == "__main__":
    main()

"""The minutes that a chapter states, against a count of its words and lines."""

import nbformat
import pytest

from book._ext.chapter_list import read_chapter
from tests.book.conftest import CHAPTERS
from tools.reading_time import lines, reading_time, words

LONGEST = 60  # minutes of a core path, after which nobody reads on
# These are looked up or played with, not read from top to bottom.
OTHERS = {"errata", "laboratory"}
READ = [path for path in CHAPTERS if path.stem not in OTHERS]

chapter = pytest.mark.parametrize("path", READ, ids=lambda path: path.stem)


def close(stated, counted):
    """Whether a stated time is a rounding of what was counted."""
    return abs(stated - counted) <= max(3, 0.1 * counted)


@chapter
def test_chapter_states_its_minutes(path):
    """The times of the core and of the optional sections are those of the counter."""
    stated = read_chapter(path)
    counted = reading_time(path)
    assert close(stated.core, counted.core)
    assert close(stated.optional, counted.optional)
    assert counted.core <= LONGEST


def test_words_leave_out_formulas_listings_and_solutions():
    """A formula in a sentence is one word; what is closed or elsewhere is none."""
    text = (
        "Let $a + b$ be large.\n\n"
        "$$\na = b\n$$\n\n"
        "```{literalinclude} ../ntklib/ntk.py\n:language: python\n```\n"
        "````{solution} ex\nHere is ```code``` inside.\n````\n"
        "The end."
    )
    assert words(text) == 6


def test_lines_are_those_that_are_open():
    """Folded code is not read, and an empty line is no line."""
    cell = nbformat.v4.new_code_cell("a = 1\n\nb = 2")
    assert lines(cell) == 2
    cell.metadata.tags = ["hide-input"]
    assert lines(cell) == 0


def test_reading_time_counts_optional_sections_apart(tmp_path):
    """An optional section ends with the next heading of its level or above."""
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n" + "word " * 79),
        nbformat.v4.new_markdown_cell("## Optional: more\n\n" + "word " * 158),
        nbformat.v4.new_code_cell("a = 1\nb = 2\nc = 3\nd = 4"),
        nbformat.v4.new_markdown_cell("### A part of it\n\n" + "word " * 76),
        nbformat.v4.new_markdown_cell("## Core\n\n" + "word " * 79),
    ]
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    core, optional = reading_time(path)
    assert core == pytest.approx(2)
    assert optional == pytest.approx(2 + 1 + 1)

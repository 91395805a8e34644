"""How long a chapter takes: `python -m tools.reading_time book/ntk.ipynb` counts.

A minute is 80 words or four lines of new code, which is slow, because both have to be
followed step by step. Solutions, folded code and the library's own source are not
counted. A section whose heading begins with "Optional" is counted apart.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat

WORDS_A_MINUTE = 80
LINES_A_MINUTE = 4

NOT_READ = re.compile(
    r"(`{3,}|:{3,})\{(solution|literalinclude)\}.*?\n\1"  # closed, or shown elsewhere
    r"|\$\$.*?\$\$"  # a formula is followed with the words around it
    r"|<!--.*?-->",
    flags=re.DOTALL,
)
INLINE_FORMULA = re.compile(r"\$[^$]*\$")
HEADING = re.compile(r"^(#+) (.*)$", flags=re.MULTILINE)


class Minutes(NamedTuple):
    """Minutes of what everybody reads, and of the optional sections."""

    core: float
    optional: float


def words(text):
    """The words of a piece of Markdown; a formula within a sentence is one word."""
    text = INLINE_FORMULA.sub(" formula ", NOT_READ.sub(" ", text))
    return sum(bool(re.search("[A-Za-z]", word)) for word in text.split())


def lines(cell):
    """The lines of code that are open on the page."""
    if "hide-input" in cell.metadata.get("tags", []):
        return 0
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def sections(text):
    """The pieces of a text with the level and the title of their heading.

    A piece before the first heading has the level 0.
    """
    start = 0
    level, title = 0, ""
    for heading in HEADING.finditer(text):
        yield level, title, text[start : heading.start()]
        level, title = len(heading[1]), heading[2]
        start = heading.start()
    yield level, title, text[start:]


def reading_time(path):
    """The minutes that the notebook at `path` takes."""
    core, optional = 0.0, 0.0
    optional_level = 0  # of the optional section that we are in, if any
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            pieces = [(0, "", lines(cell) / LINES_A_MINUTE)]
        else:
            pieces = [
                (level, title, words(text) / WORDS_A_MINUTE)
                for level, title, text in sections(cell.source)
            ]
        for level, title, minutes in pieces:
            if level and (not optional_level or level <= optional_level):
                optional_level = level if title.startswith("Optional") else 0
            if optional_level:
                optional += minutes
            else:
                core += minutes
    return Minutes(core, optional)


def main():
    """Print the minutes of the notebooks on the command line."""
    for name in sys.argv[1:]:
        core, optional = reading_time(Path(name))
        print(f"{name}: {core:.0f} minutes, optional sections {optional:.0f}")


if __name__ == "__main__":
    main()

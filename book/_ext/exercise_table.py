"""Tables of all exercises, read from the sets and the library, never typed.

The directive ``exercise-table`` shows what each asks for; ``exercise-places`` shows how
many variants it has and where a reader of the book can look an answer up. The role
``exercise-points`` shows the sum of the points of a set, or of ``all`` sets.
"""

import re
from typing import NamedTuple

import nbformat
from book._ext.equation_map import functions
from book._ext.exercise_sets import sets
from docutils import nodes
from ntk_answers import ANSWERS
from ntk_answers.variants import codes
from ntklib import exercises
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

# By which role a page refers to a label that begins so.
ROLES = {
    "eq": "eq",
    "ex": "ref",
    "fig": "numref",
    "lem": "prf:ref",
    "thm": "prf:ref",
}
# The line below the heading of an exercise, in the cell <name>-text.
LINE = re.compile(r"^\*(\w+) · (\d+) minutes · (\d+) points ·", re.M)


class Row(NamedTuple):
    """An exercise: its name, the stem of its set, and what the set says about it."""

    name: str
    set: str
    level: str
    minutes: int
    points: int


def rows(root):
    """A row for each exercise of the library, in the order of the book."""
    found = {}
    for path in sets(root):
        for cell in nbformat.read(path, as_version=4).cells:
            line = LINE.search(cell.source)
            if line:
                name = cell.id.removesuffix("-text")
                level, minutes, points = line.groups()
                found[name] = Row(name, path.stem, level, int(minutes), int(points))
    missing = [name for name in exercises.names() if name not in found]
    if missing:
        raise ExtensionError(f"no set has the exercises {', '.join(missing)}")
    return [found[name] for name in exercises.names()]


def points(root, of="all"):
    """The sum of the points of a set, or of all sets."""
    chosen = [row.points for row in rows(root) if of in ("all", row.set)]
    if not chosen:
        raise ExtensionError(f"exercise-points: there is no set {of!r}")
    return sum(chosen)


def table(root):
    """The table in Markdown."""
    lines = []
    for row in rows(root):
        page = f"{{doc}}`{row.set} <exercises/{row.set}>`"
        lines.append((f"`{row.name}`", page, row.level, row.minutes, row.points))
    heads = ("Exercise", "Set", "Level", "Minutes", "Points")
    return in_markdown(heads, lines)


def table_of_places(root):
    """The number of variants, and where the book answers it, in Markdown."""
    modules = {name: found.module for name, found in functions(root).items()}
    lines = []
    for row in rows(root):
        places = [link(place, modules) for place in ANSWERS[row.name].in_the_book]
        variants = len(codes(row.name)) or "none"
        lines.append((f"`{row.name}`", variants, ", ".join(places) or "nowhere"))
    return in_markdown(("Exercise", "Variants", "In the book"), lines)


def in_markdown(heads, lines):
    """A table with these heads, and these cells in each line."""
    rule = ["---" for _ in heads]
    return "\n".join(line_of(cells) for cells in (heads, rule, *lines))


def line_of(cells):
    """A line of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def link(place, modules):
    """A link to a function of the library, or to what has a label in a chapter."""
    if place in modules:
        return f"{{py:obj}}`{place} <ntklib.{modules[place]}.{place}>`"
    return f"{{{ROLES[place.partition('-')[0]]}}}`{place}`"


class ExerciseTable(SphinxDirective):
    """A table of the exercises, on a page beside the folder of the sets."""

    has_content = False
    table = staticmethod(table)

    def run(self):
        """Write the table as Markdown and let the parser read it."""
        root = self.env.app.srcdir
        for path in sets(root):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(self.table(root))


class ExercisePlaces(ExerciseTable):
    """The table of variants, and of places in the book that answer an exercise."""

    table = staticmethod(table_of_places)


class ExercisePoints(SphinxRole):
    """The sum of points, as a number in the text."""

    def run(self):
        """Make the number."""
        root = self.env.app.srcdir
        for path in sets(root):
            self.env.note_dependency(str(path))
        return [nodes.Text(str(points(root, self.text)))], []


def setup(app):
    """Register the directive and the role."""
    app.add_directive("exercise-table", ExerciseTable)
    app.add_directive("exercise-places", ExercisePlaces)
    app.add_role("exercise-points", ExercisePoints())
    return {"parallel_read_safe": True}

"""The sets of exercises, and what one student handed in for one of them."""

import ast
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grading.notebooks import read
from grading.owners import named


@dataclass
class ExerciseSet:
    """A set of exercises as it was handed out."""

    points: dict  # by the name of the exercise
    cells: list
    imports: list  # names that its own cells import from ntklib


@dataclass
class Submission:
    """What one student handed in for one set, and what became of it.

    `reason` blames the file: it earns nothing. `not_graded` blames the grading: there
    are no points, neither full nor 0, until it has run again.
    """

    student: str
    file: str  # as shown: its path within the folder that was collected
    set_name: str | None = None
    path: Path | None = None  # where it can be read
    handed_in: datetime | None = None  # if the platform says when
    cells: list = field(default_factory=list)  # while it is graded
    reason: str = ""  # why nothing could be graded
    not_graded: str = ""  # what went wrong in the grading itself
    remarks: list = field(default_factory=list)
    points: dict = field(default_factory=dict)  # by the name of the exercise
    lines: dict = field(default_factory=dict)  # the same, for the author
    answers: dict = field(default_factory=dict)  # the same, the student's code
    derivations: dict = field(default_factory=dict)  # the same, the student's text
    seed: int | None = None  # of the inputs
    graded_at: datetime | None = None
    variants: dict = field(default_factory=dict)  # the student's own, by exercise
    key: str = ""  # of the student, the same all term; the roster's, or else the name
    late: bool | None = None  # says the platform, where it does not say when
    python: str = ""  # the version that the notebook was last run with


def released(folder):
    """The sets as they are handed out, by name."""
    sets = {}
    for path in sorted(folder.glob("*.ipynb")):
        cells = read(path)
        points = {}
        for cell in cells:  # the locked test of an exercise holds its points
            if cell.label.get("grade") and cell.id.endswith("-test"):
                points[cell.id.removesuffix("-test")] = cell.label["points"]
        sets[path.stem] = ExerciseSet(points, cells, _imported(cells))
    return sets


def _imported(cells):
    """What the cells that nobody fills in or is graded by import from ntklib."""
    given = [cell.source for cell in cells if cell.kind == "code" and not cell.label]
    names = []
    for statement in ast.parse("\n".join(given)).body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "ntklib":
            names += [imported.name for imported in statement.names]
    return names


def which(stem, cells, sets):
    """The set that a notebook belongs to: by most cells, then by the file's name."""
    by_name = named(stem, sets)
    ids = {cell.id for cell in cells}
    text = "\n".join(cell.source for cell in cells)
    common = {}
    for name, exercises in sets.items():
        common[name] = sum(_has(exercise, ids, text) for exercise in exercises.points)
    if not any(common.values()):
        return by_name
    return max(sets, key=lambda name: (common[name], name == by_name))


def _has(exercise, ids, text):
    """Whether an exercise is in a notebook with these ids of cells and this text."""
    return exercise in ids or f"{exercise}-test" in ids or f'check("{exercise}"' in text

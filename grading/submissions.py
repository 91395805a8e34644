"""The notebooks that were handed in: which there are, and what was changed in them.

Notebooks are read as plain JSON. nbformat is made for notebooks in a good state: it
gives copied cells new ids, which would hide that they were copied, and raises whatever
comes.
"""

import ast
import json
import os
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

LARGEST_FILE = 20 * 2**20  # bytes


@dataclass
class Cell:
    """A cell of a notebook; `label` is nbgrader's part of its metadata."""

    kind: str
    source: str
    id: str
    label: dict = field(default_factory=dict)

    @property
    def locked(self):
        """Whether students are told to leave the cell as it is."""
        return self.label.get("locked")


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


def read(path):
    """The cells of a notebook; a ValueError says in half a sentence why not."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise ValueError("is a link, not a file")
    if stat.S_ISDIR(mode):
        raise ValueError("is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise ValueError("is a device, not a file")
    if path.stat().st_size > LARGEST_FILE:
        size = f"{LARGEST_FILE >> 20} MB"
        raise ValueError(f"is larger than {size}; clear the outputs and save it again")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("is an empty file")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        return [_cell(cell) for cell in notebook["cells"]]
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it again from Jupyter") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("is not a notebook (format 4)") from None


def _cell(cell):
    """A cell out of its JSON; an error of any kind if there is something else."""
    label = cell.get("metadata", {}).get("nbgrader", {})
    name = label.get("grade_id") or cell.get("id")
    return Cell(cell["cell_type"], "".join(cell["source"]), str(name), label)


def differences(cells, handed_out):
    """A sentence for each kind of change to the labelled cells that were handed out."""
    labelled = [cell for cell in handed_out if cell.label]
    found = {}
    for cell in labelled:
        found[cell.id] = [other for other in cells if other.id == cell.id]
    if not any(found.values()):
        return [
            "the cells have lost their names (ids and metadata); "
            "only what their code computes was looked at"
        ]

    missing = [name for name, copies in found.items() if not copies]
    copied = [name for name, copies in found.items() if len(copies) > 1]
    retyped, edited, unlabelled = [], [], []
    for cell in labelled:
        for copy in found[cell.id]:
            if copy.kind != cell.kind:
                retyped.append(cell.id)
            elif cell.locked and copy.source.strip() != cell.source.strip():
                edited.append(cell.id)
            if not copy.label:
                unlabelled.append(cell.id)
    sentences = [
        _sentence("missing", missing),
        _sentence("there more than once", copied),
        _sentence("of another type", retyped),
        _sentence("changed, though locked (it does not matter for the points)", edited),
        _sentence("without nbgrader's metadata", unlabelled),
    ]

    order = dict.fromkeys(cell.id for cell in cells if cell.id in found)
    if list(order) != [name for name in found if found[name]]:
        sentences.append("some cells are in another order")
    return [sentence for sentence in sentences if sentence]


def _sentence(change, names):
    """Which cells a change was made to, each named once; nothing if there are none."""
    return f"cells {change}: {', '.join(dict.fromkeys(names))}" if names else ""


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
    named = None
    for name in sets:
        if stem == name or stem.endswith(f"_{name}"):
            named = name
            break
    ids = {cell.id for cell in cells}
    text = "\n".join(cell.source for cell in cells)
    common = {}
    for name, exercises in sets.items():
        common[name] = sum(_has(exercise, ids, text) for exercise in exercises.points)
    if not any(common.values()):
        return named
    return max(sets, key=lambda name: (common[name], name == named))


def _has(exercise, ids, text):
    """Whether an exercise is in a notebook with these ids of cells and this text."""
    return exercise in ids or f"{exercise}-test" in ids or f'check("{exercise}"' in text


def collect(folder, sets):
    """Every submission in a folder, read before any of them runs.

    The files are `<student>/<set>.ipynb`, `<student>_<set>.ipynb` or `<student>.ipynb`.
    """
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink() and entry.suffix != ".ipynb":
            student = shown(entry.name)
            paths = _notebooks(entry, sets)
            if not paths:
                reason = "there is no notebook in the folder"
                found.append(Submission(student, "", reason=reason))
        else:
            student = _student(entry.stem, sets)
            paths = [entry]
        for path in paths:
            submission = _submission(student, path, sets)
            _refuse_second(submission, found)
            found.append(submission)
    return found


def _student(stem, sets):
    """The student's name in the name of a file, without the set's."""
    for name in sets:
        if stem.endswith(f"_{name}"):
            return shown(stem.removesuffix(f"_{name}") or stem)
    return shown(stem)


def _submission(student, path, sets):
    """One file as a submission, with the reason where it cannot be read."""
    submission = Submission(student, shown(path.name))
    try:
        submission.cells = read(path)
    except ValueError as error:
        submission.reason = str(error)
    except OSError as error:
        submission.reason = f"cannot be read ({error.strerror})"
    submission.set_name = which(path.stem, submission.cells, sets)
    if not submission.reason and not submission.set_name:
        submission.reason = "belongs to no set of exercises that is known here"
    return submission


def _refuse_second(submission, found):
    """Turn down a student's second notebook of one set."""
    for first in found:
        same = (first.student, first.set_name) == (
            submission.student,
            submission.set_name,
        )
        if submission.set_name and same:
            submission.reason = (
                f"is a second notebook of the set {submission.set_name}; "
                f"{first.file} was taken"
            )
            submission.set_name = None


def _notebooks(folder, sets):
    """The notebooks in a student's folder, those that are named like a set first.

    Of two notebooks of one set the first is taken.
    """
    try:
        paths = list(folder.rglob("*.ipynb"))
    except (OSError, RecursionError):
        return []
    visible = []
    for path in paths:
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in parts):
            visible.append(path)
    return sorted(visible, key=lambda path: (path.stem not in sets, path))


def shown(text):
    """A name from outside as one printable line."""
    readable = os.fsencode(text).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in readable)

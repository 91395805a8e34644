"""Fingerprints of submissions: the same until something changes that decides points.

A fingerprint covers the notebook, what the set hands out for its exercises, the seed,
the limits, and the programs that grade this set. Texts of tasks, other sets and the
programs that only collect and report do not change it.
"""

import ast
import hashlib
import json
import stat
from pathlib import Path
from types import ModuleType

from grading.notebooks import LARGEST_FILE

ROOT = Path(__file__).resolve().parents[1]

# The programs of this package that decide about points.
DECIDING = ("points.py", "pool.py", "sandbox.py", "library.py", "inside/*.py")
DECIDING += ("notebooks.py", "submissions.py", "written.py")


def fingerprint(submission, conditions):
    """A digest for a submission; None for a file that is refused without opening it.

    `conditions` are those of its set: see `conditions`.
    """
    status = submission.path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
        return None
    with submission.path.open("rb") as file:
        notebook = hashlib.file_digest(file, "sha256").hexdigest()
    # not the student, whose name a list of the class changes that comes later
    return digest([submission.variants, notebook, conditions])


def conditions(exercises, *settings):
    """A digest for a set: what it hands out, the programs, and further settings."""
    cells = []
    for cell in exercises.cells:
        if cell.label:
            text = cell.source if cell.locked else ""
            cells.append([cell.id, cell.kind, cell.locked, text])
    handed_out = [exercises.points, exercises.imports, cells]
    return digest([handed_out, programs(exercises), settings])


def programs(exercises):
    """A digest of each program that decides about the points of a set, by its path."""
    paths = []
    for pattern in DECIDING:
        paths += (ROOT / "grading").glob(pattern)
    for folder in ("ntklib", "ntk_answers"):
        paths += (ROOT / folder).rglob("*.py")
    others = modules_of_other_sets(exercises.points)
    found = {}
    for path in sorted(paths):
        holds_exercises = path.parent.name in ("exercises", "ntk_answers")
        if not (holds_exercises and path.stem in others):
            source = path.read_bytes()
            found[str(path.relative_to(ROOT))] = hashlib.sha256(source).hexdigest()
    return found


def modules_of_other_sets(names):
    """The modules of exercises that exercises of these names do not need."""
    from ntklib.exercises import sets  # which imports JAX

    modules = {}
    for name, module in vars(sets).items():
        if isinstance(module, ModuleType):
            modules[name] = {exercise.name for exercise in module.EXERCISES}
    needed = [name for name, exercises in modules.items() if exercises & set(names)]
    for name in needed:  # the list grows on the way
        needed += (imported(name) & set(modules)).difference(needed)
    return set(modules) - set(needed)


def imported(module):
    """What a module of exercises and that of its answers import, by last names."""
    names = set()
    for folder in ("ntklib/exercises", "ntk_answers"):
        path = ROOT / folder / f"{module}.py"
        if path.exists():
            for statement in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(statement, ast.ImportFrom):
                    names.add((statement.module or "").rpartition(".")[2])
                    names.update(alias.name for alias in statement.names)
    return names


def digest(value):
    """A digest of something that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]

"""The points of a submission: its values, compared with references of our own."""

import functools
import platform
import re
import threading

import numpy as np

from grading import written
from grading.inside.wire import pack, unpack
from grading.notebooks import differences, read
from grading.pool import evaluate
from grading.records import shortened
from ntk_answers import variants
from ntklib.exercises import psis
from ntklib.exercises.cases import cases
from ntklib.exercises.judge import judge
from ntklib.exercises.plain import Failure

LONGEST_LIST = 300  # characters

# One judgement at a time: the library does not promise to judge in several threads.
# It takes milliseconds, where a submission's own processes take seconds.
judging = threading.Lock()


class NoValues(Exception):
    """There is nothing to compare; the text is the line for the author."""


def grade_file(submission, exercises, seed, limits):
    """Read a submission, fill in its points, lines and texts, and drop its cells.

    An error means that the grading has failed and says nothing about the submission:
    what its file is to blame for is its `reason`.
    """
    try:
        submission.cells = read(submission.path)
    except ValueError as error:
        submission.reason = str(error)
        return
    submission.remarks += newer_python(submission.python)
    written.fill(submission, exercises)
    submission.answers = shortened(submission.answers)
    submission.derivations = shortened(submission.derivations)
    grade(submission, exercises, seed, limits)
    submission.cells = []


def newer_python(version):
    """The remark on a notebook that was written with a newer Python than this one."""
    here = platform.python_version_tuple()[:2]
    numbers = re.match(r"(\d{1,3})\.(\d{1,3})", version)
    if not numbers or tuple(map(int, numbers.groups())) <= tuple(map(int, here)):
        return []
    return [
        f"written with Python {numbers[0]} and graded with {'.'.join(here)}: what is "
        "new in Python since then fails here"
    ]


def grade(submission, exercises, seed, limits):
    """Fill in the points, lines and remarks of one submission of these exercises."""
    submission.remarks += differences(submission.cells, exercises.cells)
    submission.remarks += foreign_variants(submission)
    packed = {name: inputs(name, seed) for name in exercises.points}
    replies = evaluate(submission, packed, limits)
    for name, points in exercises.points.items():
        reply = replies.get(name, "was not reached")
        variant = submission.variants.get(name, "")
        right, line = verdict(name, seed, reply, variant)
        submission.points[name] = points if right else 0
        submission.lines[name] = line
        if line.startswith(f"{name}: it raised"):
            submission.remarks.append(line)
        elif not line.startswith((f"{name}: ", "not answered")):
            submission.remarks.append(f"{name}: {line}")
        submission.remarks += missing_parts(name, reply)


def foreign_variants(submission):
    """The remark on a notebook that was made for somebody else."""
    sources = [cell.source for cell in submission.cells if cell.kind == "code"]
    return variants.foreign(sources, submission.variants)


@functools.cache
def inputs(name, seed):
    """The cases of an exercise, drawn from the seed, as `wire.argument` reads them."""
    return [[packed(value) for value in case] for case in cases(name, seed)]


def packed(value):
    """One argument of an answer: a network, an activation, a number or an array."""
    if isinstance(value, tuple):
        return {"params": [pack(part) for part in value]}
    if callable(value):
        return psis.packed(value)
    if isinstance(value, np.generic):
        return pack(value.item())
    return pack(value)


def verdict(name, seed, reply, variant=""):
    """Whether an exercise is right, and the line for its author.

    The reply may be anything, and then it is worth nothing. An error of `judge`, and a
    machine without memory, are errors of the grading, and are raised.
    """
    try:
        values = unpacked(name, seed, reply)
    except NoValues as error:
        return False, str(error)
    except MemoryError:  # nothing that fits into a reply takes much
        raise
    except Exception as error:
        return False, f"the answer cannot be compared ({type(error).__name__})"
    with judging:
        x64 = reply.get("x64") is not False
        result = judge(name, seed, values, x64=x64, variant=variant)
    return bool(result), str(result)


def unpacked(name, seed, reply):
    """The values in a reply, one for each case; NoValues where there are none."""
    if isinstance(reply, str):
        raise NoValues(reply)
    if "values" not in reply:
        raise NoValues(
            f"not answered: nothing is called {name} after the cells have run"
        )
    values = [
        Failure(*map(str, value["failure"]))
        if "failure" in value
        else unpack(value["value"])
        for value in reply["values"]
    ]
    expected = max(1, len(inputs(name, seed)))
    if len(values) != expected:
        raise NoValues(f"its process sent back {len(values)} values, not {expected}")
    return values


def missing_parts(name, reply):
    """The remark about what an answer asked for of the library and did not get."""
    touched = reply.get("touched") if isinstance(reply, dict) else None
    if not touched or not isinstance(touched, list):
        return []
    parts = ", ".join(map(str, touched))
    return [f"{name} asked for {parts}: not there in grading"[:LONGEST_LIST]]

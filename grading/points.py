"""The points of a submission: its values, compared with references of our own."""

import functools
import threading

import numpy as np

from grading.inside.wire import pack, unpack
from grading.pool import BLANK, LONGEST_REMARK, Ended, evaluate
from grading.submissions import differences
from ntklib.exercises.cases import PSIS, cases
from ntklib.exercises.judge import judge

LONGEST_LIST = 300  # characters

# One judgement at a time: the library does not promise to judge in several threads.
judging = threading.Lock()


class NoValues(Exception):
    """There is nothing to compare; the text is the line for the author."""


def grade(submission, exercises, seed, limits):
    """Fill in the points, lines and remarks of one submission of these exercises."""
    submission.remarks += differences(submission.cells, exercises.cells)
    packed = {name: inputs(name, seed) for name in exercises.points}
    try:
        replies = evaluate(submission, packed, limits)
    except Ended as ended:
        submission.reason = f"the grader's own process {ended}"
        replies = {}
    for name, points in exercises.points.items():
        reply = replies.get(name, "was not reached")
        right, line = verdict(name, seed, reply)
        submission.points[name] = points if right else 0
        submission.lines[name] = line
        if not line.startswith((f"{name}: ", "not answered")):
            submission.remarks.append(f"{name}: {line}")
        submission.remarks += missing_parts(name, reply)


@functools.cache
def inputs(name, seed):
    """The cases of an exercise, drawn from the seed, as `wire.argument` reads them."""
    return [[packed(value) for value in case] for case in cases(name, seed)]


def packed(value):
    """One argument of an answer: a network, an activation, a number or an array."""
    if isinstance(value, tuple):
        return {"params": [pack(part) for part in value]}
    if callable(value):
        names = [name for name, psi in PSIS.items() if psi is value]
        return {"psi": names[0]}
    if isinstance(value, np.generic):
        return pack(value.item())
    return pack(value)


def verdict(name, seed, reply):
    """Whether an exercise is right, and the line for its author."""
    try:
        values = unpacked(name, seed, reply)
        with judging:
            result = judge(name, seed, values)
        return bool(result), str(result)
    except NoValues as error:
        return False, str(error)
    except Exception as error:  # the reply may be anything
        return False, f"the answer cannot be compared ({type(error).__name__})"


def unpacked(name, seed, reply):
    """The values in a reply, one for each case; NoValues where there are none."""
    if isinstance(reply, str):
        raise NoValues(reply)
    if "values" not in reply:
        raise NoValues(
            f"not answered: nothing is called {name} after the cells have run"
        )
    for value in reply["values"]:
        if "error" in value:
            raise NoValues(failure(value["error"]))
    values = [unpack(value["value"]) for value in reply["values"]]
    if len(values) != max(1, len(inputs(name, seed))):
        raise NoValues("its process sent back too few values")
    return values


def failure(error):
    """The line for the author of an answer that raised an error."""
    if BLANK.fullmatch(str(error)):
        return "not answered yet"
    return f"your code failed: {error}"[:LONGEST_REMARK]


def missing_parts(name, reply):
    """The remark about what an answer asked for of the library and did not get."""
    touched = reply.get("touched") if isinstance(reply, dict) else None
    if not touched or not isinstance(touched, list):
        return []
    parts = ", ".join(map(str, touched))
    return [f"{name} asked for {parts}: not there in grading"[:LONGEST_LIST]]

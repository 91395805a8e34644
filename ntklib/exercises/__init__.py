"""The exercises: their names, their reference answers, and the check of an answer."""

import copy
import difflib
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ntklib._check import shown
from ntklib.exercises import cases, judge, run
from ntklib.exercises.known import answers_are_here
from ntklib.exercises.result import Result
from ntklib.exercises.sets import EXERCISES


def names() -> list[str]:
    """Names of the exercises, in the order of the book."""
    return list(EXERCISES)


def solution(name: str) -> Any:
    """Reference answer of an exercise: a function, an array, a number or a choice.

    Args:
        name: one of :func:`names`.

    Returns:
        An answer that :func:`check` accepts.

    Raises:
        ValueError: there is no such exercise; the message has the names that there are.
            Or this is the installed library, which comes without the answers.
    """
    if not _is_known(name):
        raise ValueError(_unknown(name))
    if not answers_are_here():
        raise ValueError(
            f"the solution of {name} is not installed with the library; instructors "
            "find it in a checkout of the book, in the folder ntk_answers"
        )
    from ntk_answers import ANSWERS

    return copy.deepcopy(ANSWERS[name].solution)


def check(name: str, answer: Any, variants: Mapping[str, str] | None = None) -> Result:
    """Judge an answer to an exercise, and say in one line what is wrong with it.

    A function is tried on random inputs (NumPy float64 arrays) and compared with
    another route to the same values, such as automatic differentiation. Its signature
    is part of the exercise; any way of computing is fine. With JAX's x64 off, float32's
    digits are enough wherever the exercise does not ask for more.

    Two environment variables matter: ``NTK_SEED``, an integer of at least 0, draws
    other inputs; with ``NTK_STRICT=1`` an answer that is not right raises an
    ``AssertionError`` with the same line, as automatic checks want it.

    Args:
        name: one of :func:`names`.
        answer: the answer, a function, an array, a number or a choice, as the exercise
            says.
        variants: the codes of a student's own constants, by exercise. They stand in
            the copy of a set that was made for this student.

    Returns:
        A result that prints itself, true if the answer is right, false if it is wrong
        or there is no such exercise.
    """
    result = _judged(name, answer, variants or {})
    if not result and os.environ.get("NTK_STRICT") == "1":
        raise AssertionError(str(result))
    return result


def _judged(name, answer, variants):
    if not _is_known(name):
        return Result(False, _unknown(name))
    variant = variants.get(name, "") if isinstance(variants, Mapping) else None
    if not isinstance(variant, str):
        return Result(
            False, f"{name}: variants must be a dict from exercises to their codes"
        )
    seed = os.environ.get("NTK_SEED") or "0"
    if not seed.isdecimal():
        return Result(False, f"NTK_SEED must be an integer of at least 0; got {seed!r}")
    with warnings.catch_warnings():
        # Those of the answer, such as a division by zero, would only bury the hint.
        warnings.simplefilter("ignore")
        tried = cases.cases(name, int(seed))
        values = run.run(answer, tried) if tried else [answer]
        return judge.judge(name, int(seed), values, variant=variant)


def _is_known(name):
    # Other types may raise when they are compared or hashed.
    return type(name) in (str, np.str_) and name in EXERCISES


def _unknown(name):
    near = difflib.get_close_matches(shown(name), EXERCISES, 1)
    question = f"; did you mean {near[0]!r}?" if near else "."
    listed = ", ".join(EXERCISES)
    return f"there is no exercise {shown(name)}{question} The exercises are {listed}"

"""Judges what an answer returned: right or wrong, and a hint in one line."""

from dataclasses import dataclass, replace

import jax
import numpy as np

from ntklib.exercises.arguments import mistaken_arguments
from ntklib.exercises.cases import cases, described, label
from ntklib.exercises.difference import (
    agree,
    difference,
    factor,
    factor_in_words,
    first_wrong_entry,
    partly_right,
    size_of_error,
    worst_error,
)
from ntklib.exercises.exercise import COARSE, FINE
from ntklib.exercises.known import known
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.terms import wrong_terms
from ntklib.exercises.values import (
    NOTHING,
    choices,
    computes_in_float64,
    fit,
    numbers,
)

MOST_POINTS = 500  # the reference takes their number cubed
MEASURED = 0.15  # how far from an exponent a careful measurement may be
BY_HAND_OF_VARIANT = "see the text of your copy"
NEAR_SLIP = 1e-4  # a slip may be computed by another route than ours, with fewer digits


@dataclass(frozen=True)
class Result:
    """The judgement of one answer: true if it is right, and printed as one line."""

    right: bool
    line: str

    def __bool__(self):
        """Whether the answer is right."""
        return self.right

    def __repr__(self):
        """The line that the reader sees."""
        return self.line


@np.errstate(all="ignore")
def judge(name, seed, values, variant=""):
    """Compare what an answer gave with the reference.

    Args:
        name: of the exercise.
        seed: the one from which the cases were drawn.
        values: a sequence with one value for each case; for an answer that is no
            function, a sequence with the answer alone.
        variant: the code of a student's own constant; empty for the book's exercise.
    """
    exercise = EXERCISES[name]
    if variant:
        exercise = replace(exercise, by_hand=BY_HAND_OF_VARIANT)
    try:
        # Asked before x64 is on: an answer computed by JAX has no more digits than JAX
        # had then.
        tol = FINE if computes_in_float64() else COARSE
        with jax.enable_x64(True):
            facts = known(name, seed, variant)
            hint = _hint(exercise, facts, cases(name, seed), values, tol)
    except ValueError as error:
        hint = str(error)
    if hint:
        return Result(False, f"{name}: {hint}")
    return Result(True, f"{name}: correct (checked against {exercise.route})")


def _hint(exercise, facts, tried, values, tol):
    """A hint for a wrong answer; None if it is right."""
    expected = len(tried) or 1
    if len(values) != expected:
        raise ValueError(f"expected {expected} values, got {len(values)}")
    if exercise.kind == "choice":
        return _hint_for_choice(exercise, facts, values[0])
    if exercise.kind == "points":
        return _hint_for_points(facts, values[0])
    if exercise.kind == "exponent":
        return _hint_for_exponent(exercise, facts, values[0])
    return _hint_for_numbers(exercise, facts, tried, values, tol)


def _hint_for_choice(exercise, facts, value):
    chosen = choices(value, exercise.choices)
    if facts.is_right(chosen):
        return None
    return facts.hint(chosen) or "another choice is right"


def _hint_for_points(facts, value):
    X, _ = numbers(value)
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        transposed = "; it is transposed" if X.ndim == 2 and len(X) == 2 else ""
        raise ValueError(
            "expected an array of shape (m, 2), one input in each of m >= 1 rows; got "
            f"shape {X.shape}{transposed}"
        )
    fit(X.shape, X, "")
    if len(X) > MOST_POINTS:
        raise ValueError(f"got {len(X)} inputs; a handful is enough")
    if facts.is_right(X):
        return None
    return facts.hint(X) or "nearly right, but opposite inputs must be exactly opposite"


def _hint_for_exponent(exercise, facts, value):
    if callable(value):
        raise ValueError("expected a number, got a function")
    number, _ = numbers(value)
    fit((), number, "")
    gap = abs(number - facts.right[0])
    if gap <= exercise.tol:
        return None
    if gap <= MEASURED:
        return (
            "a good measurement: at finite widths slopes scatter and are a little off; "
            "which exponent does the derivation give?"
        )
    return facts.hint(number) or "another number is right; measure it at several widths"


def _hint_for_numbers(exercise, facts, tried, values, tol):
    if any(value is None for value in values):
        raise ValueError(NOTHING)
    read = [numbers(value) for value in values]
    got = [a for a, _ in read]
    short = any(is_short for _, is_short in read)
    want = facts.right
    for case, g, w in zip(tried, got, want, strict=True):
        fit(w.shape, g, f" for {described(exercise.name, case)}")

    tol = max(tol, exercise.tol)
    if short:
        tol = max(tol, COARSE)
    right = agree(got, want, tol)
    if right and _diagonals_agree(got, want, exercise.diagonal_tol):
        return None
    if right and short:
        return (
            "right to float32's 7 digits, but the diagonal needs 12: use NumPy's "
            "float64, or turn JAX's x64 on"
        )
    if right:  # but for the diagonal, as a slip can be
        return _slip(facts.slips, got, NEAR_SLIP) or (
            "right, but for digits on the diagonal, of which 12 are asked for"
        )
    reason = _reason(exercise, facts, tried, got, tol)
    return _with_numbers(reason, exercise, tried, got, want, tol)


def _diagonals_agree(got, want, tol):
    if tol is None:
        return True
    return all(
        np.allclose(np.diag(g), np.diag(w), rtol=tol, atol=0)
        for g, w in zip(got, want, strict=True)
    )


def _reason(exercise, facts, tried, got, tol):
    """The most special thing that can be said about wrong values."""
    want = facts.right
    labels = [
        label(exercise.name, case, size)
        for case, size in zip(tried, exercise.sizes, strict=True)
    ]
    # Some slips are nearly right: the values have to be far nearer to the slip.
    nearest = min(NEAR_SLIP, worst_error(got, want) / 10)
    return (
        _slip(facts.slips, got, nearest)
        or difference(got, want, exercise.sizes, tol)
        or _multiple_of_slip(facts.slips, got, exercise.sizes)
        or mistaken_arguments(facts.mistaken, got, exercise.sizes)
        or wrong_terms(facts.terms, got, exercise.sizes)
        or partly_right(got, want, labels)
        or size_of_error(got, want)
    )


def _slip(slips, got, nearest):
    """The hint of the first slip that gives these values."""
    for hint, values in slips:
        if agree(got, values, nearest):
            return hint
    return None


def _multiple_of_slip(slips, got, sizes):
    """The hint of a slip, if a factor is wrong besides."""
    for hint, values in slips:
        found = factor(got, values, sizes)
        if found is not None:
            return f"apart from a factor {factor_in_words(*found)}, {hint}"
    return None


def _with_numbers(reason, exercise, tried, got, want, tol):
    """The reason, the first wrong entry, and a case that can be followed by hand."""
    which, entry = first_wrong_entry(got, want, tol)
    where = described(exercise.name, tried[which])
    stop = "" if reason.endswith("?") else "."
    return f"{reason}{stop} {entry} for {where}. By hand: {exercise.by_hand}"

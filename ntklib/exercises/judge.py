"""Judges what an answer returned: right or wrong, and a hint in one line."""

from dataclasses import dataclass

import jax
import numpy as np

from ntklib.exercises.cases import cases, described
from ntklib.exercises.difference import agree, difference
from ntklib.exercises.exercise import COARSE, FINE
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.values import choices, computes_in_float64, fit, numbers

MOST_POINTS = 500  # the reference takes their number cubed


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
def judge(name, seed, values):
    """Compare what an answer gave with the reference.

    Args:
        name: of the exercise.
        seed: the one from which the cases were drawn.
        values: a sequence with one value for each case; for an answer that is no
            function, a sequence with the answer alone.
    """
    exercise = EXERCISES[name]
    try:
        # Asked before x64 is on: an answer computed by JAX has no more digits than JAX
        # had then.
        tol = FINE if computes_in_float64() else COARSE
        with jax.enable_x64(True):
            hint = _hint(exercise, cases(name, seed), values, tol)
    except ValueError as error:
        hint = str(error)
    if hint:
        return Result(False, f"{name}: {hint}")
    return Result(True, f"{name}: correct (checked against {exercise.route})")


def _hint(exercise, tried, values, tol):
    """A hint for a wrong answer; None if it is right."""
    expected = len(tried) or 1
    if len(values) != expected:
        raise ValueError(f"expected {expected} values, got {len(values)}")
    if exercise.kind == "choice":
        return _hint_for_choice(exercise, values[0])
    if exercise.kind == "points":
        return _hint_for_points(exercise, values[0])
    return _hint_for_numbers(exercise, tried or [()], values, tol)


def _hint_for_choice(exercise, value):
    chosen = choices(value, exercise.choices)
    if chosen == exercise.reference():
        return None
    return _slip_that_fits(exercise, chosen) or "another choice is right"


def _hint_for_points(exercise, value):
    X, _ = numbers(value)
    fit((len(np.atleast_1d(X)), 2), X, "")
    if len(X) > MOST_POINTS:
        raise ValueError(f"got {len(X)} inputs; a handful is enough")
    if exercise.reference(X):
        return None
    return (
        _slip_that_fits(exercise, X)
        or "nearly right, but opposite inputs must be exactly opposite"
    )


def _slip_that_fits(exercise, value):
    for slip in exercise.slips:
        if slip.fits(value):
            return slip.hint
    return None


def _hint_for_numbers(exercise, tried, values, tol):
    read = [numbers(value) for value in values]
    got = [a for a, _ in read]
    short = any(is_short for _, is_short in read)
    want = [np.asarray(exercise.reference(*case)) for case in tried]
    for case, g, w in zip(tried, got, want, strict=True):
        where = f" for {described(exercise.name, case)}" if case else ""
        fit(w.shape, g, where)

    tol = max(tol, exercise.tol)
    if short:
        tol = max(tol, COARSE)
    if agree(got, want, tol):
        if _diagonals_agree(got, want, exercise.diagonal_tol):
            return None
        if short:
            return (
                "right to float32's 7 digits, but the diagonal needs 12: use NumPy's "
                "float64, or turn JAX's x64 on"
            )

    slip_tol = max(tol, 10 * FINE)  # a slip may be computed by another route than ours
    for slip in exercise.slips:
        if agree(got, _values_of_slip(slip, tried), slip_tol):
            return slip.hint
    if not exercise.arguments:  # a factor would give the number away
        return "another number is right; measure it at several widths"
    return difference(got, want, exercise.sizes)


def _diagonals_agree(got, want, tol):
    if tol is None:
        return True
    return all(
        np.allclose(np.diag(g), np.diag(w), rtol=tol, atol=0)
        for g, w in zip(got, want, strict=True)
    )


def _values_of_slip(slip, tried):
    if not callable(slip.answer):
        return [np.asarray(slip.answer)]
    return [np.asarray(slip.answer(*case)) for case in tried]

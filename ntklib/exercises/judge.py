"""Judges what an answer returned: right or wrong, and a hint in one line."""

from dataclasses import replace

import jax
import numpy as np

from ntklib.exercises.arguments import mistaken_arguments
from ntklib.exercises.cases import described, drawn, label, special
from ntklib.exercises.difference import (
    agree,
    difference,
    entry_error,
    factor,
    factor_in_words,
    first_wrong_entry,
    is_one,
    partly_right,
    right_digits,
    size_of_error,
    worst_error,
)
from ntklib.exercises.exercise import COARSE, FINE
from ntklib.exercises.failures import sentence
from ntklib.exercises.known import NothingKnown, known
from ntklib.exercises.plain import Failure, taken
from ntklib.exercises.result import Result
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.terms import wrong_terms
from ntklib.exercises.values import (
    Refused,
    choices,
    computes_in_float64,
    fit,
    numbers,
)

MOST_POINTS = 500  # the reference takes their number cubed
BY_HAND_OF_VARIANT = "see the text of your copy"
MEASURED = 0.15  # how far from an exponent a careful measurement may be
NEAR_SLIP = 1e-4  # a slip may be computed by another route than ours, with fewer digits


@np.errstate(all="ignore")
def judge(name, seed, values, *, x64=None, variant=""):
    """Compare what an answer gave with the reference.

    Args:
        name: of the exercise.
        seed: the one from which the cases were drawn.
        values: a sequence with one value, or `Failure`, for each case; for an answer
            that is no function, a sequence with the answer alone.
        x64: whether JAX computed with 64 bits where the answer ran; if that is not
            said, as here and now.
        variant: the code of a student's own constant; empty for the book's exercise.
    """
    exercise = EXERCISES[name]
    if variant:
        exercise = replace(exercise, by_hand=BY_HAND_OF_VARIANT)
    outcomes = [v if isinstance(v, Failure) else taken(v) for v in values]
    # Asked before x64 is on: an answer computed by JAX has no more digits than JAX had.
    tol = FINE if (computes_in_float64() if x64 is None else x64) else COARSE
    try:
        with jax.enable_x64(True):
            facts = _facts(name, seed, variant)
            hint = _hint(exercise, facts, seed, outcomes, tol)
    except Refused as error:
        hint = str(error)
    if hint:
        return Result(False, f"{name}: {hint}")
    return Result(True, f"{name}: correct (checked against {exercise.route})")


def _facts(name, seed, variant):
    """What is right; Refused, where nothing is known for this seed or variant."""
    try:
        return known(name, seed, variant)
    except NothingKnown as error:
        raise Refused(str(error)) from None


def _hint(exercise, facts, seed, outcomes, tol):
    """A hint for a wrong answer; None if it is right."""
    if exercise.kind == "numbers":
        return _hint_for_function(exercise, facts, seed, outcomes, tol)
    _expect(1, outcomes)
    value = _value(exercise, outcomes[0])
    if exercise.kind == "choice":
        return _hint_for_choice(exercise, facts, value)
    if exercise.kind == "points":
        return _hint_for_points(facts, value, tol)
    return _hint_for_exponent(exercise, facts, value)


def _expect(count, outcomes):
    if len(outcomes) != count:
        raise Refused(f"expected {count} values, got {len(outcomes)}")


def _value(exercise, outcome, case=()):
    """The value of an outcome; Refused, if there is none."""
    if isinstance(outcome, Failure):
        raise Refused(sentence(exercise, outcome, case))
    return outcome


def _hint_for_choice(exercise, facts, value):
    chosen = choices(value, exercise.choices)
    if facts.is_right(chosen):
        return None
    return facts.hint(chosen) or "another choice is right"


def _hint_for_points(facts, value, tol):
    X, short = numbers(value)
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        transposed = "; is it transposed?" if X.ndim == 2 and len(X) == 2 else ""
        raise Refused(
            "expected an array of shape (m, 2), one input in each of m >= 1 rows; got "
            f"shape {X.shape}{transposed}"
        )
    fit(X.shape, X, "")
    if len(X) > MOST_POINTS:
        raise Refused(f"got {len(X)} inputs; a handful is enough")
    # Where JAX has 32 bits, its numbers may have come in an array with more.
    few_digits = short or (tol > FINE and np.array_equal(X, np.float32(X)))
    if facts.is_right(X, few_digits):
        return None
    return facts.hint(X) or "nearly right, but opposite inputs must be exactly opposite"


def _hint_for_exponent(exercise, facts, value):
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


def _hint_for_function(exercise, facts, seed, outcomes, tol):
    """A hint for an answer that is a function, from its values for all cases."""
    tried, further = drawn(exercise.name, seed), special(exercise.name, seed)
    _expect(len(tried) + len(further), outcomes)
    right = facts.right
    return _hint_for_drawn(
        exercise, facts, tried, outcomes[: len(tried)], tol
    ) or _hint_for_special(
        exercise, further, outcomes[len(tried) :], right[len(tried) :], tol
    )


def _read(exercise, case, outcome, want):
    """The numbers of an outcome, and whether they came with fewer digits."""
    number, short = numbers(_value(exercise, outcome, case))
    fit(want.shape, number, f" for {described(exercise.name, case)}")
    return number, short


def _hint_for_drawn(exercise, facts, tried, outcomes, tol):
    """A hint from the cases drawn at random, which tell one slip from another."""
    want = facts.right[: len(tried)]
    read = [_read(exercise, *each) for each in zip(tried, outcomes, want, strict=True)]
    got = [a for a, _ in read]
    short = any(is_short for _, is_short in read)
    tol = max(tol, exercise.tol, COARSE if short else 0)
    if not agree(got, want, tol):
        reason = _reason(exercise, facts, tried, got, tol)
        return _with_numbers(reason, exercise, tried, got, want, tol)
    digits = _too_few_digits(exercise, got, want, short)
    if digits and not short:  # a slip can be right but for digits
        return _slip(facts.slips, got, NEAR_SLIP) or digits
    return digits


def _hint_for_special(exercise, further, outcomes, right, tol):
    """A hint for an answer that is right for inputs drawn at random."""
    for (words, case), outcome, want in zip(
        further.items(), outcomes, right, strict=True
    ):
        but = f"right for inputs drawn at random, but not for {words}"
        try:
            got, short = _read(exercise, case, outcome, want)
        except Refused as error:
            return f"{but}: {error}"
        most = max(tol, exercise.tol, COARSE if short else 0)
        if not agree([got], [want], most):
            return _with_numbers(but, exercise, [case], [got], [want], most)
        digits = _too_few_digits(exercise, [got], [want], short)
        if digits:
            return f"{but}: {digits}"
    return None


def _too_few_digits(exercise, got, want, short):
    """How many digits single entries have, where each needs more; None if enough."""
    if exercise.entry_tol is None:
        return None
    worst = max(map(entry_error, got, want))
    if worst <= exercise.entry_tol:
        return None
    asked = right_digits(exercise.entry_tol)
    if short:
        return (
            f"right to float32's 7 digits, but {asked} are asked for: use NumPy's "
            "float64, or turn JAX's x64 on"
        )
    return (
        f"an entry is right to {right_digits(worst)} digits, but {asked} are asked "
        "for: which step loses them?"
    )


def _reason(exercise, facts, tried, got, tol):
    """The most special thing that can be said about wrong values."""
    want = facts.right[: len(tried)]
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
            besides = (
                "a sign" if is_one(-found[0], found[1]) else factor_in_words(*found)
            )
            return f"{besides} is wrong, and besides: {hint}"
    return None


def _with_numbers(reason, exercise, tried, got, want, tol):
    """The reason, the first wrong entry, and a case that can be followed by hand."""
    which, entry = first_wrong_entry(got, want, tol)
    where = described(exercise.name, tried[which])
    stop = "" if reason.endswith("?") else "."
    return f"{reason}{stop} {entry} for {where}. By hand: {exercise.by_hand}"

"""What every exercise has to have."""

import inspect

import pytest

from ntklib.exercises.sets import EXERCISES

every_exercise = pytest.mark.parametrize(
    "exercise", EXERCISES.values(), ids=EXERCISES.keys()
)


@every_exercise
def test_exercise_has_slips_with_hints_of_their_own(exercise):
    """Three known slips or more; no two share a title or a hint; a hint is one line."""
    titles = {slip.title for slip in exercise.slips}
    hints = {slip.hint for slip in exercise.slips}
    assert len(titles) == len(hints) == len(exercise.slips) >= 3
    for hint in hints:
        assert 20 < len(hint) < 150
        assert "\n" not in hint


@every_exercise
def test_exercise_says_what_its_kind_needs(exercise):
    """A choice has choices, and each slip says what fits it where values do not."""
    assert exercise.kind in ("numbers", "exponent", "choice", "points")
    assert bool(exercise.choices) == (exercise.kind == "choice")
    for slip in exercise.slips:
        assert (slip.fits is None) == (exercise.kind == "numbers")


@every_exercise
def test_exercise_takes_its_arguments_everywhere(exercise):
    """The reference and every wrong answer can be called as the exercise says."""
    functions = [exercise.reference, *exercise.terms]
    for slip in exercise.slips:
        functions += [slip.answer, *slip.others]
    for function in filter(callable, functions):
        if exercise.kind == "numbers":
            assert (*inspect.signature(function).parameters,) == exercise.arguments
    assert callable(exercise.solution) == bool(exercise.arguments)
    if exercise.arguments:
        inspect.signature(exercise.solution).bind(*exercise.arguments)

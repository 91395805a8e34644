"""What every exercise has to have."""

import inspect

import pytest

from ntk_answers import ANSWERS, bounds, dynamics
from ntklib.exercises.sets import EXERCISES

every_exercise = pytest.mark.parametrize("name", EXERCISES)


@every_exercise
def test_exercise_has_slips_with_hints_of_their_own(name):
    """Three known slips or more; no two share a title or a hint; a hint is one line."""
    slips = ANSWERS[name].slips
    titles = {slip.title for slip in slips}
    hints = {slip.hint for slip in slips}
    assert len(titles) == len(hints) == len(slips) >= 3
    for hint in hints:
        assert 20 < len(hint) < 150
        assert "\n" not in hint


@every_exercise
def test_exercise_says_what_its_kind_needs(name):
    """A choice has choices, and each slip says what fits it where values do not."""
    exercise = EXERCISES[name]
    assert exercise.kind in ("numbers", "exponent", "choice", "points")
    assert bool(exercise.choices) == (exercise.kind == "choice")
    for slip in ANSWERS[name].slips:
        assert bool(slip.fits) == (exercise.kind in ("choice", "points"))
        assert bool(slip.between) == (exercise.kind == "exponent")


@every_exercise
def test_exercise_takes_its_arguments_everywhere(name):
    """The reference and every wrong answer can be called as the exercise says."""
    exercise, answers = EXERCISES[name], ANSWERS[name]
    functions = [answers.reference, *answers.terms]
    for slip in answers.slips:
        functions += [slip.answer, *slip.others]
    for function in filter(callable, functions):
        if exercise.kind == "numbers":
            assert (*inspect.signature(function).parameters,) == exercise.arguments
    assert callable(answers.solution) == bool(exercise.arguments)
    if exercise.arguments:
        inspect.signature(answers.solution).bind(*exercise.arguments)


def test_choices_are_those_that_the_reference_tries():
    """The names among which a task lets choose are all and only those."""
    assert EXERCISES["conserved"].choices == tuple(dynamics.ACTIVATIONS)
    assert EXERCISES["lemma_matrices"].choices == tuple(bounds.MATRICES)

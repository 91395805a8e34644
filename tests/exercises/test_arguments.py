"""Answers that would be right for other arguments, in every exercise."""

import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib.exercises.arguments import MISTAKES, mistaken_arguments
from ntklib.exercises.cases import drawn
from ntklib.exercises.known import known
from ntklib.exercises.sets import EXERCISES


def told(name, answer):
    """What is said about the values of an answer."""
    tried = drawn(name, 2)
    got = [np.asarray(answer(*case)) for case in tried]
    return mistaken_arguments(known(name, 2).mistaken, got, EXERCISES[name].sizes)


@pytest.mark.parametrize(("words", "names", "change"), MISTAKES)
def test_mistaken_arguments_are_named(words, names, change):
    """Each mistake is named in an exercise with these arguments, or shows nowhere."""
    for name, exercise in EXERCISES.items():
        if not set(names) <= set(exercise.arguments):
            continue
        right = ANSWERS[name].reference

        def mistaken(*case, right=right, arguments=exercise.arguments):
            given = dict(zip(arguments, case, strict=True))
            new = change(*(given[name] for name in names))
            given |= dict(zip(names, new if len(names) > 1 else [new], strict=True))
            return right(*given.values())

        line = f"right but for how {words} enters: check each place where it stands"
        if told(name, mistaken) == line:
            return
    pytest.fail(f"no exercise shows it: {words}")


@np.errstate(all="ignore")
def test_mistaken_arguments_and_a_factor_are_named():
    """-dl.dl / m has no kernel, and lacks one 1/m."""
    line = "a factor is wrong, and how K enters"
    assert told("general_loss_velocity", lambda K, dl: -dl @ dl / len(dl)) == line


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("general_loss_velocity", lambda K, dl: K[0, 0]),
        ("prediction", lambda K, K_new, f0, f0_new, y, t: f0_new + K_new[:, 0]),
        ("sharp_rate", lambda lam, m: 1 / (1 + lam)),
        ("lazy_exponent", lambda s: s**3),
    ],
)
def test_mistaken_arguments_is_silent_about_others(name, answer):
    """Values that no other arguments explain."""
    assert told(name, answer) is None

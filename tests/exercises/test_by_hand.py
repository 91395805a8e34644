"""The cases by hand, which a wrong answer hears, have the results that they state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib import Params
from ntklib.exercises.sets import EXERCISES

K = np.array([[2.0, 1.0], [1.0, 2.0]])
ONE = np.ones((1, 1))
UNIT = Params(ONE, np.array([2.0]))


@jax.jit
def square(z):
    """psi of the cases by hand."""
    return z**2


# The arguments, the entry that is meant, its value, and how the text writes it.
CASES = {
    "ntk": (
        (Params(np.array([[1.0], [2.0]]), np.array([3.0, -1.0])), [[1.0], [2.0]]),
        (0, 1),
        138,
        "138",
    ),
    "relu_limit": (([[1.0, 0.0], [1.0, 1.0]],), (0, 1), 0.75 + 0.5 / np.pi, "0.9092"),
    "erf_limit": (([[1.0, 0.0], [0.5, 0.75**0.5]],), (0, 1), 0.4414, "0.4414"),
    "gelu_limit": (([[1.0, 0.0], [0.0, 1.0]],), (0, 1), 0.25 / np.pi, "0.07958"),
    "general_loss_velocity": ((K, [1.0, 2.0]), (), -3.5, "-3.5"),
    "prediction": (
        (2 * ONE, ONE, [0.0], [0.5], [1.0], np.log(2) / 2),
        (0,),
        0.75,
        "3/4",
    ),
    "stable_step": ((K,), (), 4 / 3, "4/3"),
    "sharp_rate": ((3.0, 1), (), 6, "6"),
    "kernel_velocity": ((UNIT, ONE, [1.0]), (0, 0), -160, "-160"),
    "third_order": ((UNIT, [[1.0], [2.0]]), (0, 0, 1), 320, "320"),
    "lazy_exponent": ((0.5,), (), -1, "the exercise before"),
    "travelled": ((2 * ONE, [0.0], [1.0], np.log(2) / 2), (), 1 / 8, "1/8"),
    "matching_ridge": ((np.log(2), 1, 1.0), (), np.log(2), "0.6931"),
    "random_targets": ((K,), (), 4 / 3, "4/3"),
    "spread": ((2 * ONE, ONE, [[1, 0.5], [0.5, 1]]), (0, 0), 3 / 4, "3/4"),
    "catapult_step": ((1.0, 2.0, 2, 1.0), (0,), -0.5, "-1/2"),
    "noise_floor": ((1.0, 1.0, 2.0), (), 2, "2"),
    "captured_share": ((3, 4), (), 0.5, "1/2"),
    "margin_time": ((1.0, 1, np.log(2)), (), 1 + np.log(2), "1.693"),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand_is_what_the_solution_returns(name):
    """The model answer gives the number that stands in the text."""
    arguments, index, value, written = CASES[name]
    exercise = EXERCISES[name]
    given = [np.asarray(a) if isinstance(a, list) else a for a in arguments]
    if "psi" in exercise.arguments:
        given.append(square)
        given[0] = jax.tree.map(jnp.asarray, given[0])
    got = np.asarray(ANSWERS[name].solution(*given))[index]
    assert got == pytest.approx(value, rel=1e-4)
    assert written in exercise.by_hand


def test_by_hand_of_gelu_has_a_second_value():
    """K(x, x) for a unit vector."""
    got = ANSWERS["gelu_limit"].solution(np.array([[0.6, 0.8]]))
    assert got[0, 0] == pytest.approx(0.8811, rel=1e-4)
    assert "0.8811" in EXERCISES["gelu_limit"].by_hand


def test_by_hand_of_output_velocity_is_minus_K_r_over_m():
    """A kernel and residuals, for which no network is named."""
    np.testing.assert_array_equal(-K @ [1.0, 0.0] / 2, [-1, -0.5])
    assert EXERCISES["output_velocity"].by_hand.endswith("(-1, -1/2)")


def test_by_hand_is_there_for_every_function():
    """Every exercise whose answer is a function has such a case."""
    for name, exercise in EXERCISES.items():
        assert bool(exercise.by_hand) == bool(exercise.arguments)
        assert (name in CASES or name == "output_velocity") == bool(exercise.by_hand)

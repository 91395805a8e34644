"""The cases by hand, which a wrong answer hears, have the results that they state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib import empirical_ntk, network
from ntklib.exercises.sets import EXERCISES

# The entry that is meant, its value, and how the text writes it.
RESULTS = {
    "ntk": ((0, 1), 138, "138"),
    "relu_limit": ((0, 1), 0.75 + 0.5 / np.pi, "0.9092"),
    "erf_limit": ((0, 1), 0.4414, "0.4414"),
    "gelu_limit": ((0, 1), 0.25 / np.pi, "0.07958"),
    "output_velocity": ((1,), -1 / 2, "(-1, -1/2)"),
    "general_loss_velocity": ((), -3.5, "-3.5"),
    "prediction": ((0,), 0.75, "3/4"),
    "stable_step": ((), 4 / 3, "4/3"),
    "sharp_rate": ((), 6, "6"),
    "kernel_velocity": ((0, 0), -160, "-160"),
    "third_order": ((0, 0, 1), 320, "320"),
    "lazy_exponent": ((), -1, "the exercise before"),
    "travelled": ((), 1 / 8, "1/8"),
    "matching_ridge": ((), np.log(2), "0.6931"),
    "random_targets": ((), 4 / 3, "4/3"),
    "spread": ((0, 0), 3 / 4, "3/4"),
    "catapult_step": ((0,), -0.5, "-1/2"),
    "noise_floor": ((), 2, "2"),
    "captured_share": ((), 0.5, "1/2"),
    "margin_time": ((), 1 + np.log(2), "1.693"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_by_hand_is_what_the_solution_returns(name):
    """The model answer gives the number that stands in the text."""
    index, value, written = RESULTS[name]
    exercise = EXERCISES[name]
    given = exercise.example
    if "psi" in exercise.arguments:
        given = (jax.tree.map(jnp.asarray, given[0]), *given[1:])
    got = np.asarray(ANSWERS[name].solution(*given))[index]
    assert got == pytest.approx(value, rel=1e-4)
    assert written in exercise.by_hand


def test_by_hand_of_gelu_has_a_second_value():
    """K(x, x) for a unit vector."""
    got = ANSWERS["gelu_limit"].solution(np.array([[0.6, 0.8]]))
    assert got[0, 0] == pytest.approx(0.8811, rel=1e-4)
    assert "0.8811" in EXERCISES["gelu_limit"].by_hand


def test_by_hand_of_output_velocity_has_this_kernel_and_residuals():
    """The text names a kernel and residuals; the example is a network that has them."""
    params, X, y, psi = EXERCISES["output_velocity"].example
    K = empirical_ntk(params, X, psi)
    np.testing.assert_allclose(K, [[2, 1], [1, 2]], rtol=1e-15)
    np.testing.assert_allclose(network(params, X, psi) - y, [1, 0], rtol=1e-15)


def test_by_hand_is_there_for_every_function():
    """Every exercise whose answer is a function has such a case."""
    for name, exercise in EXERCISES.items():
        assert bool(exercise.by_hand) == bool(exercise.arguments)
        assert len(exercise.example) == len(exercise.arguments)
        assert (name in RESULTS) == bool(exercise.by_hand)

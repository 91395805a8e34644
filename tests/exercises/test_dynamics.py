"""The set "dynamics": what its references claim, by other routes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import dynamics
from ntklib import half_mse, network
from tests.exercises.activations import ACTIVATIONS


def test_stable_step_separates_convergence_from_divergence():
    """Descent converges one per cent below the bound, and diverges as much above."""
    K = np.array([[2.0, 0.5], [0.5, 1.0]])
    bound = dynamics.stable_step_by_norm(K)

    def after_2000_steps(step):
        one_step = np.eye(2) - step * K / 2
        return np.linalg.matrix_power(one_step, 2000) @ [1.0, 0.3]

    assert np.linalg.norm(after_2000_steps(0.99 * bound)) < 1e-3
    assert np.linalg.norm(after_2000_steps(1.01 * bound)) > 1e3


@partial(jax.jit, static_argnames="psi")
def conserved_velocity(params, X, y, psi):
    """Velocity of a_i^2 - |w_i|^2 along the gradient flow of the loss."""
    gradient = jax.grad(lambda p: half_mse(network(p, X, psi), y))(params)
    downhill = jax.tree.map(jnp.negative, gradient)

    def quantity(p):
        return p.W1**2 - jnp.sum(p.W0**2, axis=1)

    return jax.jvp(quantity, (params,), (downhill,))[1]


@pytest.mark.slow
def test_conserved_equals_autodiff(problem):
    """The velocity vanishes for the activations that are listed, and for no others."""
    params, X, y = problem(4, 7, 3)
    still = set()
    for name in dynamics.ACTIVATIONS:
        velocity = conserved_velocity(params, X, y, ACTIVATIONS[name])
        if np.abs(velocity).max() < 1e-12:
            still.add(name)
    assert dynamics.conserved_by_velocity() == still == {"relu", "leaky_relu", "abs"}


def test_conserved_chooses_among_the_activations_of_jax(close):
    """The choices, in NumPy, are the activations of JAX with the same names."""
    z = np.linspace(-3, 3, 13)
    for name, psi in dynamics.ACTIVATIONS.items():
        close(psi(z), ACTIVATIONS[name](z), 1e-12)


@pytest.mark.parametrize(
    ("chosen", "title"),
    [
        ({"erf"}, "claiming it for tanh or erf"),
        ({"relu", "softplus"}, "softplus for relu"),
        ({"relu", "abs"}, "relu only"),
    ],
)
def test_conserved_slips_cover_other_answers(chosen, title):
    """A hint is for every answer of its kind."""
    fitting = [slip.title for slip in dynamics.CONSERVED.slips if slip.fits(chosen)]
    assert fitting[0] == title

"""The network's definition and JAX's derivatives of it, against the library."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ntk_answers.autodiff import (
    activations,
    flat_network,
    tangent_kernel,
    weight_velocity,
)
from ntklib import network
from ntklib.exercises.psis import NAMED


@pytest.mark.parametrize("psi", NAMED.values(), ids=NAMED.keys())
def test_flat_network_equals_network(psi, problem, close):
    """f(theta) is the network, whose weights are laid out as theta."""
    params, X, _ = problem(4, 7, 3)
    theta, f = flat_network(params, X, psi)
    close(f(theta), network(params, X, psi), 1e-14)
    close(theta, ravel_pytree(params)[0], 0)


def test_tangent_kernel_of_a_linear_map(close):
    """The kernel of f = A theta is A A^T everywhere."""
    A = jnp.arange(6.0).reshape(2, 3)
    K = jax.jit(tangent_kernel(lambda theta: A @ theta))
    close(K(jnp.ones(3)), A @ A.T, 1e-15)


def test_weight_velocity_of_a_linear_map(close):
    """The gradient of |A theta - y|^2 / 2m is A^T (A theta - y) / m."""
    A = jnp.arange(6.0).reshape(2, 3)
    theta, y = jnp.ones(3), jnp.array([1.0, -1.0])
    want = -A.T @ (A @ theta - y) / 2

    @jax.jit
    def velocity(theta, y):
        return weight_velocity(lambda theta: A @ theta, theta, y)

    close(velocity(theta, y), want, 1e-15)


def test_activations_are_those_of_tanh(problem, close):
    """tanh, 1 - tanh^2 and -2 tanh (1 - tanh^2) at the preactivations."""
    params, X, _ = problem(4, 7, 3)
    t = np.tanh(np.asarray(X @ params.W0.T))
    want = (t, 1 - t**2, -2 * t * (1 - t**2))
    got = activations(params, X, jnp.tanh)
    assert all(isinstance(a, np.ndarray) for a in got)
    close(got, want, 1e-13)

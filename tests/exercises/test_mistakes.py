"""The wrong formulas: with no mistake chosen they are right, so that each mistake is one mistake."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _mistakes as bad
from ntklib import _references as ref
from ntklib import (
    empirical_ntk,
    limit_kernel,
    network,
    ntk_velocity,
    predict,
    residual_velocity,
    triple_product,
)

LIMITS = {
    "relu": (bad.relu, jax.nn.relu),
    "erf": (bad.erf, jax.scipy.special.erf),
    "gelu": (bad.gelu, lambda z: jax.nn.gelu(z, approximate=False)),
}


@pytest.mark.parametrize(("limit", "psi"), LIMITS.values(), ids=LIMITS.keys())
def test_limits_without_mistake_are_right(limit, psi, close):
    """The limit kernels by default, up to arccos."""
    X = np.random.default_rng(0).normal(size=(3, 2))
    close(limit(X), limit_kernel(X, psi).ntk, 1e-7)


def test_gelu_approximation_is_that_of_jax(close):
    """The approximate GELU, and its slope, are jax.nn.gelu and its derivative by JAX."""
    X = np.random.default_rng(0).normal(size=(3, 2))
    slope = jax.vmap(jax.grad(jax.nn.gelu))
    close(
        bad.gelu(X, approximate=True),
        ref.smooth_limit(
            X,
            lambda z: jax.nn.gelu(z.ravel()).reshape(z.shape),
            lambda z: slope(z.ravel()).reshape(z.shape),
        ),
        1e-12,
    )


def test_relu_arccos_loses_digits_on_the_diagonal():
    """Right to 1e-7, and not to 1e-12: half of the digits are gone at theta = 0."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    gap = np.abs(np.diag(bad.relu(X)) / np.sum(X**2, axis=1) - 1).max()
    assert 1e-10 < gap < 1e-7


def test_formulas_without_mistake_are_right(problem, close):
    """The kernel, its velocity, the triple product, the outputs' velocity and the prediction by default."""
    params, X, y = (np.asarray(a) if k else a for k, a in enumerate(problem(4, 7, 3)))
    K, f = empirical_ntk(params, X, jnp.tanh), network(params, X, jnp.tanh)
    params = type(params)(*map(np.asarray, params))
    close(bad.ntk(params, X, jnp.tanh), K, 1e-12)
    close(
        bad.output_velocity(params, X, y, jnp.tanh), residual_velocity(K, f - y), 1e-12
    )
    close(
        bad.third_order(params, X, jnp.tanh), triple_product(params, X, jnp.tanh), 1e-12
    )
    close(
        bad.kernel_velocity(params, X, y, jnp.tanh),
        ntk_velocity(params, X, y, jnp.tanh),
        1e-12,
    )
    K, K_new, f = np.asarray(K), np.asarray(K)[:2] + 1, np.asarray(f)
    close(
        bad.prediction(K, K_new, f, f[:2], y, 1.3),
        predict(K, K_new, f, f[:2], y, [1.3])[0],
        1e-9,
    )

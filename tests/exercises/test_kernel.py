"""The accuracy of the limits in the set "kernel", and its wrong answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import kernel


def test_relu_limit_is_exact_on_the_diagonal():
    """K(x, x) = |x|^2, for the reference and for the model answer."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    want = np.sum(X**2, axis=1)
    for limit in (kernel.relu_limit_by_quadrature, kernel.relu_limit):
        np.testing.assert_allclose(np.diag(limit(X)), want, rtol=1e-13)


def test_relu_limit_by_arccos_loses_digits_on_the_diagonal():
    """Right to 1e-7, and not to 1e-12: half of the digits are gone at theta = 0."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    by_arccos = kernel.RELU_LIMIT.slips[0].answer(X)
    gap = np.abs(np.diag(by_arccos) / np.sum(X**2, axis=1) - 1).max()
    assert 1e-10 < gap < 1e-7


@pytest.mark.slow
def test_quadrature_is_accurate_for_inputs_of_any_length(close):
    """A right answer fails where the reference is wrong: inputs of some seeds are long.

    The longest of the seeds up to 1500 has the length 7.9.
    """
    directions = np.random.default_rng(0).normal(size=(3, 3))
    for length in (0, 1e-3, 1, 8, 30):
        X = np.vstack([length * directions, directions[0]])
        close(kernel.erf_limit_by_quadrature(X), kernel.erf_limit(X), 1e-12)
        close(kernel.gelu_limit_by_quadrature(X), kernel.gelu_limit(X), 1e-12)


def test_erf_limit_with_bias_is_williams_form(close):
    """arcsin of 2 c over the root of q q', where c and q count a 1 in each input."""
    X = np.random.default_rng(0).normal(size=(3, 2))
    c = 1 + X @ X.T
    q = 1 + 2 * np.diag(c)
    root = np.sqrt(np.outer(q, q))
    nngp = 2 / np.pi * np.arcsin(2 * c / root)
    slopes = 4 / np.pi / np.sqrt(root**2 - 4 * c**2)
    close(kernel.ERF_LIMIT.slips[0].answer(X), nngp + c * slopes, 1e-13)


def test_gelu_limit_by_tanh_is_that_of_jax(close):
    """The approximate GELU and its slope are jax.nn.gelu and its derivative by JAX."""
    X = np.random.default_rng(0).normal(size=(2, 2))

    @jax.jit
    def psi(z):
        return jax.nn.gelu(z)

    @jax.jit
    def slope(z):
        return jax.jvp(psi, (z,), (jnp.ones_like(z),))[1]

    want = kernel.smooth_limit_by_quadrature(X, psi, slope)
    close(kernel.GELU_LIMIT.slips[0].answer(X), want, 1e-12)

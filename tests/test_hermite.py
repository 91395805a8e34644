"""Hermite coefficients: several norms at once, their scale, and what is not resolved."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _hermite, hermite_coefficients, limit_kernel


def test_coefficients_of_several_norms(close):
    """One row for each norm, kinks included, shape (norms, k_max + 1)."""
    norms = [0.5, 1.0, 3.0]
    rows = np.array([hermite_coefficients(jax.nn.relu6, 7, norm=s) for s in norms])
    close(_hermite.coefficients(jax.nn.relu6, 7, norms), rows, 0)
    assert rows.shape == (3, 8)


def test_rule_ends_with_the_scale(close):
    """The last entry is sqrt(E psi(sz)^2), which is sqrt(sum mu_k^2) in the end (Parseval), and the limit kernel's."""
    for psi, norm in [(jnp.sin, 1.0), (lambda z: z**3, 0.5)]:
        *mu, scale = _hermite._rule(psi, 30, norm, (), 8)
        close(scale, math.sqrt(np.sum(np.square(mu))), 1e-13)
        close(scale, jnp.sqrt(limit_kernel([[norm]], psi).nngp[0, 0]), 1e-13)


def test_coefficients_may_all_be_zero():
    """z^2 - 1 has none of degree 0 and 1: zeros, not a failure, because psi itself sets the scale."""
    assert np.abs(hermite_coefficients(lambda z: z**2 - 1, 1)).max() < 1e-14


def test_coefficients_that_do_not_converge():
    """Two rules have to agree: they do not where psi has a kink every thousandth."""
    with pytest.raises(RuntimeError, match=r"^the Hermite coefficients of psi did not converge: two rules disagree by"):
        hermite_coefficients(lambda z: jnp.abs(jnp.sin(1000 * z)), 3)


def test_coefficients_in_single_precision():
    """Without x64 psi is evaluated in float32, and the rules need agree only to what that allows."""
    with jax.enable_x64(False):
        got = hermite_coefficients(jnp.tanh, 3)
    assert np.abs(got - hermite_coefficients(jnp.tanh, 3)).max() < 1e-6

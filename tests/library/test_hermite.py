"""Hermite coefficients for several norms, their scale, and what is not resolved."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import hermite_coefficients, limit_kernel
from ntklib._gaussian import hermite


@pytest.mark.slow
def test_coefficients_of_several_norms(close):
    """One row for each norm, kinks included, shape (norms, k_max + 1)."""
    norms = np.array([0.5, 1.0, 3.0])
    rows = np.array([hermite_coefficients(jax.nn.relu6, 7, norm=s) for s in norms])
    close(hermite.coefficients(jax.nn.relu6, 7, norms), rows, 0)
    assert rows.shape == (3, 8)


@pytest.mark.parametrize(("psi", "norm"), [(jnp.sin, 1.0), (lambda z: z**3, 0.5)])
def test_rule_ends_with_the_scale(psi, norm, close):
    """The last entry is sqrt(E psi(sz)^2), which is sqrt(sum mu_k^2) (Parseval).

    It is also the root of the limit kernel's Phi.
    """
    *mu, scale = hermite._rule(psi, 30, norm, (), 8)
    close(scale, math.sqrt(np.sum(np.square(mu))), 1e-13)
    close(scale, jnp.sqrt(limit_kernel([[norm]], psi).nngp[0, 0]), 1e-13)


def test_coefficients_may_all_be_zero():
    """z^2 - 1 has none of degree 0 and 1: zeros, not a failure, because psi itself sets
    the scale.
    """
    assert np.abs(hermite_coefficients(lambda z: z**2 - 1, 1)).max() < 1e-14


def test_coefficients_that_do_not_converge():
    """Two rules have to agree: they do not where psi has a kink every thousandth."""
    message = "the Hermite coefficients of psi did not converge: two rules disagree by"
    with pytest.raises(RuntimeError, match=f"^{message}"):
        hermite_coefficients(lambda z: jnp.abs(jnp.sin(1000 * z)), 3)


def test_coefficients_in_single_precision():
    """Without x64 psi is evaluated in float32, and the rules need agree only to what
    that allows.
    """
    with jax.enable_x64(False):
        got = hermite_coefficients(jnp.tanh, 3)
    assert np.abs(got - hermite_coefficients(jnp.tanh, 3)).max() < 1e-6


def test_rule_stops_at_kinks_off_its_grid(close):
    """A kink at 1/3, where no panel ends.

    E relu(3z - 1) = 3 phi(1/3) - Q(1/3), and mu_1 = 3 Q(1/3).
    """
    tail = math.erfc(1 / 3 / math.sqrt(2)) / 2
    density = math.exp(-1 / 18) / math.sqrt(2 * math.pi)
    got = hermite_coefficients(lambda z: jax.nn.relu(z - 1), 1, norm=3.0)
    close(got, np.array([3 * density - tail, 3 * tail]), 1e-13)


def test_rule_stops_at_kinks_beyond_its_range_over_the_norm(close):
    """Off the grid at c = 6 / s: E relu6(s z) = s (phi(0) - phi(c)) + 6 Q(c)."""
    s = 2.9
    c = 6 / s
    tail = math.erfc(c / math.sqrt(2)) / 2
    density_at_0 = 1 / math.sqrt(2 * math.pi)
    density_at_c = math.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
    got = hermite_coefficients(jax.nn.relu6, 1, norm=s)[0]
    close(got, s * (density_at_0 - density_at_c) + 6 * tail, 1e-13)

"""The integrator of both flows, on d y/dt = -y and on d y/dt = y^2, solved by hand."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib._flow import integrate, tolerances

TIMES = jnp.array([0.0, 0.5, 0.5, 2.0])


def decay(t, y, args):
    """d y/dt = -rate y."""
    (rate,) = args
    return -rate * y


def explosion(t, y, args):
    """d y/dt = y^2, whose solution from 1 is 1/(1 - t)."""
    return y**2


@pytest.fixture(scope="module")
def error():
    """error(rtol, atol): the largest one of exp(-t), by one compiled program."""

    @jax.jit
    def solve(rtol, atol):
        y0 = jnp.array([1.0, -2.0])
        return integrate(
            decay, diffrax.Tsit5(), y0, TIMES, (1.0,), rtol, atol, max_steps=1000
        )

    def largest(rtol, atol):
        y, reached = solve(rtol, atol)
        assert reached
        want = np.exp(-np.asarray(TIMES))[:, None] * np.array([1.0, -2.0])
        return np.abs(y - want).max()

    return largest


@pytest.mark.slow
def test_integrate_obeys_both_tolerances(error):
    """A looser tolerance gives a larger error, and one in proportion."""
    assert error(1e-9, 1e-11) < 1e-8
    assert 1e-8 < error(1e-4, 1e-11) < 1e-3
    assert 1e-8 < error(1e-9, 1e-4) < 1e-3


@pytest.mark.slow
def test_integrate_tells_what_was_not_reached():
    """Before the pole of 1/(1 - t) the solution is there; after it, infinite."""
    ts = jnp.array([0.5, 0.9, 2.0])
    y, reached = integrate(
        explosion,
        diffrax.Tsit5(),
        jnp.ones(()),
        ts,
        (),
        1e-9,
        1e-11,
        max_steps=1000,
        shortest=1e-12,
    )
    assert not reached
    np.testing.assert_allclose(y, [2.0, 10.0, np.inf], rtol=1e-6)


def test_tolerances_by_default():
    """rtol is 1e-9 in float64 and 1e-5 in float32, atol a hundredth of it."""
    assert tolerances(None, None, jnp.float64) == (1e-9, 1e-9 / 100)
    assert tolerances(None, None, jnp.dtype("float32")) == (1e-5, 1e-5 / 100)
    assert tolerances(1e-3, None, jnp.float32) == (1e-3, 1e-3 / 100)
    assert tolerances(None, 1e-3, jnp.float64) == (1e-9, 1e-3)


def test_tolerances_are_those_that_the_dtype_resolves(refuses):
    """rtol of float32 stays above ten of its roundings; atol is no share, and may."""
    refuses("rtol must lie between 1.2e-06", tolerances, 1e-7, None, jnp.float32)
    assert tolerances(1e-3, 1e-12, jnp.float32) == (1e-3, 1e-12)

"""The integrator of both flows, on d y/dt = -y and on d y/dt = y^2, solved by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _check
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
        return integrate(decay, y0, TIMES, (1.0,), rtol, atol, max_steps=1000)

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


@pytest.mark.slow
def test_integrate_ends_where_the_solution_is_infinite():
    """Steps that are accepted as they are go no further than to infinity."""
    evaluations = []

    def counted(t, y, args):
        """d y/dt = y^2, and a note that it was asked for."""
        jax.debug.callback(evaluations.append, t)
        return y**2

    ts = jnp.array([0.5, 2.0])
    limits = dict(max_steps=10**9, shortest=0.01, accept_shortest=True)
    y, reached = integrate(counted, jnp.ones(()), ts, (), 1e-9, 1e-11, **limits)
    jax.effects_barrier()
    assert not reached
    np.testing.assert_allclose(y, [2.0, np.inf], rtol=1e-3)
    assert len(evaluations) < 1000


def test_refuse_unless_says_its_sentence():
    """Inside jit, and for one of a batch, it has a line of its own in JAX's report."""

    def checked(x):
        _check.refuse_unless(jnp.all(x < 1), "the flow did not converge")
        return 2 * x

    for run in (jax.jit(checked), jax.vmap(checked), jax.jit(jax.vmap(checked))):
        np.testing.assert_allclose(run(jnp.array([0.5])), [1.0])
        message = r"(?m)^(RuntimeError: )?the flow did not converge$"
        with pytest.raises(RuntimeError, match=message):
            jax.block_until_ready(run(jnp.array([1.5])))


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

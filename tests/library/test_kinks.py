"""Kinks of an activation, its jumps, and how steep it is."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _functions
from ntklib._gaussian.kinks import find_kinks
from tests.library.test_averages import tanh


@pytest.mark.parametrize(
    ("psi", "points"),
    [
        (lambda z: jax.nn.relu(z - 1), [1]),
        (lambda z: jax.nn.relu(z + 1), [-1]),
        (lambda z: jax.nn.relu(0.5 - z), [0.5]),
        (jax.nn.relu6, [6]),
        (jax.nn.hard_tanh, [-1, 1]),
        (jax.nn.hard_silu, [-3, 3]),
        (lambda z: jax.nn.relu(z - 30), [30]),
        (lambda z: jax.nn.relu(z + 60), [-60]),
        (lambda z: jnp.tanh(z) + 1e-3 * jnp.abs(z - 0.25), [0.25]),
        (lambda z: jnp.exp(jnp.abs(z - 2)), [2]),
        (lambda z: 1e-30 * jnp.abs(z + 4), [-4]),
        (
            lambda z: jnp.abs(jnp.abs(jnp.abs(z) - 1) - 0.5),
            [-1.5, -1, -0.5, 0.5, 1, 1.5],
        ),
    ],
)
def test_kinks_are_found(psi, points):
    """Each kink but 0 is found to 1e-12, nothing else is; the nearest come first."""
    found, steep = find_kinks(psi, jnp.float64)
    assert len(found) == len(points)
    assert sorted(np.abs(found)) == list(np.abs(found))
    np.testing.assert_allclose(sorted(found), points, rtol=0, atol=1e-12)
    assert steep == 1.0


@pytest.mark.parametrize(
    "place", [0.3, 0.8, -0.7, 0.05, -63.7, 64.2, 1 / 3, math.pi, 1e-5, 3e-6]
)
def test_kinks_at_any_place(place):
    """No place is overlooked, round or not; the kink is found to the last cells, 64
    roundings of max(1, |z|) wide.
    """
    found, _ = find_kinks(lambda z: jnp.abs(z - place), jnp.float64)
    np.testing.assert_allclose(
        found, [place], rtol=0, atol=64 * 2.3e-16 * max(1, abs(place))
    )


def test_kinks_at_most_64():
    """Of the kinks of |sin(2z)| the 64 nearest to 0 are kept; one within 64 sqrt(eps)
    of 0 is not told from it.
    """
    found, _ = find_kinks(lambda z: jnp.abs(jnp.sin(2 * z)), jnp.float64)
    kinks = np.pi / 2 * np.delete(np.arange(-32, 33), 32)
    np.testing.assert_allclose(sorted(found), kinks, rtol=1e-12)
    assert find_kinks(lambda z: jnp.abs(z - 5e-7), jnp.float64) == ((), 1.0)


@pytest.mark.parametrize(
    "psi",
    [
        *(
            jnp.tanh,
            jax.nn.softplus,
            jax.nn.silu,
            jax.nn.mish,
            jax.nn.sigmoid,
            jax.nn.gelu,
            jnp.arctan,
            jnp.exp,
        ),
        *(
            jax.nn.elu,
            jax.nn.relu,
            jnp.abs,
            jnp.sin,
            jnp.zeros_like,
            lambda z: z**6,
            lambda z: z**2 + z,
        ),
    ],
)
def test_kinks_of_smooth_functions_and_of_those_with_a_kink_at_0_alone(psi):
    """None, and no steepness above 1."""
    assert find_kinks(psi, jnp.float64) == ((), 1.0)


def test_kinks_in_float32():
    """In float32 a kink is found to float32, and a jump's place is given to what
    float32 can tell.
    """
    found, steep = find_kinks(lambda z: jax.nn.relu(z - 0.3), jnp.float32)
    np.testing.assert_allclose(found, [0.3], rtol=0, atol=1e-5)
    assert steep == 1.0
    for psi in (jnp.tanh, jax.nn.elu, jnp.exp, jax.nn.silu):
        assert find_kinks(psi, jnp.float32) == ((), 1.0)
    with pytest.raises(ValueError, match=r"got a jump of 2 at z = 0$"):
        find_kinks(jnp.sign, jnp.float32)


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "least"), [(1e3, 30), (1e8, 1e7)])
def test_kinks_tells_how_steep(beta, least):
    """max |psi'| over the size of psi and psi', at most beta for tanh(beta z), wherever
    it rises.
    """
    for shift in (0.0, 1.0):
        assert least < find_kinks(tanh(beta, shift), jnp.float64)[1] <= 1.01 * beta


@pytest.mark.parametrize(
    ("psi", "jump", "place"),
    [
        (jnp.sign, "2", "0"),
        (lambda z: jnp.where(z > 0.7, z, 0), "0.7", "0.7"),
        (lambda z: jnp.where(z > 0.3, z, 1), "-0.7", "0.3"),
        (lambda z: z + 1e-6 * jnp.sign(z + 0.2), "2e-06", "-0.2"),
        (lambda z: jnp.where(z > 63, z, 0), "63", "63"),
        (lambda z: jnp.heaviside(z - 6, 0.5), "1", "6"),
        (
            lambda z: jax.nn.relu(z - 9) + 1e-3 * jnp.heaviside(z - 10, 0.5),
            "0.001",
            "10",
        ),
        (lambda z: jnp.exp(z) + jnp.sign(z - 1), "2", "1"),
        (lambda z: z**6 + jnp.where(z > 0.5, 1e-3, 0), "0.001", "0.5"),
    ],
)
def test_kinks_refuses_a_jump(psi, jump, place):
    """The height of the jump and its place are told."""
    message = (
        f"psi must be continuous, or it has no NTK; got a jump of {jump} at z = {place}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        find_kinks(psi, jnp.float64)


@pytest.mark.parametrize("psi", [jnp.round, jnp.floor, lambda z: 1 / z, jnp.tan])
def test_kinks_refuses_many_jumps_and_a_pole(psi):
    """One of them is named.

    Near its many poles tan is rough by rounding alone: the search ends there.
    """
    with pytest.raises(
        ValueError,
        match=r"^psi must be continuous, or it has no NTK; got a jump of ",
    ):
        find_kinks(psi, jnp.float64)


def test_kinks_and_evaluate_under_tracing():
    """Inside jit a psi without tracers is looked at as outside; one that closes over a
    tracer has no known kinks.
    """
    seen = []

    def look(a):
        seen.append(find_kinks(lambda z: jax.nn.relu(z - 1), jnp.float64))
        seen.append(find_kinks(lambda z: jax.nn.relu(z - a), jnp.float64))
        seen.append(_functions.evaluate(lambda z: jax.nn.relu(z - a), np.ones(2)))
        seen.append(_functions.evaluate(lambda z: z**3, np.array([2.0, -1.0])))
        return a

    jax.jit(look)(1.0)
    assert abs(seen[0][0][0] - 1) < 1e-13
    assert seen[1:3] == [((), 1.0), None]
    assert [part.tolist() for part in seen[3]] == [[8.0, -1.0], [12.0, 3.0]]

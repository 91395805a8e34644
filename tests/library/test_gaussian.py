"""Kinks and jumps of an activation, and averages over pairs of Gaussians by quadrature in polar coordinates."""

import math
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from ntklib import _gaussian

NODES, WEIGHTS = leggauss(20)
DISAGREE = "limit_kernel did not reach its accuracy for this psi and these X: two quadrature rules disagree"
INFINITE = "psi must have finite averages of psi(h)^2 and psi'(h)^2 for these X; got inf or nan"


def panels(edges):
    """Nodes and weights of one Gauss-Legendre rule after another, between the edges along the last axis."""
    middle, half = (edges[..., 1:] + edges[..., :-1]) / 2, np.diff(edges) / 2
    nodes, weights = (
        middle[..., None] + half[..., None] * NODES,
        half[..., None] * WEIGHTS,
    )
    return nodes.reshape(*edges.shape[:-1], -1), weights.reshape(*edges.shape[:-1], -1)


def expectation(value, slope, s, s2, theta, kinks=(), count=30):
    """E psi(u) psi(v) and E psi'(u) psi'(v) in Cartesian coordinates p, q along and across the bisector of u and v."""
    along, across = np.cos(theta / 2), np.sin(theta / 2)
    u, v = s * np.array([along, -across]), s2 * np.array([along, across])
    if along < across:
        u, v = u[::-1], v[::-1]
    base, meetings = np.linspace(-11, 11, count + 1), [0.0]
    if abs(np.linalg.det([u, v])) > 0:
        meetings = [
            np.linalg.solve([u, v], [k, k2])[1] for k in kinks for k2 in kinks
        ] or [0.0]
    q, wq = panels(np.sort(np.clip(np.append(base, meetings), -11, 11)))
    stops = [((k - c[1] * q) / c[0])[:, None] for k in kinks for c in (u, v) if c[0]]
    edges = np.concatenate([np.broadcast_to(base, (len(q), count + 1)), *stops], axis=1)
    p, wp = panels(np.sort(np.clip(edges, -11, 11), axis=1))
    w = wq[:, None] * wp * np.exp(-(p**2 + q[:, None] ** 2) / 2) / (2 * np.pi)
    h, h2 = (c[0] * p + c[1] * q[:, None] for c in (u, v))
    return np.array([np.sum(w * f(h) * f(h2)) for f in (value, slope)])


class Scaled(eqx.Module):
    """psi(z) = tanh(beta (z - shift)): parameters that are arrays, so that all of them share what is compiled."""

    beta: jax.Array
    shift: jax.Array

    def __call__(self, z):
        """psi at z."""
        return jnp.tanh(self.beta * (z - self.shift))


def tanh(beta, shift=0.0):
    """tanh(beta (z - shift))."""
    return Scaled(jnp.asarray(beta, float), jnp.asarray(shift, float))


S, S2, THETA = (
    np.array([1.0, 0.01, 5.0, 0.0]),
    np.array([2.0, 5.0, 5.0, 1.0]),
    np.array([0.7, np.pi, 0.0, np.pi / 2]),
)
PAIRS = [jnp.asarray(a) for a in (S, S2, THETA)]
SHORT = [(24, 32), (48, 64)]


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
    """Each kink apart from 0 is found to 1e-12, nothing else is; the nearest come first."""
    found, steep = _gaussian.kinks(psi, jnp.float64)
    assert len(found) == len(points)
    assert sorted(np.abs(found)) == list(np.abs(found))
    np.testing.assert_allclose(sorted(found), points, rtol=0, atol=1e-12)
    assert steep == 1.0


@pytest.mark.parametrize(
    "place", [0.3, 0.8, -0.7, 0.05, -63.7, 64.2, 1 / 3, math.pi, 1e-5, 3e-6]
)
def test_kinks_at_any_place(place):
    """No place is overlooked, round or not; the kink is found to the last cells, 64 roundings of max(1, |z|) wide."""
    found, _ = _gaussian.kinks(lambda z: jnp.abs(z - place), jnp.float64)
    np.testing.assert_allclose(
        found, [place], rtol=0, atol=64 * 2.3e-16 * max(1, abs(place))
    )


def test_kinks_at_most_eight():
    """Of the kinks of |sin| the eight nearest to 0 are kept; one within 64 sqrt(eps) of 0 is not told from it."""
    found, _ = _gaussian.kinks(lambda z: jnp.abs(jnp.sin(z)), jnp.float64)
    np.testing.assert_allclose(
        sorted(found), np.pi * np.array([-4, -3, -2, -1, 1, 2, 3, 4]), rtol=1e-12
    )
    assert _gaussian.kinks(lambda z: jnp.abs(z - 5e-7), jnp.float64) == ((), 1.0)


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
    assert _gaussian.kinks(psi, jnp.float64) == ((), 1.0)


def test_kinks_in_float32():
    """In float32 a kink is found to float32, and a jump's place is given to what float32 can tell."""
    found, steep = _gaussian.kinks(lambda z: jax.nn.relu(z - 0.3), jnp.float32)
    np.testing.assert_allclose(found, [0.3], rtol=0, atol=1e-5)
    assert steep == 1.0
    for psi in (jnp.tanh, jax.nn.elu, jnp.exp, jax.nn.silu):
        assert _gaussian.kinks(psi, jnp.float32) == ((), 1.0)
    with pytest.raises(ValueError, match=r"got a jump of 2 at z = 0$"):
        _gaussian.kinks(jnp.sign, jnp.float32)


@pytest.mark.parametrize(("beta", "least"), [(1e3, 30), (1e8, 1e7)])
def test_kinks_tells_how_steep(beta, least):
    """max |psi'| over the size of psi and psi', at most beta for tanh(beta z), wherever it rises."""
    for shift in (0.0, 1.0):
        assert least < _gaussian.kinks(tanh(beta, shift), jnp.float64)[1] <= 1.01 * beta


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
    ],
)
def test_kinks_refuses_a_jump(psi, jump, place):
    """The height of the jump and its place are told."""
    message = f"psi must be continuous, or it has no NTK: psi'(h)^2 has no finite average; got a jump of {jump} at z = "
    with pytest.raises(ValueError, match=f"^{re.escape(message + place)}$"):
        _gaussian.kinks(psi, jnp.float64)


@pytest.mark.parametrize("psi", [jnp.round, jnp.floor, lambda z: 1 / z])
def test_kinks_refuses_many_jumps_and_a_pole(psi):
    """One of them is named."""
    with pytest.raises(
        ValueError,
        match=r"^psi must be continuous, or it has no NTK: .* got a jump of ",
    ):
        _gaussian.kinks(psi, jnp.float64)


def test_kinks_and_evaluate_under_tracing():
    """Inside jit a psi without tracers is looked at as outside; one that closes over a tracer has no known kinks."""
    seen = []

    def look(a):
        seen.append(_gaussian.kinks(lambda z: jax.nn.relu(z - 1), jnp.float64))
        seen.append(_gaussian.kinks(lambda z: jax.nn.relu(z - a), jnp.float64))
        seen.append(_gaussian.evaluate(lambda z: jax.nn.relu(z - a), np.ones(2)))
        seen.append(_gaussian.evaluate(lambda z: z**3, np.array([2.0, -1.0])))
        return a

    jax.jit(look)(1.0)
    assert abs(seen[0][0][0] - 1) < 1e-13
    assert seen[1:3] == [((), 1.0), None]
    assert [part.tolist() for part in seen[3]] == [[8.0, -1.0], [12.0, 3.0]]


@pytest.mark.parametrize("beta", [0.7, 2.0])
def test_averages_of_smooth_functions(beta, close, monkeypatch):
    """tanh(beta z): E psi(u) psi(v) and E psi'(u) psi'(v), in Cartesian coordinates."""
    monkeypatch.setattr(_gaussian, "LEVELS", [(192, 256)] * 2)

    def value(z):
        return np.tanh(beta * z)

    def slope(z):
        return beta * (1 - value(z) ** 2)

    got = _gaussian.averages(tanh(beta), *PAIRS, (), 1.0)
    want = np.array(
        [
            expectation(value, slope, *pair, count=60)
            for pair in zip(S, S2, THETA, strict=True)
        ]
    )
    close(got, want, 1e-11)


def test_averages_stop_at_kinks(close, monkeypatch):
    """z cut off at -1 and at 2; both kinks are told to the rule."""
    monkeypatch.setattr(_gaussian, "LEVELS", [(192, 256)] * 2)

    def psi(z):
        return jnp.clip(z, -1, 2)

    want = [
        expectation(
            lambda z: np.clip(z, -1, 2),
            lambda z: 1.0 * (abs(z - 0.5) < 1.5),
            *pair,
            (-1, 2),
        )
        for pair in zip(S, S2, THETA, strict=True)
    ]
    close(
        _gaussian.averages(psi, *PAIRS, _gaussian.kinks(psi, float)[0], 1.0),
        np.array(want),
        1e-10,
    )


def test_averages_of_an_exponential(close, monkeypatch):
    """exp(z): both are exp((s^2 + s2^2 + 2 c)/2), up to 1e21."""
    monkeypatch.setattr(_gaussian, "LEVELS", [(192, 256)] * 2)
    got = _gaussian.averages(jnp.exp, *PAIRS, (), 1.0)
    want = np.exp((S**2 + S2**2) / 2 + S * S2 * np.cos(THETA))
    close(got / want[:, None], np.ones((4, 2)), 1e-12)


@pytest.mark.parametrize(
    "psi",
    [
        jnp.log,
        lambda z: jnp.sqrt(jnp.abs(z)),
        lambda z: jnp.exp(z**2 / 2),
        lambda z: jnp.exp(z**2),
    ],
)
def test_averages_refuses_what_has_none(psi, monkeypatch):
    """log is no number below 0, sqrt|z| has no slope at 0, exp(z^2/2) grows as fast as the density falls."""
    monkeypatch.setattr(_gaussian, "LEVELS", [(4, 6)] * 2)
    with pytest.raises(ValueError, match=f"^{re.escape(INFINITE)}$"):
        _gaussian.averages(psi, *PAIRS, (), 1.0)


def test_averages_refuses_rules_that_disagree(monkeypatch):
    """The relative difference of the last two rules is told, for either average; so is that of rules too coarse."""
    monkeypatch.setattr(_gaussian, "LEVELS", SHORT)
    message = "; the last two differ by (.*) of the largest value$"
    for psi, steep, least, most in [
        (tanh(300.0), 1.0, 1e-5, 2.0),
        (tanh(1e9), 1e9, 1.0, 1.0),
    ]:
        with pytest.raises(
            RuntimeError, match=f"^{re.escape(DISAGREE)}{message}"
        ) as caught:
            _gaussian.averages(psi, *PAIRS, (), steep)
        assert least <= float(re.search(message, str(caught.value))[1]) <= most
    allowed = 24**3 / 5  # where the largest s is 5
    assert np.isfinite(_gaussian.averages(tanh(0.2), *PAIRS, (), allowed - 1)).all()
    with pytest.raises(RuntimeError, match="differ by 1 of"):
        _gaussian.averages(tanh(0.2), *PAIRS, (), allowed + 1)


def test_averages_weigh_slopes_by_the_kernel(monkeypatch):
    """A pair of small inputs, where psi' psi' is large, does not hide an error where it counts."""
    monkeypatch.setattr(_gaussian, "LEVELS", SHORT)
    with pytest.raises(RuntimeError, match=f"^{re.escape(DISAGREE)}"):
        _gaussian.averages(
            tanh(1.0),
            jnp.array([1e-4, 400, 1, 1]),
            jnp.array([1e-4, 400, 1, 1]),
            PAIRS[2],
            (),
            1.0,
        )


def test_averages_grow_rules_until_they_agree(monkeypatch):
    """An easy psi ends after two rules; a harder one takes a third, and none that is dearer than 2e7 evaluations."""
    levels, quadrature = [], _gaussian._quadrature
    monkeypatch.setattr(
        _gaussian,
        "_quadrature",
        lambda *args: levels.append(args[5]) or quadrature(*args),
    )
    for beta, want in [(0.2, 2), (1.0, 3)]:
        levels.clear()
        _gaussian.averages(tanh(beta), *PAIRS, (), 1.0)
        assert levels == _gaussian.LEVELS[:want]
    monkeypatch.setattr(
        _gaussian,
        "_quadrature",
        lambda *args: (
            levels.append(args[5]) or jnp.full((len(args[3]), 2), 1.0 * len(levels))
        ),
    )
    for kinks, pairs, want in [
        ((), 4, 5),
        ((1.0,), 4, 5),
        ((1.0, -1.0, 2.0, 3.0), 4, 4),
        ((), 10**6, 2),
        ((), 3 * 10**5, 3),
    ]:
        levels.clear()
        with pytest.raises(RuntimeError, match=r"the last two differ by 0\.[2-5] of"):
            _gaussian.averages(
                tanh(1.0), *(jnp.ones(pairs) for _ in range(3)), kinks, 1.0
            )
        assert levels == _gaussian.LEVELS[:want], (kinks, pairs)


def test_meeting_is_where_both_kinks_are_reached():
    """At the angle phi a ray with radius r > 0 has u = s r cos(phi) = k and v = s2 r cos(phi - theta) = k2."""
    rng = np.random.default_rng(0)
    for k, k2 in rng.normal(size=(40, 2)):
        s, s2, theta = rng.uniform(0.2, 3, 3)
        phi = float(_gaussian._meeting(k, k2, s, s2, theta))
        r = k / (s * np.cos(phi))
        assert -np.pi / 2 <= phi <= 3 * np.pi / 2
        assert r > 0
        assert abs(s2 * r * np.cos(phi - theta) - k2) < 1e-12 * max(1, r)


def test_averages_may_vanish_for_one_pair(close):
    """z^2 - 1 at orthogonal inputs: both are 0, and the error counts against the largest of all pairs."""
    one, theta = jnp.ones(2), jnp.array([np.pi / 2, 0.0])
    close(
        _gaussian.averages(lambda z: z**2 - 1, one, one, theta, (), 1.0),
        np.array([[0.0, 0], [2, 4]]),
        1e-13,
    )

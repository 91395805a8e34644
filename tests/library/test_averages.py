"""Averages over pairs of Gaussians, by quadrature in polar coordinates."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from ntklib import _functions
from ntklib._gaussian import averages
from ntklib._gaussian.kinks import Kinks, find_kinks

NODES, WEIGHTS = leggauss(20)
SMOOTH = Kinks((), 1.0)
DISAGREE = (
    "limit_kernel did not reach its accuracy for this psi and these X: "
    "two quadrature rules disagree"
)
INFINITE = (
    "psi must have finite averages of psi(h)^2 and psi'(h)^2 for these X; "
    "got inf or nan"
)

# Standard deviations and angles of four pairs, a zero input among them.
S = np.array([1.0, 0.01, 5.0, 0.0])
S2 = np.array([2.0, 5.0, 5.0, 1.0])
OMEGA = np.array([0.7, np.pi, 0.0, np.pi / 2])
PAIRS = [jnp.asarray(a) for a in (S, S2, OMEGA)]


def pair_averages(psi, *arguments):
    """Those of a psi as it comes from a reader."""
    return averages.pair_averages(_functions.activation(psi, S), *arguments)


def one_rule(monkeypatch, angles, radii):
    """Let there be one rule only, so that one program is compiled.

    It agrees with itself: the test has to know that it is fine enough.
    """
    monkeypatch.setattr(averages, "LEVELS", [(angles, radii)] * 3)


def panels(edges):
    """Nodes and weights of Gauss-Legendre rules between the edges on the last axis."""
    middle = (edges[..., 1:] + edges[..., :-1]) / 2
    half = np.diff(edges) / 2
    nodes = middle[..., None] + half[..., None] * NODES
    weights = half[..., None] * WEIGHTS
    shape = (*edges.shape[:-1], -1)
    return nodes.reshape(shape), weights.reshape(shape)


def expectation(value, slope, s, s2, omega, kinks=(), count=30):
    """E psi(u) psi(v) and E psi'(u) psi'(v) in Cartesian coordinates.

    p runs along the bisector of u and v and q across it; rules stop at every kink.
    """
    along, across = np.cos(omega / 2), np.sin(omega / 2)
    u = s * np.array([along, -across])
    v = s2 * np.array([along, across])
    if along < across:
        u, v = u[::-1], v[::-1]
    base = np.linspace(-11, 11, count + 1)
    meetings = [0.0]
    if kinks and abs(np.linalg.det([u, v])) > 0:
        meetings = [np.linalg.solve([u, v], [k, k2])[1] for k in kinks for k2 in kinks]
    q, wq = panels(np.sort(np.clip(np.append(base, meetings), -11, 11)))
    stops = [((k - c[1] * q) / c[0])[:, None] for k in kinks for c in (u, v) if c[0]]
    edges = np.concatenate([np.broadcast_to(base, (len(q), count + 1)), *stops], axis=1)
    p, wp = panels(np.sort(np.clip(edges, -11, 11), axis=1))
    density = np.exp(-(p**2 + q[:, None] ** 2) / 2) / (2 * np.pi)
    w = wq[:, None] * wp * density
    h = u[0] * p + u[1] * q[:, None]
    h2 = v[0] * p + v[1] * q[:, None]
    return np.array([np.sum(w * f(h) * f(h2)) for f in (value, slope)])


def expectations(value, slope, **settings):
    """The same for all four pairs."""
    pairs = zip(S, S2, OMEGA, strict=True)
    return np.array([expectation(value, slope, *pair, **settings) for pair in pairs])


class Scaled(eqx.Module):
    """psi(z) = tanh(beta (z - shift))."""

    beta: jax.Array
    shift: jax.Array

    def __call__(self, z):
        """psi at z."""
        return jnp.tanh(self.beta * (z - self.shift))


def tanh(beta, shift=0.0):
    """tanh(beta (z - shift)), all of them the same program for JAX."""
    return Scaled(jnp.asarray(beta, float), jnp.asarray(shift, float))


@pytest.mark.slow
def test_averages_of_smooth_functions(close, monkeypatch):
    """tanh(2z): E psi(u) psi(v) and E psi'(u) psi'(v), in Cartesian coordinates."""
    one_rule(monkeypatch, 192, 256)

    def value(z):
        return np.tanh(2 * z)

    def slope(z):
        return 2 * (1 - value(z) ** 2)

    want = expectations(value, slope, count=60)
    close(pair_averages(tanh(2.0), *PAIRS, SMOOTH), want, 1e-11)


@pytest.mark.slow
def test_averages_stop_at_kinks(close, monkeypatch):
    """z cut off at -1 and at 2; both kinks are told to the rule."""
    one_rule(monkeypatch, 96, 128)

    def value(z):
        return np.clip(z, -1, 2)

    def slope(z):
        return 1.0 * (abs(z - 0.5) < 1.5)

    def psi(z):
        return jnp.clip(z, -1, 2)

    got = pair_averages(psi, *PAIRS, find_kinks(psi, float))
    close(got, expectations(value, slope, kinks=(-1, 2)), 1e-10)


def test_averages_of_an_exponential(close, monkeypatch):
    """exp(z): both are exp((s^2 + s2^2 + 2 c)/2), up to 1e21."""
    one_rule(monkeypatch, 192, 256)
    got = pair_averages(jnp.exp, *PAIRS, SMOOTH)
    want = np.exp((S**2 + S2**2) / 2 + S * S2 * np.cos(OMEGA))
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
def test_averages_refuses_what_has_none(psi, monkeypatch, refuses):
    """log is no number below 0, sqrt|z| has no slope at 0, exp(z^2/2) grows too fast.

    exp(z^2/2) grows as fast as the density falls.
    """
    one_rule(monkeypatch, 4, 6)
    refuses(INFINITE, pair_averages, psi, *PAIRS, SMOOTH)


def test_averages_refuses_rules_that_disagree(monkeypatch):
    """The difference is told as a part of the largest value of an average."""
    monkeypatch.setattr(averages, "LEVELS", [(24, 32), (48, 64)])
    message = (
        f"^{re.escape(DISAGREE)}; the last two differ by (.*) of the largest value$"
    )
    with pytest.raises(RuntimeError, match=message) as caught:
        pair_averages(tanh(300.0), *PAIRS, SMOOTH)
    assert 1e-5 <= float(re.search(message, str(caught.value))[1]) <= 2.0


def test_averages_refuses_rules_too_coarse_to_see_psi_rise(monkeypatch):
    """Rules that agree count as different if |psi'| s >= angles^3."""
    one_rule(monkeypatch, 6, 8)
    allowed = 6**3 / 5  # where the largest s is 5
    psi = tanh(0.2)
    finite = pair_averages(psi, *PAIRS, Kinks((), allowed - 1))
    assert np.isfinite(finite).all()
    with pytest.raises(
        RuntimeError, match=r"psi is too steep for its quadrature rules$"
    ):
        pair_averages(psi, *PAIRS, Kinks((), allowed + 1))


@pytest.fixture
def rules_that_give(monkeypatch):
    """rules_that_give(values): stand-ins for the rules; what they were is returned."""

    def use(values):
        levels = []

        def quadrature(psi, s, s2, omega, *, places, level):
            levels.append(level)
            value = jnp.asarray(values[len(levels) - 1])
            return jnp.broadcast_to(value, (len(omega), 2))

        def largest(psi, s, s2):
            return jnp.stack([jnp.ones(()), jnp.max(s * s2)])

        monkeypatch.setattr(averages, "_quadrature", quadrature)
        monkeypatch.setattr(averages, "_largest", largest)
        return levels

    return use


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1.0, 1 + 9e-10], 2),
        ([1.0, 1 + 2e-9, 1 + 2e-9], 3),
        ([1.0, 1.5, 1.5 + 1e-6, 1.5], 5),
    ],
)
def test_averages_grow_rules_until_they_agree(values, count, rules_that_give):
    """Two rules that agree to 1e-9 are enough; the last two of all need only 1e-6."""
    values = [*values, *[values[-1] + 1e-6] * 5]
    levels = rules_that_give(values)
    got = pair_averages(jnp.tanh, *PAIRS, SMOOTH)
    np.testing.assert_array_equal(got, np.full((4, 2), values[count - 1]))
    assert levels == averages.LEVELS[:count]


def test_averages_weigh_slopes_by_the_kernel(rules_that_give):
    """psi' psi' has the share s s2 in K: small inputs hide no error of large ones."""
    s = jnp.array([1e-4, 400.0])
    coarse = [[1.0, 1.0], [1.0, 1e-7]]
    fine = [[1.0, 1.0], [1.0, 1e-5]]
    rules_that_give([coarse, fine, coarse, fine, coarse])
    with pytest.raises(RuntimeError, match=f"^{re.escape(DISAGREE)}"):
        pair_averages(jnp.tanh, s, s, jnp.zeros(2), SMOOTH)


@pytest.mark.parametrize(
    ("places", "pairs", "count"),
    [
        ((), 4, 5),
        ((1.0,), 4, 5),
        ((1.0, -1.0, 2.0, 3.0), 4, 4),
        ((), 10**6, 2),
        ((), 3 * 10**5, 3),
    ],
)
def test_averages_take_no_rule_that_is_too_dear(places, pairs, count, rules_that_give):
    """At most 2e7 evaluations for a pair, 3e10 in all; two rules are tried always."""
    levels = rules_that_give([1.0, 2.0, 3.0, 4.0, 5.0])
    ones = jnp.ones(pairs)
    with pytest.raises(RuntimeError, match=r"the last two differ by 1 of"):
        pair_averages(jnp.tanh, ones, ones, ones, Kinks(places, 1.0))
    assert levels == averages.LEVELS[:count]


def test_averages_under_jit_take_two_rules(rules_that_give):
    """The second and the third, which have to agree to 1e-6."""
    tanh = _functions.activation(jnp.tanh, S)

    def found(omega):
        return averages.traced_pair_averages(tanh, *PAIRS[:2], omega, SMOOTH)

    levels = rules_that_give([1.0, 1 + 1e-6 / 25])
    value, agreed = jax.jit(lambda omega: found(omega))(PAIRS[2])
    np.testing.assert_array_equal(value, np.full((4, 2), 1 + 1e-6 / 25))
    assert levels == averages.LEVELS[1:3]
    assert agreed
    rules_that_give([1.0, 1 + 2e-6])
    _, agreed = jax.jit(lambda omega: found(omega))(PAIRS[2])
    assert not agreed


def test_meeting_is_where_both_kinks_are_reached():
    """For some r > 0, s r cos(phi) = k and s2 r cos(phi - omega) = k2."""
    rng = np.random.default_rng(0)
    k, k2 = rng.normal(size=(2, 40))
    s, s2, omega = rng.uniform(0.2, 3, (3, 40))
    phi = np.asarray(jax.jit(averages._meeting)(k, k2, s, s2, omega))
    r = k / (s * np.cos(phi))
    assert np.all((phi >= -np.pi / 2) & (phi <= 3 * np.pi / 2))
    assert np.all(r > 0)
    error = np.abs(s2 * r * np.cos(phi - omega) - k2)
    assert np.all(error < 1e-12 * np.maximum(1, r))


@pytest.mark.slow
def test_averages_may_vanish_for_one_pair(close, monkeypatch):
    """z^2 - 1 at orthogonal inputs: both are 0; errors count against all pairs."""
    one_rule(monkeypatch, 24, 32)
    ones = jnp.ones(2)
    omega = jnp.array([np.pi / 2, 0.0])
    got = pair_averages(lambda z: z**2 - 1, ones, ones, omega, SMOOTH)
    close(got, np.array([[0.0, 0], [2, 4]]), 1e-13)

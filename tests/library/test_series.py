"""Series in Hermite polynomials: coefficients, what they leave out, and their sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from ntklib import _functions, hermite_coefficients
from ntklib._gaussian import series
from ntklib._gaussian.averages import pair_averages
from ntklib._gaussian.kinks import find_kinks

NORMS = jnp.array([0.0, 0.01, 1.0, 3.0, 5.0])


def activation(psi, s=NORMS):
    """psi as the library sees it."""
    return _functions.activation(psi, s)


def coefficients(psi, s=NORMS):
    """The series of a psi as it comes from a reader."""
    places = find_kinks(psi, s.dtype).places
    return jax.jit(lambda s: series.coefficients(activation(psi, s), s, places=places))(
        s
    )


def test_coefficients_of_a_square(close):
    """(s z)^2 + s z = s^2 He_0 + s He_1 + sqrt(2) s^2 He_2, and 1 + 2 s He_1."""
    got = coefficients(lambda z: z**2 + z)
    s = np.asarray(NORMS)
    close(got.value[:, :3], np.stack([s**2, s, np.sqrt(2) * s**2], axis=1), 1e-14)
    close(got.slope[:, :2], np.stack([np.ones(5), 2 * s], axis=1), 1e-14)
    assert np.abs(got.value[:, 3:]).max() < 1e-13
    assert got.rest.max() < 1e-14
    assert got.terms.tolist() == [series.SMOOTH.degrees_at_a_time] * 5


@pytest.mark.parametrize("psi", [jax.nn.relu6, jax.nn.softplus])
def test_coefficients_by_another_rule(psi, close):
    """mu_k = E psi(s z) He_k(z), by the rule of `hermite_coefficients`."""
    got = coefficients(psi)
    for value, s in zip(got.value, NORMS, strict=True):
        close(value[:20], hermite_coefficients(psi, 19, norm=float(s)), 1e-13)


def test_coefficients_of_psi_with_kinks_obey_parseval():
    """E psi(h)^2 of hard tanh, adaptively; the terms leave out a part of it."""
    got = coefficients(jax.nn.hard_tanh)
    for i, s in enumerate(np.asarray(NORMS[1:]), start=1):

        def weighted(z, s=s):
            return min(abs(s * z), 1) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

        want = 2 * quad(weighted, 0, 1 / s, epsabs=1e-15)[0]
        want += 2 * quad(weighted, 1 / s, 40, epsabs=1e-15)[0]
        assert abs(got.value_square[i] - want) < 1e-13 * want
        left_out = 1 - np.sum(got.value[i] ** 2) / want
        assert left_out <= got.rest[i] + 1e-14
    assert np.all(got.accurate)
    assert got.rest[-1] > 0.01


@pytest.mark.parametrize(
    "psi",
    [
        lambda z: jnp.tanh(1e8 * z),
        lambda z: jnp.abs(jnp.sin(1000 * z)),
        lambda z: jnp.exp(z**2),
        lambda z: jnp.sqrt(jnp.abs(z)),
        jnp.log,
    ],
)
def test_coefficients_that_are_not_accurate(psi):
    """Steep as a step, rough everywhere, not integrable, no number: told, not NaN."""
    with jax.debug_nans(True):
        got = coefficients(psi, jnp.array([1.0, 2.0]))
    assert not got.accurate.any()
    assert all(np.isfinite(part).all() for part in got)


def test_coefficients_in_single_precision(close):
    """float32 stays, and is accurate to what it allows."""
    got = coefficients(jnp.tanh, NORMS.astype(jnp.float32))
    assert got.value.dtype == jnp.float32
    assert np.all(got.accurate)
    close(got.value_square, coefficients(jnp.tanh).value_square, 1e-6)


def test_shortened_leaves_out_zeros():
    """There are few lengths: 128, 256, 512 and so on."""
    long = coefficients(jnp.tanh, jnp.array([2.0]))
    (terms,) = long.terms
    short = series.shortened(long, int(terms))
    assert short.value.shape == short.slope.shape == (1, 512)
    assert not long.value[:, 512:].any()
    assert short.value[0, int(terms) - 1] != 0


def all_pairs(rows, columns, omega):
    """`summed_in_strips`, compiled."""
    return jax.jit(series.summed_in_strips)(rows, columns, omega)


def angles(m, m2, seed=0):
    """Angles in no order, right angles, 0 and pi among them."""
    omega = np.random.default_rng(seed).uniform(0, np.pi, (m, m2))
    omega.ravel()[:3] = 0, np.pi / 2, np.pi
    return jnp.asarray(omega)


def test_summed_is_the_closed_form_of_sin(close):
    """exp(-(a + b)/2) sinh(c) and cosh(c), at any angle, in strips of uneven length."""
    s = jnp.linspace(0, 3, 19)
    rows, columns = coefficients(jnp.sin, s), coefficients(jnp.sin)
    omega = angles(19, 5)
    nngp, slope, accurate = all_pairs(rows, columns, omega)
    c = s[:, None] * NORMS[None, :] * jnp.cos(omega)
    size = jnp.exp(-(s[:, None] ** 2 + NORMS[None, :] ** 2) / 2)
    close(nngp, size * jnp.sinh(c), 1e-14)
    close(slope, size * jnp.cosh(c), 1e-14)
    assert np.all(accurate)


@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.soft_sign, jax.nn.hard_tanh])
def test_summed_is_what_quadrature_finds(psi, close):
    """Where the series says that it is accurate, against one integral for each pair.

    With a kink they are not where inputs are nearly parallel.
    """
    s = jnp.array([0.0, 0.5, 2.0])
    rows = coefficients(psi, s)
    omega = jnp.array([[0.0, 1.1, 1.6], [2.0, 1e-3, 1.4], [0.7, 1.3, 0.0]])
    nngp, slope, accurate = all_pairs(rows, rows, omega)
    assert np.all(accurate | (omega == 1e-3))
    assert accurate[1, 1] == (psi is jnp.tanh)
    i, j = np.nonzero(np.asarray(accurate))
    kinks = find_kinks(psi, float)
    want = pair_averages(activation(psi), s[i], s[j], omega[i, j], kinks)
    close(nngp[i, j], want[:, 0], 1e-11)
    close(slope[i, j], want[:, 1], 1e-11)


@pytest.mark.slow
def test_summed_differentiates(close):
    """By norms and angles, forward and backward: sin, against its closed form."""
    omega = angles(2, 3, seed=1)
    s, s2 = jnp.array([0.7, 1.5]), jnp.array([0.4, 1.0, 2.0])

    def by_series(s, s2, omega):
        rows, columns = (
            series.coefficients(activation(jnp.sin), norms, places=())
            for norms in (s, s2)
        )
        return jnp.stack(series.summed(rows, columns, omega)[:2])

    def closed(s, s2, omega):
        c = s[:, None] * s2[None, :] * jnp.cos(omega)
        size = jnp.exp(-(s[:, None] ** 2 + s2[None, :] ** 2) / 2)
        return jnp.stack([size * jnp.sinh(c), size * jnp.cosh(c)])

    for jacobian in (jax.jacfwd, jax.jacrev):
        got, want = (
            jax.jit(jacobian(f, argnums=(0, 1, 2)))(s, s2, omega)
            for f in (by_series, closed)
        )
        mask = np.asarray(omega) != 0  # there it is an input and itself
        close([part[:, mask] for part in got], [part[:, mask] for part in want], 1e-13)


def test_summed_needs_the_memory_of_a_strip():
    """No array has an entry for each pair and each term."""
    m, terms = 512, 128
    rows = jax.eval_shape(
        lambda s: series.shortened(
            series.coefficients(activation(jnp.tanh), s, places=()), terms
        ),
        jnp.ones(m),
    )
    compiled = (
        jax.jit(series.summed_in_strips).lower(rows, rows, jnp.ones((m, m))).compile()
    )
    extra = compiled.memory_analysis().temp_size_in_bytes
    assert extra < 3 * m * m * 8 + 4 * m * terms * 8


@pytest.mark.slow
def test_summed_bounds_what_the_shorter_series_leaves_out():
    """A sum of series of different lengths ends with the shorter one."""
    short, long = jnp.array([1.1]), jnp.array([6.0])
    omega = jnp.array([[1e-3]])
    apart = (coefficients(jnp.tanh, short), coefficients(jnp.tanh, long))
    assert apart[0].terms[0] < apart[1].terms[0]
    both = coefficients(jnp.tanh, jnp.append(short, long))
    together = (jax.tree.map(lambda a, i=i: a[i : i + 1], both) for i in (0, 1))
    nngp, slope, accurate = series.summed(*apart, omega)
    nngp_want, slope_want, accurate_want = series.summed(*together, omega)
    assert accurate_want.all()
    right = abs(nngp - nngp_want) < 4e-10 and abs(slope - slope_want) < 4e-10
    assert right or not accurate
    assert not right  # or the case would try nothing

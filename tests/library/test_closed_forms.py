"""Closed forms of E psi(u) psi(v) and E psi'(u) psi'(v), and the recognition of psi by
its values.
"""

import functools
import math
from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import erf, ndtr

from ntklib._gaussian import averages, closed_forms
from ntklib._gaussian.closed_forms import recognise
from ntklib.limit_kernel import limit_kernel
from tests.library.test_averages import expectation


def bell(z):
    """The density of N(0, 1)."""
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def bent(up, down):
    """z times one slope above 0, another below: in JAX, in NumPy, the derivative."""

    def psi(z):
        return jnp.where(z > 0, up, down) * z

    def slope(z):
        return np.where(z > 0, up, down)

    def value(z):
        return slope(z) * z

    return psi, value, slope


def power(k):
    """z^k and its derivative."""
    return lambda z: z**k, lambda z: z**k, lambda z: k * z ** (k - 1)


FORMS = {
    "relu": (jax.nn.relu, lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
    "leaky relu": (jax.nn.leaky_relu, *bent(1.0, 0.01)[1:]),
    "relu^2": (
        lambda z: jax.nn.relu(z) ** 2,
        lambda z: np.maximum(z, 0) ** 2,
        lambda z: 2 * np.maximum(z, 0),
    ),
    "abs": (jnp.abs, np.abs, np.sign),
    "slopes 3 and -0.5": bent(3.0, -0.5),
    "slopes -1e-9 and -2e-9": bent(-1e-9, -2e-9),
    "erf": (
        jax.scipy.special.erf,
        erf,
        lambda z: 2 * np.sqrt(2) * bell(np.sqrt(2) * z),
    ),
    "normal cdf": (jax.scipy.special.ndtr, ndtr, bell),
    "gelu": (
        lambda z: jax.nn.gelu(z, approximate=False),
        lambda z: z * ndtr(z),
        lambda z: ndtr(z) + z * bell(z),
    ),
    "sin": (jnp.sin, np.sin, np.cos),
    "cos": (jnp.cos, np.cos, lambda z: -np.sin(z)),
    "sin(3z)": (
        lambda z: jnp.sin(3 * z),
        lambda z: np.sin(3 * z),
        lambda z: 3 * np.cos(3 * z),
    ),
    "2 cos(z + 1)": (
        lambda z: 2 * jnp.cos(z + 1),
        lambda z: 2 * np.cos(z + 1),
        lambda z: -2 * np.sin(z + 1),
    ),
    "bell": (
        lambda z: jnp.exp(-(z**2) / 2),
        lambda z: np.exp(-(z**2) / 2),
        lambda z: -z * np.exp(-(z**2) / 2),
    ),
    **{f"z^{k}": power(k) for k in range(1, 7)},
    "-7 z": bent(-7.0, -7.0),
    "zero": (lambda z: 0 * z, np.zeros_like, np.zeros_like),
}
forms = pytest.mark.parametrize(
    ("psi", "value", "slope"), FORMS.values(), ids=FORMS.keys()
)
INPUTS = np.array(
    [
        [0, 0],
        [0.6, 0.8],
        [1.2, 1.6],
        [-0.6, -0.8],
        [0.006, -0.008],
        [-1.3, 0.4],
        [3, 4],
        [4.9, -1],
    ]
)
PICKED = [(0, 0), (0, 6), (1, 2), (1, 3), (4, 6), (5, 7), (6, 6), (3, 6)]


def geometry(x, z):
    """Norms and angle of two inputs, in NumPy."""
    a, b = np.linalg.norm(x), np.linalg.norm(z)
    if a * b == 0:
        return a, b, np.pi / 2
    near = np.linalg.norm(b * x - a * z)
    far = np.linalg.norm(b * x + a * z)
    return a, b, 2 * np.arctan2(near, far)


def pairs(s, s2, omega):
    """The pairs that closed forms take."""
    s, s2, omega = (jnp.asarray(a, float) for a in (s, s2, omega))
    root = s * s2
    return closed_forms.Pairs(
        s**2, s2**2, root * jnp.cos(omega), root, omega, root * jnp.sin(omega)
    )


@pytest.mark.slow
@forms
def test_closed_forms_equal_cartesian_quadrature(psi, value, slope, close):
    """Phi = E psi(u) psi(v) and K = Phi + c E psi'(u) psi'(v)."""
    assert recognise(psi, jnp.float64)
    nngp, ntk = jax.jit(lambda X: limit_kernel(X, psi))(INPUTS)
    rows, columns = np.transpose(PICKED)
    found = [
        expectation(value, slope, *geometry(INPUTS[i], INPUTS[j]), (0.0,), count=22)
        for i, j in PICKED
    ]
    Phi, dPhi = np.transpose(found)
    c = np.sum(INPUTS[rows] * INPUTS[columns], axis=1)
    close(nngp[rows, columns], Phi, 1e-12)
    close(ntk[rows, columns], Phi + c * dPhi, 1e-12)


class Mixture(eqx.Module):
    """sum_i w_i psi_i(z) over all activations with a closed form: one function, so that
    it is compiled once.
    """

    w: jax.Array

    def __call__(self, z):
        """psi at z."""
        return sum(self.w[i] * psi(z) for i, (psi, _, _) in enumerate(FORMS.values()))


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS.keys())
def test_closed_forms_equal_polar_quadrature(name, close):
    """The quadrature for all other psi gives the same two averages."""
    s = jnp.array([1, 1, 0.01, 2, 1.5, 2])
    s2 = jnp.array([1, 2, 2, 2, 1.5, 2])
    omega = jnp.array([0, 0.7, 2, np.pi, 1e-4, 0])
    psi = Mixture(jnp.array([float(name == other) for other in FORMS]))
    quadrature = eqx.filter_jit(averages._quadrature)
    got = quadrature(psi, s, s2, omega, places=(), level=(96, 128))
    want = recognise(FORMS[name][0], jnp.float64)(pairs(s, s2, omega))
    close(got, jnp.stack([jnp.broadcast_to(part, 6) for part in want], axis=1), 1e-12)


@pytest.mark.parametrize("name", FORMS.keys())
def test_closed_forms_obey_prices_identity(name, close):
    """E psi'(u) psi'(v) = d/dc E psi(u) psi(v), where x' is rotated about x."""
    form = recognise(FORMS[name][0], jnp.float64)
    s = np.array([1.0, 3.0, 1.4])
    s2 = np.array([2.0, 0.5, 1.4])
    omega = np.array([0.7, 2.2, 1.5])
    c = s * s2 * np.cos(omega)
    step = 1e-3
    # five points around c, for the difference quotient of fourth order
    turned = np.arccos((c + step * np.arange(-2, 3)[:, None]) / (s * s2))
    p = pairs(*np.broadcast_arrays(s, s2, turned))
    Phi, dPhi = (np.broadcast_to(part, (5, 3)) for part in form(p))
    slope = (Phi[0] - 8 * Phi[1] + 8 * Phi[3] - Phi[4]) / (12 * step)
    for i in range(3):
        close(Phi[2, i] + c[i] * dPhi[2, i], Phi[2, i] + c[i] * slope[i], 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("psi", "form"),
    [
        (lambda z: z * (z > 0).astype(z.dtype), jax.nn.relu),
        (lambda z: (z + jnp.abs(z)) / 2, jax.nn.relu),
        (lambda z: jnp.maximum(z, 0), jax.nn.relu),
        (jax.jit(jax.nn.relu), jax.nn.relu),
        (functools.partial(jax.nn.leaky_relu, negative_slope=0.2), bent(1.0, 0.2)[0]),
        (eqx.nn.PReLU(0.3), bent(1.0, 0.3)[0]),
        (lambda z: 1 - jax.scipy.special.erfc(z), jax.scipy.special.erf),
        (
            lambda z: z / 2 * (1 + jax.scipy.special.erf(z / math.sqrt(2))),
            lambda z: jax.nn.gelu(z, approximate=False),
        ),
        (jax.scipy.stats.norm.cdf, jax.scipy.special.ndtr),
        (lambda z: jnp.sin(z + jnp.pi / 2), jnp.cos),
        (jax.nn.identity, lambda z: z),
        (jnp.square, lambda z: z**2),
    ],
)
def test_recognise_goes_by_values(psi, form, close):
    """Neither identity nor name counts: a lambda, a partial, a module will do."""
    p = pairs([1.0, 2.0], 1.5, [0.3, 2.0])
    for dtype in (jnp.float32, jnp.float64):
        found = recognise(psi, dtype)(p)
        want = recognise(form, dtype)(p)
        close(jnp.broadcast_arrays(*found, p.c), jnp.broadcast_arrays(*want, p.c), 1e-5)


@pytest.mark.parametrize(
    "psi",
    [
        jax.nn.gelu,
        lambda z: jnp.clip(z, 0, 50),
        lambda z: jnp.clip(z, -50, 99),
        lambda z: jax.nn.softplus(1e3 * z) / 1e3,
        lambda z: jax.nn.relu(z - 1e-4),
        lambda z: 1e-30 * jnp.tanh(z),
        lambda z: 1e-30 * jnp.abs(jnp.tanh(z)),
        lambda z: jnp.tanh(1e-3 * z),
        lambda z: jnp.sin(z) + 1e-3 * jnp.sin(1.5 * z),
        lambda z: jnp.sin(0.05 * z),
        lambda z: jnp.sin(z + 1e-4 * z**2),
        lambda z: jnp.sin(z) ** 2,
        lambda z: jax.nn.relu(z) + 1e-4,
        lambda z: z**7,
        lambda z: 2 * z**2,
        lambda z: jnp.abs(z) ** 3,
        lambda z: z + 1e-3 * jnp.maximum(z - 20, 0),
        *(
            jnp.tanh,
            jax.nn.silu,
            jax.nn.elu,
            jax.nn.relu6,
            jax.nn.hard_tanh,
            jax.nn.softplus,
            jnp.ones_like,
        ),
        *(jnp.log, jnp.exp, lambda z: jnp.exp(z**2), lambda z: jnp.nan * z),
    ],
)
def test_recognise_leaves_others_alone(psi):
    """Near 0, far out, below 0, at any scale: what differs anywhere is not taken for
    what it resembles.
    """
    for dtype in (jnp.float32, jnp.float64):
        with np.errstate(all="ignore"):
            assert recognise(psi, dtype) is None


def test_recognise_inside_jit():
    """A psi without tracers is recognised inside jit too; one that closes over a tracer
    is not, whatever its values.
    """
    seen = []

    def look(a):
        seen.append(recognise(jax.nn.relu, jnp.float64))
        seen.append(recognise(lambda z: jnp.where(z > 0, z, a * z), jnp.float64))
        return a

    jax.jit(look)(0.0)
    jax.grad(look)(0.0)
    assert seen[0].parameters == seen[2].parameters == (1.0, 0.0)
    assert seen[1] is seen[3] is None


@pytest.mark.parametrize("frequency", [0.11, 1.001, math.pi, 10.0, 49.9])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_recognise_finds_waves(frequency, dtype):
    """2 sin(fz) - 3 cos(fz), written as one sine; its frequency to the last digits."""
    size, shift = math.hypot(2, 3), math.atan2(-3, 2)

    def wave(z):
        return size * jnp.sin(frequency * z + shift)

    found = recognise(wave, dtype)
    eps = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(found.parameters[0], frequency, rtol=4 * eps)
    # the values nearest to 0, where the phase is measured, are rounded like all others
    np.testing.assert_allclose(found.parameters[1:], [2, -3], rtol=0, atol=16 * eps)


def test_wave_of_high_frequency(close):
    """psi(z) = sin(10z) at norm 5, by the distances of x to x' and to -x'.

    2 E psi(h) psi(h') = exp(-50 |x - x'|^2) - exp(-50 |x + x'|^2).
    """
    angles = np.array([0, 1e-3, 0.02, 0.05, np.pi, np.pi - 0.01])
    Z = 5 * np.transpose([np.cos(angles), np.sin(angles)])
    near, far = (
        np.exp(-50 * np.sum((Z[:, None] + sign * Z[None]) ** 2, axis=2))
        for sign in (-1, 1)
    )
    nngp, ntk = limit_kernel(Z, lambda z: jnp.sin(10 * z))
    close(nngp, (near - far) / 2, 1e-11)
    close(ntk, (near - far) / 2 + Z @ Z.T * 50 * (near + far), 1e-11)


rows = arrays(float, (5, 3), elements=st.floats(-4, 4).map(lambda x: round(x, 3)))


@pytest.mark.slow
@settings(max_examples=10)
@given(X=rows, dtype=st.sampled_from([np.float64, np.float32]))
def test_relu_diagonal_is_exact(X, dtype):
    """K(x, x) = |x|^2, to the last digit; so is K of abs, 2 |x|^2, and the diagonal of
    both parts halves it.
    """
    X = np.concatenate(
        [X, np.random.default_rng(int(1e3 * abs(X).sum())).normal(size=(50, 3))]
    ).astype(dtype)
    squares = jnp.sum(jnp.asarray(X) ** 2, axis=1)
    nngp, ntk = limit_kernel(X, jax.nn.relu)
    np.testing.assert_array_equal(jnp.diag(ntk), squares)
    np.testing.assert_array_equal(jnp.diag(nngp), squares / 2)
    np.testing.assert_array_equal(jnp.diag(limit_kernel(X, jnp.abs).ntk), 2 * squares)


def exact_angle(x, z):
    """The angle between two vectors in the plane, from exact products."""
    (a, b), (c, d) = ([Fraction(float(t)) for t in v] for v in (x, z))
    return math.atan2(abs(float(a * d - b * c)), float(a * c + b * d))


@pytest.mark.slow
@pytest.mark.parametrize("turn", [0, np.pi])
def test_small_angles(turn, close):
    """Near parallel and near antipodal rows.

    pi K = sin(omega) + 2 (pi - omega) cos(omega) for relu, and what the angle adds to 1
    is itself right: Phi' = 1 - 2 omega/pi for abs.
    """
    angles = np.array([0.0, *10.0 ** -np.arange(3, 10), 1e-12, 1e-15])
    x = np.array([0.6, 0.8])
    circle = 2 * np.array([np.cos(turn + angles), np.sin(turn + angles)])
    Z = (np.array([[0.6, -0.8], [0.8, 0.6]]) @ circle).T
    omega = np.array([exact_angle(x, z) for z in Z])
    assert np.all(np.abs(omega - np.abs(turn - angles)) < 1e-15 + 1e-3 * angles)
    ntk = limit_kernel([x], jax.nn.relu, Z).ntk[0]
    want = (np.sin(omega) + 2 * (np.pi - omega) * np.cos(omega)) / np.pi
    np.testing.assert_allclose(ntk, want, rtol=1e-14, atol=2e-15)
    nngp, ntk = limit_kernel([x], jnp.abs, Z)
    slope = (ntk - nngp)[0] / (2 * np.cos(omega))
    np.testing.assert_allclose(slope, 1 - 2 * omega / np.pi, rtol=0, atol=2e-15)


def test_moments_of_powers_are_isserlis():
    """z^2: ab + 2c^2 and 4c; z^3: 9abc + 6c^3 and 9(ab + 2c^2), in whole numbers."""
    p = pairs(2.0, 3.0, 0.0)._replace(c=jnp.asarray(5.0))
    a, b, c = 4, 9, 5
    square = a * b + 2 * c**2
    cube = 9 * a * b * c + 6 * c**3
    assert closed_forms._averages_of_power(p, 2) == (square, 4 * c)
    assert closed_forms._averages_of_power(p, 3) == (cube, 9 * square)


@pytest.mark.parametrize("name", FORMS.keys())
def test_closed_forms_at_extreme_norms(name):
    """From 1e-30 to 1e8 (powers: 1e-5 to 1e3) all is finite.

    Cauchy and Schwarz hold: |K(x, x')| <= sqrt(K(x, x) K(x', x')).
    """
    norms = [1e-5, 1e-3, 1, 1e3] if name.startswith("z^") else [1e-30, 1e-3, 1, 1e8]
    E = np.array([[0.6, 0.8], [-0.8, 0.6], [0.8, 0.6], [-0.6, -0.8]])
    X = E * np.array(norms)[:, None]
    K = np.asarray(jax.jit(lambda X: limit_kernel(X, FORMS[name][0]).ntk)(X))
    assert np.isfinite(K).all()
    scale = np.outer(np.sqrt(np.diag(K)), np.sqrt(np.diag(K)))
    assert np.all(np.abs(K) <= scale * (1 + 1e-9) + 1e-300)


@pytest.mark.parametrize(
    ("dtype", "norm"), [(np.float64, 1e78), (np.float64, 1e150), (np.float32, 1e10)]
)
def test_closed_forms_tend_to_those_of_kinked_functions(dtype, norm):
    """Of inputs so long that squares of products overflow, erf is the sign, the normal
    distribution function the step, and GELU relu; bell is 0.
    """
    angles = np.array([0.0, 1.1, 2.8, np.pi])
    Z = norm * np.transpose([np.cos(angles), np.sin(angles)])
    Z = Z.astype(dtype)

    def averages(name, scale):
        return np.asarray(limit_kernel(Z[:1], FORMS[name][0], Z).nngp[0]) / scale

    tol = 20 * np.finfo(dtype).eps
    bent = np.sin(angles) + (np.pi - angles) * np.cos(angles)
    for name, scale, want in [
        ("erf", 1, 1 - 2 * angles / np.pi),
        ("normal cdf", 1, (1 - angles / np.pi) / 2),
        ("gelu", dtype(norm) ** 2, bent / (2 * np.pi)),
        ("bell", 1, 0 * angles),
    ]:
        # -1 and 1 are approached like 1/norm, and the angle pi is rounded
        np.testing.assert_allclose(averages(name, scale), want, rtol=0, atol=tol)

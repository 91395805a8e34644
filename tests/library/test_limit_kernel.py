"""The kernel at infinite width, E psi(u) psi(v) + <x, x'> E psi'(u) psi'(v), for any
psi.
"""

import dataclasses
import functools
import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.special import expit

from ntklib import _programs, empirical_ntk, init_params
from ntklib._gaussian import averages
from ntklib._gaussian.closed_forms import recognise
from ntklib._gaussian.kinks import find_kinks
from ntklib.limit_kernel import LimitKernel, _pairs, _rows, limit_kernel
from tests.library.test_averages import DISAGREE, INFINITE, expectation, one_rule
from tests.library.test_closed_forms import FORMS, bell, geometry

ALPHA = 1.6732632423543772  # of selu
LAMBDA = 1.0507009873554805


def mish(z):
    """z tanh(log(1 + e^z)), and its derivative."""
    t = np.tanh(np.logaddexp(0, z))
    return z * t, t + z * (1 - t**2) * expit(z)


def gelu(z):
    """The tanh approximation of GELU, and its derivative."""
    inner = np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)
    slope_of_inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    t = np.tanh(inner)
    return z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t**2) * slope_of_inner / 2


QUADRATURE = {
    "tanh": (jnp.tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "softplus": (jax.nn.softplus, lambda z: np.logaddexp(0, z), expit),
    "silu": (
        jax.nn.silu,
        lambda z: z * expit(z),
        lambda z: expit(z) * (1 + z * expit(-z)),
    ),
    "mish": (jax.nn.mish, lambda z: mish(z)[0], lambda z: mish(z)[1]),
    "sigmoid": (jax.nn.sigmoid, expit, lambda z: expit(z) * expit(-z)),
    "gelu by tanh": (jax.nn.gelu, lambda z: gelu(z)[0], lambda z: gelu(z)[1]),
    "elu": (
        jax.nn.elu,
        lambda z: np.where(z > 0, z, np.expm1(z)),
        lambda z: np.where(z > 0, 1, np.exp(z)),
    ),
    "selu": (
        jax.nn.selu,
        lambda z: LAMBDA * np.where(z > 0, z, ALPHA * np.expm1(z)),
        lambda z: LAMBDA * np.where(z > 0, 1, ALPHA * np.exp(z)),
    ),
    "z^2+z": (lambda z: z**2 + z, lambda z: z**2 + z, lambda z: 2 * z + 1),
}
KINKED = {
    "hard tanh": (
        jax.nn.hard_tanh,
        lambda z: np.clip(z, -1, 1),
        lambda z: 1.0 * (np.abs(z) < 1),
        (-1, 1),
    ),
    "relu6": (
        jax.nn.relu6,
        lambda z: np.clip(z, 0, 6),
        lambda z: 1.0 * ((z > 0) & (z < 6)),
        (0, 6),
    ),
    "relu(z-0.3)": (
        lambda z: jax.nn.relu(z - 0.3),
        lambda z: np.maximum(z - 0.3, 0),
        lambda z: 1.0 * (z > 0.3),
        (0.3,),
    ),
}
PSI = {name: row[0] for name, row in (FORMS | QUADRATURE | KINKED).items()}

# One name for each closed form that is computed in another way.
DIFFERENT = [
    "relu",
    "slopes 3 and -0.5",
    "relu^2",
    "erf",
    "normal cdf",
    "gelu",
    "sin",
    "bell",
    "z^3",
]

# Inputs of norms 0 to 5, parallel and antipodal ones among them.
X = np.array([[0, 0], [0.6, 0.8], [-1.2, -1.6], [-1.3, 0.4], [3, 4]])
PICKED = [(0, 0), (0, 4), (1, 1), (1, 2), (3, 3), (3, 4), (1, 4), (2, 4), (4, 4)]


@functools.cache
def kernel(name):
    """The kernel of X, computed once, by one rule that does for norms up to 5."""
    level = (192, 256) if name in KINKED else (96, 128)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(averages, "LEVELS", [level] * 2)
        return limit_kernel(X, PSI[name])


def jitted(name):
    """limit_kernel for one activation, as one program."""
    return jax.jit(functools.partial(limit_kernel, psi=PSI[name]))


def total_of(kernels):
    """A number that depends on all entries of both kernels, each in its own way."""
    nngp, ntk = kernels
    i, j = jnp.indices(ntk.shape, dtype=ntk.dtype)
    return jnp.sum(jnp.sin(2.0 * i + j) * ntk) + jnp.sum(jnp.cos(i + 3.0 * j) * nngp)


def total(X, psi):
    """That number for the kernels of X."""
    return total_of(limit_kernel(X, psi))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUADRATURE, *KINKED])
def test_limit_kernel_by_quadrature(name, close):
    """K = Phi + <x, x'> Phi', against Cartesian quadrature."""
    _, value, slope, *kinks = (QUADRATURE | KINKED)[name]
    kinks = kinks[0] if kinks else (0.0,) if name in ("elu", "selu") else ()
    rows, columns = np.transpose(PICKED)
    found = [expectation(value, slope, *geometry(X[i], X[j]), kinks) for i, j in PICKED]
    Phi, dPhi = np.transpose(found)
    c = np.sum(X[rows] * X[columns], axis=1)
    nngp, ntk = kernel(name)
    close(nngp[rows, columns], Phi, 1e-9)
    close(ntk[rows, columns], Phi + c * dPhi, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "z^2+z", "relu"])
def test_limit_kernel_is_what_wide_networks_have(name):
    """E K^n = K for every n, since units are independent.

    The mean over 30 networks lies within 5 standard errors.
    """

    def draw(key):
        return empirical_ntk(init_params(key, 500, 2), X, PSI[name])

    K = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(4), 30)))
    want = np.asarray(kernel(name).ntk)
    error = K.std(axis=0, ddof=1) / np.sqrt(30)
    assert np.all(np.abs(K.mean(axis=0) - want) <= 5 * error + 1e-12)
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(want)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [*QUADRATURE, "relu", "leaky relu", "erf", "gelu", "sin", "cos", "bell", "z^3"],
)
def test_limit_kernel_symmetric_positive(name):
    """Both parts are symmetric to the last bit, have no negative eigenvalue, and obey
    Cauchy-Schwarz.
    """
    for K in map(np.asarray, kernel(name)):
        np.testing.assert_array_equal(K, K.T)
        assert np.linalg.eigvalsh(K)[0] >= -1e-12 * np.trace(K)
        assert np.all(
            np.abs(K) <= np.sqrt(np.outer(np.diag(K), np.diag(K))) + 1e-12 * np.trace(K)
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_limit_kernel_between_two_sets(name, close):
    """K(X, X) = K(X) and K(X, X2) = K(X2, X)^T; all by the same formula."""
    rows = np.array([3, 4, 0])
    got = limit_kernel(X[rows], PSI[name], X)
    assert isinstance(got, LimitKernel)
    close(got, [part[rows] for part in kernel(name)], 1e-10)
    if name in FORMS:
        close(limit_kernel(X, PSI[name], X[rows]), [part.T for part in got], 1e-14)


coordinates = arrays(float, (5, 3), elements=st.floats(-3, 3))


@settings(max_examples=15)
@given(
    X=coordinates,
    seed=st.integers(0, 999),
    name=st.sampled_from(["relu", "gelu", "erf", "sin", "abs", "relu^2"]),
)
def test_limit_kernel_rotates_and_permutes(X, seed, name, close):
    """K depends on inner products alone: K(X R) = K(X) for orthogonal R; it is
    symmetric, positive, and permutes.
    """
    rng, psi = np.random.default_rng(seed), FORMS[name][0]
    nngp, ntk = limit_kernel(X, psi)
    R, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(5)
    turned = limit_kernel((X @ R)[order], psi)
    for K, other in [(nngp, turned.nngp), (ntk, turned.ntk)]:
        # kinks of relu: an angle of 0 becomes 1e-8 when the rows are rounded
        close(other, K[order][:, order], 1e-7)
        np.testing.assert_array_equal(K, K.T)
        assert np.linalg.eigvalsh(K)[0] >= -1e-12 * np.trace(K) - 1e-300


@pytest.mark.parametrize("degree", [2.0, 4.0])
def test_limit_kernel_is_homogeneous(degree, close):
    """psi(a z) = a^k psi(z) makes K(a X) = a^(2k) K(X), from 1e-30 to 1e30."""
    psi = FORMS["relu" if degree == 2 else "relu^2"][0]
    for scale in (1e-30, 1e-3, 1e30):
        close(
            limit_kernel(scale * X, psi).ntk / scale**degree,
            limit_kernel(X, psi).ntk,
            1e-13,
        )


def test_limit_kernel_by_hand():
    """relu at x = (1, 0): K(x, x) = 1; at orthogonal unit inputs Phi = 1/2pi and K the
    same; at 0 and at -x it is 0.
    """
    nngp, ntk = limit_kernel([[1, 0], [0, 1], [-1, 0], [0, 0]], jax.nn.relu)
    third = 1 / (2 * np.pi)
    np.testing.assert_allclose(nngp[0], [0.5, third, 0, 0], atol=1e-16)
    np.testing.assert_allclose(ntk[0], [1, third, 0, 0], atol=1e-16)
    assert not np.any(ntk[3])


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jax.nn.relu, jnp.tanh], ids=["relu", "tanh"])
def test_limit_kernel_of_one_number(psi, monkeypatch):
    """m = n0 = 1: K(x, x) = E psi(u)^2 + x^2 E psi'(u)^2, by the midpoint rule."""
    one_rule(monkeypatch, 48, 64)
    step = 1e-3
    u = np.arange(-12 + step / 2, 12, step)
    value, slope = jax.jvp(psi, (1.5 * u,), (np.ones_like(u),))
    Phi = np.sum(np.asarray(value) ** 2 * bell(u)) * step
    dPhi = np.sum(np.asarray(slope) ** 2 * bell(u)) * step
    nngp, ntk = jax.jit(lambda X: limit_kernel(X, psi))(np.array([[-1.5]]))
    assert nngp.shape == ntk.shape == (1, 1)
    np.testing.assert_allclose(
        [nngp[0, 0], ntk[0, 0]],
        [Phi, Phi + 2.25 * dPhi],
        rtol=1e-6 if psi is jax.nn.relu else 1e-11,
    )


def angles(X, X2):
    """Angles of all pairs of rows, as 2 atan2(|e - e'|, |e + e'|), in long doubles."""
    E, E2 = (np.asarray(A, np.longdouble) for A in (X, X2))
    E, E2 = (A / np.sqrt(np.sum(A**2, axis=1, keepdims=True)) for A in (E, E2))
    near, far = (
        np.sqrt(np.sum((E[:, None] + sign * E2[None]) ** 2, axis=2)) for sign in (-1, 1)
    )
    return 2 * np.arctan2(near, far)


@pytest.mark.parametrize(
    ("dtype", "tol", "tol_of_small"),
    [(np.float64, 5e-14, 4e-15), (np.float32, 2e-6, 2e-6)],
)
def test_limit_kernel_knows_small_and_large_angles(dtype, tol, tol_of_small):
    """Angles from 1e-9 to pi - 1e-9 against those from differences in more digits; and
    their sines. What is within 16 roundings of 0 or of pi counts as that.
    """
    rng = np.random.default_rng(5)
    sizes = np.geomspace(1e-9, np.pi / 2, 60)
    x, across = np.linalg.qr(rng.normal(size=(40, 2)))[0].T
    X = np.array([0.3 * x], dtype)
    X2 = np.cos(sizes)[:, None] * x + np.sin(sizes)[:, None] * across
    X2 = np.concatenate([2 * X2, -X2]).astype(dtype)
    pairs = _pairs(_rows("X", jnp.asarray(X)), _rows("X2", jnp.asarray(X2)))
    omega, sine = (np.asarray(a[0], float) for a in (pairs.omega, pairs.S / pairs.root))
    want = np.asarray(angles(X, X2)[0], float)
    small = np.minimum(want, np.pi - want) < 1e-2
    assert 10 < small.sum() < 110
    for got, exact in [(omega, want), (sine, np.sin(want))]:
        np.testing.assert_allclose(got, exact, rtol=0, atol=tol)
        np.testing.assert_allclose(got[small], exact[small], rtol=0, atol=tol_of_small)


def relu_kernels(X, X2):
    """Both kernels of relu, all pairs at once in NumPy."""
    omega = np.asarray(angles(X, X2), float)
    c = X @ X2.T
    root = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(X2, axis=1))
    slope = (np.pi - omega) / (2 * np.pi)
    nngp = root * np.sin(omega) / (2 * np.pi) + c * slope
    return LimitKernel(nngp, nngp + c * slope)


def many_rows(m, n0=6, seed=3):
    """Standard normal rows, a few of which are parallel to others far away."""
    X = np.random.default_rng(seed).normal(size=(m, n0))
    X[m // 2] = X[1]
    X[m - 1] = -3.7 * X[2]
    X[m - 2] = X[3] + 1e-7 * X[4]
    return X


def test_limit_kernel_in_blocks(close):
    """More rows than one block has: all pairs at once by NumPy, symmetric to the last
    bit, and |x|^2 on the diagonal.
    """
    X = many_rows(600)
    got = limit_kernel(X, jax.nn.relu)
    close(got, relu_kernels(X, X), 1e-14)
    for K in got:
        np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(jnp.diag(got.ntk), jnp.sum(jnp.asarray(X) ** 2, 1))
    close(limit_kernel(X, jax.nn.relu, X[5:300]), relu_kernels(X, X[5:300]), 1e-14)


def test_limit_kernel_in_blocks_differentiates(close):
    """Derivatives go through the blocks, against those of a plain formula."""
    X = jnp.asarray(np.random.default_rng(3).normal(size=(300, 6)))
    diagonal = jnp.eye(300, dtype=bool)

    def plain(X):
        s = jnp.sqrt(jnp.sum(X**2, axis=1))
        c, root = X @ X.T, s[:, None] * s[None, :]
        omega = jnp.arccos(jnp.where(diagonal, 0, c / root))
        K = (root * jnp.sin(omega) + 2 * (jnp.pi - omega) * c) / (2 * jnp.pi)
        return jnp.where(diagonal, root, K)

    def slope(kernel):
        weights = jnp.sin(jnp.arange(90000.0)).reshape(300, 300)
        return jax.jit(jax.grad(lambda X: jnp.sum(weights * kernel(X))))(X)

    close(slope(lambda X: limit_kernel(X, jax.nn.relu).ntk), slope(plain), 1e-12)


def test_limit_kernel_needs_the_memory_of_its_result():
    """For 2000 inputs of 784 numbers, besides the two matrices, less than two more, or
    for derivatives in reverse mode four; an array of all differences is 784 of them.
    """
    X = jax.ShapeDtypeStruct((2000, 784), float)
    matrix = 8 * 2000**2

    def kernel(X, X2=None):
        return limit_kernel(X, jax.nn.relu, X2)

    def gradient(X, X2):
        return jax.grad(lambda X: jnp.sum(kernel(X, X2).ntk ** 2))(X)

    for function, inputs, most in [
        (kernel, (X,), 2),
        (kernel, (X, X), 2),
        (gradient, (X, X), 4),
    ]:
        memory = jax.jit(function).lower(*inputs).compile().memory_analysis()
        assert memory.temp_size_in_bytes < most * matrix


def test_limit_kernel_compiles_once_for_all_slopes():
    """Neither an equal lambda nor other slopes at both sides of a kink compile anew."""

    def leaky(slope):
        return lambda z: jnp.where(z > 0, z, slope * z)

    def kernel(psi):
        return limit_kernel(X, psi)

    kernel(leaky(0.3))
    before = _programs._program.cache_info().misses
    for psi in (leaky(0.3), leaky(0.7), jax.nn.relu, jnp.abs):
        kernel(psi)
    assert _programs._program.cache_info().misses == before


def test_limit_kernel_recognises_psi_afresh(close):
    """Of a slope that is changed between two calls, each call takes its own."""
    slope = {"below": 0.1}

    def psi(z):
        return jnp.where(z > 0, z, slope["below"] * z)

    for below in (0.1, -0.4):
        slope["below"] = below
        # K(x, x) = |x|^2 (1 + below^2) of both slopes, half of the time each
        want = np.sum(X**2, axis=1) * (1 + below**2)
        close(jnp.diag(limit_kernel(X, psi).ntk), want, 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENT)
def test_limit_kernel_meets_no_nan(name):
    """Nor does its gradient, for parallel, opposite and zero rows."""
    with jax.debug_nans(True):
        limit_kernel(X, PSI[name])
        jax.grad(lambda X: total(X, PSI[name]))(X)


def test_limit_kernel_runs_inside_shard_map(close):
    """With its default check of what differs between devices, each device makes the
    rows that it has.
    """
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("rows",))
    P = jax.sharding.PartitionSpec

    @jax.jit
    @jax.shard_map(mesh=mesh, in_specs=(P("rows"), P()), out_specs=P("rows"))
    def spread(X, X2):
        return limit_kernel(X, jax.nn.relu, X2)

    rows = many_rows(300)
    close(spread(rows, rows[:280]), limit_kernel(rows, jax.nn.relu, rows[:280]), 1e-14)


# The rows at which kernels are differentiable. Row 1 is parallel to row 2 and row 0 is
# zero: there they are if psi is smooth.
SMOOTH_AT = {"relu": (3,), "slopes 3 and -0.5": (3,), "relu^2": (3, 1)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", *DIFFERENT])
def test_limit_kernel_differentiates(name, close, monkeypatch):
    """d K/d X is a central difference; it is finite everywhere."""
    one_rule(monkeypatch, 48, 64)
    both = jax.jit(jax.value_and_grad(lambda X: total(X, PSI[name])))
    Z = X[:4]
    value, grad = both(Z)
    close(value, total_of([part[:4, :4] for part in kernel(name)]), 1e-8)
    assert np.isfinite(grad).all()
    step = 1e-5
    for row in SMOOTH_AT.get(name, (3, 1, 0)):
        for column in range(2):
            dZ = np.zeros((4, 2))
            dZ[row, column] = step
            want = (both(Z + dZ)[0] - both(Z - dZ)[0]) / (2 * step)
            rounding = 1e-9 * abs(float(value)) + 1e-9 * np.abs(grad).max()
            np.testing.assert_allclose(
                grad[row, column], want, rtol=1e-6, atol=rounding
            )


def test_limit_kernel_differentiates_through_kinks(close):
    """On relu's diagonal, where rounding under jit could turn x away from itself, d
    K(x, x) = d |x|^2 alone.
    """
    Z = np.random.default_rng(1).normal(size=(20, 5))
    grad = jax.jit(jax.grad(lambda Z: jnp.trace(limit_kernel(Z, jax.nn.relu).ntk)))(Z)
    close(grad, 2 * Z, 1e-14)
    opposite = jax.jit(
        jax.jacobian(lambda Z: limit_kernel(Z, jax.nn.relu, -3.7 * X).ntk)
    )(X)
    assert np.isfinite(opposite).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_limit_kernel_traces_and_batches(name, close, monkeypatch):
    """jit(vmap(.)) over sets of inputs gives one set after another."""
    one_rule(monkeypatch, 12, 16)
    sets = jnp.stack([X[:2], 0.5 * X[1:3]])
    got = jax.jit(jax.vmap(lambda X: limit_kernel(X, PSI[name])))(sets)
    for i in range(2):
        want = limit_kernel(sets[i], PSI[name])
        close([part[i] for part in got], want, 1e-10)


@pytest.mark.slow
def test_limit_kernel_of_inputs_spread_over_devices(close, monkeypatch):
    """It is that of the same inputs in one place."""
    one_rule(monkeypatch, 12, 16)
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    by_rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    spread = jax.device_put(X[1:3], by_rows)
    close(limit_kernel(spread, jnp.tanh), limit_kernel(X[1:3], jnp.tanh), 1e-12)


def leaky(a):
    """A psi whose slope below 0 is not known when it is traced."""
    return lambda z: jnp.where(z > 0, z, a * z)


@pytest.mark.slow
def test_limit_kernel_takes_psi_with_traced_parameters(close, monkeypatch):
    """psi may close over what is differentiated, batched or traced.

    Leaky relu by its slope below 0, against the closed form.
    """
    one_rule(monkeypatch, 24, 32)

    def by_slope(a):
        return total(X[1:3], leaky(a))

    slopes = np.array([0.3, -0.2])
    value, grad = jax.jit(jax.vmap(jax.value_and_grad(by_slope)))(slopes)
    step = 1e-5
    above = np.array([by_slope(a + step) for a in slopes])
    below = np.array([by_slope(a - step) for a in slopes])
    close(value, (above + below) / 2, 1e-9)
    close(grad, (above - below) / (2 * step), 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "relu6", *DIFFERENT])
def test_limit_kernel_keeps_dtype(name, close, monkeypatch):
    """float32 in, float32 out, accurate to float32."""
    one_rule(monkeypatch, 96, 128)
    got = jitted(name)(X.astype(np.float32))
    assert got.nngp.dtype == got.ntk.dtype == jnp.float32
    close(got, kernel(name), 2e-5)


def test_limit_kernel_takes_the_wider_of_two_dtypes(close):
    """Between float32 and float64 all is computed in float64."""
    got = limit_kernel(X.astype(np.float32), PSI["gelu"], X)
    assert got.nngp.dtype == got.ntk.dtype == jnp.float64
    close(got, kernel("gelu"), 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "name"), [(jnp.float16, "relu"), (jnp.bfloat16, "erf")]
)
def test_limit_kernel_in_half_precision(dtype, name, close):
    """float16 and bfloat16 stay."""
    got = limit_kernel(jnp.asarray(X, dtype), PSI[name])
    assert got.ntk.dtype == dtype
    close(got, kernel(name), 0.02)


@pytest.mark.slow
def test_limit_kernel_in_other_dtypes(close):
    """Integers, booleans and lists become float; psi may return another dtype."""
    assert limit_kernel([[1, 2], [3, 4]], jax.nn.relu).ntk.dtype == jnp.float64
    assert limit_kernel([[True, False]], jax.nn.relu).ntk.tolist() == [[1.0]]

    def twice_relu(z):
        return 2 * jax.nn.relu(z.astype(jnp.float64))

    wide = limit_kernel(X.astype(np.float32), twice_relu).ntk
    assert wide.dtype == jnp.float32
    close(wide, 4 * kernel("relu").ntk, 1e-6)


@pytest.mark.slow
def test_limit_kernel_without_x64():
    """Without x64 everything is float32."""
    with jax.enable_x64(False):
        narrow = limit_kernel(X, jax.nn.relu).ntk
        assert narrow.dtype == jnp.float32
        squares = jnp.sum(jnp.asarray(X) ** 2, axis=1)
        np.testing.assert_array_equal(jnp.diag(narrow), squares)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "relu(z-0.3)", *DIFFERENT])
def test_limit_kernel_promotes_no_dtype_by_itself(name, monkeypatch):
    """In float32 too, and between inputs of two dtypes."""
    one_rule(monkeypatch, 4, 6)
    X32 = X[:3].astype(np.float32)
    with jax.numpy_dtype_promotion("strict"):
        shapes = jax.eval_shape(functools.partial(limit_kernel, psi=PSI[name]), X32)
        assert shapes.ntk.dtype == jnp.float32
        between = jax.eval_shape(lambda X, X2: limit_kernel(X, PSI[name], X2), X32, X)
        assert between.ntk.dtype == jnp.float64


@dataclasses.dataclass
class Steep:
    """A callable that has no hash, and whose parameter can be set."""

    beta: float

    def __call__(self, z):
        """psi at z."""
        return jnp.tanh(self.beta * z)


@pytest.mark.slow
def test_limit_kernel_reads_psi_afresh(close, monkeypatch):
    """A psi whose parameter has changed is another psi; it needs no hash."""
    one_rule(monkeypatch, 6, 8)
    psi = Steep(0.5)
    beta = [0.5]

    def other(z):
        return jnp.tanh(beta[0] * z)

    first = [limit_kernel(X[:2], f).ntk for f in (psi, other)]
    psi.beta = beta[0] = 0.6
    second = [limit_kernel(X[:2], f).ntk for f in (psi, other)]
    close(first[0], first[1], 1e-15)
    close(second[0], second[1], 1e-15)
    assert abs(second[0][1, 1] / first[0][1, 1] - 1) > 0.1


@pytest.mark.slow
def test_limit_kernel_refuses_what_the_quadrature_cannot_tell(monkeypatch):
    """tanh(1e8 z), a step to its eyes, and norms of 1e8; also inside jit."""
    one_rule(monkeypatch, 6, 8)
    message = r"^limit_kernel did not reach its accuracy .*: psi is too steep for its "
    with pytest.raises(RuntimeError, match=message):
        limit_kernel(X[:2], Steep(1e8))
    with pytest.raises(RuntimeError, match=message):
        limit_kernel(1e8 * X[:2], Steep(1.0))
    with pytest.raises(RuntimeError, match=re.escape(DISAGREE)):
        jax.block_until_ready(jax.jit(lambda X: limit_kernel(X, Steep(1e8)))(X[:2]))


@pytest.mark.parametrize("scale", [1e-170, 1e-20, 1e8, 1e150])
def test_limit_kernel_at_any_norm(scale, close):
    """relu is homogeneous: norms cancel, until their squares leave float64; a zero row
    stays zero.
    """
    X_ = X * scale
    nngp, ntk = limit_kernel(X_, jax.nn.relu)
    assert not np.any(ntk[0])
    if scale > 1e-100:
        close(ntk / scale**2, kernel("relu").ntk, 1e-13)
        close(nngp / scale**2, kernel("relu").nngp, 1e-13)


@pytest.mark.parametrize("psi", [jax.nn.relu, jnp.sin, jnp.tanh])
def test_limit_kernel_refuses_norms_that_overflow(psi, refuses):
    """|x|^2 beyond the largest number is told before any quadrature."""
    huge = [[1.0, 0.0], [1e200, 0.0]]
    refuses("|x|^2 of X must be finite; got inf at index (1,)", limit_kernel, huge, psi)
    refuses(
        "|x|^2 of X2 must be finite; got inf at index (1,)", limit_kernel, X, psi, huge
    )
    refuses(
        "the kernel must be finite; got inf at index (0, 0)",
        limit_kernel,
        [[1e60]],
        lambda z: z**6,
    )


@pytest.mark.parametrize(
    "psi", [jnp.sign, jnp.round, jnp.floor, lambda z: jnp.where(z > 0.7, z, 0)]
)
def test_limit_kernel_refuses_a_jump(psi, refuses):
    """A step has no tangent kernel; inside jit too."""
    message = "psi must be continuous, or it has no NTK; got a jump of "
    refuses(message, limit_kernel, X, psi)
    refuses(message, jax.jit(lambda X: limit_kernel(X, psi)), X)


@pytest.mark.slow
def test_slopes_grow_without_bound_towards_a_jump(monkeypatch):
    """E psi'(h)^2 of tanh(beta z), which comes close to a step, is 4 beta / (3 s
    sqrt(2 pi)) for large beta: the reason why a jump is refused.
    """
    one_rule(monkeypatch, 384, 512)
    s = 2.0
    for beta in (20.0, 80.0):
        nngp, ntk = limit_kernel([[s]], Steep(beta))
        slope = float((ntk - nngp)[0, 0]) / s**2
        assert abs(slope / (4 * beta / (3 * s * math.sqrt(2 * math.pi))) - 1) < 1e-2


@pytest.mark.slow
def test_limit_kernel_refuses_psi_without_averages(refuses, monkeypatch):
    """log is no number below 0; sqrt|z| has no slope at 0, where a zero row is."""
    one_rule(monkeypatch, 4, 6)
    refuses(INFINITE, limit_kernel, X, jnp.log)
    refuses(INFINITE, limit_kernel, X, lambda z: jnp.sqrt(jnp.abs(z)))


def test_limit_kernel_refuses_bad_X(bad_data, refuses):
    """A bad X or X2 is refused by name."""
    data, message = bad_data
    if (
        message.startswith("X must")
        or message.startswith("X has")
        or ("finite" in message and message[0] == "X")
    ):
        bad = data["X"]
        if "4 columns" not in message:
            refuses(message, limit_kernel, bad, jax.nn.relu)
        if bad is not None:
            message = (
                message.replace("X", "X2", 1)
                .replace("(m, n0)", "(m2, n0)")
                .replace("params.W0", "X")
            )
            refuses(message, limit_kernel, np.ones((4, 3)), jax.nn.relu, bad)


def test_limit_kernel_refuses_bad_psi(bad_psi, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    psi, message = bad_psi
    refuses(message, limit_kernel, np.ones((4, 3)), psi)


@pytest.mark.slow
def test_limit_kernel_finds_kinks_inside_vmap(close, monkeypatch):
    """Inside vmap JAX makes tracers of what a custom_jvp function returns for numbers.

    Kinks are found all the same, here where relu6 has its second one.
    """
    one_rule(monkeypatch, 48, 64)

    def nngp(X):
        return limit_kernel(X, jax.nn.relu6).nngp

    Z = X[3:]
    close(jax.vmap(nngp)(Z[None])[0], jax.jit(nngp)(Z), 1e-9)


def hat(base, middle):
    """A hat of width 0.28 on top of another function."""
    return lambda z: base(z) + jax.nn.relu(0.14 - jnp.abs(z - middle))


@pytest.mark.slow
@pytest.mark.parametrize("middle", [0.35, 0.41, 6.03, -9.3])
@pytest.mark.parametrize("base", [jnp.zeros_like, jax.nn.relu], ids=["zero", "relu"])
def test_limit_kernel_sees_small_differences_from_closed_forms(base, middle):
    """A hat is not 0, and relu with one is not relu; the kinks of the hat are found."""
    psi = hat(base, middle)
    assert recognise(psi, jnp.float64) is None
    kinks = find_kinks(psi, jnp.float64).places
    stops = [middle - 0.14, middle, middle + 0.14]
    np.testing.assert_allclose(sorted(kinks), stops, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_limit_kernel_of_a_small_difference(monkeypatch):
    """relu with a hat: E psi(u)^2 for u of variance 9, by adaptive quadrature."""
    one_rule(monkeypatch, 96, 128)
    middle = -9.3

    def square(u):
        psi = max(u, 0) + max(0.14 - abs(u - middle), 0)
        return psi**2 * math.exp(-(u**2) / 18) / math.sqrt(18 * math.pi)

    stops = [-30.0, middle - 0.14, middle, middle + 0.14, 0.0, 30.0]
    want = sum(
        quad(square, a, b, epsabs=1e-14)[0] for a, b in itertools.pairwise(stops)
    )
    got = float(limit_kernel([[3.0, 0.0]], hat(jax.nn.relu, middle)).nngp[0, 0])
    assert abs(got - want) < 1e-9 * want

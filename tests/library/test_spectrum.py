"""When the smallest eigenvalue is positive: rank, definiteness, random widths, Hermite
series.
"""

import functools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from ntklib import (
    Params,
    chernoff_width,
    empirical_ntk,
    empirical_ntk_autodiff,
    hermite_coefficients,
    hermite_lower_bound,
    init_params,
    lambda_min,
    lambda_min_at_width,
    limit_kernel,
    network,
    ntk_rank,
    positive_definite,
    spectrum,
)
from ntklib._gaussian import averages
from tests.library.test_averages import one_rule

# Three inputs in the plane, and their opposites.
THREE = np.array([[1.0, 0.0], [0.6, 0.8], [-0.28, 0.96]])
PAIRS = np.concatenate([THREE, -THREE])


def gelu(z):
    """Exact GELU."""
    return jax.nn.gelu(z, approximate=False)


@functools.cache
def kernel_of_pairs(psi):
    """The limit kernel of all six, by a rule that does for unit norms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(averages, "LEVELS", [(48, 64)] * 2)
        return np.asarray(limit_kernel(PAIRS, psi).ntk)


@pytest.fixture(scope="module")
def points():
    """Six inputs in three dimensions, of unit norm."""
    X = np.random.default_rng(3).normal(size=(6, 3))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@given(
    seed=st.integers(0, 999),
    m=st.integers(1, 6),
    sign=st.sampled_from([-1.0, 0.0, 1.0]),
)
def test_positive_definite_equals_cholesky(seed, m, sign):
    """Positive definite means having a Cholesky factor, of whichever sign one
    eigenvalue is.
    """
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]
    K = (Q * np.append(np.linspace(1, 2, m - 1), 1e-3 * sign)) @ Q.T
    K = (K + K.T) / 2
    if sign == 0:
        assert not positive_definite(K)
    else:
        assert (
            positive_definite(K)
            == (scipy.linalg.lapack.dpotrf(K)[1] == 0)
            == (sign > 0)
        )


def test_positive_definite_stops_at_rounding():
    """The eigenvalue has to exceed m eps |lambda|_max: 3 eps of 1 for m = 3, whatever
    the scale, and 0 for 0.
    """
    eps = np.finfo(float).eps
    for scale in (1.0, 1e-12, 1e200):
        assert positive_definite(scale * np.diag([4 * eps, 1.0, 0.5]))
        assert not positive_definite(scale * np.diag([2.5 * eps, 1.0, 0.5]))
        assert not positive_definite(scale * np.diag([2.5 * eps, 0.5, -1.0]))
    assert not positive_definite(np.zeros((2, 2)))
    assert positive_definite([[3]]) is True


def test_positive_definite_knows_the_precision_that_came():
    """Of a float32 kernel, eigenvalues up to 4 of its roundings may be 0 in truth."""
    eps = np.finfo(np.float32).eps
    for share, definite in [(5, True), (3, False)]:
        K = np.diag([share * eps, 1.0, 0.5])
        assert positive_definite(K.astype(np.float32)) is definite
        assert positive_definite(K)


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jax.nn.relu, gelu, jax.nn.softplus])
def test_positive_definite_not_with_three_antipodal_pairs(psi):
    """Three pairs in the plane are too many where psi(h) - psi(-h) = h; one is not."""
    K = kernel_of_pairs(psi)
    assert not positive_definite(K)
    assert positive_definite(K[:3, :3])
    assert positive_definite(K[np.ix_([0, 3], [0, 3])])


def test_positive_definite_not_with_one_antipodal_pair():
    """One pair is too many where psi is odd."""
    K = kernel_of_pairs(jnp.tanh)
    assert positive_definite(K[:3, :3])
    assert not positive_definite(K[np.ix_([0, 3], [0, 3])])


@pytest.mark.slow
def test_positive_definite_up_to_the_rank_of_a_square():
    """z^2 has rank n0(n0+1)/2 = 3."""
    assert positive_definite(limit_kernel(THREE, jnp.square).ntk)
    four = np.vstack([THREE, [[0.5, 0.1]]])
    assert not positive_definite(limit_kernel(four, jnp.square).ntk)


def independent(X, psi):
    """Whether the functions w -> psi(<w, x>) of the inputs are linearly independent:
    their values at 400 random w have full rank.
    """
    W = np.random.default_rng(1).normal(size=(400, X.shape[1]))
    return np.linalg.matrix_rank(np.asarray(psi(X @ W.T))) == len(X)


# Directions in the plane, no two of them parallel, with lengths from 0.7 to 2.
LENGTHS = np.array([0.7, 2.0, 1.0, 1.3, 0.9, 1.7, 1.1])
ANGLES = np.array([0.1, 0.5, 1.0, 1.6, 2.0, 2.5, 2.9])
LINES = LENGTHS[:, None] * np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_positive_definite_up_to_the_degree_of_a_power(k):
    """z^k in the plane, inputs of several lengths on different lines: positive definite
    if and only if m <= k + 1, and the rank is never above k + 1.
    """

    def power(z):
        return z**k

    for m in (k, k + 1, k + 2):
        K = limit_kernel(LINES[:m], power).ntk
        assert positive_definite(K) == (m <= k + 1)
        assert independent(LINES[:m], power) == (m <= k + 1)
        assert np.linalg.matrix_rank(K) == min(m, k + 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "erf", "relu", "softplus", "abs"])
def test_positive_definite_without_parallel_inputs(name):
    """Inputs of any lengths, no two on a line through 0, and psi no polynomial."""
    psi = {
        "tanh": jnp.tanh,
        "erf": jax.scipy.special.erf,
        "relu": jax.nn.relu,
        "softplus": jax.nn.softplus,
        "abs": jnp.abs,
    }[name]
    assert independent(LINES, psi)
    assert positive_definite(limit_kernel(LINES, psi).ntk)


@pytest.mark.slow
def test_positive_definite_with_a_coordinate_that_is_one():
    """The running example, of length sqrt 2, for tanh: all 24 inputs."""
    tau = 2 * np.pi * np.arange(24) / 24
    X = np.column_stack([np.cos(tau), np.sin(tau), np.ones(24)])
    assert independent(X, jnp.tanh)
    assert positive_definite(limit_kernel(X, jnp.tanh).ntk)


def test_positive_definite_on_one_line_depends_on_psi():
    """x and 2x: relu(2h) = 2 relu(h), while erf(2h) is no multiple of erf(h)."""
    X = np.array([[1.0, 0.5], [2.0, 1.0]])
    erf = jax.scipy.special.erf
    for psi, expected in [(jax.nn.relu, False), (erf, True)]:
        assert independent(X, psi) == expected
        assert positive_definite(limit_kernel(X, psi).ntk) == expected


@pytest.mark.slow
def test_limit_kernel_eigenvalues_on_the_circle():
    """relu on the circle: (k^2+3)/(pi^2 (k^2-1)^2) for even k, 1/4 for k = 1, 0 for
    other odd k (Basri et al. 2019).
    """
    m = 512
    angle = 2 * np.pi * np.arange(m) / m
    K = np.asarray(
        limit_kernel(np.column_stack([np.cos(angle), np.sin(angle)]), jax.nn.relu).ntk
    )
    measured = np.fft.fft(K[0]).real / m
    k = np.arange(8)
    want = np.where(
        k % 2 == 0, (k**2 + 3) / (np.pi**2 * np.where(k == 1, 1, (k**2 - 1) ** 2)), 0
    )
    want[1] = 0.25
    np.testing.assert_allclose(measured[:8], want, rtol=0, atol=2e-5)
    assert np.abs(measured[:8] - want).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("omega", [1e-1, 1e-2, 1e-3])
def test_lambda_min_of_two_close_inputs(omega):
    """Two unit inputs at the angle omega: lambda_min = omega/2pi + O(omega^2) for relu,
    omega^2/2 E[2 psi'(h)^2 + psi''(h)^2] for erf and GELU.
    """
    X = np.array([[1.0, 0.0], [np.cos(omega), np.sin(omega)]])
    assert lambda_min(limit_kernel(X, jax.nn.relu).ntk) == pytest.approx(
        omega / (2 * np.pi), rel=4 * omega
    )
    h = np.linspace(-9, 9, 1001)
    density = np.exp(-(h**2) / 2) / np.sqrt(2 * np.pi)
    for psi in (jax.scipy.special.erf, gelu):
        slope = jax.vmap(jax.grad(psi))(h)
        bend = jax.vmap(jax.grad(jax.grad(psi)))(h)
        mean = np.trapezoid((2 * slope**2 + bend**2) * density, h)
        found = lambda_min(limit_kernel(X, psi).ntk)
        assert found == pytest.approx(mean / 2 * omega**2, rel=2 * omega**2 + 1e-6)


@pytest.mark.parametrize(
    ("m", "n", "n0"), [(1, 1, 1), (20, 2, 3), (5, 2, 3), (4, 4, 1)]
)
@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.relu], ids=["tanh", "relu"])
def test_ntk_rank_attains_its_bound(m, n, n0, psi, problem):
    """The rank is min(m, n(n0+1)) for tanh and at most min(m, n n0) for relu.

    Both times it is that of the Jacobian by automatic differentiation.
    """
    params, X, _ = problem(m, n, n0)
    jacobian = jax.jit(jax.jacrev(lambda params: network(params, X, psi)))(params)
    J = np.concatenate([jacobian.W0.reshape(m, -1), jacobian.W1], axis=1)
    diagonal = np.abs(np.diag(scipy.linalg.qr(J, pivoting=True)[1]))
    rank = ntk_rank(params, X, psi)
    assert rank == np.sum(diagonal > 1e-12 * diagonal[0])
    if psi is jnp.tanh:
        assert rank == min(m, n * (n0 + 1))
    else:
        assert rank <= min(m, n * n0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("psi", [jnp.tanh, jax.scipy.special.erf], ids=["tanh", "erf"])
def test_ntk_rank_counts_the_span_of_the_inputs(psi, seed):
    """Inputs in a plane of R^3 have rank min(m, 3n), and not min(m, 4n)."""
    basis = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
    X = np.random.default_rng(seed).normal(size=(12, 2)) @ basis
    for n in (1, 2, 3, 4, 5):
        params = init_params(jax.random.key(10 * seed + n), n, 3)
        assert ntk_rank(params, X, psi) == min(12, 3 * n)
        assert ntk_rank(params, X, jax.nn.relu) <= min(12, 2 * n)


@pytest.mark.parametrize("n", [2, 8, 64])
def test_ntk_rank_counts_opposites_once(n):
    """f(-x) = -f(x) for tanh: of four inputs in R^3, two of them opposite, the rank is
    3 at every width; softplus, which is not odd, has rank 4.
    """
    X = np.random.default_rng(0).normal(size=(4, 3))
    X[3] = -X[0]
    params = init_params(jax.random.key(n), n, 3)
    assert ntk_rank(params, X, jnp.tanh) == 3
    assert ntk_rank(params, X, jax.nn.softplus) == 4


def test_ntk_rank_of_known_kernels():
    """Duplicates count once; psi = z with one input dimension has rank 1; psi = 0 has
    rank 0.
    """
    params, X = (
        init_params(jax.random.key(0), 8, 2),
        np.array([[1.0, 2.0], [1.0, 2.0], [3.0, -1.0]]),
    )
    assert ntk_rank(params, X, jnp.tanh) == 2
    assert ntk_rank(init_params(jax.random.key(0), 8, 1), X[:, :1], lambda z: z) == 1
    assert ntk_rank(params, X, lambda z: 0 * z) == 0
    assert ntk_rank(Params([[1, 0]], [1]), [[1, 0], [0, 1]], lambda z: z) == 2
    assert ntk_rank(Params([[1, 0]], [0]), [[1, 0], [0, 1]], lambda z: z) == 1


@pytest.mark.slow
def test_lambda_min_at_width_equals_one_network_after_another(points):
    """Each entry is lambda_min(K_0^n) of one independent draw; keys matter."""
    key = jax.random.key(4)
    found = lambda_min_at_width(key, points, jnp.tanh, 5, 3)

    @jax.jit
    def kernel(key):
        return empirical_ntk_autodiff(init_params(key, 5, 3), points, jnp.tanh)

    keys = jax.random.split(key, 3)
    want = [np.linalg.eigvalsh(kernel(key))[0] for key in keys]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-14)
    assert len(set(found)) == 3
    others = lambda_min_at_width(jax.random.key(5), points, jnp.tanh, 5, 3)
    assert set(others).isdisjoint(found)


@pytest.mark.slow
def test_lambda_min_at_width_rises_to_the_limit(points):
    """It is 0 while n(n0+1) < m; then its mean rises to that of the limit kernel."""
    limit = lambda_min(limit_kernel(points, jax.nn.relu).ntk)
    mean, error = {}, {}
    for n in (1, 16, 256, 4096):
        draws = lambda_min_at_width(jax.random.key(n), points, jax.nn.relu, n, 100)
        mean[n] = draws.mean()
        error[n] = draws.std(ddof=1) / 10
    assert abs(mean[1]) < 1e-14
    assert error[1] < 1e-14
    assert mean[256] - mean[16] > 5 * np.hypot(error[16], error[256])
    assert mean[256] < limit
    assert abs(mean[4096] - limit) < 0.03 * limit + 5 * error[4096]


@given(
    lam=st.floats(1e-3, 10),
    bound=st.floats(10, 1e3),
    m=st.integers(1, 500),
    shrink=st.floats(0.05, 0.95),
    failure=st.floats(1e-6, 0.9),
)
def test_chernoff_width_solves_the_inequality(lam, bound, m, shrink, failure):
    """At the real width where m (e^-s/(1-s)^(1-s))^(n lam/R) = delta, found by
    bisection, and rounded up.
    """

    def excess(n):
        return (
            math.log(m)
            + n * lam / bound * (-shrink - (1 - shrink) * math.log(1 - shrink))
            - math.log(failure)
        )

    n = brentq(excess, 0, 1e12, rtol=1e-14) if m > failure else 0.0
    assert chernoff_width(lam, bound, m, shrink=shrink, failure=failure) in {
        math.ceil(n * (1 + d)) for d in (-1e-8, 0, 1e-8)
    }


def test_chernoff_width_by_default():
    """Half of lambda with probability 9/10 by default: n = (R/lambda) log(10 m)/(1/2 -
    log(2)/2).
    """
    assert chernoff_width(lam=0.02, bound=1, m=50) == math.ceil(
        50 * math.log(500) / (0.5 - 0.5 * math.log(2))
    )


@pytest.mark.parametrize("lam", [5e-324, 1e-310, 1.0, 1e308])
@pytest.mark.parametrize("shrink", [1e-200, 1e-9, 1e-3, 0.0999, 0.1001, 1 - 2**-53])
def test_chernoff_width_of_extreme_numbers(lam, shrink):
    """e + (1 - e) log(1 - e), with 400 digits; a width is no float, but has a size."""
    with mpmath.workdps(400):
        e = mpmath.mpf(shrink)
        exponent = e + (1 - e) * mpmath.log1p(-e)
        logarithm = mpmath.log(50) - mpmath.log(mpmath.mpf(1e-300))
        exact = mpmath.mpf(3.0) / mpmath.mpf(lam) * logarithm / exponent
        found = chernoff_width(lam, 3.0, 50, shrink=shrink, failure=1e-300)
        assert type(found) is int
        assert abs(exact - found) <= 1 + exact * 1e-14


def test_chernoff_width_keeps_its_promise():
    """Averages of n matrices e_j e_j^T, j uniform, fail less often than delta at that
    n, and often at a tenth of it.
    """
    m, draws = 20, 400
    rng, n = np.random.default_rng(0), chernoff_width(1 / 20, 1.0, 20, failure=0.1)

    def failures(n):
        counts = rng.multinomial(n, np.full(m, 1 / m), size=draws)
        return np.mean(counts.min(axis=1) / n <= 0.5 / m)

    assert failures(n) <= 0.1
    assert failures(n // 10) > 0.5


@pytest.mark.slow
def test_chernoff_width_holds_for_truncated_units(points):
    """Units of norm above R left out, lambda_min(K_0^n) > lambda/2 at that width in
    more than 9 of 10 networks.
    """
    W0, W1 = map(np.asarray, init_params(jax.random.key(0), 20000, 3))
    h = points @ W0.T
    A = np.maximum(h, 0)
    E = (h > 0) * W1
    AA = np.einsum("ai,bi->iab", A, A)
    EE = np.einsum("ai,bi->iab", E, E)
    each = AA + (points @ points.T) * EE
    norms = np.linalg.norm(each, 2, axis=(1, 2))
    bound = np.quantile(norms, 0.9)
    lam = lambda_min(np.mean(each * (norms <= bound)[:, None, None], axis=0))
    n = chernoff_width(lam, bound, 6)
    assert (
        np.mean(
            lambda_min_at_width(jax.random.key(1), points, jax.nn.relu, n, 100)
            > lam / 2
        )
        > 0.9
    )


def test_chernoff_norm_of_units_grows_with_m():
    """The norm that 95 % of relu units keep below is about 2.75 m for inputs over half
    a circle, so that the sufficient width is of order m log m / lambda.
    """
    W0, W1 = map(np.asarray, init_params(jax.random.key(2), 4000, 2))
    for m in (6, 12, 24):
        tau = np.pi * np.arange(m) / m
        X = np.column_stack([np.cos(tau), np.sin(tau)])
        h = X @ W0.T
        A = np.maximum(h, 0)
        E = (h > 0) * W1
        each = np.einsum("ai,bi->iab", A, A)
        each = each + (X @ X.T) * np.einsum("ai,bi->iab", E, E)
        R = np.quantile(np.linalg.eigvalsh(each)[:, -1], 0.95)
        assert 2.5 < R / m < 3.0


def double_factorial(k):
    """k (k - 2) (k - 4) ..., and 1 for k = -1."""
    return math.prod(range(k, 0, -2))


def test_hermite_coefficients_of_a_high_degree():
    """relu: -(k-3)!!/sqrt(2pi k!) for k = 60, where He_k reaches out to 2 sqrt(k) = 15.

    A rule that stopped at 11 would lose most of it.
    """
    k = 60
    root = math.sqrt(2 * math.pi * math.factorial(k))
    got = hermite_coefficients(jax.nn.relu, k)[k]
    np.testing.assert_allclose(got, -double_factorial(k - 3) / root, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [0.3, 1.0, 4.0])
def test_hermite_coefficients_equal_their_closed_forms(norm, close):
    """relu: s/sqrt(2pi), s/2, then s (-1)^(k/2-1) (k-3)!!/sqrt(2pi k!) for even k; sin,
    exp: s^k e^(-+s^2/2)/sqrt k!
    """
    k, even = np.arange(25), np.arange(2, 25, 2)
    root = np.array([math.sqrt(math.factorial(j)) for j in k])
    relu = np.zeros(25)
    relu[:2] = 1 / math.sqrt(2 * math.pi), 0.5
    relu[even] = [
        (-1) ** (j // 2 - 1)
        * double_factorial(j - 3)
        / math.sqrt(2 * math.pi)
        / root[j]
        for j in even
    ]
    close(hermite_coefficients(jax.nn.relu, 24, norm=norm), norm * relu, 1e-13)
    exp = norm**k * math.exp(norm**2 / 2) / root
    close(hermite_coefficients(jnp.exp, 24, norm=norm), exp, 1e-13)
    sin = np.where(k % 2 == 0, 0, (-1.0) ** (k // 2)) * exp * math.exp(-(norm**2))
    close(hermite_coefficients(jnp.sin, 24, norm=norm), sin, 1e-12)
    close(hermite_coefficients(psi=jax.nn.relu, k_max=1, norm=0), np.zeros(2), 0)


def test_hermite_coefficients_of_a_shifted_kink(close):
    """E relu(sz - 1) He_k(z): mu_0 = s phi(1/s) - Q(1/s), mu_1 = s Q(1/s), with Q the
    upper tail of the normal law.
    """
    s = 2.0
    tail, density = (
        math.erfc(1 / s / math.sqrt(2)) / 2,
        math.exp(-1 / (2 * s**2)) / math.sqrt(2 * math.pi),
    )
    got = hermite_coefficients(lambda z: jax.nn.relu(z - 1), 2, norm=s)
    close(
        got, np.array([s * density - tail, s * tail, s * density / math.sqrt(2)]), 1e-13
    )


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.silu], ids=["tanh", "silu"])
def test_hermite_coefficients_sum_to_the_limit_kernel(psi, points, close, monkeypatch):
    """Phi = sum mu_k^2 rho^k and K = sum (k+1) mu_k^2 rho^k, for norms 1/2 and 1."""
    one_rule(monkeypatch, 96, 128)
    k = np.arange(301)
    mu = hermite_coefficients(psi, 300)
    mu_half = hermite_coefficients(psi, 300, norm=0.5)
    powers = (points @ points.T)[:, :, None] ** k
    nngp, ntk = limit_kernel(points, psi, np.concatenate([points, points / 2]))
    close(powers @ mu**2, nngp[:, :6], 1e-9)
    close(powers @ ((k + 1) * mu**2), ntk[:, :6], 1e-9)
    close(powers @ ((k + 1) * mu * mu_half), ntk[:, 6:], 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "psi", [jnp.tanh, jax.nn.relu, jax.nn.hard_tanh], ids=["tanh", "relu", "hard_tanh"]
)
def test_hermite_lower_bound_rises_to_lambda_min(psi, points, monkeypatch):
    """It never falls with k_max, stays below lambda_min of all, and comes close."""
    one_rule(monkeypatch, 48, 64)
    X = points * np.array([0.5, 1, 1, 2, 1, 0.8])[:, None]
    limit = lambda_min(limit_kernel(X, psi).ntk)
    bounds = [hermite_lower_bound(X, psi, k_max) for k_max in (1, 3, 60)]
    assert np.all(np.diff([*bounds, limit]) >= -1e-14)
    assert bounds[0] == pytest.approx(0, abs=1e-14)
    assert bounds[-1] > 0.85 * limit


@pytest.mark.slow
def test_hermite_lower_bound_of_one_degree(points):
    """psi = z^2 - 1 has degree 2 alone, mu_2 = sqrt 2, so K = 6 rho^2."""

    def psi(z):
        return z**2 - 1

    want = np.linalg.eigvalsh(6 * (points @ points.T) ** 2)[0]
    for k_max, bound in [(4, want), (2, want), (1, 0)]:
        assert hermite_lower_bound(points, psi, k_max) == pytest.approx(
            bound, abs=1e-13
        )


def test_hermite_lower_bound_of_a_zero_row():
    """It makes a zero eigenvalue."""
    bound = hermite_lower_bound([[0, 0], [1, 0]], jnp.sin, 9)
    assert bound == pytest.approx(0, abs=1e-14)


SPECTRUM_ERRORS = [
    (positive_definite, ([[1, 2, 3]],), "K must be square; got shape (1, 3)"),
    (
        positive_definite,
        ([[1, 2], [0, 1]],),
        "K must be symmetric; got max|K - K^T| = 2",
    ),
    (positive_definite, ([[np.nan]],), "K must be finite; got nan at index (0, 0)"),
    (
        ntk_rank,
        (Params(np.ones((5, 3)), np.ones(5)), np.ones((4, 2)), jnp.tanh),
        "X has 2 columns, but params.W0 expects",
    ),
    (
        ntk_rank,
        ("params", np.ones((4, 2)), jnp.tanh),
        "params must be Params(W0, W1); got str",
    ),
    (
        ntk_rank,
        (Params(np.ones((5, 2)), np.ones(5)), np.ones((4, 2)), "tanh"),
        "psi must be an elementwise function",
    ),
    (
        lambda_min_at_width,
        ("key", [[1.0]], jnp.tanh, 3, 2),
        "key must be a JAX random key",
    ),
    (
        lambda_min_at_width,
        (jax.random.key(0), [1.0], jnp.tanh, 3, 2),
        "X must be a real array of shape (m, n0); got",
    ),
    (
        lambda_min_at_width,
        (jax.random.key(0), [[1.0]], None, 3, 2),
        "psi must be an elementwise function",
    ),
    (
        lambda_min_at_width,
        (jax.random.key(0), [[1.0]], jnp.tanh, 0, 2),
        "n must be a positive integer; got 0",
    ),
    (
        lambda_min_at_width,
        (jax.random.key(0), [[1.0]], jnp.tanh, 3, 2.5),
        "draws must be an integer from 1 to 2147483648; got 2.5",
    ),
    (
        chernoff_width,
        (0.0, 1, 5),
        "lam must be a number above 0 and below inf; got 0.0",
    ),
    (
        chernoff_width,
        (1, math.inf, 5),
        "bound must be a number above 0 and below inf; got inf",
    ),
    (
        chernoff_width,
        (1, -1, 5),
        "bound must be a number above 0 and below inf; got -1",
    ),
    (chernoff_width, (1, 1, 0), "m must be a positive integer; got 0"),
    (hermite_coefficients, (jnp.tanh, 0), "k_max must be a positive integer; got 0"),
    (hermite_coefficients, (jnp.sum, 3), "psi must be an elementwise function"),
    (hermite_coefficients, (jnp.sign, 3), "psi must be continuous, or it has no NTK"),
    (hermite_coefficients, (jnp.log, 3), "psi must be finite; got nan"),
    (
        hermite_lower_bound,
        ([[1.0, np.inf]], jnp.tanh, 3),
        "X must be finite; got inf at index (0, 1)",
    ),
    (
        hermite_lower_bound,
        ([[1.0]], jnp.tanh, -1),
        "k_max must be a positive integer; got -1",
    ),
]


@pytest.mark.parametrize(("function", "args", "message"), SPECTRUM_ERRORS)
def test_positive_definite_and_its_kin_refuse(function, args, message, refuses):
    """Bad input is refused in one sentence."""
    refuses(message, function, *args)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"shrink": 0}, "shrink must be a number above 0 and below 1; got 0"),
        ({"shrink": 1}, "shrink must be a number above 0 and below 1; got 1"),
        ({"failure": 1.5}, "failure must be a number above 0 and below 1; got 1.5"),
        ({"failure": "0.1"}, "failure must be a number above 0 and below 1; got '0.1'"),
    ],
)
def test_chernoff_width_refuses(kwargs, message, refuses):
    """A share outside (0, 1) is refused."""
    refuses(message, chernoff_width, 1.0, 1.0, 5, **kwargs)


def test_hermite_coefficients_refuse(refuses):
    """A negative norm, and a psi that depends on a tracer, are refused."""
    refuses(
        "norm must be a finite number and at least 0; got -1",
        hermite_coefficients,
        jnp.tanh,
        3,
        norm=-1,
    )
    message = (
        "psi must not depend on a JAX tracer; "
        "call this function outside jit, vmap and grad"
    )
    refuses(
        message,
        jax.grad(lambda s: hermite_coefficients(lambda z: jnp.tanh(s * z), 3)[1]),
        1.0,
    )


@pytest.mark.slow
def test_lambda_min_at_width_keeps_to_the_matrix(points):
    """K_0^n has no eigenvalue below the one found: the Rayleigh quotients of random
    vectors are above it.
    """
    key = jax.random.key(9)
    found = lambda_min_at_width(key, points, jnp.tanh, 7, 1)[0]
    K = empirical_ntk(init_params(jax.random.split(key, 1)[0], 7, 3), points, jnp.tanh)
    U = np.random.default_rng(0).normal(size=(200, 6))
    assert (np.einsum("ka,ab,kb->k", U, K, U) / np.sum(U**2, axis=1)).min() >= found


def test_ntk_rank_knows_the_rounding_of_single_precision():
    """One relu unit in the plane has rank 2 for inputs on its side, in float32 as in
    float64.
    """
    rng = np.random.default_rng(0)
    X, W0 = np.abs(rng.normal(size=(10, 2))), rng.uniform(0.5, 1, (1, 2))
    for dtype in (np.float32, np.float64):
        assert (
            ntk_rank(
                Params(W0.astype(dtype), np.ones(1, dtype)),
                X.astype(dtype),
                jax.nn.relu,
            )
            == 2
        )


@pytest.mark.parametrize("draws", [1, 7, 8])
def test_lambda_min_at_width_comes_in_batches(draws, points, monkeypatch):
    """Batches of 3 networks give what one batch gives, and network i has the key
    fold_in(key, i).
    """
    key, n = jax.random.key(6), 5
    found = lambda_min_at_width(key, points, jnp.tanh, n, draws)
    monkeypatch.setattr(spectrum, "BATCH", 3 * (6 * 6 + n * (6 + 3)))
    assert found.shape == (draws,)
    batched = lambda_min_at_width(key, points, jnp.tanh, n, draws)
    last = init_params(jax.random.fold_in(key, draws - 1), n, 3)
    alone = lambda_min(empirical_ntk(last, points, jnp.tanh))
    np.testing.assert_allclose(batched, found, rtol=0, atol=1e-14)
    np.testing.assert_allclose(alone, found[-1], rtol=0, atol=1e-14)


@pytest.mark.slow
def test_lambda_min_at_width_can_be_interrupted(points, monkeypatch):
    """Of 10^8 networks it has one batch in memory, and lets an interrupt through."""
    sizes = []

    def interrupted(kernels):
        sizes.append(kernels.size)
        if len(sizes) == 3:
            raise KeyboardInterrupt
        return np.zeros(kernels.shape[:2])

    monkeypatch.setattr(np.linalg, "eigvalsh", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lambda_min_at_width(jax.random.key(0), points, jnp.tanh, 5, 10**8)
    assert len(sizes) == 3
    assert max(sizes) < spectrum.BATCH


def test_lambda_min_at_width_compiles_once(points, caplog):
    """Another key, other inputs of this shape, and an equal psi made anew are no reason
    to compile; another width is.
    """

    def compiled(key, X, n):
        caplog.clear()
        with jax.log_compiles():
            lambda_min_at_width(key, X, lambda z: z**3, n, 4)
        return "Compiling jit(_random_kernels)" in caplog.text

    keys = jax.random.split(jax.random.key(0))
    assert compiled(keys[0], points, 5)
    assert not compiled(keys[1], points[::-1], 5)
    assert "Compiling" not in caplog.text
    assert compiled(keys[1], points, 6)


@pytest.mark.parametrize(
    ("psi", "message"),
    [
        (jnp.log, "psi(h) must be finite; got nan at index ("),
        (lambda z: jnp.exp(1e3 * z), "psi(h) must be finite; got inf at index ("),
        (lambda z: 1e160 * z**2, "the kernel must be finite; got inf at index ("),
    ],
)
def test_lambda_min_at_width_names_what_is_not_finite(psi, message, points, refuses):
    """psi, by its values, or else the kernel, where finite values overflow."""
    refuses(message, lambda_min_at_width, jax.random.key(0), points, psi, 4, 3)


def test_lambda_min_at_width_refuses_a_tracer():
    """It returns numbers, so that its inputs have to be numbers."""
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"^X must hold numbers, not a JAX tracer"):
        jax.jit(lambda X: lambda_min_at_width(key, X, jnp.tanh, 4, 2))(np.eye(2))
    message = "^key must be a JAX random key, not a JAX tracer; call this function out"
    for map_keys in (jax.jit, jax.vmap):
        smallest = map_keys(lambda k: lambda_min_at_width(k, np.eye(2), jnp.tanh, 4, 2))
        with pytest.raises(ValueError, match=message):
            smallest(jax.random.split(key) if map_keys is jax.vmap else key)

    def traced(s):
        return lambda_min_at_width(key, np.eye(2), lambda z: jnp.sin(s * z), 4, 2)

    with pytest.raises(ValueError, match=r"^psi must not depend on a JAX tracer"):
        jax.jit(traced)(2.0)

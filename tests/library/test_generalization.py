"""How far parameters travel, and the predicted error of kernel regression."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.flatten_util import ravel_pytree

from ntklib import (
    empirical_ntk,
    learning_curve,
    linearized_network,
    network,
    parameter_distance,
)
from tests.library.conftest import BAD_KERNELS, BAD_TIMES

RNG = np.random.default_rng(4)
B = RNG.normal(size=(5, 7))
R0, TIMES = RNG.normal(size=5), [0.0, 0.3, 0.3, 2.0, 40.0]
FIVE = {"K": B @ B.T, "r0": R0, "ts": TIMES}
CURVE = {"eigenvalues": [1.0, 0.2, 0.0], "power": [0.5, 0.3, 0.1], "ms": [1.0, 7.0]}


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n", "n0"), [(1, 1, 1), (4, 3, 2), (5, 9, 3)])
def test_parameter_distance_is_that_of_the_linearised_network(m, n, n0, problem, close):
    """|theta_t - theta_0| of the gradient flow of |f_lin - y|^2 / 2m, integrated step
    by step in the parameters.
    """
    params0, X, y = problem(m, n, n0)
    start, shaped = ravel_pytree(params0)

    @jax.jit
    @jax.grad
    def gradient(theta):
        f = linearized_network(shaped(theta), params0, X, jnp.tanh)
        return jnp.sum((f - y) ** 2) / (2 * m)

    path = scipy.integrate.solve_ivp(
        lambda t, theta: -np.asarray(gradient(jnp.asarray(theta))),
        (0, 40),
        start,
        "DOP853",
        np.unique(TIMES),
        rtol=1e-11,
        atol=1e-13,
    ).y.T
    want = np.linalg.norm(path - np.asarray(start), axis=1)
    K = empirical_ntk(params0, X, jnp.tanh)
    r0 = network(params0, X, jnp.tanh) - y
    close(parameter_distance(K, r0, np.unique(TIMES)), want, 1e-8)


@pytest.mark.parametrize(
    ("K", "r0", "t"), [(2.0, 3.0, 0.7), (0.25, -2.0, 3.0), (1.0, 1.5, 1e300)]
)
def test_parameter_distance_one_input(K, r0, t, close):
    """For m = 1 it is |r0| (1 - exp(-K t)) / sqrt(K)."""
    want = np.array([abs(r0) * (1 - np.exp(-K * t)) / np.sqrt(K)])
    close(parameter_distance([[K]], [r0], [t]), want, 1e-14)


@pytest.mark.parametrize("rank", [2, 5])
def test_parameter_distance_ends_at_the_shortest_way(rank, close):
    """Of all w with B w = -(part of r0 that can be fitted), the last is as long as the
    shortest, which least squares finds. What a singular kernel cannot learn costs no
    way.
    """
    J = B[:, :7] if rank == 5 else B[:, :2]
    shortest = np.linalg.lstsq(J, -R0)[0]
    got = parameter_distance(J @ J.T, R0, [1e7])
    close(got, np.array([np.linalg.norm(shortest)]), 1e-9)
    null = np.linalg.svd(J)[0][:, rank:]
    for v in null.T:
        assert parameter_distance(J @ J.T, v, [1e3])[0] < 1e-4


@given(
    B=arrays(float, (4, 6), elements=st.floats(-5, 5)),
    r0=arrays(float, 4, elements=st.floats(-9, 9)),
    ts=st.lists(st.floats(0, 1e9), min_size=2, max_size=5).map(sorted),
)
def test_parameter_distance_grows_and_is_no_longer_than_its_speed(B, r0, ts):
    """It starts at 0 and never falls; it is at most |r0| sqrt(t/2m).

    The squared speed integrates to the fall of the loss, |r0|^2 / 2m at most: by
    Cauchy-Schwarz the way is at most sqrt(t |r0|^2 / 2m).
    """
    d = parameter_distance(B @ B.T, r0, [0.0, *ts])
    assert d[0] == 0
    assert np.all(np.diff(d) >= -1e-9 * d[-1])
    bound = np.linalg.norm(r0) * np.sqrt(np.array(ts) / 8)
    assert np.all(d[1:] <= bound * (1 + 1e-9))


@pytest.mark.parametrize(("K", "r0", "message"), BAD_KERNELS)
def test_parameter_distance_refuses_a_kernel(K, r0, message, refuses):
    """The message names K and what came."""
    refuses(message, parameter_distance, K, r0, [1.0])


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        *BAD_TIMES,
        ("r0", np.ones(4), "r0 has length 4, but K expects m = 5"),
        (
            "K",
            np.diag([1.0, 1, 1, 1, -2]),
            "K must be positive semi-definite, or the flow diverges; "
            "got an eigenvalue -2",
        ),
        ("r0", np.full(5, 1.7e308), "the distance must be finite; got "),
    ],
)
def test_parameter_distance_refuses(name, bad, message, refuses):
    """Lengths, times, an indefinite kernel and what overflows."""
    refuses(message, parameter_distance, **FIVE | {name: bad})


def budget(eigenvalues, multiplicity, m, ridge, bar):
    """Both sides of the equation for the effective ridge, over m."""
    learnt = multiplicity * eigenvalues / (m * eigenvalues + bar)
    return np.sum(learnt) + ridge / bar


@given(
    eigenvalues=arrays(float, 6, elements=st.floats(1e-9, 1e3)),
    multiplicity=arrays(float, 6, elements=st.integers(1, 1000).map(float)),
    m=st.integers(1, 5000),
    ridge=st.sampled_from([0.0, 1e-8, 0.3, 1e4]),
)
def test_learning_curve_keeps_the_budget(eigenvalues, multiplicity, m, ridge):
    """sum phi_k + m ridge/bar = m, put in, and bar = ridge + sum bar Lambda_k / (bar +
    m Lambda_k), as Bordelon, Canatar and Pehlevan write it; bar exceeds the ridge.
    """
    if ridge == 0 and m == np.sum(multiplicity):
        return
    curve = learning_curve(
        eigenvalues, np.ones(6), [m], multiplicity=multiplicity, ridge=ridge
    )
    bar = curve.effective_ridge[0]
    if ridge == 0 and m > np.sum(multiplicity):
        assert bar == 0
        assert np.all(curve.learnt == 1)
        return
    assert abs(budget(eigenvalues, multiplicity, m, ridge, bar) - 1) < 1e-10
    right = bar * eigenvalues / (bar + m * eigenvalues) @ multiplicity
    assert abs(ridge + right - bar) < 1e-10 * bar
    assert bar > ridge
    want = m * eigenvalues / (m * eigenvalues + bar)
    np.testing.assert_allclose(curve.learnt[0], want, atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("m", [1, 3, 6, 9, 11, 40])
def test_learning_curve_of_equal_modes(m, noise, close):
    """N = 10 equal modes without a ridge: share m/N and error (1 - m/N) |y|^2 + noise
    m/(N - m); with m > N all is learnt, and the noise costs N/(m - N).
    """
    N = 10
    curve = learning_curve([0.3], [2.0], [m], multiplicity=[N], noise=noise)
    few, many = (1 - m / N) * 2 + noise * m / (N - m), noise * N / (m - N)
    want = few if m < N else many
    close(curve.learnt, np.array([[min(m / N, 1)]]), 1e-12)
    close(curve.error, np.array([want]), 1e-12)


def test_learning_curve_at_the_ends(close):
    """What has the eigenvalue 0 is never learnt, and acts as noise; before the first
    example nothing is known; a huge ridge learns nothing.
    """
    unseen = learning_curve([1.0, 0.0], [1.0, 0.25], [9.0], multiplicity=[3, 1])
    noisy = learning_curve([1.0], [1.0], [9.0], multiplicity=[3], noise=0.25)
    close(unseen.error, noisy.error + 0.25, 1e-12)
    assert unseen.learnt.tolist() == [[1, 0]]
    few = learning_curve([1.0, 0.5], [2.0, 1.0], [1e-12], multiplicity=[4, 9])
    close(few.error, np.array([3.0]), 1e-10)
    ridge = learning_curve([1.0, 0.5], [2.0, 1.0], [5.0], ridge=1e9)
    close(ridge.error, np.array([3.0]), 1e-7)
    close(ridge.effective_ridge, np.array([1e9]), 1e-8)


def test_learning_curve_is_a_table_over_modes_and_numbers(close):
    """Equal eigenvalues may come together or apart, each m by itself."""
    apart = learning_curve([1.0, 0.2, 0.2, 0.0], [0.5, 0.1, 0.2, 0.1], [1, 2, 9])
    together = learning_curve(
        [1.0, 0.2, 0.0], [0.5, 0.3, 0.1], [9, 2, 1], multiplicity=[1, 2, 1]
    )
    assert apart.learnt.shape == (3, 4)
    assert together.learnt.shape == (3, 3)
    close(apart.error, together.error[::-1], 1e-12)
    close(apart.effective_ridge, together.effective_ridge[::-1], 1e-12)
    assert apart.effective_ridge[-1] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (0.0, 0.5), (2.0, 0.3)])
@pytest.mark.parametrize("m", [20, 60])
def test_learning_curve_of_simulated_regressions(m, ridge, noise):
    """Kernel regressions whose features are independent and normal, where the formula
    is known to hold for many modes: mean error over draws, in standard errors.
    """
    rng = np.random.default_rng(m)
    eigenvalues, multiplicity = np.array([1.0, 0.1, 0.01]), np.array([10, 40, 150])
    power = np.array([0.6, 0.3, 0.1])
    lam = np.repeat(eigenvalues, multiplicity)
    target = np.repeat(np.sqrt(power / multiplicity), multiplicity)
    errors = []
    for _ in range(300):
        E = rng.normal(size=(m, len(lam)))
        y = E @ target + np.sqrt(noise) * rng.normal(size=m)
        fitted = lam * (E.T @ np.linalg.solve((E * lam) @ E.T + ridge * np.eye(m), y))
        errors.append(np.sum((fitted - target) ** 2))
    curve = learning_curve(
        eigenvalues,
        power,
        [m],
        multiplicity=multiplicity,
        ridge=ridge,
        noise=noise,
    )
    se = np.std(errors, ddof=1) / np.sqrt(300)
    gap = np.mean(errors) - curve.error[0]
    assert se < 0.02 * curve.error[0]
    # of finite size the formula itself is off by about 1/m
    assert abs(gap) < 3 * se + 0.3 / m * curve.error[0]


@pytest.mark.parametrize(
    ("name", "bad", "message"),
    [
        (
            "eigenvalues",
            np.ones((2, 2)),
            "eigenvalues must be a real array of shape (k,); got shape (2, 2)",
        ),
        (
            "eigenvalues",
            [1.0, -0.1, 0.0],
            "each of eigenvalues must be a finite number and at least 0; got -0.1",
        ),
        (
            "eigenvalues",
            np.zeros(3),
            "the kernel must have a positive eigenvalue; got 0 as the largest",
        ),
        ("power", np.ones(2), "power has length 2, but eigenvalues expects k = 3"),
        (
            "power",
            [1.0, -2.0, 0.0],
            "each of power must be a finite number and at least 0; got -2.0",
        ),
        (
            "multiplicity",
            np.ones(4),
            "multiplicity has length 4, but eigenvalues expects k = 3",
        ),
        (
            "multiplicity",
            [1, 0, 2],
            "each of multiplicity must be a number above 0 and below inf; got 0.0",
        ),
        ("ms", 3, "ms must be a real array of shape (M,); got shape ()"),
        (
            "ms",
            [3, 0],
            "each of ms must be a number above 0 and below inf; got 0.0",
        ),
        ("ridge", -1, "ridge must be a finite number and at least 0; got -1"),
        ("noise", "x", "noise must be a finite number and at least 0; got 'x'"),
        ("ms", [1, 2], "the error must be finite; got inf at index (1,)"),
    ],
)
def test_learning_curve_refuses(name, bad, message, refuses):
    """Lengths, signs, and as many examples as modes, where the error is infinite."""
    refuses(message, learning_curve, **CURVE | {name: bad})

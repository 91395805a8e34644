"""The distribution over starts of a trained network: f_0(x) + G_t (y - f_0(X)) for a
random f_0 of covariance C.
"""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import TrainedDistribution, predict, trained_distribution

RNG = np.random.default_rng(8)
B, Q = RNG.normal(size=(7, 9)), np.linalg.qr(RNG.normal(size=(4, 4)))[0]
JOINT = B @ B.T / 9  # a regular kernel on four inputs and three new points
K, K_NEW = JOINT[:4, :4], JOINT[4:, :4]
ROOT = RNG.normal(size=(7, 8))
C = ROOT @ ROOT.T
Y, TIMES = RNG.normal(size=4), [0.0, 0.4, 3.0, 50.0]
RANK_2 = B[:, :2] @ B[:, :2].T
KERNELS = {
    "regular": (K, K_NEW),
    "Gram of rank 2": (RANK_2[:4, :4], RANK_2[4:, :4]),
    "zero, seen from the new points": (np.zeros((4, 4)), K_NEW),
    "indefinite": (Q * [-0.05, 0.0, 0.5, 3.0] @ Q.T, K_NEW),
}
kernels = pytest.mark.parametrize(("K", "K_new"), KERNELS.values(), ids=KERNELS.keys())


def test_trained_distribution_by_hand(close):
    """One input and one new point: G = (1 - exp(-2t))/2, mean G y, variance 1 - 1.6 G +
    G^2, which ends at 0.45.
    """
    t = np.array([0.0, 0.3, 40.0])
    G = (1 - np.exp(-2 * t)) / 2
    got = trained_distribution([[2.0]], [[1.0]], [[1.0, 0.8], [0.8, 1.0]], [3.0], t)
    assert isinstance(got, TrainedDistribution)
    close(got.mean, 3 * G[:, None], 1e-14)
    close(got.covariance, (1 - 1.6 * G + G**2)[:, None, None], 1e-14)
    assert abs(got.covariance[2, 0, 0] - 0.45) < 1e-14


def test_trained_distribution_equals_the_inverse(close):
    """Mean G y and covariance C_** - G C_X* - C_*X G^T + G C_XX G^T, with G = K(x, X)
    K^{-1} (I - exp(-K t/m)) by Pade approximation and a linear solver.
    """
    mean, covariance = trained_distribution(K, K_NEW, C, Y, TIMES)
    for i, t in enumerate(TIMES):
        learnt = np.eye(4) - scipy.linalg.expm(-K * t / 4)
        G = K_NEW @ np.linalg.solve(K, learnt)
        close(mean[i], G @ Y, 1e-11)
        change = G @ C[:4, 4:] + (G @ C[:4, 4:]).T - G @ C[:4, :4] @ G.T
        close(covariance[i], C[4:, 4:] - change, 1e-11)


@kernels
def test_trained_distribution_equals_many_predictions(K, K_new, close):
    """With C = L L^T the start is L z, z standard normal. The mean is what predict
    makes of f_0 = 0, the covariance the sum over the columns of L of what it makes of
    them.
    """
    K, none = (K + K.T) / 2, np.zeros(4)
    mean, covariance = trained_distribution(K, K_new, C, Y, TIMES)
    close(mean, predict(K, K_new, none, np.zeros(3), Y, TIMES), 1e-12)
    parts = [predict(K, K_new, c[:4], c[4:], none, TIMES) for c in ROOT.T]
    close(covariance, sum(p[:, :, None] * p[:, None, :] for p in parts), 1e-12)


@kernels
def test_trained_distribution_solves_its_own_equation(K, K_new, close):
    """df/dt = -B (f - y) with B = (K, K(x, X)) beside zeros, over m, gives dS/dt = -B S
    - S B^T for the covariance of all outputs, and the mean a start at 0.
    """
    rate = np.hstack([np.vstack([K, K_new]), np.zeros((7, 3))]) / 4

    def velocity(t, state):
        """Of the mean and the covariance of all seven outputs."""
        mean, S = state[:7], state[7:].reshape(7, 7)
        residual = mean - np.concatenate([Y, np.zeros(3)])
        return np.concatenate([-rate @ residual, (-rate @ S - S @ rate.T).ravel()])

    start = np.concatenate([np.zeros(7), C.ravel()])
    tight = {"rtol": 1e-12, "atol": 1e-12}
    states = scipy.integrate.solve_ivp(
        velocity, (0, 50), start, "DOP853", TIMES, **tight
    ).y.T
    got = trained_distribution((K + K.T) / 2, K_new, C, Y, TIMES)
    close(got.mean, states[:, 4:7], 1e-8)
    close(got.covariance, states[:, 7:].reshape(-1, 7, 7)[:, 4:, 4:], 1e-8)


def test_trained_distribution_is_the_posterior_if_the_start_has_the_kernel(close):
    """With C = 3 K on all points the late covariance is 3 times the Schur complement,
    the inverse of the block of the new points of the inverse of K.
    """
    mean, covariance = trained_distribution(K, K_NEW, 3 * JOINT, Y, [1e9])
    precision = np.linalg.inv(JOINT)
    given_y = np.linalg.inv(precision[4:, 4:])
    close(covariance[0], 3 * given_y, 1e-11)
    close(mean[0], -given_y @ precision[4:, :4] @ Y, 1e-11)


def test_trained_distribution_starts_with_the_start():
    """At t = 0 the mean is 0 and the covariance C_**."""
    mean, covariance = trained_distribution(K, K_NEW, C, Y, [0.0])
    assert not mean.any()
    np.testing.assert_array_equal(covariance[0], C[4:, 4:])


def test_trained_distribution_ends_at_the_targets(close):
    """At the training inputs themselves the covariance is exp(-K t/m) C exp(-K t/m), 0
    late, and the mean ends at y.
    """
    twice = np.tile(C[:4, :4], (2, 2))
    mean, covariance = trained_distribution(K, K, twice, Y, [*TIMES, 1e9])
    for i, t in enumerate(TIMES):
        left = scipy.linalg.expm(-K * t / 4)
        close(covariance[i], left @ C[:4, :4] @ left, 1e-10)
    close(mean[-1], Y, 1e-11)
    assert np.abs(covariance[-1]).max() < 1e-10


@pytest.mark.parametrize("t", [1e9, 1e20])
def test_trained_distribution_of_a_singular_kernel_ends(t, close):
    """A kernel of rank 2 ends at the gain K(x, X) K^+, and stays there, though
    rounding leaves K(x, X) a part along the null space.
    """
    K, K_new = KERNELS["Gram of rank 2"]
    mean, covariance = trained_distribution(K, K_new, C, Y, [t])
    G = np.linalg.lstsq(B[:4, :2].T, B[4:, :2].T)[0].T
    close(mean[0], G @ Y, 1e-11)
    left = np.hstack([-G, np.eye(3)])
    close(covariance[0], left @ C @ left.T, 1e-11)


@given(
    root=arrays(float, (5, 4), elements=st.floats(-3, 3)),
    other=arrays(float, (5, 5), elements=st.floats(-3, 3)),
    t=st.floats(0, 1e6),
)
def test_trained_distribution_has_no_negative_variance(root, other, t):
    """The covariance is symmetric, and positive semi-definite to rounding, for each
    pair of kernels, singular ones among them.
    """
    kernel, start = root @ root.T, other @ other.T
    covariance = trained_distribution(
        kernel[:3, :3], kernel[3:, :3], start, np.ones(3), [t]
    ).covariance[0]
    assert (covariance == covariance.T).all()
    size = np.abs(start).max() * (1 + np.abs(covariance).max())
    assert np.linalg.eigvalsh(covariance)[0] >= -1e-8 * size - 1e-300


GOOD = {"K": K, "K_new": K_NEW, "C": C, "y": Y, "ts": TIMES}
BAD = {
    "K not square": ({"K": np.ones((3, 2))}, "K must be square; got shape (3, 2)"),
    "K not symmetric": (
        {"K": np.triu(K)},
        "K must be symmetric; got max|K - K^T| = ",
    ),
    "K_new with a column less": (
        {"K_new": K_NEW[:, :3]},
        "K_new has 3 columns, but K expects m = 4",
    ),
    "K_new a row": (
        {"K_new": K_NEW[0]},
        "K_new must be a real array of shape (m_new, m); got shape (4,)",
    ),
    "C of the new points alone": (
        {"C": C[4:, 4:]},
        "C has 3 rows, but K_new expects m + m_new = 7",
    ),
    "C not symmetric": (
        {"C": np.triu(C)},
        "C must be symmetric; got max|C - C^T| = ",
    ),
    "C with a nan": ({"C": C * np.nan}, "C must be finite; got nan at index (0, 0)"),
    "y too short": ({"y": Y[:3]}, "y has length 3, but K expects m = 4"),
    "ts falls": (
        {"ts": [1.0, 0.5]},
        "ts must be non-decreasing; got ts[0] = 1.0 before ts[1] = 0.5",
    ),
    "the mean overflows": (
        {"K": -np.eye(4), "ts": [4000.0]},
        "the mean must be finite; got ",
    ),
    "the covariance overflows": (
        {"K": -np.eye(4), "ts": [1842.0]},
        "the covariance must be finite; got ",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD.keys())
def test_trained_distribution_refuses_bad_arguments(change, message, refuses):
    """One sentence that names the argument."""
    refuses(message, trained_distribution, **{**GOOD, **change})

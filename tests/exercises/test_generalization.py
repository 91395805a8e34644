"""What the set "generalization" claims, by the library and by drawing."""

import numpy as np
import pytest

from ntk_answers import generalization
from ntklib import kernel_regression, linear_flow, parameter_distance
from ntklib.exercises.cases import drawn


def test_travelled_is_the_library_s_distance():
    """Its root, at two times."""
    for K, f0, y, t in drawn("travelled", 3):
        distance = parameter_distance(K, f0 - y, [t])[0]
        expected = np.sqrt(generalization.travelled(K, f0, y, t))
        assert distance == pytest.approx(expected, rel=1e-12)


def test_matching_ridge_fits_what_the_flow_fits():
    """In a mode by itself, the regression and the flow predict the same."""
    for lam, m, t in drawn("matching_ridge", 3):
        K = lam * np.eye(m)
        y = np.arange(1.0, m + 1)
        ridge = generalization.matching_ridge(lam, m, t)
        found = kernel_regression(K, K, np.zeros(m), np.zeros(m), y, ridge=ridge)
        np.testing.assert_allclose(found, y + linear_flow(K, -y, [t])[0], rtol=1e-10)


def test_random_targets_is_at_least_that_of_equal_eigenvalues():
    """The mean of the inverses is at least the inverse of the mean."""
    for (K,) in drawn("random_targets", 3):
        m = len(K)
        assert generalization.random_targets(K) > m**2 / np.trace(K)
        equal = np.trace(K) / m * np.eye(m)
        assert generalization.random_targets(equal) == pytest.approx(m**2 / np.trace(K))


def test_spread_is_never_below_the_posterior():
    """The posterior is the smallest covariance that a linear correction leaves."""
    for K, K_new, Phi in drawn("spread", 3):
        m = len(K)
        gap = generalization.spread(K, K_new, Phi)
        gap = gap - generalization.spread(Phi[:m, :m], Phi[m:, :m], Phi)
        smallest, *_, largest = np.linalg.eigvalsh(gap)
        assert smallest > -1e-12
        assert largest > 1e-3

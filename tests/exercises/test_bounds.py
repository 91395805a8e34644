"""The set "bounds": what its references claim, by other routes."""

import numpy as np

from ntk_answers import bounds
from ntklib import gronwall_bound


def test_sharp_rate_by_flow_equals_bound(close):
    """The loss of the slowest eigenvector is the sharp bound."""
    rate = bounds.sharp_rate_by_flow(0.7, 5)
    close(np.exp(-rate), gronwall_bound(1.0, 0.7, 5, [1.0])[0], 1e-13)


def test_lemma_matrices_holds_without_positive_eigenvalues():
    """The largest class is that of symmetric matrices, some of them indefinite."""
    assert bounds.largest_class_without_counterexample() == {"symmetric"}
    symmetric = bounds.MATRICES["symmetric"]
    assert min(np.linalg.eigvalsh(M)[0] for M in symmetric) < -1


def test_lemma_matrices_are_of_their_classes():
    """Symmetric but for the first; then with an eigenvalue 0, or none."""
    for name, matrices in bounds.MATRICES.items():
        lambda_min = np.linalg.eigvalsh(matrices)[:, 0]
        asymmetry = np.abs(matrices - matrices.swapaxes(1, 2)).max()
        assert (asymmetry == 0) == (name != "any square")
        if name == "positive semidefinite":
            assert np.abs(lambda_min).max() < 1e-12
        if name == "positive definite":
            assert lambda_min.min() > 0

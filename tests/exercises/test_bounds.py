"""The set "bounds": what its references claim, by other routes."""

import numpy as np
import pytest

from ntk_answers import bounds
from ntk_answers.kernel import relu_limit
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


def circle(*degrees):
    """Points on the unit circle."""
    t = np.radians(degrees)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


@pytest.mark.parametrize(
    ("X", "singular"),
    [
        (circle(0, 60, 120, 180, 240, 300), True),
        (circle(10, 190, 50, 230, 70, 250) * [[1], [2], [3], [4], [5], [6]], True),
        (circle(0, 90, 180, 270), False),
        (circle(0, 60, 120, 180.5, 240, 300), False),
        (circle(0, 0), False),
        (circle(0, 60, 120, 180, 240, 300, 0.01), False),
        (circle(0, 120, 240) * 1e-6, False),
        (np.zeros((2, 2)), False),
    ],
)
def test_is_singular_equals_closed_form(X, singular):
    """Three opposite pairs, unless excluded, whatever the kernel of those is."""
    assert bool(bounds.is_singular(X)) == singular
    if len(X) in (3, 4, 6):
        U = X / np.linalg.norm(X, axis=1)[:, None]
        lambda_min = np.linalg.eigvalsh(relu_limit(U))[0]
        assert (lambda_min < 1e-9) == singular


@pytest.mark.parametrize(
    ("X", "title"),
    [
        ([[1, 2], [0, 0], [-1, -2]], "a zero row"),
        ([[1, 2], [3, 1], [1, 2]], "the same input twice"),
        ([[1, 2], [3, 1], [9, 3]], "a positive multiple"),
        ([[1, 2], [-2, -4.0000002], [3, 1]], "one opposite pair"),
        ([[1, 2], [-2, -4.1], [3, 1]], "no opposite directions"),
    ],
)
def test_singular_inputs_slips_cover_other_answers(X, title):
    """A hint is for every answer of its kind."""
    X = np.asarray(X, float)
    with np.errstate(all="ignore"):
        fitting = [slip.title for slip in bounds.SINGULAR_INPUTS.slips if slip.fits(X)]
    assert fitting[0] == title

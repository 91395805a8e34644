"""Inputs that make relu's limit kernel singular, and hints for the others."""

import numpy as np
import pytest

from ntk_answers import bounds
from ntk_answers.kernel import relu_limit_by_quadrature
from ntklib.exercises import singular


def circle(*degrees):
    """Points on the unit circle."""
    t = np.radians(degrees)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


@pytest.mark.parametrize(
    ("X", "is_singular"),
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
def test_is_singular_equals_quadrature(X, is_singular):
    """Three opposite pairs, unless excluded, whatever the kernel of those is."""
    assert bool(singular.is_singular(X)) == is_singular
    if len(X) in (3, 4, 6):
        U = X / np.linalg.norm(X, axis=1)[:, None]
        lambda_min = np.linalg.eigvalsh(relu_limit_by_quadrature(U))[0]
        assert (lambda_min < 1e-9) == is_singular


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
def test_hint_is_for_every_answer_of_its_kind(X, title):
    """The first slip that fits the inputs has the hint."""
    X = np.asarray(X, float)
    with np.errstate(all="ignore"):
        (slip, *_) = [s for s in bounds.SINGULAR_INPUTS.slips if s.fits(X)]
        assert slip.title == title
        assert singular.hint(X) == slip.hint


@pytest.mark.parametrize("size", [1e308, 1e-300])
def test_is_singular_for_any_length(size):
    """Lengths whose squares overflow or vanish change nothing."""
    assert not singular.is_singular(np.full((1, 2), size))
    assert not singular.is_singular(circle(0, 90, 180, 270) * size)
    assert singular.is_singular(circle(0, 60, 120, 180, 240, 300) * size)


def test_hint_is_silent_about_singular_inputs():
    """Nothing is said of inputs that are right."""
    assert singular.hint(circle(0, 60, 120, 180, 240, 300)) is None

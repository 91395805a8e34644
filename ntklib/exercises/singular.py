"""Judges inputs that make relu's limit kernel singular, by its smallest eigenvalue."""

import jax
import numpy as np

from ntklib.limit_kernel import limit_kernel

# The smallest eigenvalue grows like the angle by which opposite rows miss each other.
ROUNDING, ROUNDING_OF_FLOAT32 = 1e-12, 1e-6


def is_singular(X, short=False):
    """Whether relu's limit kernel is singular, though no row excuses it.

    Excused are a row of zeros and two rows that point the same way. Opposite rows must
    be exactly opposite, to float32's digits if `short`.
    """
    if _has_zero_row(X) or _has_same_direction_twice(X):
        return False
    # The kernel of the directions is that of X with rows and columns divided by norms.
    K = limit_kernel(_directions(X), jax.nn.relu).ntk
    return np.linalg.eigvalsh(K)[0] < (ROUNDING_OF_FLOAT32 if short else ROUNDING)


def _directions(X):
    # Squares of very large or small entries are no numbers of their own any more.
    X = X / np.abs(X).max(axis=1, keepdims=True)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _gaps(X):
    """Distances between the directions of the rows; 9 on the diagonal, out of reach."""
    U = _directions(X)
    return np.linalg.norm(U[:, None] - U, axis=2) + 9 * np.eye(len(U))


def _has_zero_row(X):
    return not X.any(axis=1).all()


def _has_row_twice(X):
    differences = np.abs(X[:, None] - X).max(axis=2)
    return (differences + 9 * np.eye(len(X))).min() < 1e-12


def _has_same_direction_twice(X):
    return _gaps(X).min() <= 1e-3


def _opposite_pairs(X):
    """How many pairs of rows point in opposite directions."""
    opposite = np.abs(_gaps(X) - 2) < 1e-6
    return opposite.sum() // 2


def _has_no_opposite_pair(X):
    return _opposite_pairs(X) == 0


def _has_one_opposite_pair(X):
    return _opposite_pairs(X) == 1


def _has_two_opposite_pairs(X):
    return _opposite_pairs(X) == 2


# The first that is true of wrong inputs, and what is said of them.
HINTS = (
    (
        _has_zero_row,
        "a row is zero: its row of the kernel is zero too, but that is excluded",
    ),
    (
        _has_row_twice,
        "an input appears twice: that makes any kernel singular and is excluded",
    ),
    (
        _has_same_direction_twice,
        "two rows point the same way (or nearly): relu only scales with the length, so "
        "that is excluded",
    ),
    (
        _has_no_opposite_pair,
        "no two rows point in opposite directions; use that relu(h) - relu(-h) = h is "
        "linear",
    ),
    (
        _has_one_opposite_pair,
        "an opposite pair gives one combination that is linear in x; count how many of "
        "them a plane can hold",
    ),
    (
        _has_two_opposite_pairs,
        "two opposite pairs give two linear functions, and a plane has room for two "
        "independent ones",
    ),
)


def hint(X):
    """A hint for inputs whose kernel is not singular, or is for an excluded reason."""
    for is_true_of, words in HINTS:
        if is_true_of(X):
            return words
    return None

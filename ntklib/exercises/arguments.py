"""Says with which other arguments an answer would be right.

An answer that leaves out the targets is right for targets of 0; one that forgets to
square W1 is right for other weights. So one table finds such mistakes in all exercises.
"""

import numpy as np
import scipy

from ntklib.exercises.difference import factor, factor_in_words


def _zero(a):
    return 0 * a


def _one(a):
    return 0 * a + 1


def _double(a):
    return 2 * a


def _half(a):
    return a / 2


def _square(a):
    return a**2


def _exchange(a, b):
    return b, a


def _both_zero(a, b):
    return 0 * a, 0 * b


def _with_W1(change):
    """The change of a network that changes its output weights."""

    def changed(params):
        return params._replace(W1=change(params.W1))

    return changed


def _unit_rows(X):
    return X / np.linalg.norm(X, axis=1)[:, None]


def _divided_by_root_2(X):
    return X / np.sqrt(2)


def _unit_matrix(K):
    return np.eye(len(K))


def _diagonal(K):
    return np.diag(np.diag(K))


def _matrix_square(K):
    return K @ K


def _matrix_root(K):
    return scipy.linalg.sqrtm(K)


def _times_count(t, K):
    return t * len(K), K


def _over_count(t, K):
    return t / len(K), K


# What is taken for what: in words, the arguments that change, and how they change.
MISTAKES = (
    ("every W₁ were 1", ("params",), _with_W1(_one)),
    ("every W₁ were its square", ("params",), _with_W1(_square)),
    ("every W₁ were its absolute value", ("params",), _with_W1(np.abs)),
    ("every input had length 1", ("X",), _unit_rows),
    ("every input were divided by √2", ("X",), _divided_by_root_2),
    ("K were the unit matrix", ("K",), _unit_matrix),
    ("K were its diagonal alone", ("K",), _diagonal),
    ("K were K²", ("K",), _matrix_square),
    ("K were its inverse", ("K",), np.linalg.inv),
    ("K were its square root", ("K",), _matrix_root),
    ("y were 0", ("y",), _zero),
    ("y had the other sign", ("y",), np.negative),
    ("f0 were 0", ("f0",), _zero),
    ("f0 had the other sign", ("f0",), np.negative),
    ("f0 and f0_new were both 0", ("f0", "f0_new"), _both_zero),
    ("y and f0 were exchanged", ("y", "f0"), _exchange),
    ("dl were 1 everywhere", ("dl",), _one),
    ("t were 1", ("t",), _one),
    ("t had the other sign", ("t",), np.negative),
    ("t were twice as long", ("t",), _double),
    ("t were half as long", ("t",), _half),
    ("t were t m", ("t", "K"), _times_count),
    ("t were t/m", ("t", "K"), _over_count),
    ("lam were 1", ("lam",), _one),
    ("lam were its square", ("lam",), _square),
    ("lam were its root", ("lam",), np.sqrt),
)


def changed_cases(exercise, tried):
    """For each mistake in the arguments of an exercise, its words and the other cases.

    Args:
        exercise: with its arguments.
        tried: the arguments of each case.
    """
    for words, names, change in MISTAKES:
        if set(names) <= set(exercise.arguments):
            yield words, [_changed(exercise, case, names, change) for case in tried]


def _changed(exercise, case, names, change):
    """A case in which the arguments of these names are others."""
    given = dict(zip(exercise.arguments, case, strict=True))
    old = [given[name] for name in names]
    new = change(*old) if len(names) > 1 else [change(*old)]
    given |= dict(zip(names, new, strict=True))
    return tuple(given.values())


def mistaken_arguments(mistaken, got, sizes):
    """With which other arguments the values would be right, in words.

    Args:
        mistaken: pairs of such words and the values that are right then.
        got: the values of each case.
        sizes: m, n, n0 of each case.
    """
    with_factor = None
    for words, want in mistaken:
        found = factor(got, want, sizes)
        if found is not None:
            times = factor_in_words(*found)
            if times == "1":
                return f"this would be right if {words}"
            with_factor = (
                with_factor or f"this would be {times} times the right one if {words}"
            )
    return with_factor

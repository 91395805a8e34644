"""Says which argument enters an answer in a wrong way.

An answer that leaves out the targets is right for targets of 0; one that forgets to
square W1 is right for other weights. So one table finds such mistakes in all exercises.
"""

import numpy as np
import scipy

from ntklib.exercises.difference import factor, is_one


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


# What enters in a wrong way, in words; the arguments that change; how they change.
MISTAKES = (
    ("W₁", ("params",), _with_W1(_one)),
    ("W₁", ("params",), _with_W1(_square)),
    ("W₁", ("params",), _with_W1(np.abs)),
    ("the length of the inputs", ("X",), _unit_rows),
    ("the length of the inputs", ("X",), _divided_by_root_2),
    ("K", ("K",), _unit_matrix),
    ("K", ("K",), _diagonal),
    ("K", ("K",), _matrix_square),
    ("K", ("K",), np.linalg.inv),
    ("K", ("K",), _matrix_root),
    ("y", ("y",), _zero),
    ("y", ("y",), np.negative),
    ("f0", ("f0",), _zero),
    ("f0", ("f0",), np.negative),
    ("the start, f0 and f0_new,", ("f0", "f0_new"), _both_zero),
    ("y - f0", ("y", "f0"), _exchange),
    ("dl", ("dl",), _one),
    ("t", ("t",), _one),
    ("t", ("t",), np.negative),
    ("t", ("t",), _double),
    ("t", ("t",), _half),
    ("t", ("t", "K"), _times_count),
    ("t", ("t", "K"), _over_count),
    ("lam", ("lam",), _one),
    ("lam", ("lam",), _square),
    ("lam", ("lam",), np.sqrt),
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
    """Which argument enters in a wrong way, if everything else is right, in words.

    Args:
        mistaken: pairs of the argument in words and the values that are right when it
            is changed.
        got: the values of each case.
        sizes: m, n, n0 of each case.
    """
    with_factor = None
    for words, want in mistaken:
        found = factor(got, want, sizes)
        if found is not None and is_one(*found):
            return f"right but for how {words} enters: check each place where it stands"
        if found is not None:
            with_factor = with_factor or f"a factor is wrong, and how {words} enters"
    return with_factor

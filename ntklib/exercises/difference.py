"""Says how values differ from the right ones, whatever the exercise.

Found are a sign, a factor, another order of axes, which part is right already, or how
large the error is.
"""

import itertools
import math

import numpy as np

from ntklib.exercises.exercise import COARSE

LETTERS = ("m", "n", "n0")

# Powers of m, n and n0 that a wrong factor may have, the simplest first: what is there
# or missing of 1/m, 1/m^2, 1/sqrt(n), n^(-3/2), 1/sqrt(n) squared, 1/n0.
M_POWERS = (0, 1, -1, 2, -2)
N_POWERS = (0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2, -2)
N0_POWERS = (0, 1, -1)
POWERS = sorted(
    itertools.product(M_POWERS, N_POWERS, N0_POWERS),
    key=np.linalg.norm,
)

# Numbers that it may have beside them: those of a half, a square and a normal density.
POSITIVE_CONSTANTS = (
    1,
    2,
    1 / 2,
    4,
    1 / 4,
    math.pi,
    1 / math.pi,
    2 * math.pi,
    1 / (2 * math.pi),
)
CONSTANTS = (*POSITIVE_CONSTANTS, *(-c for c in POSITIVE_CONSTANTS))


def error(got, want):
    """Largest deviation as a share of the largest entry."""
    return float(np.abs(got - want).max() / np.abs(want).max())


def agree(got, want, tol):
    """Whether the values of all cases have the same shapes and lie within `tol`."""
    return all(
        g.shape == w.shape and error(g, w) <= tol
        for g, w in zip(got, want, strict=True)
    )


def difference(got, want, sizes):
    """What distinguishes the values that came from the right ones, in words.

    Args:
        got: the values of each case.
        want: the right ones, of the same shapes.
        sizes: m, n, n0 of each case.
    """
    if agree(got, want, COARSE):
        return _size(got, want)
    return (
        _factor(got, want, sizes)
        or _order_of_axes(got, want)
        or _right_part(got, want)
        or _size(got, want)
    )


def _factor(got, want, sizes):
    """A sign or a factor, if one power of m, n and n0 explains it in all cases."""
    if not any(np.any(g) for g in got):
        return "every value is 0"
    ratios = []
    for g, w in zip(got, want, strict=True):
        ratio = float(np.sum(g * w) / np.sum(w * w))
        if ratio == 0 or not error(g / ratio, w) < COARSE:
            return None
        ratios.append(ratio)
    for powers in POWERS:
        constants = []
        for ratio, size in zip(ratios, sizes, strict=True):
            scale = math.prod(d**p for d, p in zip(size, powers, strict=True))
            constants.append(ratio / scale)
        known = _known_constant(constants[0])
        constant = constants[0] if known is None else known
        # With powers, only a known number is believed: two ratios alone fit many.
        believed = known is not None or not any(powers)
        if believed and np.allclose(constants, constant, rtol=COARSE, atol=0):
            return _multiple(constant, powers)
    return None


def _known_constant(number):
    for constant in CONSTANTS:
        if math.isclose(constant, number, rel_tol=COARSE):
            return constant
    return None


def _multiple(constant, powers):
    """The sentence for a factor, if it is not 1."""
    letters = []
    for letter, power in zip(LETTERS, powers, strict=True):
        if power == 1:
            letters.append(letter)
        elif power != 0:
            letters.append(f"{letter}^{power:g}")
    one = math.isclose(constant, 1, rel_tol=COARSE)
    number = [] if letters and one else [f"{constant:.4g}"]
    factor = " ".join(number + letters)
    if factor == "1":
        return None
    if factor == "-1":
        return "the sign is wrong: every value is the negative of the right one"
    return f"every value is {factor} times the right one"


def _order_of_axes(got, want):
    """The order of axes, if another order makes all values right."""
    for axes in itertools.permutations(range(want[0].ndim)):
        if agree([g.transpose(axes) for g in got], want, COARSE):
            return "the numbers are right, but the axes are in another order"
    return None


def _right_part(got, want):
    """What is right already: the integer parts, one of the cases, or the diagonal."""
    pairs = list(zip(got, want, strict=True))
    if all(np.array_equal(g, np.trunc(w)) for g, w in pairs):
        return (
            "right before the decimal point, but cut off after it: is an array of "
            "integers involved?"
        )
    if any(agree([g], [w], COARSE) for g, w in pairs):
        return "right in one case, wrong in another: does it use all of its arguments?"
    if want[0].ndim > 1:
        got_diagonals = [_diagonal(g) for g in got]
        want_diagonals = [_diagonal(w) for w in want]
        if agree(got_diagonals, want_diagonals, COARSE):
            return "right where all inputs are the same, wrong for different inputs"
    return None


def _diagonal(a):
    """The entries whose indices are all the same."""
    return np.einsum("i" * a.ndim + "->i", a)


def _size(got, want):
    """How large the error is."""
    worst = max(error(g, w) for g, w in zip(got, want, strict=True))
    if worst < 1e-2:
        return (
            f"close, but off by {worst:.0e} of the largest entry: is something in it "
            "approximate?"
        )
    return f"off by {worst:.2g} times the largest entry"

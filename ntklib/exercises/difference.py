"""Says how values differ from the right ones, whatever the exercise.

Found are too few digits, a sign, a factor, another order of axes, a wrong power, which
part is right already, or how large the error is. The words say where to look. They do
not say by what to multiply: a reader who is told the factor need not find it.
"""

import itertools
import math

import numpy as np

from ntklib.exercises.exercise import COARSE

NEAR = 1e-2  # of the largest entry; what is nearer than this is right to some digits

LETTERS = ("m", "n", "n0")

# Powers of m, n and n0 that a wrong factor may have, the simplest first: what is there
# or missing of 1/m, 1/m^2, 1/sqrt(n), n^(-3/2), 1/sqrt(n) squared, 1/n0, 1/sqrt(n0).
M_POWERS = (0, 1, -1, 2, -2)
N_POWERS = (0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2, -2)
N0_POWERS = (0, 1, -1, 0.5, -0.5)
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


def worst_error(got, want):
    """The largest error of all cases."""
    return max(error(g, w) for g, w in zip(got, want, strict=True))


def entry_error(got, want):
    """Largest deviation of an entry, as a share of what its row and column allow.

    That is the geometric mean of their entries on the diagonal, for a kernel of relu
    the product of the lengths of the two inputs.
    """
    roots = np.sqrt(np.diag(want))
    return float(np.abs((got - want) / np.outer(roots, roots)).max())


def right_digits(worst):
    """To how many digits something is right."""
    return math.floor(-math.log10(worst))


def difference(got, want, sizes, tol):
    """What distinguishes all values that came from the right ones, in words.

    Args:
        got: the values of each case.
        want: the right ones, of the same shapes.
        sizes: m, n, n0 of each case.
        tol: the largest error that is allowed.
    """
    if worst_error(got, want) < NEAR:
        return _digits(got, want, tol)
    return (
        _multiple(got, want, sizes)
        or _order_of_axes(got, want)
        or _other_function(got, want, sizes)
    )


def partly_right(got, want, labels):
    """Which part of the values is right, or which property is lost.

    Args:
        got: the values of each case.
        want: the right ones, of the same shapes.
        labels: a few words for each case.
    """
    return (
        _right_up_to(got, want)
        or _right_cases(got, want, labels)
        or _same_everywhere(got, want)
        or _lost_symmetry(got, want)
        or _right_on_the_diagonal(got, want)
    )


def size_of_error(got, want):
    """How large the error is, where nothing else can be said."""
    return f"off by {worst_error(got, want):.2g} times the largest entry"


def first_wrong_entry(got, want, tol):
    """The number of the first wrong case, and its first wrong entry in words."""
    pairs = list(zip(got, want, strict=True))
    case = next(i for i, (g, w) in enumerate(pairs) if not agree([g], [w], tol))
    g, w = pairs[case]
    index = tuple(np.argwhere(np.abs(g - w) / np.abs(w).max() > tol)[0].tolist())
    digits = 4
    while f"{g[index]:.{digits}g}" == f"{w[index]:.{digits}g}" and digits < 17:
        digits += 1
    place = f" at {list(index)}" if index else ""
    expected, came = f"{w[index]:.{digits}g}", f"{g[index]:.{digits}g}"
    return case, f"Expected {expected}{place}, got {came}"


def _digits(got, want, tol):
    """How many digits are right, and how many are asked for."""
    worst = worst_error(got, want)
    right = right_digits(worst)
    asked = math.ceil(-math.log10(tol))
    return (
        f"right to {right} digits, but {asked} are asked for: the error is "
        f"{worst:.2g} of the largest entry, and {tol:.0e} is allowed; is something "
        "in it approximate, such as a solver or a difference quotient?"
    )


def factor(got, want, sizes):
    """A number and powers of m, n and n0 by which all values differ, if there are any.

    None where no such factor explains all cases.
    """
    ratios = []
    for g, w in zip(got, want, strict=True):
        ratio = float(np.sum(g * w) / np.sum(w * w))
        if ratio == 0 or not error(g / ratio, w) < COARSE:
            return None
        ratios.append(ratio)
    return factor_of_ratios(ratios, sizes)


def factor_of_ratios(ratios, sizes):
    """The number and the powers of m, n and n0 that give one ratio for each case."""
    for powers in POWERS:
        constants = []
        for ratio, lengths in zip(ratios, sizes, strict=True):
            scale = math.prod(d**p for d, p in zip(lengths, powers, strict=True))
            constants.append(ratio / scale)
        known = _known_constant(constants[0])
        constant = constants[0] if known is None else known
        # With powers, only a known number is believed: two ratios alone fit many.
        believed = known is not None or not any(powers)
        if believed and np.allclose(constants, constant, rtol=COARSE, atol=0):
            return constant, powers
    return None


def _known_constant(number):
    for constant in CONSTANTS:
        if math.isclose(constant, number, rel_tol=COARSE):
            return constant
    return None


def factor_in_words(constant, powers):
    """What a wrong factor is made of, but not which one it is."""
    depends_on = [
        letter for letter, power in zip(LETTERS, powers, strict=True) if power
    ]
    if depends_on:
        return f"a factor that depends on {' and '.join(depends_on)}"
    return "a factor that is the same in all cases"


def is_one(constant, powers):
    """Whether a factor changes nothing."""
    return not any(powers) and math.isclose(constant, 1, rel_tol=COARSE)


def _multiple(got, want, sizes):
    """A sign or a factor, if one power of m, n and n0 explains it in all cases."""
    if not any(np.any(g) for g in got):
        return "every value is 0"
    found = factor(got, want, sizes)
    if found is None:
        return None
    constant, powers = found
    if is_one(-constant, powers):
        return "every value has the wrong sign: follow the signs from the first line on"
    sign = " and a sign" if constant < 0 else ""
    return f"right but for {factor_in_words(*found)}{sign}: count what each step brings"


def _order_of_axes(got, want):
    """The order of axes, if another order makes all values right."""
    for axes in itertools.permutations(range(want[0].ndim)):
        if agree([g.transpose(axes) for g in got], want, COARSE):
            return "the numbers are right, but the axes are in another order"
    return None


def _right_up_to(got, want):
    """Whether the integer parts, the absolute values or a triangle are right."""
    pairs = list(zip(got, want, strict=True))
    if all(np.array_equal(g, np.trunc(w)) for g, w in pairs):
        return (
            "right before the decimal point, but cut off after it: is an array of "
            "integers involved?"
        )
    if agree([np.abs(g) for g in got], [np.abs(w) for w in want], COARSE):
        return "right but for signs: some values have the wrong one"
    if want[0].ndim == 2:
        for half, other in ((np.tril, "above"), (np.triu, "below")):
            if agree(got, [half(w) for w in want], COARSE):
                return f"right, but 0 {other} the diagonal"
    return None


def _right_cases(got, want, labels):
    """The cases that are right, if some are and some are not."""
    right = [agree([g], [w], COARSE) for g, w in zip(got, want, strict=True)]
    if not any(right):
        return None
    return (
        f"right for {labels[right.index(True)]}; wrong for "
        f"{labels[right.index(False)]}: which of these does it take for granted?"
    )


def _same_everywhere(got, want):
    """Whether the values do not depend on the arguments."""
    if len(got) > 1 and not want[0].ndim and agree(got[1:], [got[0]] * len(got[1:]), 0):
        return "the same number for all arguments: which of them should it depend on?"
    return None


def _other_function(got, want, sizes):
    """A reciprocal, with a factor, or a square."""
    if not all(np.all(w) for w in want):
        return None
    if factor(got, [1 / w for w in want], sizes) is not None:
        return (
            "the values are large where the right ones are small: which way should "
            "they go as the arguments grow?"
        )
    if agree(got, [w**2 for w in want], COARSE):
        return "a power of the whole is wrong: which units should the result have?"
    return None


def _lost_symmetry(got, want):
    """A matrix that has to be symmetric and is not."""
    if want[0].ndim != 2 or not agree([w.T for w in want], want, COARSE):
        return None
    if agree([g.T for g in got], got, COARSE):
        return None
    return (
        "the right matrix is symmetric and this one is not: its two indices have to "
        "play the same part"
    )


def _right_on_the_diagonal(got, want):
    """The entries whose indices are all the same, if they alone are right."""
    if want[0].ndim < 2:
        return None
    got_diagonals = [_diagonal(g) for g in got]
    want_diagonals = [_diagonal(w) for w in want]
    if agree(got_diagonals, want_diagonals, COARSE):
        return "right where all inputs are the same, wrong for different inputs"
    return None


def _diagonal(a):
    """The entries whose indices are all the same."""
    return np.einsum("i" * a.ndim + "->i", a)

"""What the checker says about sign, factor, axes and digits, whatever the exercise."""

import math
import re

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from ntklib.exercises import difference as module
from ntklib.exercises.difference import agree, first_wrong_entry, worst_error
from ntklib.exercises.exercise import FINE

RNG = np.random.default_rng(0)
SIZES = [(4, 7, 3), (5, 6, 2)]  # m, n, n0
RIGHT = [RNG.normal(size=(m, m)) for m, _, _ in SIZES]
CUBES = [RNG.normal(size=(m, m, m)) for m, _, _ in SIZES]


LABELS = ["m = 4", "m = 5"]
CONSTANT = "right but for a factor that is the same in all cases: count what each step"


def difference(got, want, sizes):
    """What is said about values, whatever the exercise."""
    return (
        module.difference(got, want, sizes, FINE)
        or module.partly_right(got, want, LABELS)
        or module.size_of_error(got, want)
    )


def scaled(factor):
    """The right values times a factor of each case."""
    return [w * factor(*size) for w, size in zip(RIGHT, SIZES, strict=True)]


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        (scaled(lambda m, n, n0: -1), "every value has the wrong sign: follow"),
        (scaled(lambda m, n, n0: 2), CONSTANT),
        (scaled(lambda m, n, n0: 0.731), CONSTANT),
        (
            scaled(lambda m, n, n0: -2 * np.sqrt(n) / m),
            "right but for a factor that depends on m and n and a sign: count",
        ),
        (
            scaled(lambda m, n, n0: math.pi / n0),
            "right but for a factor that depends on n0: count",
        ),
        ([0 * w for w in RIGHT], "every value is 0"),
        (
            [w.T for w in RIGHT],
            "the numbers are right, but the axes are in another order",
        ),
        (
            [RIGHT[0], RIGHT[1] + 1],
            "right for m = 4; wrong for m = 5: which of these does it take for",
        ),
        (
            [0 * RIGHT[0], RIGHT[1]],
            "right for m = 5; wrong for m = 4: which of these does it take for",
        ),
        (
            [w + (1 - np.eye(len(w))) for w in RIGHT],
            "right where all inputs are the same, wrong for different inputs",
        ),
        (
            [np.trunc(w) for w in RIGHT],
            "right before the decimal point, but cut off after it",
        ),
        ([w + 1 for w in RIGHT], "off by"),
        ([w + 1e-3 for w in RIGHT], "right to 3 digits, but 7 are asked for: the"),
        ([np.tril(w) for w in RIGHT], "right, but 0 above the diagonal"),
        ([np.triu(w) for w in RIGHT], "right, but 0 below the diagonal"),
        ([np.abs(w) for w in RIGHT], "right but for signs"),
        ([w**2 for w in RIGHT], "a power of the whole is wrong: which units"),
        ([1 / w for w in RIGHT], "the values are large where the right ones are small"),
        ([2 / w for w in RIGHT], "the values are large where the right ones are small"),
        (
            [w + 0.05 * np.abs(w).max() for w in RIGHT],
            "off by 0.05 times the largest entry",
        ),
        (
            [w * (1 + 1e-6) for w in RIGHT],
            "right to 6 digits, but 7 are asked for: the error is 1e-06 of the largest "
            "entry, and 1e-07 is allowed; is something in it approximate",
        ),
        (scaled(lambda m, n, n0: 1.1**m), "off by"),
    ],
)
def test_difference_names_what_is_wrong(got, hint):
    """Sign, factor, order of axes, and which part is right already."""
    assert difference(got, RIGHT, SIZES).startswith(hint)


@pytest.mark.parametrize(
    ("letter", "powers"),
    [
        ("m", (1, -1, 2, -2)),
        ("n", (1, -1, 0.5, -0.5, 1.5, -1.5, 2, -2)),
        ("n0", (1, -1)),
    ],
)
def test_difference_finds_every_power(letter, powers):
    """The powers of sizes that formulas of kernels have, there or missing."""
    for power in powers:
        got = scaled(lambda m, n, n0, p=power: {"m": m, "n": n, "n0": n0}[letter] ** p)
        line = f"right but for a factor that depends on {letter}: count what each"
        assert difference(got, RIGHT, SIZES).startswith(line)


@pytest.mark.parametrize(
    "constant", [2, 0.5, 4, 0.25, math.pi, 1 / math.pi, 2 * math.pi, 0.5 / math.pi]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_difference_finds_every_constant(constant, sign):
    """A known number may stand beside a power; -1/n is -1 n^-1."""
    got = scaled(lambda m, n, n0: sign * constant / n)
    besides = " and a sign" if sign < 0 else ""
    line = f"right but for a factor that depends on n{besides}: count what each step"
    assert difference(got, RIGHT, SIZES).startswith(line)


def test_difference_names_no_factor_of_one():
    """A factor of 1.000015 and an error of 1e-5 make an error, not a factor."""
    want = [w[0] for w in RIGHT]
    got = [w * (1 + 1.5e-5) for w in want]
    for g in got:
        g[np.abs(g).argmax()] *= 1 + 1e-5
    assert difference(got, want, SIZES).startswith("right to 4 digits, but 7 are asked")


def test_difference_sees_axes_of_three():
    """T[γ, α, β] for T[α, β, γ]."""
    got = [T.transpose(2, 0, 1) for T in CUBES]
    assert "axes" in difference(got, CUBES, SIZES)


def test_difference_sees_that_a_matrix_has_to_be_symmetric():
    """A sum over the wrong index loses the symmetry."""
    want = [w + w.T for w in RIGHT]
    line = "the right matrix is symmetric and this one is not: its two indices have to"
    assert difference([3 * w for w in RIGHT], want, SIZES).startswith(line)
    assert difference([w**2 + 3 for w in want], want, SIZES).startswith("off by")


def test_difference_sees_that_arguments_are_not_used():
    """The same number in all cases, where the right ones differ."""
    got, want = [np.array(3.1)] * 2, [np.array(2.0), np.array(5.0)]
    line = "the same number for all arguments: which of them should it depend on?"
    assert difference(got, want, SIZES) == line


def test_difference_takes_no_reciprocals_of_zero():
    """A right value of 0 has none."""
    got, want = [np.array([1.0, 2.0])], [np.array([0.0, 0.5])]
    assert difference(got, want, SIZES[:1]).startswith("off by")


def test_first_wrong_entry_shows_expected_and_got():
    """The case, the index, and as many digits as it takes to tell the two apart."""
    got = [w.copy() for w in RIGHT]
    got[1][2, 3] += 1e-6
    case, line = first_wrong_entry(got, RIGHT, FINE)
    want = RIGHT[1][2, 3]
    assert case == 1
    assert line.startswith("Expected ")
    expected, came = line.removeprefix("Expected ").split(" at [2, 3], got ")
    assert abs(float(expected) - want) < abs(float(came) - want) < 2e-6
    assert worst_error(got, RIGHT) < 1e-6
    scalar = first_wrong_entry([np.array(2.0)], [np.array(3.0)], FINE)
    assert scalar == (0, "Expected 3, got 2")


def test_difference_of_single_numbers_is_in_words():
    """Numbers have no axes and no diagonal: what remains is the size of the error."""
    got, want = [np.array(1.0), np.array(3.0)], [np.array(2.0), np.array(5.0)]
    assert difference(got, want, SIZES) == "off by 0.5 times the largest entry"


@given(
    hnp.arrays(float, (4, 4), elements=st.floats(-1e300, 1e300)), st.floats(-1e9, 1e9)
)
def test_difference_always_has_words(a, factor):
    """Whatever came: one line."""
    with np.errstate(all="ignore"):
        hint = difference([a, RIGHT[1] * factor], RIGHT, SIZES)
    assert hint
    assert "\n" not in hint


def test_difference_tells_no_factor():
    """A reader who hears by what to multiply need not find it."""
    for constant in (2, -2, 0.5, math.pi):
        got = scaled(lambda m, n, n0, c=constant: c * m / n)
        assert not re.search(r"\d", difference(got, RIGHT, SIZES))


def test_agree_compares_shapes_and_every_case():
    """One wrong shape or one value beyond the tolerance is enough to differ."""
    assert agree([np.ones(2) + 1e-3, np.ones(3)], [np.ones(2), np.ones(3)], 2e-3)
    assert not agree([np.ones(2) + 1e-3, np.ones(3)], [np.ones(2), np.ones(3)], 5e-4)
    assert not agree([np.ones((1, 2))], [np.ones(2)], 1)

"""What the checker says about type, shape, sign, factor, axes and digits, whatever the exercise."""

import math

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from ntklib import _diagnosis as diagnosis

RNG = np.random.default_rng(0)
SIZES = [{"m": 4, "n": 7, "n0": 3}, {"m": 5, "n": 6, "n0": 2}]
RIGHT = [RNG.normal(size=(s["m"], s["m"])) for s in SIZES]
CUBES = [RNG.normal(size=(s["m"],) * 3) for s in SIZES]


@pytest.mark.parametrize(
    ("value", "single"),
    [
        ([[1, 2], [3, 4]], False),
        (np.float32([1.5]), True),
        (jnp.ones(3), False),
        (jnp.ones(3, jnp.bfloat16), True),
        (np.longdouble(2.5), False),
        (7, False),
    ],
)
def test_numbers_keeps_values(value, single):
    """Lists, integers and any float become float64, and short floats are noticed."""
    a, short = diagnosis.numbers(value)
    assert a.dtype == np.float64
    assert short == single
    np.testing.assert_array_equal(a, np.asarray(value, float))


class NoArray:
    """An object that cannot become an array."""

    def __array__(self, *args, **kwargs):
        """Fail."""
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "^not answered yet$"),
        (..., "^not answered yet$"),
        (NotImplemented, "^not answered yet$"),
        ([[1, 2], [3]], "^a list came that is not a rectangular array of numbers$"),
        (NoArray(), "^a NoArray came that is not"),
        (np.ones(2) * 1j, "^complex numbers came; everything here is real$"),
        ("text", "^a str with entries of type <U4 came; numbers are asked$"),
        (np.array([1, None]), "entries of type object"),
        (np.array([True]), "entries of type bool"),
        (math.sin, "^a builtin_function_or_method with entries of type object"),
    ],
)
def test_numbers_refuses(value, message):
    """What is not a real array is named."""
    with pytest.raises(ValueError, match=message):
        diagnosis.numbers(value)


@pytest.mark.parametrize(
    "value", ["tanh", {"tanh"}, ["tanh", "tanh"], ("tanh",), frozenset(["tanh"])]
)
def test_choices_takes_any_collection(value):
    """One name, a list, a tuple or a set."""
    assert diagnosis.choices(value, {"tanh", "relu"}) == {"tanh"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "^not answered yet$"),
        (3, "^a int came; asked is a choice out of relu, tanh$"),
        (["relu", "sin"], "^'sin' is not among the choices: relu, tanh$"),
        ([["relu"]], r"^\['relu'\] is not among the choices"),
    ],
)
def test_choices_refuses(value, message):
    """What is no choice, or not among the choices."""
    with pytest.raises(ValueError, match=message):
        diagnosis.choices(value, {"tanh", "relu"})


@pytest.mark.parametrize(
    ("shape", "a", "message"),
    [
        (
            (3,),
            np.ones((3, 1)),
            r"shape \(3,\) are asked, shape \(3, 1\) came for X; axes of length 1 have to go$",
        ),
        (
            (),
            np.ones((1, 1)),
            r"shape \(\) are asked, shape \(1, 1\) came for X; axes of length 1 have to go$",
        ),
        ((3, 1), np.ones(3), "an axis is missing$"),
        ((2, 3), np.ones((3, 2)), "came for X: it is transposed$"),
        ((3, 1), np.ones((1, 3)), "came for X: it is transposed$"),
        ((6,), np.ones((2, 3)), r"shape \(2, 3\) came for X$"),
        (
            (2, 2),
            np.array([[1, np.nan], [0, 0]]),
            r"^nan came at index \(0, 1\) for X; every value has to be finite$",
        ),
        ((), np.array(-np.inf), "^-inf came for X; every value"),
    ],
)
def test_fit_refuses(shape, a, message):
    """A wrong shape, NaN and infinity, with what helps to find them."""
    with pytest.raises(ValueError, match=message):
        diagnosis.fit(shape, a, " for X")


def scaled(power):
    """The right values times a factor of each case."""
    return [w * power(**size) for w, size in zip(RIGHT, SIZES, strict=True)]


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        (
            scaled(lambda m, n, n0: -1),
            "the sign is wrong: every value is the negative of the right one",
        ),
        (scaled(lambda m, n, n0: 2), "every value is 2 times the right one"),
        (scaled(lambda m, n, n0: 0.731), "every value is 0.731 times the right one"),
        (scaled(lambda m, n, n0: n), "every value is n times the right one"),
        (scaled(lambda m, n, n0: m**-2), "every value is m^-2 times the right one"),
        (
            scaled(lambda m, n, n0: -2 * np.sqrt(n) / m),
            "every value is -2 m^-1 n^0.5 times the right one",
        ),
        (
            scaled(lambda m, n, n0: math.pi / n0),
            "every value is 3.142 n0^-1 times the right one",
        ),
        ([0 * w for w in RIGHT], "every value is 0"),
        (
            [w.T for w in RIGHT],
            "the numbers are right, but the axes stand in another order",
        ),
        (
            [RIGHT[0], RIGHT[1] + 1],
            "right in one case and wrong in another: does it use all of its arguments?",
        ),
        (
            [w + (1 - np.eye(len(w))) for w in RIGHT],
            "where all inputs are the same it is right, for different inputs it is not",
        ),
        (
            [np.trunc(w) for w in RIGHT],
            "right up to the point, but the digits after it are cut off",
        ),
        ([w + 1 for w in RIGHT], "off by"),
        ([w + 1e-3 for w in RIGHT], "close, but off by"),
        (
            [w + 0.05 * np.abs(w).max() for w in RIGHT],
            "off by 0.05 times the largest entry",
        ),
        (
            [w * (1 + 1e-6) for w in RIGHT],
            "close, but off by 1e-06 of the largest entry: is something in it",
        ),
        (scaled(lambda m, n, n0: 1.1**m), "off by"),
    ],
)
def test_difference_names_what_is_wrong(got, hint):
    """Sign, factor, order of axes, and which part is right already."""
    assert diagnosis.difference(got, RIGHT, SIZES).startswith(hint)


def test_difference_sees_axes_of_three():
    """T[γ, α, β] for T[α, β, γ]."""
    assert "axes" in diagnosis.difference(
        [T.transpose(2, 0, 1) for T in CUBES], CUBES, SIZES
    )


@given(
    hnp.arrays(float, (4, 4), elements=st.floats(-1e300, 1e300)), st.floats(-1e9, 1e9)
)
def test_difference_always_has_words(a, factor):
    """Whatever came: one line, and never a factor or an axis that is not there."""
    with np.errstate(all="ignore"):
        hint = diagnosis.difference([a, RIGHT[1] * factor], RIGHT, SIZES)
    assert hint
    assert "\n" not in hint


@pytest.mark.parametrize("on", [True, False])
def test_x64_says_what_jax_does(on):
    """The flag of this moment, also inside JAX's own context."""
    with jax.enable_x64(on):
        assert diagnosis.x64() == on

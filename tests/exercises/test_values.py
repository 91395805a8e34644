"""Values are read as numbers or choices; what they are not is said in one sentence."""

import jax
import numpy as np
import pytest

from ntklib.exercises.values import Refused, choices, computes_in_float64, fit, numbers


@pytest.mark.parametrize("on", [True, False])
def test_computes_in_float64_says_what_jax_does(on):
    """The flag of this moment, also inside JAX's own context."""
    with jax.enable_x64(on):
        assert computes_in_float64() == on


@pytest.mark.parametrize(("dtype", "short"), [(np.float64, False), (np.float32, True)])
def test_numbers_says_whether_digits_are_few(dtype, short):
    """Float32 becomes float64, and is noticed."""
    a, is_short = numbers(np.array([1.5], dtype))
    assert a.dtype == np.float64
    assert is_short == short


def test_numbers_refuses_names():
    """A text, even one that looks like a number; of many the first."""
    with pytest.raises(Refused, match=r"^expected numbers, got the text '-1'$"):
        numbers({"-1", "2"})
    with pytest.raises(Refused, match=r"^expected numbers, got an empty set$"):
        numbers(set())


def test_choices_takes_names_and_an_empty_list():
    """Names that are allowed; an empty array stands for an empty list."""
    assert choices({"tanh"}, ("tanh", "relu")) == {"tanh"}
    assert choices(np.zeros(0), ("tanh", "relu")) == set()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array(3.0), "^expected a choice from relu, tanh, got numbers$"),
        ({"relu", "sin"}, "^'sin' is not one of the choices: relu, tanh$"),
    ],
)
def test_choices_refuses(value, message):
    """What is no choice, or not among the choices."""
    with pytest.raises(Refused, match=message):
        choices(value, ("tanh", "relu"))


@pytest.mark.parametrize(
    ("shape", "a", "message"),
    [
        (
            (3,),
            np.ones((3, 1)),
            r"^expected an array of shape \(3,\), got shape \(3, 1\) for X; "
            "remove the axes of length 1$",
        ),
        (
            (),
            np.ones((1, 1)),
            r"^expected a number, got shape \(1, 1\) for X; "
            "remove the axes of length 1$",
        ),
        ((), np.ones(0), r"^expected a number, got shape \(0,\) for X$"),
        ((3, 1), np.ones(3), "; an axis is missing$"),
        ((2, 3), np.ones((3, 2)), "for X; it is transposed$"),
        ((3,), np.ones((3, 3)), "for X; is a sum missing, or does \\* stand where @"),
        ((), np.ones(3), "; is a sum missing, or does \\* stand where @ belongs\\?$"),
        ((3, 1), np.ones((1, 3)), "for X; it is transposed$"),
        ((6,), np.ones((2, 3)), r"shape \(2, 3\) for X$"),
        ((2,), np.ones((1, 1)), r"shape \(1, 1\) for X$"),
        (
            (2, 2),
            np.array([[1, np.nan], [0, 0]]),
            r"^got nan at index \(0, 1\) for X; does it divide 0 by 0, .* a `return`\?",
        ),
        ((), np.array(-np.inf), "^got -inf for X; does it divide by 0"),
    ],
)
def test_fit_refuses(shape, a, message):
    """A wrong shape, NaN and infinity, with what helps to find them."""
    with pytest.raises(Refused, match=message):
        fit(shape, a, " for X")


def test_fit_accepts_the_right_shape():
    """Nothing is said about an array, or a number, as it should be."""
    fit((2, 3), np.ones((2, 3)), "")
    fit((), np.array(0.5), "")

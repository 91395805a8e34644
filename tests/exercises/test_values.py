"""Values are read as numbers or choices; what they are not is said in one sentence."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib.exercises.values import choices, computes_in_float64, fit, numbers


@pytest.mark.parametrize("on", [True, False])
def test_computes_in_float64_says_what_jax_does(on):
    """The flag of this moment, also inside JAX's own context."""
    with jax.enable_x64(on):
        assert computes_in_float64() == on


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ([[1, 2], [3, 4]], False),
        (np.float32([1.5]), True),
        (jnp.ones(3), False),
        (jnp.ones(3, jnp.bfloat16), True),
        (np.longdouble(2.5), False),
        (7, False),
    ],
)
def test_numbers_keeps_values(value, short):
    """Lists, integers and any float become float64, and short floats are noticed."""
    a, is_short = numbers(value)
    assert a.dtype == np.float64
    assert is_short == short
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
        (
            [[1, 2], [3]],
            "^expected numbers, got a list that is not a rectangular array$",
        ),
        (NoArray(), "^expected numbers, got a NoArray that is not"),
        (np.ones(2) * 1j, "^expected real numbers, got complex numbers$"),
        ("text", "^expected numbers, got a str with entries of type <U4$"),
        (np.array([1, None]), "entries of type object"),
        (np.array([True]), "entries of type bool"),
        (np.timedelta64(-1, "s"), "entries of type timedelta64"),
        (math.sin, "a builtin_function_or_method with entries of type object"),
    ],
)
def test_numbers_refuses(value, message):
    """What is not a real array is named."""
    with pytest.raises(ValueError, match=message):
        numbers(value)


@pytest.mark.parametrize(
    "value", ["tanh", {"tanh"}, ["tanh", "tanh"], ("tanh",), frozenset(["tanh"])]
)
def test_choices_takes_any_collection(value):
    """One name, a list, a tuple or a set."""
    assert choices(value, ("tanh", "relu")) == {"tanh"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "^not answered yet$"),
        (3, "^expected a choice from relu, tanh; got a int$"),
        (["relu", "sin"], "^'sin' is not one of the choices: relu, tanh$"),
        ([["relu"]], r"^\['relu'\] is not one of the choices"),
    ],
)
def test_choices_refuses(value, message):
    """What is no choice, or not among the choices."""
    with pytest.raises(ValueError, match=message):
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
            r"^got nan at index \(0, 1\) for X; every value must be finite$",
        ),
        ((), np.array(-np.inf), "^got -inf for X; every value"),
    ],
)
def test_fit_refuses(shape, a, message):
    """A wrong shape, NaN and infinity, with what helps to find them."""
    with pytest.raises(ValueError, match=message):
        fit(shape, a, " for X")


def test_fit_accepts_the_right_shape():
    """Nothing is said about an array, or a number, as it should be."""
    fit((2, 3), np.ones((2, 3)), "")
    fit((), np.array(0.5), "")

"""What answers give as plain data: numbers of every type, names, or a Failure."""

import decimal
import fractions
import functools
import math
import warnings

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given

from ntklib.exercises.cases import cases
from ntklib.exercises.plain import SIGNS, Failure, called, raised, taken

HALF = fractions.Fraction(1, 2)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([[1, 2], [3, 4]], np.float64),
        (np.float32([1.5]), np.float32),
        (np.float16([1.5]), np.float32),
        (jnp.ones(3), np.float64),
        (jnp.ones(3, jnp.bfloat16), np.float32),
        (np.longdouble(2.5), np.float64),
        (7, np.float64),
        (np.uint8(7), np.float64),
        ([jnp.array(1.0), 2.0], np.float64),
    ],
)
def test_taken_keeps_numbers(value, dtype):
    """Lists, integers and floats of any length; short ones stay short."""
    got = taken(value)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.asarray(value, float))


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (HALF, 0.5),
        ([HALF, 2], [0.5, 2]),
        (np.array([[HALF, HALF], [1, 2]]), [[0.5, 0.5], [1, 2]]),
        (decimal.Decimal("0.25"), 0.25),
        (sympy.Rational(3, 4), 0.75),
        (sympy.log(2) * 2, 2 * math.log(2)),
        (sympy.Matrix([[1, sympy.pi], [0, 2]]), [[1, math.pi], [0, 2]]),
        (complex(2, 0), 2.0),
        (np.array([1 + 0j, 2 + 1e-17j]), [1, 2]),
        (np.complex64(2), 2),
    ],
)
def test_taken_reads_numbers_of_other_types(value, want):
    """Fraction, Decimal, SymPy's numbers, complex ones that are real."""
    np.testing.assert_allclose(taken(value), want, rtol=1e-15)


@pytest.mark.parametrize(
    "value",
    [
        "tanh",
        np.str_("tanh"),
        {"tanh"},
        ["tanh", "tanh"],
        ("tanh",),
        frozenset(["tanh"]),
        np.array(["tanh"]),
        np.array("tanh"),
        {np.str_("tanh")},
        np.array(["tanh"], object),
        {"tanh": 1}.keys(),
    ],
)
def test_taken_reads_names_of_any_collection(value):
    """One name, a list, a tuple, a set, an array; Python's strings come out."""
    got = taken(value)
    assert got == {"tanh"}
    assert all(type(name) is str for name in got)


class NoArray:
    """An object that cannot become an array."""

    def __array__(self, *args, **kwargs):
        """Fail."""
        raise RuntimeError("no")


class Quitting:
    """An object that ends the program when it is made an array."""

    def __array__(self, *args, **kwargs):
        """End the program."""
        raise SystemExit


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        (None, Failure("unanswered")),
        (..., Failure("unanswered")),
        (NotImplemented, Failure("unanswered")),
        (
            [[1, 2], [3]],
            Failure("refused", "a list that is not a rectangular array"),
        ),
        (NoArray(), Failure("refused", "a NoArray that NumPy cannot read")),
        (np.ones(2) * 1j, Failure("refused", "complex numbers")),
        (sympy.I, Failure("refused", "complex numbers")),
        (
            sympy.Symbol("x"),
            Failure("refused", "a Symbol"),
        ),
        ([1.0, None], Failure("hole")),
        (np.array([[1, None]]), Failure("hole")),
        (np.array([True]), Failure("refused", "a ndarray with entries of type bool")),
        (
            ["a", 1.5j, None],
            Failure("refused", "a list with a complex among its entries"),
        ),
        ({1, 2}, Failure("refused", "a set with an int among its entries")),
        ([1, {}], Failure("refused", "a list with a dict among its entries")),
        ({"a": 1}, Failure("refused", "a dict")),
        ((x for x in [1.0]), Failure("refused", "a generator")),
        (10**400, Failure("refused", "an int")),
        (np.ones((50, 50)), Failure("refused", "an array of shape (50, 50)")),
        (math.sin, Failure("refused", "a function")),
        (Quitting(), Failure("error", "SystemExit")),
    ],
)
def test_taken_says_what_is_neither_numbers_nor_names(value, failure):
    """The type, and of a collection that of the first entry that does not fit."""
    assert taken(value) == failure


def test_taken_refuses_durations():
    """NumPy counts them as integers."""
    assert taken(np.timedelta64(-1, "s")).about == "refused"


@given(st.one_of(st.floats(), st.text(max_size=9), st.lists(st.integers(-9, 9))))
def test_taken_changes_plain_data_no_more(value):
    """What it gives is what it takes: the grading takes a value twice."""
    once = taken(value)
    again = taken(once)
    assert once == again if isinstance(once, set) else np.array_equal(once, again, True)


ARGUMENTS = cases("ntk", 0)[0]


def fail(error):
    """A function that raises."""

    def answer(*arguments):
        raise error

    return answer


def spoil_X(params, X, psi):
    """Change an array in place."""
    X *= 2
    return X


def spoil_weights(params, X, psi):
    """Change an array of the network in place."""
    params.W1[0] = 0
    return X


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (None, Failure("unanswered")),
        (..., Failure("unanswered")),
        (fail(NotImplementedError()), Failure("unanswered")),
        (2.5, Failure("function", "a float")),
        (lambda K: 1, Failure("signature", "(K)")),
        (lambda: 1, Failure("signature", "()")),
        (lambda params, X, psi: None, Failure("nothing")),
        (lambda params, X, psi: ..., Failure("unanswered")),
        (spoil_weights, Failure("changed", "0")),
        (spoil_X, Failure("changed", "1")),
        (fail(KeyError("x" * 300)), Failure("error", f"KeyError: '{'x' * 189}")),
        (fail(SystemExit(3)), Failure("error", "SystemExit: 3")),
        (fail(ValueError("a\nb")), Failure("error", "ValueError: a")),
        (lambda params, X, psi: Quitting(), Failure("error", "SystemExit")),
    ],
)
def test_called_says_why_there_is_no_value(answer, failure):
    """No answer, no function, another signature, an error, an argument changed."""
    assert called(answer, ARGUMENTS) == failure


def test_called_leaves_the_arguments_as_they_are():
    """An answer gets copies."""
    called(spoil_X, ARGUMENTS)
    called(spoil_weights, ARGUMENTS)
    fresh = cases("ntk", 0)[0]
    jax.tree.map(np.testing.assert_array_equal, ARGUMENTS[:2], fresh[:2])


class Warns:
    """A number that warns while it is read."""

    def __array__(self, *args, **kwargs):
        """Warn."""
        warnings.warn("soon", stacklevel=1)
        return np.ones(())


def test_called_and_taken_make_no_error_of_a_warning():
    """Whatever a notebook has said about warnings: `check` is silent about them."""

    def answer(*arguments):
        warnings.warn("soon", stacklevel=1)
        return 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert called(answer, ARGUMENTS) == 2
        assert taken(Warns()) == 1
        with pytest.raises(UserWarning, match="soon"):
            answer()


class Callable:
    """An object that can be called, and about which nothing else can be asked."""

    def __getattr__(self, name):
        """Raise."""
        raise RuntimeError("no attributes")

    def __call__(self, *arguments):
        """Some number."""
        return 2


@pytest.mark.parametrize(
    "answer",
    [
        functools.partial(lambda scale, params, X, psi: scale, 2),
        jax.jit(lambda params, X, psi: 2, static_argnames="psi"),
        Callable(),
        lambda *args, **kwargs: 2,
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_called_calls_anything_callable(answer):
    """Partials, jitted functions, objects."""
    assert called(answer, ARGUMENTS) == 2


def python(code):
    """A function of X that evaluates an expression of Python."""
    names = {"np": np, "jnp": jnp, "jax": jax, "sympy": sympy, "none": lambda *_: None}
    return lambda params, X, psi: eval(code, names | {"X": X, "psi": psi})


@pytest.mark.parametrize(
    ("code", "about"),
    [
        ("none(X) + 1", "none"),
        ("np.sqrt(none(X))", "none"),
        ("jnp.array(none(X))", "none"),
        ("jax.grad(none)(1.0)", "none"),
        ("jnp.vectorize(jax.grad(none))(X)", "none"),
        ("jax.jacrev(none)(X)", "none"),
        ("jax.lax.scan(none, 0.0, X)", "none"),
        ("jnp.einsum('ij,jk', X, none(X))", "none"),
        ("sympy.Rational(none(X))", "none"),
        ("X @ none(X)", "flat"),
        ("none(X) @ X", "flat"),
        ("jnp.asarray(X) @ 3", "flat"),
        ("np.linalg.inv(none(X))", "flat"),
        ("np.linalg.eigvalsh(none(X))", "flat"),
        ("np.concatenate([X, none(X)])", "flat"),
        ("np.array(3)[0]", "flat"),
        ("[x for x in np.array(3)]", "flat"),
        ("np.linalg.solve(X.T @ X, none(X))", "objects"),
        ("np.linalg.inv(np.array([[none(X)]]))", "objects"),
        ("np.isfinite(none(X))", "objects"),
        ("jax.grad(np.sin)(1.0)", "traced"),
        ("jax.jit(lambda z: z if z > 0 else -z)(1.0)", "traced"),
        ("jax.jit(lambda z: z[z > 0])(X)", "traced"),
        ("jax.jit(lambda n: jnp.zeros(n))(3)", "traced"),
        ("jnp.asarray(X).__setitem__(0, 1)", "immutable"),
        ("jax.grad(psi)(X[0])", "scalar"),
        ("float(X[0])", "scalar"),
        ("1 if X > 0 else 2", "scalar"),
        ("np.linalg.inv(0 * X.T @ X)", "singular"),
        ("jax.grad(psi)(1)", "dtype"),
        ("X[7]", "index"),
        ("[1, 2][5]", "index"),
        ("X['a']", "error"),
        ("X[0, 0, 0]", "shapes"),
        ("missing + X", "name"),
        ("X @ X", "shapes"),
        ("X + X.T", "shapes"),
        ("jnp.asarray(X) @ X", "shapes"),
        ("jnp.asarray(X) + X.T", "shapes"),
        ("np.einsum('ij,jk', X, X)", "shapes"),
        ("jnp.einsum('ij,jk', X, X)", "shapes"),
        ("np.linalg.inv(X)", "shapes"),
        ("np.einsum('ijk', X)", "shapes"),
        ("X.transpose(0, 1, 2)", "shapes"),
        ("np.concatenate([X, X.T])", "shapes"),
        ("np.reshape(X, 5)", "shapes"),
        ("{}[0]", "error"),
    ],
)
def test_raised_tells_what_errors_are_about(code, about):
    """The errors of Python, NumPy and JAX that readers meet most."""
    failure = called(python(code), ARGUMENTS)
    assert failure.about == about
    assert failure.detail.split(":")[0].isidentifier()


@pytest.mark.parametrize("code", ["X @ X", "X @ none(X)"])
def test_raised_leaves_out_numpys_notation(code):
    """What a matrix product says about shapes, in words."""
    detail = called(python(code), ARGUMENTS).detail
    assert detail.startswith("ValueError: matmul: Input operand 1 ")
    assert "gufunc" not in detail
    assert detail.endswith(("(size 4 is different from 3)", "(has 0 requires 1)"))


def test_raised_knows_every_sign():
    """No sign is there that no error of the list above shows."""
    (cases,) = [
        mark.args[1] for mark in test_raised_tells_what_errors_are_about.pytestmark
    ]
    assert {about for _, about in cases} == {*SIGNS, "error"} - {"library"}


def test_raised_knows_what_is_not_there_in_grading():
    """It is neither "not answered yet" nor any other error."""
    failure = Failure("library", "NotThere: ntklib.x is not there")
    assert raised(NotThere("ntklib.x is not there")) == failure


class NotThere(NotImplementedError):
    """As the grading raises it."""


class Odd(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        """Raise."""
        raise RuntimeError("no text")


def test_raised_survives_errors_without_a_text():
    """Whatever an error does when it is asked."""
    assert raised(Odd()) == Failure("error", "an error that cannot be shown")

"""The annotations of the library are run by these tests: a wrong one is caught."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, TypeCheckError, jaxtyped

import ntklib
from ntklib._types import ArrayLike
from tests.annotations import judged

annotated = jaxtyped(typechecker=judged)  # as the import hook does it
X = np.arange(6.0).reshape(2, 3)


class Result(NamedTuple):
    """Two arrays of one length."""

    h: Float[Array, "m n0"]
    f: Float[Array, " m"]


@annotated
def transpose(X: Float[ArrayLike, "m n0"]) -> Float[Array, "n0 m"]:
    """A function whose annotations are true."""
    return jnp.asarray(X, float).T


@annotated
def wrong_return(X: Float[ArrayLike, "m n0"]) -> Float[Array, "m n0"]:
    """A function that returns another shape than it says."""
    return jnp.asarray(X, float).T


@annotated
def wrong_rank(X: Float[ArrayLike, " m"]) -> Float[Array, "..."]:
    """A function that takes another rank than it says."""
    return jnp.asarray(X, float)


@annotated
def wrong_match(X: Float[ArrayLike, "m n0"], y: Float[ArrayLike, " n0"]) -> float:
    """A function that takes one y for each row, not for each column."""
    return float(y @ X @ np.ones(3))


@annotated
def wrong_field(X: Float[ArrayLike, "m n0"]) -> Result:
    """A function with a field of another length than the class says."""
    return Result(jnp.asarray(X), jnp.ones(3))


@annotated
def wrong_integer(X: Float[ArrayLike, "m n0"]) -> Float[Array, "m n0"]:
    """A function that returns integers where it promises floats."""
    return jnp.asarray(X).astype(int)


@annotated
def refusing(X: Float[ArrayLike, "m n0"]) -> float:
    """A function that refuses what its annotations refuse."""
    raise ValueError(f"X must have two axes; got shape {np.shape(X)}")


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray, np.ndarray.tolist])
@pytest.mark.parametrize("dtype", [float, int])
def test_annotations_fit_what_the_library_reads(kind, dtype):
    """Lists and integers are read as arrays of floats; so are tracers inside jit."""
    assert transpose(kind(X.astype(dtype))).shape == (3, 2)
    assert jax.jit(transpose)(X).shape == (3, 2)


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (wrong_return, (X,), "return value of .*wrong_return"),
        (wrong_return, (X.tolist(),), "return value of .*wrong_return"),
        (wrong_rank, (X,), "X"),
        (wrong_match, (X, np.ones(2)), "y"),
        (wrong_field, (X,), "wrong_field"),
        (wrong_integer, (X,), "wrong_integer"),
    ],
)
def test_annotations_that_are_wrong_are_caught(function, args, message):
    """A function that returns with other shapes than it says makes the test fail."""
    with pytest.raises(TypeCheckError, match=message):
        function(*args)


def test_annotations_leave_a_refusal_as_it_is():
    """A ValueError of the library comes through, although the annotation is broken."""
    with pytest.raises(ValueError, match=r"^X must have two axes; got shape \(3,\)$"):
        refusing(np.ones(3))


@pytest.mark.parametrize("name", [n for n in ntklib.__all__ if n not in ("check",)])
def test_annotations_of_every_public_function_are_run(name):
    """Every function of the library is under the hook, and says what it returns."""
    function = getattr(ntklib, name)
    if not isinstance(function, type):
        assert function.__wrapped__.__annotations__["return"] is not None

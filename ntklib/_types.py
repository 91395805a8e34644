"""What a caller may pass: the names that the signatures of public functions use."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, SupportsFloat, SupportsIndex, TypeAlias

import jax
import numpy as np
from jaxtyping import Float

__all__ = [
    "Activation",
    "ArrayLike",
    "Count",
    "Loss",
    "Number",
    "ParamsLike",
    "StackedParamsLike",
]

if TYPE_CHECKING:

    class HasArray(Protocol):
        """An array of JAX, NumPy or another library that NumPy can read."""

        def __array__(self) -> np.ndarray: ...

    # numbers, arrays, and lists of these to any depth; not text, which NumPy's own
    # ArrayLike would let pass
    ArrayLike: TypeAlias = "float | np.number | HasArray | Sequence[ArrayLike]"
else:
    ArrayLike = jax.Array | np.ndarray  # what has a shape to be checked in the tests

# One number: Python's, NumPy's, or a JAX array without axes, such as a loss.
Number: TypeAlias = SupportsFloat

# A whole number, of any kind that can be an index.
Count: TypeAlias = SupportsIndex

# psi: it gets an array and returns one of the same shape.
Activation: TypeAlias = Callable[[jax.Array], jax.Array]

# loss or dloss: a function of f and y.
Loss: TypeAlias = Callable[[jax.Array, jax.Array], jax.Array]

# Params, or a plain pair of what can be read as its arrays.
ParamsLike: TypeAlias = tuple[Float[ArrayLike, "n n0"], Float[ArrayLike, " n"]]

# The same, stacked over times, as a flow returns them.
StackedParamsLike: TypeAlias = tuple[
    Float[ArrayLike, "T n n0"], Float[ArrayLike, "T n"]
]

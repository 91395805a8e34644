"""What a caller may pass for an array, and shapes for the annotations of the library."""

from typing import TYPE_CHECKING

import jax
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # nested lists and numbers among them
else:
    ArrayLike = jax.Array | np.ndarray  # what has a shape to be checked in the tests

__all__ = ["ArrayLike"]

"""What rounding may do to an eigenvalue: that of float64, and that of the entries."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

EPS = float(np.finfo(float).eps)
# Eigenvalues that are 0 in truth came out at 0.2 eps |lambda|max at most, for kernels
# of 12 to 1,000 inputs in float32; other eigenvalues were off by up to 2.5 of it.
ENTRIES = 4


def precision(*values) -> float:
    """The eps of the coarsest dtype among arrays or linear operators.

    It is at least float64's, which lists and integers count as.
    """
    return max(_eps(value) for value in values)


def _eps(value) -> float:
    """The eps of one dtype, at least float64's."""
    has_dtype = isinstance(value, jax.Array | np.ndarray) or hasattr(value, "matvec")
    dtype = value.dtype if has_dtype else np.asarray(value).dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        return EPS
    return max(EPS, float(jnp.finfo(dtype).eps))


def rounding(lam: Float[np.ndarray, " k"], eps: float = EPS, *, m: int = 0) -> float:
    """The error that an eigenvalue of a symmetric matrix may have.

    It is m eps |lambda|max in float64, where m is the number of rows, by default that
    of the eigenvalues. Entries that came in a lower precision may add 4 of its eps. An
    eigenvalue up to this size, of either sign, may be 0 in truth.
    """
    share = (m or len(lam)) * EPS
    if eps > EPS:
        share = max(share, ENTRIES * eps)
    return float(share * np.abs(lam).max())

"""What rounding in float64 may do to an eigenvalue."""

import numpy as np
from jaxtyping import Float

EPS = float(np.finfo(float).eps)


def rounding(lam: Float[np.ndarray, " m"]) -> float:
    """The error m eps |lambda|max that an eigenvalue of a symmetric matrix may have.

    An eigenvalue up to this size, of either sign, may be 0 in truth.
    """
    m = len(lam)
    return float(m * EPS * np.abs(lam).max())

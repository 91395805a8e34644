"""How well a kernel fits its targets: what training does to the kernel of a network
that is not lazy.
"""

import numpy as np
from jaxtyping import Float

from ntklib import _check
from ntklib._types import ArrayLike


def kernel_alignment(K: Float[ArrayLike, "m m"], y: Float[ArrayLike, " m"]) -> float:
    r"""Alignment :math:`y^\top K y / (\|K\|_F\,\|y\|^2)` of a kernel with targets,
    :eq:`eq-alignment`.

    It is the cosine of the angle between the matrices :math:`K` and :math:`y y^\top`,
    read as long vectors (Cristianini, Shawe-Taylor, Elisseeff and Kandola 2001). For a
    positive semi-definite K it lies between 0 and 1, and it is 1 where K is a positive
    multiple of :math:`y y^\top`. With :math:`v_k` and :math:`\lambda_k` the orthonormal
    eigenvectors and the eigenvalues of K it is

    .. math::

        \frac{\sum_k \lambda_k\,\langle v_k, y\rangle^2}
             {\|y\|^2\,\big(\sum_k \lambda_k^2\big)^{1/2}}.

    A host function: NumPy float64 in and a Python float out, whatever JAX's settings
    are.

    Args:
        K: symmetric matrix, shape (m, m); its scale does not matter.
        y: targets, shape (m,); neither their scale nor their sign matters.

    Returns:
        The alignment, between -1 and 1 up to rounding; negative only if K has a
        negative eigenvalue.

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, an entry is
            not a finite real number, or ``K`` or ``y`` is zero, as are numbers too
            small for double precision.
    """
    K = _check.symmetric("K", K, convert=_check.host)
    y = _check.vector("y", y, "m", "K", len(K), convert=_check.host)
    _check.not_zero("K", K)
    _check.not_zero("y", y)
    return _kernel_alignment(K, y)


def _kernel_alignment(K: Float[np.ndarray, "m m"], y: Float[np.ndarray, " m"]) -> float:
    """The alignment, for a matrix and a vector of any length."""
    # squares of entries up to 1 neither overflow nor all vanish
    K = K / np.max(np.abs(K))
    y = y / np.max(np.abs(y))
    return float(y @ K @ y / (np.linalg.norm(K) * (y @ y)))

"""The linear equation for the residuals under a constant kernel: its solution, and prediction at new points.

These are host functions: NumPy float64 in and out, whatever JAX's settings are.
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntklib import _check


def linear_flow(
    K: Float[np.ndarray, "m m"], r0: Float[np.ndarray, " m"], ts: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "T m"]:
    r"""Residuals :math:`r(t) = e^{-Kt/m}\,r(0)`, which solve :math:`\partial_t r = -Kr/m`.

    (:eq:`eq-linear-solution` and :eq:`eq-linear`, the lecture's equations 4 and 3.) Mode by mode, from one
    eigendecomposition.

    Args:
        K: kernel, shape (m, m), symmetric; singular and indefinite matrices are allowed.
        r0: residuals f - y at t = 0, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The residuals, shape (T, m).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, an entry is not a finite real number,
            times are negative or decreasing, or a negative eigenvalue makes the residuals overflow.
    """
    lam, V, ts = _eigen(K, ts)
    r0 = _check.vector("r0", r0, "m", "K", len(lam), convert=_check.host)
    with np.errstate(over="ignore", invalid="ignore"):
        r = (np.exp(-np.outer(ts, lam) / len(lam)) * (r0 @ V)) @ V.T
    return _check.finite("r(t)", r)


def predict(
    K: Float[np.ndarray, "m m"],
    K_new: Float[np.ndarray, "m_new m"],
    f0: Float[np.ndarray, " m"],
    f0_new: Float[np.ndarray, " m_new"],
    y: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T m_new"]:
    r"""Outputs at new points along the flow (:eq:`eq-predict`; Lee et al. 2019).

    .. math::

        f_t(x_*) = f_0(x_*) + K(x_*, X)\,K^{-1}\left(I - e^{-Kt/m}\right)(y - f_0)

    No inverse is formed: in each eigenmode :math:`(1 - e^{-\lambda t/m})/\lambda` tends to :math:`t/m` as
    :math:`\lambda \to 0`, so a singular ``K`` may come too. At times near
    :math:`10^{15} m/\lambda_{max}` the rounding errors of its null space begin to show.

    Args:
        K: kernel on the training inputs, shape (m, m), symmetric.
        K_new: kernel between new and training inputs, shape (m_new, m).
        f0: outputs on the training inputs at t = 0, shape (m,).
        f0_new: outputs at the new points at t = 0, shape (m_new,).
        y: targets, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The outputs at the new points, shape (T, m_new).

    Raises:
        ValueError: as in :func:`linear_flow`.
    """
    lam, V, ts = _eigen(K, ts)
    m = len(lam)
    K_new = _check.host("K_new", K_new, "m_new m")
    _check.size(f"K_new has {K_new.shape[1]} columns", K_new.shape[1], "m", "K", m)
    f0 = _check.vector("f0", f0, "m", "K", m, convert=_check.host)
    f0_new = _check.vector("f0_new", f0_new, "m_new", "K_new", len(K_new), convert=_check.host)
    y = _check.vector("y", y, "m", "K", m, convert=_check.host)
    x = np.outer(ts, lam) / m
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.where(x == 0, ts[:, None] / m, -np.expm1(-x) / np.where(lam == 0, 1, lam))
        f_new = f0_new + (share * ((y - f0) @ V)) @ (K_new @ V).T
    return _check.finite("f(t)", f_new)


def _eigen(K, ts):
    """Eigenvalues and eigenvectors of K, and the times; eigenvalues that only rounding made negative become zero."""
    K = _check.symmetric("K", K, convert=_check.host)
    lam, V = scipy.linalg.eigh(K)
    rounding = len(lam) * np.finfo(float).eps * np.abs(lam).max()
    return np.where((lam < 0) & (lam >= -rounding), 0.0, lam), V, _check.times(ts, convert=_check.host)

"""The linear equation for the residuals under a constant kernel: its solution, and
prediction at new points.

These are host functions: NumPy float64 in and out, whatever JAX's settings are.
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ntklib import _check
from ntklib._rounding import EPS, rounding
from ntklib._types import ArrayLike


def linear_flow(
    K: Float[ArrayLike, "m m"],
    r0: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> Float[np.ndarray, "T m"]:
    r"""Residuals :math:`r(t) = e^{-Kt/m}\,r(0)`, which solve :math:`\partial_t r =
    -Kr/m`.

    (:eq:`eq-linear-solution` and :eq:`eq-linear`, the lecture's equations 4 and 3.)
    Mode by mode, from one eigendecomposition. Eigenvalues up to
    :math:`m\,\epsilon_{\mathrm{mach}}\,\max_k |\lambda_k|` count as 0, so that what a
    singular kernel cannot learn stays, however late;
    :math:`\epsilon_{\mathrm{mach}} = 2.2\cdot10^{-16}`.

    Args:
        K: kernel, shape (m, m), symmetric; singular and indefinite matrices are
            allowed.
        r0: residuals f - y at t = 0, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The residuals, shape (T, m).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, an entry is
            not a finite real number, times are negative or decreasing, or a negative
            eigenvalue makes the residuals overflow.
    """
    K = _check.symmetric("K", K, convert=_check.host)
    r0 = _check.vector("r0", r0, "m", "K", len(K), convert=_check.host)
    ts = _check.times(ts, convert=_check.host)
    return _check.finite("r(t)", _linear_flow(K, r0, ts))


def predict(
    K: Float[ArrayLike, "m m"],
    K_new: Float[ArrayLike, "m_new m"],
    f0: Float[ArrayLike, " m"],
    f0_new: Float[ArrayLike, " m_new"],
    y: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> Float[np.ndarray, "T m_new"]:
    r"""Outputs at new points along the flow (:eq:`eq-predict`; Lee et al. 2019).

    .. math::

        f_t(x_*) = f_0(x_*) + K(x_*, X)\,K^{-1}\left(I - e^{-Kt/m}\right)(y - f_0)

    No inverse is formed: in each eigenmode :math:`(1 - e^{-\lambda t/m})/\lambda` tends
    to :math:`t/m` as :math:`\lambda \to 0`, so a singular ``K`` may come too. Along its
    null space ``K_new`` is taken as 0 where only rounding separates it from 0, as it
    must be for the kernel of a network.

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
    K, K_new, f0, f0_new, y = _arguments(K, K_new, f0, f0_new, y)
    ts = _check.times(ts, convert=_check.host)
    return _check.finite("f(t)", _predict(K, K_new, f0, f0_new, y, ts))


def kernel_regression(
    K: Float[ArrayLike, "m m"],
    K_new: Float[ArrayLike, "m_new m"],
    f0: Float[ArrayLike, " m"],
    f0_new: Float[ArrayLike, " m_new"],
    y: Float[ArrayLike, " m"],
    *,
    ridge: float = 0.0,
) -> Float[np.ndarray, " m_new"]:
    r"""Outputs at new points, :math:`f_0(x_*) + K(x_*, X)\,(K + \nu I)^{-1}(y - f_0)`,
    :eq:`eq-regression`.

    For ν = 0 this is where :func:`predict` ends as t grows. For ν > 0 these outputs
    minimise :math:`\|f - y\|^2 + \nu\,\|f - f_0\|_K^2` over all f that differ from
    :math:`f_0` by a member of the Hilbert space with reproducing kernel K. For
    :func:`ntklib.network.linearized_network` that is
    :math:`\|f - y\|^2 + \nu\,\|\theta - \theta_0\|^2`: weight decay towards the start.
    Eigenvalues of K + νI up to :math:`m\,\epsilon_{\mathrm{mach}}\,\lambda_{max}` count
    as zeros with rounding errors, and their modes are left out, as the flow leaves
    them.

    Args:
        K, K_new, f0, f0_new, y: as in :func:`predict`, from one positive semi-definite
            kernel.
        ridge: ν, at least 0.

    Returns:
        The outputs at the new points, shape (m_new,).

    Raises:
        ValueError: as in :func:`predict`, or ``ridge`` is negative, or ``K`` has a
            negative eigenvalue.
    """
    K, K_new, f0, f0_new, y = _arguments(K, K_new, f0, f0_new, y)
    ridge = _check.nonnegative("ridge", ridge)
    lam, V = _eigen(K)
    _check.semidefinite("K", smallest=lam[0])
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        seen = lam + ridge > rounding(lam)
        lam, V = lam[seen], V[:, seen]
        part = (y - f0) @ V
        f_new = f0_new + K_new @ V @ (part / (lam + ridge))
    return _check.finite("f", f_new)


def largest_stable_step(K: Float[ArrayLike, "m m"]) -> float:
    r"""Bound :math:`2m/\lambda_{max}` on the step η of gradient descent, :eq:`eq-step`.

    A step of descent on half the mean squared error multiplies the residual of each
    mode by :math:`1 - \eta\lambda/m`: every mode with λ > 0 converges if and only if η
    is below the bound.

    Args:
        K: kernel, shape (m, m), symmetric.

    Returns:
        The bound.

    Raises:
        ValueError: ``K`` is not square, symmetric and finite, or has no positive
            eigenvalue.
    """
    K = _check.symmetric("K", K, convert=_check.host)
    lam, _ = _eigen(K)
    m = len(lam)
    largest = float(lam[-1])
    _check.positive_eigenvalue("K", largest)
    return _check.finite("the step", 2 * m / largest)


def _arguments(K, K_new, f0, f0_new, y):
    """What predict and kernel_regression both take, checked, in the same order."""
    K = _check.symmetric("K", K, convert=_check.host)
    m = len(K)
    K_new = _check.host("K_new", K_new, "m_new m")
    _check.size(f"K_new has {K_new.shape[1]} columns", K_new.shape[1], "m", "K", m)
    m_new = len(K_new)
    f0 = _check.vector("f0", f0, "m", "K", m, convert=_check.host)
    f0_new = _check.vector(
        "f0_new", f0_new, "m_new", "K_new", m_new, convert=_check.host
    )
    y = _check.vector("y", y, "m", "K", m, convert=_check.host)
    return K, K_new, f0, f0_new, y


def _eigen(
    K: Float[np.ndarray, "m m"],
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m m"]]:
    """Eigenvalues of K, 0 where rounding cannot tell them from 0, and eigenvectors."""
    lam, V = scipy.linalg.eigh(K)
    _check.finite("the eigenvalues of K", lam)
    lam = np.where(np.abs(lam) <= rounding(lam), 0.0, lam)
    return lam, V


def _linear_flow(
    K: Float[np.ndarray, "m m"],
    r0: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T m"]:
    """The residuals at each time, mode by mode."""
    lam, V = _eigen(K)
    m = len(lam)
    part = r0 @ V  # of r(0) in each mode
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        decay = np.exp(-np.outer(ts, lam) / m)
        # A part that is 0 stays 0, also where lam < 0 makes decay overflow.
        modes = np.where(part == 0, 0, decay * part)
        return modes @ V.T


def _predict(
    K: Float[np.ndarray, "m m"],
    K_new: Float[np.ndarray, "m_new m"],
    f0: Float[np.ndarray, " m"],
    f0_new: Float[np.ndarray, " m_new"],
    y: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T m_new"]:
    """The outputs at new points at each time, mode by mode."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        learnt, G, V = _learnt(K, K_new, ts)
        part = (y - f0) @ V
        return f0_new + (learnt * part) @ G.T


def _learnt(
    K: Float[np.ndarray, "m m"],
    K_new: Float[np.ndarray, "m_new m"],
    ts: Float[np.ndarray, " T"],
) -> tuple[
    Float[np.ndarray, "T m"], Float[np.ndarray, "m_new m"], Float[np.ndarray, "m m"]
]:
    """(1 - exp(-lam t / m)) / lam of each mode, K_new in the modes, and the modes."""
    lam, V = _eigen(K)
    m = len(lam)
    x = np.outer(ts, lam) / m
    learnt = -np.expm1(-x) / np.where(lam == 0, 1, lam)
    learnt = np.where(x == 0, ts[:, None] / m, learnt)  # the limit for lam -> 0

    # The kernel of a network is 0 along the null space of K, to rounding.
    G = K_new @ V
    error = m * EPS * np.abs(K_new).sum(axis=1, keepdims=True)
    G[(lam == 0) & (np.abs(G) <= error)] = 0
    return learnt, G, V

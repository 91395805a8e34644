"""The distribution over random starts of a trained network in the limit of infinite
width.

This is a host function: NumPy float64 in and out, whatever JAX's settings are.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ntklib import _check
from ntklib._rounding import precision
from ntklib._types import ArrayLike
from ntklib.linear_flow import _eigen, _in_modes, _learnt


class TrainedDistribution(NamedTuple):
    """Mean and covariance over the starts of the outputs at new points, at each time.

    Attributes:
        mean: shape (T, m_new).
        covariance: shape (T, m_new, m_new).
    """

    mean: Float[np.ndarray, "T m_new"]
    covariance: Float[np.ndarray, "T m_new m_new"]


def trained_distribution(
    K: Float[ArrayLike, "m m"],
    K_new: Float[ArrayLike, "m_new m"],
    C: Float[ArrayLike, "m_all m_all"],
    y: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> TrainedDistribution:
    r"""Mean and covariance of what training makes of a random start
    (:eq:`eq-trained`; Lee et al. 2019).

    The outputs at the start, :math:`f_0`, have mean 0 and covariance C. Training under
    the constant kernel K makes of them :math:`f_0(x_*) + G_t\,(y - f_0(X))`, with the
    gain :math:`G_t = K(x_*, X)\,K^{-1}(I - e^{-Kt/m})` of :eq:`eq-gain`, so

    .. math::

        \text{mean} = G_t\,y, \qquad
        \text{covariance} = C_{**} - G_t\,C_{X*} - C_{*X}\,G_t^\top
        + G_t\,C_{XX}\,G_t^\top .

    If the start is Gaussian, these two determine the distribution. A wide network has
    for C the ``nngp``, and for K the ``ntk``, of
    :func:`ntklib.limit_kernel.limit_kernel`. With the same matrix for C and for K, the
    late distribution is the posterior of a Gaussian process with this covariance,
    :eq:`eq-posterior`. For a singular ``K`` see :func:`ntklib.linear_flow.predict`.

    Args:
        K: kernel on the training inputs, shape (m, m), symmetric.
        K_new: kernel between new and training inputs, shape (m_new, m).
        C: covariance of the outputs at the start, at the training inputs and then at
            the new points, shape (m + m_new, m + m_new), symmetric.
        y: targets, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The mean, shape (T, m_new), and the covariance, shape (T, m_new, m_new). Where
        an output does not depend on the start, rounding may leave a variance of about
        -1e-16.

    Raises:
        ValueError: ``K`` or ``C`` is not square or not symmetric, sizes differ, an
            entry is not a finite real number, times are negative or decreasing, or a
            negative eigenvalue of ``K`` makes the outputs overflow.
    """
    came = K, K_new
    K = _check.symmetric("K", K, convert=_check.host)
    m = len(K)
    K_new = _check.host("K_new", K_new, "m_new m")
    _check.size(f"K_new has {K_new.shape[1]} columns", K_new.shape[1], "m", "K", m)
    C = _check.symmetric("C", C, convert=_check.host)
    both = m + len(K_new)
    _check.size(f"C has {len(C)} rows", len(C), "m + m_new", "K_new", both)
    y = _check.vector("y", y, "m", "K", m, convert=_check.host)
    ts = _check.times(ts, convert=_check.host)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        G = _gain(K, K_new, ts, precision(*came))
        mean, covariance = _trained_distribution(G, C, y)
    _check.finite("the mean", mean)
    _check.finite("the covariance", covariance)
    return TrainedDistribution(mean, covariance)


def _gain(
    K: Float[np.ndarray, "m m"],
    K_new: Float[np.ndarray, "m_new m"],
    ts: Float[np.ndarray, " T"],
    eps: float,
) -> Float[np.ndarray, "T m_new m"]:
    """The matrix G_t of each time, mode by mode."""
    lam, V = _eigen(K, eps)
    learnt = _learnt(lam, ts, len(K))
    return _in_modes(K_new, lam, V, eps) * learnt[:, None, :] @ V.T


def _trained_distribution(
    G: Float[np.ndarray, "T m_new m"],
    C: Float[np.ndarray, "m_all m_all"],
    y: Float[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "T m_new"], Float[np.ndarray, "T m_new m_new"]]:
    """Mean and covariance of f_0(x) - G f_0(X) + G y."""
    m = G.shape[2]
    C_XX, C_new, C_both = C[:m, :m], C[m:, :m], C[m:, m:]
    mixed = G @ C_new.T
    covariance = C_both - mixed - mixed.mT + G @ C_XX @ G.mT
    return G @ y, (covariance + covariance.mT) / 2

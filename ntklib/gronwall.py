"""Grönwall's inequality: a rate of decay that holds at every moment bounds the loss at
all times.

These are host functions: NumPy float64 in and out, whatever JAX's settings are.
"""

from collections.abc import Callable

import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check, _functions
from ntklib._types import ArrayLike, Count, Number

RATES = {"sharp": 2.0, "lecture": 0.5}


def gronwall_bound(
    loss0: Number,
    lam: Number,
    m: Count,
    ts: Float[ArrayLike, " T"],
    *,
    rate: str = "sharp",
) -> Float[np.ndarray, " T"]:
    r"""Bound on the squared loss under a constant kernel whose smallest eigenvalue is
    :math:`\lambda`.

    .. math::

        \mathcal L(t) \le e^{-2\lambda t/m}\,\mathcal L(0)
            \le e^{-\lambda t/(2m)}\,\mathcal L(0)

    (:eq:`eq-bound`.) The right-hand side is the lecture's equation 6. The middle is
    sharp: it is attained where the residuals at t = 0 are an eigenvector of
    :math:`\lambda`. Both hold for the kernel of the flow itself: at finite width that
    kernel moves, and a bound from its limit or from its start may fail; see
    :func:`gronwall`.

    Args:
        loss0: loss at t = 0, at least 0.
        lam: smallest eigenvalue of the kernel, at least 0.
        m: number of inputs.
        ts: non-decreasing times, all at least 0, shape (T,).
        rate: "sharp" for the exponent :math:`-2\lambda t/m`, "lecture" for
            :math:`-\lambda t/(2m)`.

    Returns:
        The bound at each time, shape (T,).

    Raises:
        ValueError: ``loss0`` or ``lam`` is negative or no finite number, ``m`` is not a
            positive integer, times are negative or decreasing, or ``rate`` is unknown.
    """
    loss0 = _check.nonnegative("loss0", loss0)
    lam = _check.nonnegative("lam", lam)
    m = _check.count("m", m)
    ts = _check.times(ts, convert=_check.host)
    c = RATES[_check.one_of("rate", rate, RATES)]
    with np.errstate(over="ignore"):
        exponent = -c * (lam * ts / m)  # in this order nothing infinite meets t = 0
        return loss0 * np.exp(exponent)


def gronwall(
    u0: Number, beta: Callable[[float], Number], ts: Float[ArrayLike, " T"]
) -> Float[np.ndarray, " T"]:
    r"""Grönwall's inequality: :math:`\partial_t g \le b(t)\,g` implies
    :eq:`eq-gronwall`: g stays below the solution.

    .. math::

        g(t) \le g(0)\,e^{B(t)}, \qquad B(t) = \int_0^t b(t')\,dt'

    With :math:`b(t) = -2\lambda_{min}(K_t^n)/m`, where :math:`K_t^n` is the tangent
    kernel at time t, it bounds the squared loss of a network of finite width, whose
    kernel moves.

    Each interval between two times is integrated by itself, with SciPy's adaptive
    quadrature, to 1e-10 of itself or 1e-10, whichever is larger; so a ``beta`` that is
    linear between the times, as ``numpy.interp`` makes it from values there, is
    integrated exactly. A peak much narrower than an interval can be missed: put a time
    next to it.

    Args:
        u0: :math:`g(0)`, of any sign.
        beta: the rate b, a function of a time (a float) whose value is one real number,
            of any sign.
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The bound at each time, shape (T,).

    Raises:
        ValueError: ``u0`` is no finite number, times are negative or decreasing,
            ``beta`` is not a function as above, or the bound overflows.
        RuntimeError: the quadrature of ``beta`` does not converge.
    """
    u0 = _check.number("u0", u0)
    ts = _check.times(ts, convert=_check.host)
    return _check.finite("the bound", _gronwall(u0, beta, ts))


def _gronwall(
    u0: float, beta: Callable[[float], Number], ts: Float[np.ndarray, " T"]
) -> Float[np.ndarray, " T"]:
    """The bound g(0) exp(B), with B added up from each time to the next."""
    starts = np.r_[0.0, ts[:-1]]
    steps = [_integral(beta, start, end) for start, end in zip(starts, ts, strict=True)]
    if u0 == 0:
        return np.zeros(len(ts))  # 0 times an overflow would be NaN
    with np.errstate(over="ignore"):
        B = np.cumsum(steps)
        return u0 * np.exp(B)


def _integral(beta, start: float, end: float) -> float:
    """The integral of beta from start to end."""
    value, _, _, *trouble = scipy.integrate.quad(
        lambda t: _functions.at_time("beta", beta, t),
        start,
        end,
        epsabs=1e-10,
        epsrel=1e-10,
        limit=200,
        full_output=1,
    )
    if trouble:
        # QUADPACK's sentence spreads over lines, with advice for programmers after it
        why = " ".join(trouble[0].split(".")[0].split())
        raise RuntimeError(
            f"gronwall could not integrate beta from {start:.6g} to {end:.6g}: {why}; "
            "would more times in between do?"
        )
    return value

"""How far the parameters travel, and how the error at new points falls with the number
of examples.

These are host functions: NumPy float64 in and out, whatever JAX's settings are.
"""

from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check
from ntklib._lanczos import Operator
from ntklib._types import ArrayLike, Number
from ntklib.linear_flow import _kernel, _learnt_by, _modes

LOG_TOLERANCE = 1e-14  # of the logarithm of the effective ridge


def parameter_distance(
    K: Float[ArrayLike, "m m"] | Operator,
    r0: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> Float[np.ndarray, " T"]:
    r"""Distance :math:`\|\theta_t - \theta_0\|` that the parameters of the linearised
    network have moved along the flow, :eq:`eq-distance`.

    .. math::

        \|\theta_t - \theta_0\|^2
            = r_0^\top K^{-1}\left(I - e^{-Kt/m}\right)^2 r_0

    It tends to :math:`\sqrt{r_0^\top K^{-1} r_0}`, the distance from
    :math:`\theta_0` to the nearest parameters that fit the data. No inverse is formed:
    a mode with eigenvalue 0 does not move the parameters, so a singular ``K`` may come
    too.

    Args:
        K: kernel of the network at the start, shape (m, m), symmetric and positive
            semi-definite; or a linear operator, as in
            :func:`ntklib.linear_flow.linear_flow`. The limit kernel gives the limit of
            wide networks.
        r0: residuals f - y at t = 0, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The distances, shape (T,).

    Raises:
        ValueError: as in :func:`ntklib.linear_flow.linear_flow`, or ``K`` has a
            negative eigenvalue.
        RuntimeError: as in :func:`ntklib.linear_flow.linear_flow`.
    """
    K, eps = _kernel(K)
    r0 = _check.vector("r0", r0, "m", "K", K.shape[0], convert=_check.host)
    ts = _check.times(ts, convert=_check.host)
    lam, V = _modes(K, r0, _learnt_by(ts, len(r0)), eps)
    _check.semidefinite("K", smallest=lam[0])
    return _check.finite("the distance", _parameter_distance(lam, V, r0, ts))


def _parameter_distance(
    lam: Float[np.ndarray, " k"],
    V: Float[np.ndarray, "m k"],
    r0: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, " T"]:
    """The distance at each time, mode by mode."""
    m = len(r0)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        part = r0 @ V  # of r(0) in each mode
        learnt = -np.expm1(-np.outer(ts, lam) / m)
        moved = learnt * part / np.sqrt(np.where(lam == 0, 1, lam))
        return np.linalg.norm(moved, axis=1)


class LearningCurve(NamedTuple):
    r"""What a kernel regression is predicted to learn from m examples.

    Attributes:
        error: mean square of prediction minus target function at new points, shape
            (M,).
        effective_ridge: :math:`\bar\nu`, shape (M,).
        learnt: share :math:`\varphi_k` of each mode that is learnt, shape (M, k).
    """

    error: Float[np.ndarray, " M"]
    effective_ridge: Float[np.ndarray, " M"]
    learnt: Float[np.ndarray, "M k"]


def learning_curve(
    eigenvalues: Float[ArrayLike, " k"],
    power: Float[ArrayLike, " k"],
    ms: Float[ArrayLike, " M"],
    *,
    multiplicity: Float[ArrayLike, " k"] | None = None,
    ridge: Number = 0.0,
    noise: Number = 0.0,
) -> LearningCurve:
    r"""Predicted error of kernel regression on m random examples, :eq:`eq-budget` and
    :eq:`eq-learning-curve` (Bordelon, Canatar and Pehlevan 2020).

    .. math::

        \sum_k \varphi_k + \frac{m\nu}{\bar\nu} = m, \qquad
        \varphi_k = \frac{m\Lambda_k}{m\Lambda_k + \bar\nu}, \qquad
        \text{error} = \frac{\sum_k (1 - \varphi_k)^2\,\hat y_k^2
            + \sigma^2 \sum_k \varphi_k^2/m}{1 - \sum_k \varphi_k^2/m}

    The first equation determines the effective ridge :math:`\bar\nu`, which is larger
    than the ridge :math:`\nu` of :func:`ntklib.linear_flow.kernel_regression`. The
    formulas are a heuristic for many modes of similar size, not a theorem: on the
    sphere in ten dimensions they agree with simulations, on the circle they are far too
    small.

    Args:
        eigenvalues: :math:`\Lambda_k` of the kernel K(x, x') under the distribution of
            the inputs, at least 0, shape (k,): means over x of
            :math:`K(x, x')\,e_k(x)` are :math:`\Lambda_k\,e_k(x')`.
        power: what the modes of each eigenvalue add to the mean square of the target
            function: the sum of their :math:`\hat y_k^2`, at least 0, shape (k,).
        ms: numbers of examples, positive, shape (M,).
        multiplicity: how many modes share each eigenvalue, shape (k,); None means 1.
        ridge: :math:`\nu`, at least 0.
        noise: variance :math:`\sigma^2` of what is added to the targets of the
            examples, at least 0.

    Returns:
        LearningCurve: error (M,), effective_ridge (M,), learnt (M, k). Without a ridge
        and with at least as many examples as modes the effective ridge is 0.

    Raises:
        ValueError: lengths differ, an entry is negative or not finite, no eigenvalue is
            positive, or the error is infinite: without a ridge, at as many examples as
            modes.
    """
    eigenvalues = _check.host("eigenvalues", eigenvalues, "k")
    k = len(eigenvalues)
    if multiplicity is None:
        multiplicity = np.ones(k)
    given = ("k", "eigenvalues", k)
    power = _check.vector("power", power, *given, convert=_check.host)
    multiplicity = _check.vector(
        "multiplicity", multiplicity, *given, convert=_check.host
    )
    ms = _check.host("ms", ms, "M")
    _check.nonnegative("each of eigenvalues", float(np.min(eigenvalues)))
    _check.nonnegative("each of power", float(np.min(power)))
    _check.positive("each of multiplicity", float(np.min(multiplicity)))
    _check.positive("each of ms", float(np.min(ms)))
    _check.positive_eigenvalue("the kernel", float(np.max(eigenvalues)))
    ridge = _check.nonnegative("ridge", ridge)
    noise = _check.nonnegative("noise", noise)

    bars = np.array([_effective_ridge(eigenvalues, multiplicity, m, ridge) for m in ms])
    with np.errstate(all="ignore"):  # what is infinite is refused
        seen = np.outer(ms, eigenvalues)
        learnt = np.where(seen == 0, 0, seen / (seen + bars[:, None]))
        rest = np.where(seen == 0, 1, bars[:, None] / (seen + bars[:, None]))
        used = learnt**2 @ multiplicity / ms
        # 1 - used without its cancellation: the budget gives the first part
        number = np.sum(multiplicity[eigenvalues > 0])
        idle = np.where(bars > 0, ridge / bars, 1 - number / ms)
        spare = idle + (learnt * rest) @ multiplicity / ms
        error = (rest**2 @ power + noise * used) / spare
    return LearningCurve(_check.finite("the error", error), bars, learnt)


def _effective_ridge(
    eigenvalues: Float[np.ndarray, " k"],
    multiplicity: Float[np.ndarray, " k"],
    m: float,
    ridge: float,
) -> float:
    """The solution of the budget; 0 where all modes can be learnt in full."""
    number = np.sum(multiplicity[eigenvalues > 0])
    if ridge == 0 and m >= number:
        return 0.0

    # Below the lower end the ridge alone exceeds the budget, or each share exceeds
    # m / number; above the upper end even m Lambda / bar for each share is too little.
    smallest = np.min(eigenvalues[eigenvalues > 0])
    lower = max(ridge, smallest * (number - m)) / 2
    upper = (ridge + multiplicity @ eigenvalues) * 2

    def over_budget(log_bar):
        """By how much the shares exceed what m examples allow; falls with the ridge."""
        bar = np.exp(log_bar)
        shares = m * eigenvalues / (m * eigenvalues + bar)
        return multiplicity @ shares + m * ridge / bar - m

    found = scipy.optimize.root_scalar(
        over_budget,
        bracket=(np.log(lower), np.log(upper)),
        method="brentq",
        xtol=LOG_TOLERANCE,
    )
    return float(np.exp(found.root))

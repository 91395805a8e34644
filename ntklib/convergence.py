"""A certificate, computed at the start, that training a network of finite width
converges.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntklib import _check, _functions
from ntklib._types import Activation, ArrayLike, Number, ParamsLike
from ntklib.network import Params, _preactivation
from ntklib.ntk import _empirical_ntk

GRID = 2001  # numbers at which the bounds on psi' and psi'' are tried


class ConvergenceCertificate(NamedTuple):
    r"""What :func:`convergence_certificate` finds at the start of training.

    Attributes:
        lam: smallest eigenvalue :math:`\lambda` of the kernel :math:`K_0^n`: what is
            available.
        residual: length :math:`\|r_0\|` of the residuals.
        radius: :math:`D`, how far from the start the parameters can get.
        H: how fast the Jacobian can turn within that distance.
        required: :math:`4 H \|r_0\|`, what :math:`\lambda` must at least be.
        certified: whether it is.
    """

    lam: float
    residual: float
    radius: float
    H: float
    required: float
    certified: bool


def convergence_certificate(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    y: Float[ArrayLike, " m"],
    psi: Activation,
    *,
    slope: Number,
    curvature: Number,
) -> ConvergenceCertificate:
    r"""Whether the gradient flow of :func:`ntklib.gradient_flow.half_mse` from this
    start is sure to converge: the hypothesis :eq:`eq-certificate`.

    .. math::

        \lambda_{min}(K_0^n) \ge 4 H \|r_0\|, \qquad
        D = \frac{2\|r_0\|}{\sqrt{\lambda_{min}(K_0^n)}}, \qquad
        H = \frac{c_2 + \sqrt{c_2^2 + 4 c_1^2}}{2\sqrt n},

    where :math:`c_1 = \|\psi'\|_\infty\|X\|` and :math:`c_2 = \|\psi''\|_\infty\,\|X\|
    \,\max_\alpha\|x^\alpha\|\,(\max_i|W_{1,i}| + D)`, :eq:`eq-turning-bound`; the norm
    of X is its largest singular value. If it holds, then at all times
    :math:`\lambda_{min}(K_t^n) \ge \frac14\lambda_{min}(K_0^n)`, and the loss stays
    below ``gronwall_bound(..., rate="lecture")``. If it does not, nothing is said.

    Args:
        params: parameters at the start, of width n.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation, twice continuously differentiable.
        slope: a bound :math:`\|\psi'\|_\infty` on :math:`|\psi'(z)|`.
        curvature: a bound :math:`\|\psi''\|_\infty` on :math:`|\psi''(z)|`. No program
            can find such bounds from finitely many values, so they are the caller's to
            prove. They need to hold where the preactivations can get within the
            distance D, :math:`|z| \le \max|h| + D\max\|x\|`; they are tried at 2001
            numbers of that interval.

    Returns:
        ConvergenceCertificate: what is available and what is required. If the smallest
        eigenvalue is 0 up to rounding, D, H and what is required are infinite. The
        numbers are as accurate as the dtype of ``params`` and ``X``; turn on x64.

    Raises:
        ValueError: bad ``params``, ``X``, ``y`` or ``psi``, as in
            :func:`ntklib.network.network`; ``slope`` or ``curvature`` is negative or no
            number, or smaller than :math:`|\psi'|` or :math:`|\psi''|` somewhere.
    """
    _check.host("X", X, "m n0")  # refuses a tracer
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    slope = _check.nonnegative("slope", slope)
    curvature = _check.nonnegative("curvature", curvature)
    W0, W1, X, y = _check.one_dtype(W0, W1, X, y)

    h = _preactivation(W0, X)
    A, S, C = _functions.derivatives(psi, h, 2)  # psi, psi' and psi'' at h
    K = _empirical_ntk(Params(W0, W1), X, _functions.activation(psi, h))
    # from here on in NumPy, which need not compile for each new width
    K = _check.host("the kernel", K, "m m")
    dtype = X.dtype
    eps = float(jnp.finfo(dtype).eps)
    h, A, S, C, W1, X, y = (np.asarray(a, float) for a in (h, A, S, C, W1, X, y))
    residual = float(np.linalg.norm(A @ W1 / math.sqrt(len(W1)) - y))
    eigenvalues = np.linalg.eigvalsh(K)
    lam = float(eigenvalues[0])
    if lam <= len(K) * eps * eigenvalues[-1]:
        inf = math.inf
        return ConvergenceCertificate(lam, residual, inf, inf, inf, False)

    radius = 2 * residual / math.sqrt(lam)
    reach = np.abs(h).max() + radius * np.linalg.norm(X, axis=1).max()
    grid = jnp.linspace(-reach, reach, GRID, dtype=dtype)
    _, S_grid, C_grid = _functions.derivatives(psi, grid, 2)
    for name, bound, values in [
        ("slope - max|psi'(z)|", slope, [S, S_grid]),
        ("curvature - max|psi''(z)|", curvature, [C, C_grid]),
    ]:
        largest = max(float(np.abs(a).max()) for a in values)
        _check.nonnegative(name, (1 + 100 * eps) * bound - largest)

    H = _turning_bound(X, W1, radius, slope, curvature)
    required = 4 * H * residual
    return ConvergenceCertificate(lam, residual, radius, H, required, lam >= required)


def _turning_bound(
    X: Float[np.ndarray, "m n0"],
    W1: Float[np.ndarray, " n"],
    radius: float,
    slope: float,
    curvature: float,
) -> float:
    """The bound H on how fast the Jacobian turns, within the radius."""
    norm = np.linalg.norm(X, ord=2)
    longest = np.linalg.norm(X, axis=1).max()
    c1 = slope * norm
    c2 = curvature * norm * longest * (np.abs(W1).max() + radius)
    return float((c2 + np.sqrt(c2**2 + 4 * c1**2)) / (2 * np.sqrt(len(W1))))

"""What a wide network learns on the circle and on the sphere, and how fast."""

import math

import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check, _functions
from ntklib._types import Activation, Count, Number
from ntklib.limit_kernel import limit_kernel

# Nodes of the rule in the angle, beside those that the degree and the dimension need:
# the kernel has its kinks at the ends, between them it is smooth.
ANGLES = 90
# The number of nodes is a multiple of this: what JAX has compiled for one degree and
# dimension serves others.
STEP = 64
MAX_DEGREE = 5000  # all polynomials up to it take 0.2 GB at its nodes


def sphere_eigenvalues(
    psi: Activation, d: Count, k_max: Count, *, bias: Number = 0.0
) -> Float[np.ndarray, "{k_max}+1"]:
    r"""Rates :math:`\Lambda_d(k)` at which a network of infinite width learns harmonics
    of degree k on the unit sphere of :math:`\mathbb R^d`.

    .. math::

        \Lambda_d(k) = \mathrm E\,K(\rho)\,P_k(\rho),

    :eq:`eq-funk-hecke` (Funk and Hecke), where :math:`\rho` is the inner product of
    two independent, uniform points of the sphere, :math:`K(\rho)` the limit kernel of
    two inputs with this inner product, and :math:`P_k` the polynomial of degree k that
    is orthogonal to those of lower degree, with :math:`P_k(1) = 1`. For d = 2 the
    sphere is the circle, and :math:`P_k(\cos\tau) = \cos k\tau`.

    Each eigenvalue has as many eigenfunctions as :func:`sphere_multiplicity` says. A
    kernel matrix of m points, uniform on the sphere, has eigenvalues near
    :math:`m\,\Lambda_d(k)`, if m is large.

    Args:
        psi: activation, any elementwise function that JAX can differentiate.
        d: dimension of the space, at least 2; 2 for the circle.
        k_max: highest degree, from 1 to 5000.
        bias: a coordinate that all inputs have beside the d of the sphere; 0 is none.

    Returns:
        The eigenvalues of degree 0 to ``k_max``, shape (k_max + 1,). They are sums of
        about 100 terms of the size of K(1), in JAX's default float (turn on x64), and
        those that are no larger than the rounding of such a sum are set to 0.

    Raises:
        ValueError: bad ``d``, ``k_max`` or ``bias``; bad ``psi``, as in
            :func:`ntklib.limit_kernel.limit_kernel`.
        RuntimeError: as in :func:`ntklib.limit_kernel.limit_kernel`.
    """
    d = _check.count("d", d, least=2)
    k_max = _check.count("k_max", k_max, most=MAX_DEGREE)
    bias = _check.number("bias", bias)
    _functions.activation(psi, np.zeros(1))
    _functions.finite_values(psi, np.zeros(1))  # refuses a tracer

    # The angle between the points has the density sin(omega)^(d - 2), but for a factor.
    needed = ANGLES + k_max + 6 * math.isqrt(d)
    nodes = STEP * math.ceil(needed / STEP)
    x, weight = scipy.special.roots_legendre(nodes)
    omega = np.pi / 2 * (1 + x)
    weight = weight * np.sin(omega) ** (d - 2)
    weight = weight / np.sum(weight)

    rho = np.cos(omega)
    X = np.column_stack([rho, np.sin(omega), np.full(nodes, bias)])
    pole = np.array([[1.0, 0.0, bias]])
    K = np.asarray(limit_kernel(pole, psi, X).ntk)[0]
    eps = float(np.finfo(K.dtype).eps)

    eigenvalues = _polynomials(rho, d, k_max) @ (weight * K)
    rounding = 2 * nodes * eps * float(np.max(np.abs(K)))
    return np.where(np.abs(eigenvalues) > rounding, eigenvalues, 0)


def sphere_multiplicity(d: Count, k_max: Count) -> Float[np.ndarray, "{k_max}+1"]:
    r"""Number :math:`N(d, k)` of independent harmonics of degree k on the unit sphere
    of :math:`\mathbb R^d`.

    .. math::

        N(d, k) = \binom{k + d - 2}{d - 2} + \binom{k + d - 3}{d - 2},

    :eq:`eq-multiplicity`, where the second term is missing for k = 0: 2 for each
    frequency on the circle, 2k + 1 for d = 3, about :math:`d^k/k!` for large d.

    Args:
        d: dimension of the space, at least 2.
        k_max: highest degree, from 1 to 5000.

    Returns:
        The numbers for the degrees 0 to ``k_max`` as floats, shape (k_max + 1,);
        infinite above 1.8e308.

    Raises:
        ValueError: bad ``d`` or ``k_max``.
    """
    d = _check.count("d", d, least=2)
    k_max = _check.count("k_max", k_max, most=MAX_DEGREE)
    of_degree = np.empty(k_max + 1)
    number = 1  # exact: the binomial coefficient of k, from that of k - 1
    for k in range(k_max + 1):
        of_degree[k] = _as_float(number)
        number = number * (k + d - 1) // (k + 1)
    return of_degree + np.append(0, of_degree[:-1])


def _as_float(number: int) -> float:
    """An integer as a float, infinite above the largest one."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _polynomials(
    rho: Float[np.ndarray, " nodes"], d: int, k_max: int
) -> Float[np.ndarray, "{k_max}+1 nodes"]:
    """P_0 to P_k_max at rho: Gegenbauer's polynomials, divided by their values at 1."""
    P = [np.ones_like(rho), rho]
    for k in range(1, k_max):
        P.append(((2 * k + d - 2) * rho * P[k] - k * P[k - 1]) / (k + d - 2))
    return np.array(P)

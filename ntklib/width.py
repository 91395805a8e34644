"""The smallest eigenvalue for random inputs, where random matrices say what it is."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check
from ntklib._types import Activation, ArrayLike, Count
from ntklib.limit_kernel import limit_kernel
from ntklib.spectral_bias import sphere_multiplicity
from ntklib.spectrum import hermite_coefficients

POWERS = 200  # of the cosine that are split into degrees; higher ones join the rest
# A degree with more features than this for each input acts like a multiple of the
# identity: its own eigenvalues are within a share 2/1000 of each other.
MANY = 1e6
ROUNDINGS = 100  # below so many of K(1) a share cannot be told from 0


class KernelDegrees(NamedTuple):
    """The limit kernel on the unit sphere as a sum over the degrees of the harmonics.

    Attributes:
        shares: what each degree adds to the diagonal, shape (k_max + 1,).
        features: how many independent harmonics it has, shape (k_max + 1,).
        rest: what all higher degrees add to the diagonal.
    """

    shares: Float[np.ndarray, " degrees"]
    features: Float[np.ndarray, " degrees"]
    rest: float


def kernel_degrees(psi: Activation, n0: Count, k_max: Count) -> KernelDegrees:
    r"""The limit kernel on the unit sphere of :math:`\mathbb R^{n_0}`, by degrees.

    .. math::

        K(\rho) = \sum_k \xi_k\, P_k(\rho), \qquad
        P_k(\langle x, x'\rangle) = \frac1{N_k} \sum_{j=1}^{N_k} Y_{kj}(x)\, Y_{kj}(x'),

    :eq:`eq-degree-sum`, where the :math:`Y_{kj}` are the harmonics of degree k, with
    mean square 1, and :math:`P_k(1) = 1`. The shares :math:`\xi_k` come from the
    coefficients :math:`(k + 1)\mu_k^2` of the Hermite series :eq:`eq-hermite`, whose
    powers of :math:`\rho` are split by :eq:`eq-degree-split`; powers above 200 are left
    to the rest.

    Args:
        psi: activation, any elementwise function that JAX can differentiate.
        n0: input dimension, at least 2.
        k_max: highest degree, from 1 to 200.

    Returns:
        The shares and numbers of features of degree 0 to ``k_max``, and the rest.
        A share below 100 roundings of K(1) is 0.

    Raises:
        ValueError: bad ``psi``, ``n0`` or ``k_max``.
        RuntimeError: as :func:`ntklib.spectrum.hermite_coefficients`.
    """
    n0 = _check.count("n0", n0, least=2)
    k_max = _check.count("k_max", k_max, most=POWERS)
    shares, features, on_diagonal = _degrees(psi, n0)
    shares, features = shares[: k_max + 1], features[: k_max + 1]
    return KernelDegrees(shares, features, _rest(on_diagonal, shares))


def wishart_edge(
    shares: Float[ArrayLike, "k"], features: Float[ArrayLike, "k"], m: Count
) -> float:
    r"""Where the eigenvalues of a sum of independent Wishart matrices begin.

    The matrix is :math:`\sum_k \xi_k\, Z_k Z_k^\top/N_k`, where :math:`Z_k` has m rows
    of :math:`N_k` independent standard normal numbers. For large m its smallest
    eigenvalue is near

    .. math::

        \min_{\sum_k \zeta_k^2 = 1}\ \sum_k \xi_k
        \Big(1 - \zeta_k \sqrt{m/N_k}\Big)_+^2,

    :eq:`eq-one-direction`. With a single matrix this is
    :math:`\xi\,(1 - \sqrt{m/N})_+^2`, the edge of Marchenko and Pastur (1967). For any
    number of them, by the inequality of Gordon (1985), the square root of the minimum
    is a lower bound on the mean of :math:`\sqrt{\lambda_{min}}`, up to an error that
    vanishes as the :math:`N_k` grow: :eq:`eq-gordon-bound`.

    Args:
        shares: weights :math:`\xi_k` of the matrices, at least 0, shape (k,).
        features: their numbers of columns :math:`N_k`, positive, shape (k,).
        m: number of rows, at least 1.

    Returns:
        The edge; 0 where there are no more columns than rows.

    Raises:
        ValueError: arrays of other shapes, a share below 0, a number of features that
            is not positive, bad ``m``.
    """
    shares = _check.host("shares", shares, "k")
    features = _check.vector(
        "features", features, "k", "shares", len(shares), convert=_check.host
    )
    _check.nonnegative("the smallest of shares", shares.min())
    _check.positive("the smallest of features", features.min())
    return _edge(shares, _check.count("m", m) / features)


def lambda_min_random_data(psi: Activation, m: Count, n0: Count) -> float:
    r"""Prediction of :math:`\lambda_{min}` of the limit kernel of m random inputs,
    uniform on the unit sphere of :math:`\mathbb R^{n_0}`.

    .. math::

        \lambda_{min}(K) \approx \min_{\sum_k \zeta_k^2 = 1}\ \sum_k \xi_k
        \Big(1 - \zeta_k \sqrt{m/N_k}\Big)_+^2,

    :eq:`eq-lambda-random`, with the shares :math:`\xi_k` and numbers of features
    :math:`N_k` of :func:`kernel_degrees`. The rest, degrees with more than
    :math:`10^6 m` features among it, counts as a multiple of the identity.

    It is a law for large ``m`` and ``n0``, not a bound: with relu and erf it is right
    to about a hundredth at ``n0`` = 100. If ``n0`` is small and ``m`` large, two of the
    inputs are close to each other, and the eigenvalue is smaller.

    Args:
        psi: activation, any elementwise function that JAX can differentiate.
        m: number of inputs, at least 1.
        n0: input dimension, at least 2.

    Returns:
        The prediction; 0 if the kernel has no more than m features.

    Raises:
        ValueError: bad ``psi``, ``m`` or ``n0``.
        RuntimeError: as :func:`ntklib.spectrum.hermite_coefficients`.
    """
    m = _check.count("m", m)
    shares, features, on_diagonal = _degrees(psi, _check.count("n0", n0, least=2))
    few = features <= MANY * m
    shares = np.append(shares[few], _rest(on_diagonal, shares[few]))
    return _edge(shares, np.append(m / features[few], 1 / MANY**2))


def _degrees(psi, n0):
    """Shares and numbers of harmonics of all degrees up to POWERS, and K(1)."""
    mu = hermite_coefficients(psi, POWERS)
    shares = _split_powers(np.arange(1, POWERS + 2) * mu**2, n0)
    on_diagonal = float(limit_kernel(np.ones((1, 1)), psi).ntk[0, 0])
    shares = np.where(shares > _rounding(on_diagonal), shares, 0)
    return shares, sphere_multiplicity(n0, POWERS), on_diagonal


def _rest(on_diagonal, shares) -> float:
    """What the shares leave of the diagonal, and 0 for what may be rounding."""
    rest = on_diagonal - float(np.sum(shares))
    return rest if rest > _rounding(on_diagonal) else 0.0


def _rounding(on_diagonal) -> float:
    """The smallest share of the diagonal that can be told from 0."""
    return ROUNDINGS * float(jnp.finfo(jnp.result_type(float)).eps) * on_diagonal


def _edge(shares, ratios) -> float:
    """The edge, from the ratios of rows to columns, as the largest value over z >= 0 of
    the concave function sum_k shares z / (z + shares ratios) - z: eq-edge-dual.
    """
    ratios = ratios[shares > 0]
    shares = shares[shares > 0]
    pulls = shares * ratios

    def slope(z):
        return np.sum(shares * pulls / (z + pulls) ** 2) - 1

    if np.sum(1 / ratios) <= 1:  # the slope at 0 is not positive: too few columns
        return 0.0
    far = math.sqrt(np.sum(shares * pulls))  # where the slope is surely negative
    z = scipy.optimize.brentq(slope, 0, far, xtol=1e-15 * far)
    return float(np.sum(shares * z / (z + pulls)) - z)


def _split_powers(
    coefficients: Float[np.ndarray, " powers"], n0: int
) -> Float[np.ndarray, " powers"]:
    r"""What each degree of the harmonics gets from a sum of powers of the cosine.

    :math:`\rho P_k = up_k P_{k+1} + down_k P_{k-1}` for the polynomials of degree k
    that are orthogonal on the sphere and 1 at 1; so a power is split by repeated
    multiplication by :math:`\rho`, and the sum as in Horner's rule.
    """
    k = np.arange(len(coefficients))
    down = k / np.maximum(2 * k + n0 - 2, 1)  # for n0 = 2 and k = 0 it is 0/0
    up = 1 - down
    shares = np.zeros(len(coefficients))
    for coefficient in coefficients[::-1]:
        raised = np.append(0, (up * shares)[:-1])
        lowered = np.append((down * shares)[1:], 0)
        shares = raised + lowered
        shares[0] += coefficient
    return shares

"""When the smallest eigenvalue of a kernel is positive: rank, definiteness, random
widths, Hermite series.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from ntklib import _check, _functions
from ntklib._gaussian import hermite
from ntklib._programs import run
from ntklib._rounding import precision, rounding
from ntklib._types import Activation, ArrayLike, Count, Number, ParamsLike
from ntklib.network import _preactivation, init_params
from ntklib.ntk import _empirical_ntk
from ntklib.rayleigh import lambda_min

# Numbers that a batch of random networks may have, 32 MB in float64.
BATCH = 2**22
MOST_DRAWS = 2**31  # as many as one random key tells apart


def positive_definite(K: Float[ArrayLike, "m m"]) -> bool:
    r"""Whether :math:`\lambda_{min} > m\,\epsilon_{mach}\,|\lambda|_{max}`:
    :eq:`eq-definite`, beyond rounding.

    Args:
        K: symmetric matrix, shape (m, m).

    Returns:
        True or False; with :math:`\epsilon_{mach} = 2.2\cdot10^{-16}`, the rounding of
        float64, so the entries have to be that accurate. Of a kernel that came in
        float32, eigenvalues up to 4 roundings of float32 count as 0 too.

    Raises:
        ValueError: ``K`` is not square or not symmetric, or an entry is not a finite
            real number.
    """
    matrix = _check.symmetric("K", K, convert=_check.host)
    lam = scipy.linalg.eigvalsh(matrix)
    return bool(lam[0] > rounding(lam, precision(K)))


def ntk_rank(params: ParamsLike, X: Float[ArrayLike, "m n0"], psi: Activation) -> int:
    r"""Rank of the tangent kernel of a finite network, at most
    :math:`\min(m,\ n(\mathrm{rank}\,X + 1))` (:eq:`eq-rank`).

    It is counted on the Jacobian J: in :math:`K_t^n = JJ^\top` the small singular
    values, squared, are lost in rounding. With tanh, or another odd psi, an input and
    its opposite count once; random parameters are expected to attain the bound if no
    two inputs are equal up to sign and none is 0. With relu, which is homogeneous, the
    rank is at most :math:`n\,\mathrm{rank}\,X`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.

    Returns:
        The number of singular values of J above
        :math:`\max(m, n(n_0 + 1))\,\epsilon_{mach}` times the largest, where
        :math:`\epsilon_{mach}` is the rounding of the dtype of ``params`` and ``X``.

    Raises:
        ValueError: bad ``params``, ``X`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    W0, W1, X = _check.one_dtype(W0, W1, X)
    A, slope = _functions.derivatives(psi, _preactivation(W0, X), 1)
    E = slope * W1[None, :]
    by_W0 = E[:, :, None] * X[:, None, :]
    J = jnp.concatenate([A, by_W0.reshape(len(X), -1)], axis=1)
    eps = float(jnp.finfo(J.dtype).eps)
    rtol = max(J.shape) * eps
    J = _check.host("the Jacobian of params and X", J, "m p")
    return int(np.linalg.matrix_rank(J, rtol=rtol))


def lambda_min_at_width(
    key: PRNGKeyArray,
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    n: Count,
    draws: Count,
) -> Float[np.ndarray, "{draws}"]:
    r"""Smallest eigenvalue of the kernel :math:`K_0^n` of independent random networks
    of one width.

    Network i is drawn with the key ``jax.random.fold_in(key, i)``. Networks come in
    batches, so memory does not grow with their number, and an interrupt is heard
    between two batches.

    Args:
        key: a JAX random key, such as ``jax.random.key(0)``.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        n: width, at least 1.
        draws: number of networks, from 1 to 2^31.

    Returns:
        The eigenvalues, shape (draws,). The kernels are in JAX's default float; turn on
        x64 where λ may be small.

    Raises:
        ValueError: bad ``key``, ``n`` or ``draws``; bad ``X`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    _check.host("X", X, "m n0")  # refuses a tracer
    X = _check.array("X", X, "m n0").astype(float)  # the default float, as parameters
    m, n0 = X.shape
    n = _check.count("n", n)
    draws = _check.count("draws", draws, most=MOST_DRAWS)
    key = _check.random_key(key)
    psi = _functions.activation(psi, jax.ShapeDtypeStruct((m, n), X.dtype))
    _functions.with_values(psi)

    # batches of one size, so that one program serves them all
    numbers = m**2 + n * (m + n0)  # of one network: its kernel, features and weights
    batches = math.ceil(draws * numbers / BATCH)
    batch = math.ceil(draws / batches)
    program = partial(run, _random_kernels, (psi,), n=n, batch=batch)
    smallest = np.empty(draws)
    for first in range(0, draws, batch):
        kernels = _functions.differentiated_forward(
            1, program, (key, np.uint32(first), X)
        )
        if _check.seen_infinite(kernels):
            _refuse_kernels(kernels, psi, key, first, X, n)
        eigenvalues = np.linalg.eigvalsh(np.asarray(kernels, float))
        smallest[first : first + batch] = eigenvalues[: draws - first, 0]
    return smallest


def _random_kernels(
    psi: Callable,
    key: PRNGKeyArray,
    first: UInt32[Array, ""],
    X: Float[Array, "m n0"],
    *,
    n: int,
    batch: int,
) -> Float[Array, "{batch} m m"]:
    """The kernels of networks number `first` and after."""

    def kernel(i):
        params = init_params(jax.random.fold_in(key, i), n, X.shape[1])
        return _empirical_ntk(params, X, psi)

    return jax.lax.map(kernel, first + jnp.arange(batch, dtype=first.dtype))


def _refuse_kernels(kernels, psi, key, first, X, n):
    """Refuse the psi, or else the sizes, that made a kernel NaN or infinite."""
    finite = np.isfinite(np.asarray(kernels)).all(axis=(1, 2))
    i = first + int(np.argmin(finite))
    params = init_params(jax.random.fold_in(key, i), n, X.shape[1])
    _functions.derivatives(psi, _preactivation(params.W0, X), 1)
    _check.finite("the kernel", kernels)


def chernoff_width(
    lam: Number, bound: Number, m: Count, *, shrink: Number = 0.5, failure: Number = 0.1
) -> int:
    r"""Width from which :math:`\lambda_{min}(K_0^n) > (1 - \varepsilon)\lambda` holds
    with probability :math:`1 - \delta`.

    .. math::

        n = \left\lceil \frac R\lambda\,\frac{\log(m/\delta)}{\varepsilon + (1 -
        \varepsilon)\log(1 - \varepsilon)} \right\rceil,

    :eq:`eq-chernoff`, from the matrix Chernoff inequality (Tropp 2012): :math:`K_0^n`
    is the average of n independent positive semi-definite matrices, one a unit, of norm
    at most R. With Gaussian weights that norm has no bound; put 0 for the larger
    matrices then, and take :math:`\lambda` of what remains, which can only be smaller.
    For inputs of one length R grows like m, so that this width is of order
    :math:`m\log m/\lambda`.

    Args:
        lam: smallest eigenvalue :math:`\lambda` of the expected matrix, positive.
        bound: bound R on the norm of one unit's matrix, positive.
        m: number of inputs.
        shrink: :math:`\varepsilon`, the part of :math:`\lambda` that may be lost,
            between 0 and 1.
        failure: :math:`\delta`, the probability that more is lost, between 0 and 1.

    Returns:
        The width n, an integer.

    Raises:
        ValueError: a number outside its range.
    """
    lam = _check.positive("lam", lam)
    bound = _check.positive("bound", bound)
    m = _check.count("m", m)
    shrink = _check.positive("shrink", shrink, 1)
    failure = _check.positive("failure", failure, 1)
    logarithm = math.log(m) - math.log(failure)
    # as fractions: a quotient of extreme numbers has no float, but the width is an int
    numerator = Fraction(bound) * Fraction(logarithm)
    exponent = Fraction(shrink) ** 2 * Fraction(_exponent_by_square(shrink))
    return math.ceil(numerator / (Fraction(lam) * exponent))


def _exponent_by_square(shrink: float) -> float:
    """(s + (1 - s) log(1 - s)) / s^2: between 1/2 and 1, and by its series for small s,
    where the terms of the numerator cancel.
    """
    s = shrink
    if s > 0.1:
        return (s + (1 - s) * math.log1p(-s)) / s**2
    return sum(s**k / ((k + 1) * (k + 2)) for k in range(16))


def hermite_coefficients(
    psi: Activation, k_max: Count, *, norm: Number = 1.0
) -> Float[np.ndarray, "{k_max}+1"]:
    r"""Coefficients :math:`\mu_k = \mathrm E\,\psi(\|x\| z)\,\mathrm{He}_k(z)` in the
    normalised Hermite polynomials (z normal).

    For inputs of this norm, with :math:`\rho` the cosine of their angle,
    :math:`\Phi = \sum_k \mu_k^2 \rho^k` and
    :math:`\|x\|^2 \dot\Phi = \sum_k k\,\mu_k^2 \rho^{k-1}` (Daniely et al. 2016 for
    norm 1). The sum :math:`K = \Phi + \|x\|^2\rho\,\dot\Phi` is
    :math:`\sum_k (k + 1)\,\mu_k^2 \rho^k`: :eq:`eq-hermite`.

    Args:
        psi: activation, any elementwise function that JAX can differentiate.
        k_max: highest degree, at least 1.
        norm: norm :math:`\|x\|` of the inputs, at least 0.

    Returns:
        The coefficients of degree 0 to ``k_max``, shape (k_max + 1,).

    Raises:
        ValueError: bad ``psi``, ``k_max`` or ``norm``; ``psi`` has a jump, or is not
            finite at some point.
        RuntimeError: two quadrature rules disagree by more than 1.5e-8 of the largest
            coefficient.
    """
    norm = _check.nonnegative("norm", norm)
    k_max = _check.count("k_max", k_max)
    _functions.activation(psi, np.zeros(1))
    return hermite.coefficients(psi, k_max, np.array([norm]))[0]


def hermite_lower_bound(
    X: Float[ArrayLike, "m n0"], psi: Activation, k_max: Count
) -> float:
    r"""Lower bound on :math:`\lambda_{min}` of the limit kernel from the first degrees
    of its Hermite series.

    .. math::

        \lambda_{min}(K) \ge \lambda_{min}\Big(\sum_{k=0}^{k_{max}} (k +
        1)\,D_k\,\rho^{\circ k} D_k\Big), \qquad D_k =
        \mathrm{diag}(\mu_k(\|x^\alpha\|)),

    :eq:`eq-hermite-bound`, where :math:`\rho^{\circ k}` holds the k-th powers of the
    cosines between inputs. Each degree is positive semi-definite (Schur's product
    theorem), so those left out can only raise :math:`\lambda_{min}`.

    Args:
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        k_max: highest degree, at least 1.

    Returns:
        The bound; it is 0 up to rounding where these degrees do not separate the
        inputs.

    Raises:
        ValueError: bad ``X``, ``psi`` or ``k_max``.
        RuntimeError: as :func:`hermite_coefficients`.
    """
    X = _check.host("X", X, "m n0")
    k_max = _check.count("k_max", k_max)
    _functions.activation(psi, np.zeros(1))
    norms = np.linalg.norm(X, axis=1)
    E = X / np.where(norms > 0, norms, 1)[:, None]  # unit vectors, and zero rows
    cosines = E @ E.T
    mu = hermite.coefficients(psi, k_max, norms)
    degrees = [
        (k + 1) * np.outer(mu[:, k], mu[:, k]) * cosines**k for k in range(k_max + 1)
    ]
    return lambda_min(np.sum(degrees, axis=0))

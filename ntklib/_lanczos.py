"""Lanczos' method: a large symmetric matrix known by its products with vectors."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check
from ntklib._rounding import precision, rounding

PRODUCTS = 1000  # with K, at most; each keeps one vector of m numbers
ACCURACY = 1e-9  # of what is computed, as a share of the vector at the start


@runtime_checkable
class Operator(Protocol):
    """What is used of a ``scipy.sparse.linalg.LinearOperator``: its products.

    SciPy's class is not named here, because importing it takes 40 ms.
    """

    @property
    def shape(self) -> Any:
        """Numbers of rows and columns."""

    @property
    def dtype(self) -> Any:
        """The precision of the products."""

    def matvec(self, x) -> Any:
        """The product with one vector."""

    def matmat(self, X) -> Any:
        """The product with each column."""

    def __matmul__(self, x) -> Any:
        """Either of them."""


class Space(NamedTuple):
    """Orthonormal vectors that span b, K b, K^2 b, …, and K seen from them.

    K Q^T = Q^T T + beta[-1] q e^T, where e is the last unit vector, T is tridiagonal
    with alpha on its diagonal and beta, without its last entry, beside it, and q is the
    next vector.

    Attributes:
        Q: the vectors, one in each row.
        alpha: shape (k,).
        beta: shape (k,).
        whole: whether K leads out of the space by no more than rounding.
    """

    Q: Float[np.ndarray, "k m"]
    alpha: Float[np.ndarray, " k"]
    beta: Float[np.ndarray, " k"]
    whole: bool

    def ritz(self) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"]]:
        """Eigenvalues and eigenvectors of T."""
        return scipy.linalg.eigh_tridiagonal(self.alpha, self.beta[:-1])


def spaces(K: Operator, b: Float[np.ndarray, " m"], products: int) -> Iterator[Space]:
    """Spaces of b, each about a tenth larger than the one before.

    All vectors are kept and each new one is made orthogonal to them. Lanczos' short
    recurrence would lose that, and with it the bounds.

    Raises:
        ValueError: K shows that it is not symmetric, or a product is not finite.
    """
    m, eps = len(b), precision(K)
    most = min(m, products)
    Q = np.empty((most + 1, m))  # takes memory only as its rows are filled
    alpha, beta = np.empty(most), np.empty(most)
    Q[0] = b / np.linalg.norm(b)
    largest, due = 0.0, 1
    for k in range(1, most + 1):
        w = product("K", K, Q[k - 1])
        largest = max(largest, float(np.linalg.norm(w)))  # at most |lambda|max
        inside = Q[:k] @ w
        if k > 1:  # a symmetric K leads back to the vector before, and no further
            back = np.append(np.zeros(k - 2), beta[k - 2])
            gap = np.abs(inside[:-1] - back).max()
            _check.symmetric_products("K", gap, largest, eps)
        alpha[k - 1] = inside[-1]
        w = w - inside @ Q[:k]
        w = w - (Q[:k] @ w) @ Q[:k]  # once more, for what rounding left
        beta[k - 1] = np.linalg.norm(w)
        whole = k == m or beta[k - 1] <= rounding(np.array([largest]), eps, m=m)
        if whole or k in (due, most):
            yield Space(Q[:k], alpha[:k], beta[:k], whole)
            due = k + 1 + k // 10
        if whole:
            return
        Q[k] = w / beta[k - 1]


def product(
    name: str, K: Operator, v: Float[np.ndarray, "m ..."]
) -> Float[np.ndarray, "m2 ..."]:
    """K times one vector or each column, which K gets in its own precision."""
    v = v.astype(np.result_type(K.dtype, np.float32))
    times = K.matvec if v.ndim == 1 else K.matmat
    return _check.finite(f"a product with {name}", np.asarray(times(v), float))


def modes(
    K: Operator, b: Float[np.ndarray, " m"], needed: Callable
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "m k"]]:
    """Eigenvalues and eigenvectors of K, as far as b and a function of K see them.

    In exact arithmetic the space of b is large enough where

        beta[-1] |g(T)[-1, 0]|

    is small. For g(lam) = 1 / (lam + ridge) this is |b - (K + ridge) x| / |b|. For
    g(lam) = (1 - exp(-lam s)) / lam it bounds the error of exp(-K s) b / |b| if K has
    no negative eigenvalue: that error solves the flow's equation with the source
    beta[-1] |exp(-T s)[-1, 0]|, whose integral it is because exp(-T s)[-1, 0] never
    changes its sign. (T with every other basis vector reversed is minus a matrix with
    positive entries beside its diagonal, and the exponential of that is positive.)

    Args:
        K: linear operator of shape (m, m), symmetric and positive semi-definite.
        b: the vector to which g(K) will be applied.
        needed: g, from eigenvalues (k,) to one row of values (T, k) for each g.

    Returns:
        Eigenvalues, 0 where rounding cannot tell them from 0, and orthonormal vectors.

    Raises:
        ValueError: as in `spaces`, or K has a negative eigenvalue.
        RuntimeError: as many products as are allowed were not enough.
    """
    m, eps = len(b), precision(K)
    if not b.any():
        return np.zeros(1), np.zeros((m, 1))
    error = np.inf
    for space in spaces(K, b, PRODUCTS):
        lam, S = space.ritz()
        lam = np.where(np.abs(lam) <= rounding(lam, eps, m=m), 0.0, lam)
        _check.semidefinite("K", smallest=lam[0])
        error = space.beta[-1] * np.abs(needed(lam) @ (S[0] * S[-1])).max()
        if space.whole or error <= max(ACCURACY, 10 * eps):
            return lam, space.Q.T @ S
    raise RuntimeError(
        f"{PRODUCTS} products with K leave a relative error of {error:.2g}; "
        "an earlier time or a larger ridge needs fewer products"
    )


def largest(K: Operator) -> float:
    """An upper bound of the largest eigenvalue, or 0.

    It is at most 1e-6 above it, or as near as 1000 products come.
    """
    _, (low, high), _ = extremes(
        K, precision(K), ends=[1], rtol=1e-6, failure=1e-6, products=PRODUCTS, seed=0
    )
    return high if low > 0 else min(high, 0.0)


def extremes(
    K: Operator,
    eps: float,
    *,
    ends: list[int],
    rtol: float,
    failure: float,
    products: int,
    seed: int,
) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Intervals for the smallest and the largest eigenvalue of K, and the products.

    Those of `ends`, 0 or 1, are as short as `rtol` wants, or as so many products make
    them.
    """
    m = K.shape[0]
    b = np.random.default_rng(seed).normal(size=m)
    # The part of b / |b| along an eigenvector has a density of at most sqrt(m / 2 pi),
    # so it is smaller than this with half the probability of failure.
    least_part = failure / 4 * np.sqrt(2 * np.pi / m)
    lam, beyond, error = b, np.full(2, np.inf), np.inf  # before the first product
    for space in spaces(K, b, products):
        lam, beyond = _ends(space, least_part)
        error = rounding(lam, eps, m=m)
        wanted = np.maximum(rtol * np.abs(lam[[0, -1]]), 2 * error)
        if np.all((beyond <= wanted)[ends]):
            break
    return (
        (float(lam[0] - beyond[0] - error), float(lam[0] + error)),
        (float(lam[-1] - error), float(lam[-1] + beyond[1] + error)),
        len(lam),
    )


def _ends(
    space: Space, least_part: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "2"]]:
    """Eigenvalues of T, and how far beyond them those of K may lie at both ends.

    The next vector is p(K) b / |b|, where the polynomial p has the eigenvalues of T as
    zeros and grows fast beyond them. An eigenvector in which b / |b| has a part of at
    least `least_part` has an eigenvalue with |p| at most 1 / least_part, because the
    next vector has length 1 (van Dorsselaer, Hochstenbach and van der Vorst 2000).
    """
    lam, _ = space.ritz()
    if space.whole:  # b has a part in each eigenvector, so T has all eigenvalues
        return lam, np.zeros(2)
    log_height = np.log(space.beta).sum() - np.log(least_part)
    return lam, np.array([_reach(lam, end, log_height) for end in (lam[0], lam[-1])])


def _reach(lam, end, log_height) -> float:
    """How far outside its zeros lam, at an end of them, a polynomial has a height."""
    from_end = np.abs(lam - end)

    def above(log_distance):
        """Logarithm of polynomial over height; it increases."""
        return np.log(from_end + np.exp(log_distance)).sum() - log_height

    # A product of k factors, each at least the distance, has reached the height here.
    top = log_height / len(lam) + 1
    bottom = min(top, np.log(np.finfo(float).tiny))
    if above(bottom) >= 0:
        return 0.0
    return float(np.exp(scipy.optimize.brentq(above, bottom, top)))

"""Kernels too large for memory, as linear operators, and bounds on their eigenvalues.

:func:`ntklib.linear_flow.linear_flow`, ``predict``, ``kernel_regression``,
``largest_stable_step`` and :func:`ntklib.generalization.parameter_distance` take such
operators for K. They take any other ``scipy.sparse.linalg.LinearOperator``:
``aslinearoperator(K)`` makes one of a kernel in float32 that just fits.

These are host functions: vectors are NumPy arrays. The products are those of JAX, in
the precision of the inputs.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float

from ntklib import _check, _functions, _lanczos
from ntklib._lanczos import Operator
from ntklib._programs import run
from ntklib._rounding import precision
from ntklib._types import Activation, ArrayLike, Count, Number, ParamsLike
from ntklib.limit_kernel import limit_kernel
from ntklib.network import _hidden_layer
from ntklib.ntk import _arguments, _features

ROWS = 2048  # of a block of the limit kernel: 32 MB in float64


def empirical_ntk_operator(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
) -> Operator:
    r"""The kernel of :func:`ntklib.ntk.empirical_ntk` as a linear operator.

    Of :math:`K = \frac1n (A A_2^\top + (X X_2^\top) \circ (E E_2^\top))` a product is

    .. math::

        K v = \frac1n \Big(A\,(A_2^\top v)
            + \sum_j X_{:j} \circ E\,\big(E_2^\top (X_{2,:j} \circ v)\big)\Big),

    which needs the features A and E in memory, 2mn numbers, and :math:`4mn\,n_0`
    operations. A product with K itself needs :math:`m^2` numbers and :math:`2m^2`
    operations.

    Args:
        params, X, psi, X2: as in :func:`ntklib.ntk.empirical_ntk`.

    Returns:
        A ``scipy.sparse.linalg.LinearOperator`` of shape (m, m2), in the dtype of
        ``params`` and ``X``.

    Raises:
        ValueError: as in :func:`ntklib.ntk.empirical_ntk`.
    """
    params, X, X2 = _arguments(params, X, X2, whole=True)
    rows = _unit_features("X", params, X, psi)
    columns = rows if X2 is None else _unit_features("X2", params, X2, psi)

    def times(v):
        """K v."""
        return np.asarray(_times(rows, columns, jnp.asarray(v.ravel(), X.dtype)))

    return scipy.sparse.linalg.LinearOperator(
        (len(rows.X), len(columns.X)), matvec=times, dtype=X.dtype
    )


class _Features(NamedTuple):
    """What the kernel of a network is made of."""

    X: Float[Array, "m n0"]
    A: Float[Array, "m n"]
    E: Float[Array, "m n"]


def _unit_features(name, params, X, psi) -> _Features:
    """A = psi(h) and E = psi'(h) diag(W1), finite."""
    psi = _functions.activation(psi, _hidden_layer(params, X))
    A, E = _functions.differentiated_forward(1, _compiled_features, params, X, psi)
    _check.finite(f"psi(h) of {name}", A)
    _check.finite(f"psi'(h) of {name}", E)
    return _Features(X, A, E)


def _compiled_features(params, X, psi):
    """`_features` as one program."""
    return run(_features_of, (psi,), (params, X))


def _features_of(psi, params, X):
    """`_features`, with the arguments in the order of `run`."""
    return _features(params, X, psi)


@jax.jit
def _times(
    rows: _Features, columns: _Features, v: Float[Array, " m2"]
) -> Float[Array, " m"]:
    """K v, without K."""
    n = rows.A.shape[1]
    by_W1 = rows.A @ (v @ columns.A)
    by_W0 = rows.E @ (columns.E.T @ (columns.X * v[:, None]))  # (m, n0)
    return (by_W1 + jnp.sum(rows.X * by_W0, axis=1)) / n


def limit_kernel_operator(
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
    *,
    part: Literal["ntk", "nngp"] = "ntk",
) -> Operator:
    """A kernel of :func:`ntklib.limit_kernel.limit_kernel` as a linear operator.

    Blocks of 2048 rows and columns are computed anew for each product, those of equal
    sets once for both sides of the diagonal. Products with several columns at once cost
    little more than one. Where the kernel fits into memory in float32,
    ``aslinearoperator`` of it is much faster.

    Args:
        X, psi, X2: as in :func:`ntklib.limit_kernel.limit_kernel`.
        part: which of the two kernels, ``"ntk"`` or ``"nngp"``.

    Returns:
        A ``scipy.sparse.linalg.LinearOperator`` of shape (m, m2), in the dtype of
        ``X``.

    Raises:
        ValueError, RuntimeError: as in :func:`ntklib.limit_kernel.limit_kernel`, some
            of them by the first product; ``part`` is unknown.
    """
    _check.one_of("part", part, ("ntk", "nngp"))
    same = X2 is None
    X = _check.array("X", X, "m n0")
    X2 = X if X2 is None else _check.array("X2", X2, "m2 n0")
    one = limit_kernel(X[:1], psi, X2[:1])  # refuses what is no activation

    def block(i, j):
        """The kernel between the rows from i and those from j."""
        columns = None if same and i == j else X2[j : j + ROWS]
        kernels = limit_kernel(X[i : i + ROWS], psi, columns)
        return np.asarray(getattr(kernels, part))

    def times(V):
        """K V for a matrix V."""
        KV = np.zeros((len(X), V.shape[1]), one.ntk.dtype)
        for i in range(0, len(X), ROWS):
            for j in range(i if same else 0, len(X2), ROWS):
                B = block(i, j)
                KV[i : i + ROWS] += B @ V[j : j + ROWS]
                if same and j > i:  # the mirror image of the block
                    KV[j : j + ROWS] += B.T @ V[i : i + ROWS]
        return KV

    return scipy.sparse.linalg.LinearOperator(
        (len(X), len(X2)),
        matvec=lambda v: times(v.reshape(-1, 1)),
        matmat=times,
        dtype=one.ntk.dtype,
    )


class EigenvalueBounds(NamedTuple):
    """Intervals that hold the extreme eigenvalues of a matrix.

    Attributes:
        smallest: lower and upper bound of the smallest eigenvalue.
        largest: lower and upper bound of the largest eigenvalue.
        products: how many products with the matrix were used.
    """

    smallest: tuple[float, float]
    largest: tuple[float, float]
    products: int


def eigenvalue_bounds(
    K: Float[ArrayLike, "m m"] | Operator,
    *,
    rtol: Number = 0.01,
    failure: Number = 1e-6,
    products: Count = 1000,
    seed: Count = 0,
) -> EigenvalueBounds:
    r"""Intervals for the smallest and the largest eigenvalue, from products alone.

    Lanczos' method from a random vector b. The inner ends are eigenvalues of K seen
    from the space of b, :math:`K b`, :math:`K^2 b`, …, and hold for sure. The outer
    ends hold unless b is almost orthogonal to the eigenvector in question, so that no
    product would show it (van Dorsselaer, Hochstenbach and van der Vorst 2000). All
    ends allow for rounding in the precision of K.

    Args:
        K: symmetric matrix of any sign, or linear operator, shape (m, m).
        rtol: both intervals are to be this short, as shares of their inner ends.
        failure: probability, over the random vector, that an outer end is wrong.
        products: how many products may be used; with fewer than are needed the
            intervals are longer, and still right. Each product keeps a vector.
        seed: of the random vector.

    Returns:
        EigenvalueBounds: smallest, largest, and the number of products.

    Raises:
        ValueError: ``K`` is not square or shows that it is not symmetric, a product is
            not finite, or another argument is outside its range.
    """
    rtol = _check.positive("rtol", rtol, 1)
    failure = _check.positive("failure", failure, 1)
    products = _check.count("products", products)
    seed = _check.count("seed", seed, least=0)
    if isinstance(K, Operator):
        operator = _check.square_operator("K", K)
    else:
        M = _check.symmetric("K", K, convert=_check.host)
        operator = scipy.sparse.linalg.aslinearoperator(M)
    bounds = _lanczos.extremes(
        operator,
        precision(K),
        ends=[0, 1],
        rtol=rtol,
        failure=failure,
        products=products,
        seed=seed,
    )
    return EigenvalueBounds(*bounds)

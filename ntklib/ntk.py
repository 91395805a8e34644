"""The neural tangent kernel of a finite network, and the residual dynamics that it
drives.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions, _programs
from ntklib._blocks import by_blocks, lower_blocks, sum_of_parts
from ntklib._types import Activation, ArrayLike, ParamsLike
from ntklib.network import Params, _hidden_layer, _network, _preactivation, network

# A kernel is made for so many inputs and hidden units at a time. Their features stay
# near the processor, and computing them anew for each pair of blocks of inputs costs
# little beside the products of so many.
INPUTS = 2048
UNITS = 1024
# The side of a square in the product of a matrix with its own transpose. Smaller ones
# waste less on the diagonal, and larger ones are faster to multiply.
SQUARE = 128


def empirical_ntk(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    r"""Tangent kernel in closed form, :eq:`eq-ntk-closed`, the lecture's Exercise 1.

    .. math::

        K_t^n = \frac1n\left(A A^\top + (X X^\top) \circ (E E^\top)\right),
        \qquad A = \psi(h), \quad E = \psi'(h)\,\mathrm{diag}(W_1)

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate; at a kink
            JAX's derivative is used.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        The kernel, shape (m, m2); exactly symmetric when ``X2`` is None.

    Raises:
        ValueError: bad ``params``, ``X``, ``X2`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    params, X, X2 = _arguments(params, X, X2)
    psi = _functions.activation(psi, _hidden_layer(params, X))
    arrays = params, X, X2
    K, finite = _functions.differentiated_forward(
        1, _programs.run_and_look, _empirical_ntk_in_blocks, (psi,), arrays
    )
    if _check.concrete(finite) and not finite:  # through psi(h) or psi'(h)?
        params, X, X2 = _arguments(params, X, X2, whole=True)
        for inputs in [X] if X2 is None else [X, X2]:
            _functions.derivatives(psi, _preactivation(params.W0, inputs), 1)
        _check.finite("the kernel", K)
    return K


def empirical_ntk_autodiff(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    r"""Tangent kernel by its definition, :eq:`eq-ntk`.

    .. math::

        K_t^n(x, x') = \langle\nabla_\theta f(x), \nabla_\theta f(x')\rangle

    The gradients come from reverse-mode automatic differentiation: slow, and
    independent of :func:`empirical_ntk`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        The kernel, shape (m, m2).

    Raises:
        ValueError: bad ``params``, ``X``, ``X2`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    params, X, X2 = _arguments(params, X, X2)
    psi = _functions.activation(psi, _hidden_layer(params, X))
    K = _programs.run(_kernel_by_definition, (psi,), (params, X, X2))
    if _check.seen_infinite(K):  # through the network itself?
        for inputs in [X] if X2 is None else [X, X2]:
            network(params, inputs, psi)
    return _check.finite("the kernel", K)


def residual_velocity(
    K: Float[ArrayLike, "m m"], r: Float[ArrayLike, " m"]
) -> Float[Array, " m"]:
    r"""Velocity of the residuals, :math:`\partial_t r = -K r/m`, :eq:`eq-residual` (the
    lecture's equation 2).

    Args:
        K: tangent kernel, shape (m, m), symmetric.
        r: residuals f - y, shape (m,).

    Returns:
        The velocity, shape (m,).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, or an entry is
            not a finite real number.
    """
    K = _check.symmetric("K", K)
    r = _check.vector("r", r, "m", "K", len(K))
    K, r = _check.one_dtype(K, r)
    m = len(r)
    return _check.finite("the velocity", -K @ r / m)


def _arguments(params, X, X2, *, whole=False):
    """The arguments of both kernels as arrays of one dtype; X2 may be None."""
    W0, W1 = _check.parameters(params, whole=whole)
    X = _check.inputs("X", X, W0, whole=whole)
    if X2 is None:
        W0, W1, X = _check.one_dtype(W0, W1, X)
        return Params(W0, W1), X, None
    X2 = _check.inputs("X2", X2, W0, whole=whole)
    W0, W1, X, X2 = _check.one_dtype(W0, W1, X, X2)
    return Params(W0, W1), X, X2


def _empirical_ntk(
    params: Params,
    X: Float[Array, "m n0"],
    psi: Callable,
    X2: Float[Array, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    """The kernel in closed form."""
    n = len(params.W1)
    A, E = _features(params, X, psi)
    if X2 is None:
        K = (A @ A.T + (X @ X.T) * (E @ E.T)) / n
        return (K + K.T) / 2  # symmetric to the last bit
    A2, E2 = _features(params, X2, psi)
    return (A @ A2.T + (X @ X2.T) * (E @ E2.T)) / n


def _features(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> tuple[Float[Array, "m n"], Float[Array, "m n"]]:
    """A = psi(h) and E = psi'(h) diag(W1)."""
    h = _preactivation(params.W0, X)
    A, slope = _functions.unchecked_derivatives(psi, h, 1)
    E = slope * params.W1[None, :]
    return A, E


def _empirical_ntk_in_blocks(
    psi: Callable,
    params: Params,
    X: Float[Array, "m n0"],
    X2: Float[Array, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    """`_empirical_ntk`, for some inputs and some hidden units at a time.

    A A^T and E E^T are sums over the hidden units. With one set of inputs their lower
    triangles are enough. So no array grows with m n, and half of each product is saved.
    """
    n = len(params.W1)

    def kernel(X, X2):
        """The kernel between some of the inputs, its lower triangle if X2 is None."""

        def products(units):
            """What some of the hidden units add to A A2^T and E E2^T."""
            features = _features(units, X, psi)
            features2 = None if X2 is None else _features(units, X2, psi)
            return _inner_products(features, features2)

        AA, EE = sum_of_parts(products, params, size=UNITS)
        return (AA + _inner_products(X, X2) * EE) / n

    return by_blocks(kernel, X, X2, size=INPUTS)


def _inner_products(rows, columns):
    """The inner products of all rows with all columns, for each array of a pytree; the
    lower triangle of those of the rows with themselves if columns is None.
    """
    if columns is None:
        return lower_blocks(_products, rows, size=SQUARE)
    return _products(rows, columns)


def _products(rows, columns):
    """Each of the rows' arrays times the transpose of that of the columns."""
    columns = rows if columns is None else columns
    return jax.tree.map(lambda A, A2: A @ A2.T, rows, columns)


def _kernel_by_definition(
    psi: Callable,
    params: Params,
    X: Float[Array, "m n0"],
    X2: Float[Array, "m2 n0"] | None,
) -> Float[Array, "m m2"]:
    """The inner products of the gradients."""
    J = _gradients(params, X, psi)
    J2 = J if X2 is None else _gradients(params, X2, psi)
    return J @ J2.T


def _gradients(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, "m p"]:
    """The gradient of each output in all p parameters, one in each row."""

    def f(params):
        return _network(params, X, psi)

    what = "psi must be a function whose derivative jax.vjp"
    J = _functions.differentiated(what, jax.jacrev(f), params)
    J0 = J.W0.reshape(len(X), -1)
    return jnp.concatenate([J0, J.W1], axis=1)

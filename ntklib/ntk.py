"""The neural tangent kernel of a finite network, and the residual dynamics that it drives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions
from ntklib._functions import derivatives
from ntklib.network import Params, network


def empirical_ntk(
    params: Params,
    X: Float[Array, "m n0"],
    psi: Callable,
    X2: Float[Array, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    r"""Tangent kernel in closed form, :eq:`eq-ntk-closed`, the lecture's Exercise 1.

    .. math::

        K^n = \frac1n\left(A A^\top + (X X^\top) \circ (E E^\top)\right),
        \qquad A = \psi(h), \quad E = \psi'(h)\,\mathrm{diag}(W_1)

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate; at a kink JAX's derivative is used.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        The kernel, shape (m, m2); exactly symmetric when ``X2`` is None.

    Raises:
        ValueError: bad ``params``, ``X``, ``X2`` or ``psi``, as in :func:`ntklib.network.network`.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    A, E = _features(W0, W1, X, psi)
    if X2 is None:
        K = (A @ A.T + (X @ X.T) * (E @ E.T)) / len(W1)
        return _check.finite("the kernel", (K + K.T) / 2)
    X2 = _check.inputs("X2", X2, W0)
    A2, E2 = _features(W0, W1, X2, psi)
    return _check.finite("the kernel", (A @ A2.T + (X @ X2.T) * (E @ E2.T)) / len(W1))


def empirical_ntk_autodiff(
    params: Params,
    X: Float[Array, "m n0"],
    psi: Callable,
    X2: Float[Array, "m2 n0"] | None = None,
) -> Float[Array, "m m2"]:
    r"""Tangent kernel by its definition, :eq:`eq-ntk`.

    .. math::

        K^n(x, x') = \langle\nabla_\theta f(x), \nabla_\theta f(x')\rangle

    The gradients come from reverse-mode automatic differentiation: slow, and independent of :func:`empirical_ntk`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        The kernel, shape (m, m2).

    Raises:
        ValueError: bad ``params``, ``X``, ``X2`` or ``psi``, as in :func:`ntklib.network.network`.
    """
    params = Params(*_check.parameters(params))
    X = _check.inputs("X", X, params.W0)
    J = _gradients(params, X, psi)
    J2 = (
        J if X2 is None else _gradients(params, _check.inputs("X2", X2, params.W0), psi)
    )
    return _check.finite("the kernel", J @ J2.T)


def residual_velocity(
    K: Float[Array, "m m"], r: Float[Array, " m"]
) -> Float[Array, " m"]:
    r"""Velocity of the residuals, :math:`\partial_t r = -K r/m`, :eq:`eq-residual` (the lecture's equation 2).

    Args:
        K: tangent kernel, shape (m, m), symmetric.
        r: residuals f - y, shape (m,).

    Returns:
        The velocity, shape (m,).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, or an entry is not a finite real number.
    """
    K = _check.symmetric("K", K)
    r = _check.vector("r", r, "m", "K", len(K))
    return _check.finite("the velocity", -K @ r / len(r))


def _features(W0, W1, X, psi):
    A, slope = derivatives(psi, X @ W0.T, 1)
    return A, slope * W1[None, :]


def _gradients(params, X, psi):
    network(params, X, psi)  # refuses what has nothing to do with derivatives
    reverse = jax.jacrev(lambda p: network(p, X, psi))
    J = _functions.differentiated(
        "psi must be a function whose derivative jax.vjp", reverse, params
    )
    return jnp.concatenate([J.W0.reshape(len(X), -1), J.W1], axis=1)


def _empirical_ntk(params, X, psi, X2=None):
    W0, W1 = params
    n = len(W1)
    A, S = _functions.unchecked_derivatives(psi, X @ W0.T, 1)
    E = S * W1[None, :]
    if X2 is None:
        K = (A @ A.T + (X @ X.T) * (E @ E.T)) / n
        return (K + K.T) / 2
    A2, S2 = _functions.unchecked_derivatives(psi, X2 @ W0.T, 1)
    E2 = S2 * W1[None, :]
    return (A @ A2.T + (X @ X2.T) * (E @ E2.T)) / n

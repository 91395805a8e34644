"""The network with one hidden layer, its parameters and their random start."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ntklib import _check, _functions


class Params(NamedTuple):
    r"""The parameters :math:`\theta = \{W_0, W_1\}` of the network; a JAX pytree.

    Attributes:
        W0: hidden weights, shape (n, n0); row i holds the weights of hidden unit i.
        W1: output weights, shape (n,).
    """

    W0: Float[Array, "n n0"]
    W1: Float[Array, " n"]


def init_params(key: PRNGKeyArray, n: int, n0: int) -> Params:
    r"""Parameters drawn i.i.d. from :math:`N(0, 1)`, :eq:`eq-init`, in JAX's default float.

    Args:
        key: a JAX random key, such as ``jax.random.key(0)``.
        n: number of hidden units (the width), at least 1.
        n0: input dimension, at least 1.

    Returns:
        Params: W0 of shape (n, n0) and W1 of shape (n,).

    Raises:
        ValueError: ``key`` is no random key; ``n`` or ``n0`` is not a positive integer.
    """
    n, n0 = _check.count("n", n), _check.count("n0", n0)
    try:
        key0, key1 = jax.random.split(key)
    except (TypeError, ValueError):
        raise ValueError(
            f"key must be a JAX random key, such as jax.random.key(0); got {_check.shown(key)}"
        ) from None
    return Params(jax.random.normal(key0, (n, n0)), jax.random.normal(key1, (n,)))


def antisymmetric_params(key: PRNGKeyArray, n: int, n0: int) -> Params:
    r"""Parameters drawn in pairs of units that cancel: the output starts at 0, whatever the activation.

    Both units of a pair have the same row of W0 and opposite entries of W1. Each entry alone is still N(0, 1), and the
    tangent kernel is that of n/2 independent units, so its limit is unchanged (Chizat, Oyallon and Bach 2019).

    Args:
        key: a JAX random key, such as ``jax.random.key(0)``.
        n: number of hidden units (the width), even.
        n0: input dimension, at least 1.

    Returns:
        Params: W0 of shape (n, n0) and W1 of shape (n,); units 2i and 2i + 1 are a pair.

    Raises:
        ValueError: as in :func:`init_params`, or ``n`` is odd.
    """
    n = _check.count("n", n)
    if n % 2:
        raise ValueError(f"n must be even, because the units come in pairs; got {n}")
    W0, W1 = init_params(key, n // 2, n0)
    # pairs side by side: a sum from left to right then carries no rounding error from one pair to the next
    return Params(jnp.repeat(W0, 2, axis=0), jnp.stack([W1, -W1], axis=1).ravel())


def preactivation(params: Params, X: Float[Array, "m n0"]) -> Float[Array, "m n"]:
    r"""Hidden layer before the activation, :math:`h^\alpha = W_0 x^\alpha`, :eq:`eq-preactivation`.

    Args:
        params: parameters with W0 of shape (n, n0).
        X: inputs, one per row, shape (m, n0).

    Returns:
        h, shape (m, n); row α belongs to input α.

    Raises:
        ValueError: a wrong shape, an empty array, or an entry that is not a finite real number.
    """
    W0, _ = _check.parameters(params)
    return _check.finite("h", _check.inputs("X", X, W0) @ W0.T)


def network(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, " m"]:
    r"""Output of the network, :math:`f^\alpha = W_1\,\psi(h^\alpha)/\sqrt n`, :eq:`eq-network`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can trace.

    Returns:
        f, shape (m,).

    Raises:
        ValueError: bad ``params`` or ``X`` as in :func:`preactivation`; ``psi`` is not an elementwise function, or is
            not finite at some preactivation.
    """
    h = preactivation(params, X)
    _, W1 = _check.parameters(params)
    hidden = _check.finite("psi(h)", _functions.activation(psi, h)(h))
    return _check.finite("f", hidden @ W1 / math.sqrt(len(W1)))


def linearized_network(
    params: Params, params0: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, " m"]:
    r"""First-order expansion of the network around ``params0``, :eq:`eq-linearized` (Lee et al. 2019).

    .. math::

        f^{lin}(\theta) = f(\theta_0) + \langle\nabla_\theta f(\theta_0),\,\theta - \theta_0\rangle

    Args:
        params: parameters :math:`\theta` of width n.
        params0: parameters :math:`\theta_0`, of the same shapes.
        X, psi: as in :func:`network`; JAX must be able to differentiate ``psi``.

    Returns:
        The outputs, shape (m,). Their tangent kernel is that of the network at ``params0``, for all ``params``.

    Raises:
        ValueError: a bad argument, as in :func:`network`, or the shapes of ``params`` and ``params0`` differ.
    """
    theta = Params(*_check.parameters(params))
    if not isinstance(params0, tuple) or len(params0) != 2:
        raise ValueError(
            f"params0 must be Params(W0, W1); got {type(params0).__name__}"
        )
    start = Params(
        _check.array("params0.W0", params0[0], "n n0"),
        _check.array("params0.W1", params0[1], "n"),
    )
    for name, a, b in zip(Params._fields, theta, start, strict=True):
        if a.shape != b.shape:
            raise ValueError(
                f"params0.{name} has shape {b.shape}, but params.{name} has shape {a.shape}"
            )
    X = _check.inputs("X", X, theta.W0)
    A, S = _functions.derivatives(psi, preactivation(start, X), 1)
    change = S * (X @ (theta.W0 - start.W0).T)
    return _check.finite(
        "f", (A @ theta.W1 + change @ start.W1) / math.sqrt(len(theta.W1))
    )


def _preactivation(W0: Float[Array, "n n0"], X: Float[Array, "m n0"]):
    return X @ W0.T


def _network(params, X, psi):
    h = _preactivation(params.W0, X)
    return psi(h) @ params.W1 / math.sqrt(len(params.W1))

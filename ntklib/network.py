"""The network with one hidden layer, its parameters and their random start."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ntklib import _check


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
        raise ValueError(f"key must be a JAX random key, such as jax.random.key(0); got {_check.shown(key)}") from None
    return Params(jax.random.normal(key0, (n, n0)), jax.random.normal(key1, (n,)))


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


def network(params: Params, X: Float[Array, "m n0"], psi: Callable) -> Float[Array, " m"]:
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
    hidden = _check.finite("psi(h)", _check.activation(psi, h)(h))
    return _check.finite("f", hidden @ W1 / math.sqrt(len(W1)))


def _derivatives(psi, h, order):
    """psi(h), psi'(h) and so on up to the order, by nested jvp; each has the shape of h."""

    def stack(z, order):
        if order == 0:
            return (psi(z),)
        lower, slopes = jax.jvp(lambda z: stack(z, order - 1), (z,), (jnp.ones_like(z),))
        return *lower, slopes[-1]

    psi = _check.activation(psi, h)
    return tuple(_check.finite("psi" + "'" * k + "(h)", value) for k, value in enumerate(stack(h, order)))

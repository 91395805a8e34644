"""The network with one hidden layer, its parameters and their random start."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ntklib import _check, _functions, _programs
from ntklib._types import Activation, ArrayLike, Count, ParamsLike


class Params(NamedTuple):
    r"""The parameters :math:`\theta = \{W_0, W_1\}` of the network; a JAX pytree.

    Attributes:
        W0: hidden weights, shape (n, n0); row i holds the weights of hidden unit i.
        W1: output weights, shape (n,).
    """

    W0: Float[Array, "n n0"]
    W1: Float[Array, " n"]


def init_params(key: PRNGKeyArray, n: Count, n0: Count) -> Params:
    r"""Parameters drawn i.i.d. from :math:`N(0, 1)`, :eq:`eq-init`, in JAX's default
    float.

    Args:
        key: a JAX random key, such as ``jax.random.key(0)``.
        n: number of hidden units (the width), at least 1.
        n0: input dimension, at least 1.

    Returns:
        Params: W0 of shape (n, n0) and W1 of shape (n,).

    Raises:
        ValueError: ``key`` is no random key; ``n`` or ``n0`` is not a positive integer.
    """
    n = _check.count("n", n)
    n0 = _check.count("n0", n0)
    key0, key1 = _check.keys(key)
    W0 = jax.random.normal(key0, (n, n0))
    W1 = jax.random.normal(key1, (n,))
    return Params(W0, W1)


def antisymmetric_params(key: PRNGKeyArray, n: Count, n0: Count) -> Params:
    r"""Parameters drawn in pairs of units that cancel: the output starts at 0, whatever
    the activation.

    Both units of a pair have the same row of W0 and opposite entries of W1. Each entry
    alone is still N(0, 1), and the tangent kernel is that of n/2 independent units, so
    its limit is unchanged (Chizat, Oyallon and Bach 2019).

    Args:
        key: a JAX random key, such as ``jax.random.key(0)``.
        n: number of hidden units (the width), even.
        n0: input dimension, at least 1.

    Returns:
        Params: W0 of shape (n, n0) and W1 of shape (n,); units 2i and 2i + 1 are a
            pair.

    Raises:
        ValueError: as in :func:`init_params`, or ``n`` is odd.
    """
    n = _check.even("n", n)
    half = init_params(key, n // 2, n0)
    # The units of a pair stand side by side: a sum from left to right then carries no
    # rounding error from one pair to the next.
    W0 = jnp.repeat(half.W0, 2, axis=0)
    W1 = jnp.stack([half.W1, -half.W1], axis=1).ravel()
    return Params(W0, W1)


def preactivation(
    params: ParamsLike, X: Float[ArrayLike, "m n0"]
) -> Float[Array, "m n"]:
    r"""Hidden layer before the activation, :math:`h^\alpha = W_0 x^\alpha`,
    :eq:`eq-preactivation`.

    Args:
        params: parameters with W0 of shape (n, n0).
        X: inputs, one per row, shape (m, n0).

    Returns:
        h, shape (m, n); row α belongs to input α.

    Raises:
        ValueError: a wrong shape, an empty array, or an entry that is not a finite real
            number.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    W0, W1, X = _check.one_dtype(W0, W1, X)
    return _check.finite("h", _preactivation(W0, X))


def network(
    params: ParamsLike, X: Float[ArrayLike, "m n0"], psi: Activation
) -> Float[Array, " m"]:
    r"""Output of the network, :math:`f^\alpha = W_1\,\psi(h^\alpha)/\sqrt n`,
    :eq:`eq-network`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can trace.

    Returns:
        f, shape (m,).

    Raises:
        ValueError: bad ``params`` or ``X`` as in :func:`preactivation`; ``psi`` is not
            an elementwise function, or is not finite at some preactivation.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    W0, W1, X = _check.one_dtype(W0, W1, X)
    params = Params(W0, W1)
    psi = _functions.activation(psi, _hidden_layer(params, X))
    f, finite = _programs.run(_network_and_whether_finite, (psi,), (params, X))
    if _check.concrete(finite) and not finite:  # where does it come from?
        h = _check.finite("h", _preactivation(W0, X))
        _check.finite("psi(h)", psi(h))
        _check.finite("f", f)
    return f


def linearized_network(
    params: ParamsLike,
    params0: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
) -> Float[Array, " m"]:
    r"""First-order expansion of the network around ``params0``, :eq:`eq-linearized`
    (Lee et al. 2019).

    .. math::

        f^{lin}(\theta) = f(\theta_0)
            + \langle\nabla_\theta f(\theta_0),\,\theta - \theta_0\rangle

    Args:
        params: parameters :math:`\theta` of width n.
        params0: parameters :math:`\theta_0`, of the same shapes.
        X, psi: as in :func:`network`; JAX must be able to differentiate ``psi``.

    Returns:
        The outputs, shape (m,). Their tangent kernel is that of the network at
        ``params0``, for all ``params``.

    Raises:
        ValueError: a bad argument, as in :func:`network`, or the shapes of ``params``
            and ``params0`` differ.
    """
    W0, W1 = _check.parameters(params)
    W0_start, W1_start = _check.start(params0, W0, W1)
    X = _check.inputs("X", X, W0)
    W0, W1, W0_start, W1_start, X = _check.one_dtype(W0, W1, W0_start, W1_start, X)

    h = _check.finite("h", _preactivation(W0_start, X))
    A, S = _functions.derivatives(psi, h, 1)  # psi(h) and psi'(h)
    dh = _preactivation(W0 - W0_start, X)
    # The first term holds f(theta_0) and the change of W1 at once: f is linear in W1.
    f = (A @ W1 + (S * dh) @ W1_start) / math.sqrt(len(W1))
    return _check.finite("f", f)


# The formulas without checks: behind its own door a function calls these.


def _hidden_layer(params: Params, X: Float[Array, "m n0"]) -> jax.ShapeDtypeStruct:
    """What an activation gets, as far as its shape and dtype."""
    return jax.ShapeDtypeStruct((len(X), len(params.W1)), X.dtype)


def _network_and_whether_finite(
    psi: Callable, params: Params, X: Float[Array, "m n0"]
) -> tuple[Float[Array, " m"], Bool[Array, ""]]:
    """The output f, and whether it and the preactivation h are finite.

    The output of a bounded psi is finite also where h is not.
    """
    h = _preactivation(params.W0, X)
    f = _network(params, X, psi)
    return f, _check.all_finite(h) & _check.all_finite(f)


def _preactivation(
    W0: Float[Array, "n n0"], X: Float[Array, "m n0"]
) -> Float[Array, "m n"]:
    """The preactivation h."""
    return X @ W0.T


def _network(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, " m"]:
    """The output f."""
    h = _preactivation(params.W0, X)
    return _output(params.W1, psi(h))


def _output(W1: Float[Array, " n"], A: Float[Array, "m n"]) -> Float[Array, " m"]:
    """The output of hidden units whose values are A = psi(h)."""
    n = len(W1)
    return A @ W1 / math.sqrt(n)

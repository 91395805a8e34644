"""What exercises of several sets compute by JAX's derivatives.

The references are made of the network's definition and derivatives of it by JAX, and so
share no formula with an answer. The wrong answers are formulas in the preactivations.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


def flat_network(params, X, psi):
    """The weights as one vector theta, and the outputs as a function of theta."""
    theta, unravel = ravel_pytree(params)
    n = len(params.W1)

    def f(theta):
        W0, W1 = unravel(theta)
        return psi(X @ W0.T) @ W1 / jnp.sqrt(n)

    return theta, f


def tangent_kernel(f):
    """The kernel of the outputs f, as a function of theta: products of gradients."""

    def K(theta):
        J = jax.jacrev(f)(theta)
        return J @ J.T

    return K


def weight_velocity(f, theta, y):
    """Velocity of theta along the gradient flow of the loss |f - y|^2 / 2m."""

    def loss(theta):
        return jnp.sum((f(theta) - y) ** 2) / (2 * len(y))

    return -jax.grad(loss)(theta)


@partial(jax.jit, static_argnames="psi")
def _activations(params, X, psi):
    def slope(z):
        return jax.jvp(psi, (z,), (jnp.ones_like(z),))[1]

    h = X @ params.W0.T
    S, C = jax.jvp(slope, (h,), (jnp.ones_like(h),))
    return psi(h), S, C


def activations(params, X, psi):
    """psi, psi' and psi'' at the preactivations, NumPy arrays of shape (m, n)."""
    A, S, C = _activations(params, X, psi)
    return np.asarray(A), np.asarray(S), np.asarray(C)

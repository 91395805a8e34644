"""The loss and its gradient flow: training with infinitely small steps."""

from collections.abc import Callable
from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions
from ntklib._flow import integrate, tolerances
from ntklib._functions import derivatives
from ntklib.network import Params, network

STEPS, MORE_STEPS = 2**14, 2**19
NOT_CONVERGED = (
    f"gradient_flow did not converge: {MORE_STEPS} steps did not reach the last time, or the flow became infinite, "
    "or its loss rose; is the loss bounded below, and would shorter times or a larger rtol do?"
)


class Flow(NamedTuple):
    r"""A gradient flow seen at T times; a JAX pytree.

    Attributes:
        ts: the times, shape (T,).
        params: the parameters, stacked over time: W0 (T, n, n0) and W1 (T, n).
        f: the outputs on the training inputs, shape (T, m).
        loss: the loss, shape (T,).
    """

    ts: Float[Array, " T"]
    params: Params
    f: Float[Array, "T m"]
    loss: Float[Array, " T"]


def half_mse(f: Float[Array, " m"], y: Float[Array, " m"]) -> Float[Array, ""]:
    r"""Half the mean squared error, :math:`\mathcal L = \|f - y\|^2 / 2m`, :eq:`eq-loss`.

    Args:
        f: outputs, shape (m,).
        y: targets, shape (m,).

    Returns:
        The loss, a scalar.

    Raises:
        ValueError: a wrong shape, an empty array, or an entry that is not a finite real number.
    """
    f = _check.array("f", f, "m")
    y = _check.vector("y", y, "m", "f", len(f))
    return _check.finite("the loss", jnp.sum((f - y) ** 2) / (2 * len(f)))


def gradient_flow(
    params: Params,
    X: Float[Array, "m n0"],
    y: Float[Array, " m"],
    psi: Callable,
    ts: Float[Array, " T"],
    *,
    loss: Callable = half_mse,
    rtol: float | None = None,
    atol: float | None = None,
) -> Flow:
    r"""Gradient flow from ``params`` at t = 0, :math:`\partial_t\theta = -\nabla_\theta\mathcal L`, :eq:`eq-flow`.

    The integrator is diffrax's Tsit5 with adaptive steps that land on every requested time, in the common dtype of
    ``params``, ``X`` and ``y``; reverse-mode differentiation goes through it.

    Where ``psi`` has a kink, as relu does, a preactivation can reach the kink and stay there: from both sides the flow
    leads back to it. No step is then short enough for ``rtol``. If 16384 steps do not suffice (and always inside
    ``jax.jit``), a step of 1/512 of the time scale ``1 / mean |grad f|^2`` is accepted as it is. On a network with one
    unit, whose sliding can be solved exactly, and on seven random ones of 4 to 1024 units, at times up to 100, the
    parameters were then within 1e-3 of the solution.

    Args:
        params: parameters at t = 0, whatever ``ts[0]`` is.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation, any elementwise function that JAX can differentiate.
        ts: non-decreasing times at which to report, all at least 0, shape (T,).
        loss: function of f (m,) and y (m,) with a scalar value, its 1/m inside.
        rtol: relative error allowed per step; None means 1e-9 in float64 and 1e-5 in float32.
        atol: absolute error allowed per step; None means ``rtol / 100``.

    Returns:
        Flow: times, stacked parameters, outputs (T, m) and losses (T,).

    Raises:
        ValueError: a bad argument, as in :func:`ntklib.network.network`, or times that are negative or decreasing.
        RuntimeError: 524288 steps did not reach ``ts[-1]``, or the flow became infinite, or its loss rose.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    ts = _check.times(ts)
    dtype = jnp.result_type(W0, W1, X, y)
    start, X, y, ts = jax.tree.map(
        lambda a: a.astype(dtype), (Params(W0, W1), X, y, ts)
    )
    rtol, atol = tolerances(rtol, atol, dtype, "params, X and y")
    f0 = network(start, X, psi)
    loss = _functions.scalar_loss(loss, f0)
    what = "psi and loss must be functions whose derivatives jax.grad"
    _functions.differentiated(
        what, jax.eval_shape, lambda p: _velocity(0, p, (X, y, psi, loss)), start
    )

    problem = (_velocity, diffrax.Tsit5(), start, ts, (X, y, psi, loss), rtol, atol)
    stacked, reached = start, False
    if _check.concrete(f0) and _check.concrete(ts):
        stacked, reached = integrate(
            *problem, STEPS, 4 * jnp.finfo(dtype).eps * ts[-1], force=False
        )
    if not (_check.concrete(reached) and reached):
        shortest = jnp.minimum(_time_scale(start, X, psi) / 512, ts[-1])
        stacked, reached = integrate(*problem, MORE_STEPS, shortest, force=True)
    f = jax.vmap(lambda p: network(p, X, psi))(stacked)
    losses = jax.vmap(lambda f_t: loss(f_t, y))(f)
    loss0 = loss(f0, y)
    converged = reached & (
        losses[-1] <= loss0 + 100 * rtol * (1 + jnp.abs(loss0))
    )  # false for NaN too
    if not _check.concrete(converged):
        return eqx.error_if(Flow(ts, stacked, f, losses), ~converged, NOT_CONVERGED)
    if not converged:
        raise RuntimeError(NOT_CONVERGED)
    return Flow(ts, stacked, f, losses)


def _time_scale(params, X, psi):
    """One over the mean squared length of the outputs' gradients, which no eigenvalue of the kernel over m exceeds."""
    A, slope = derivatives(psi, X @ params.W0.T, 1)
    hidden = jnp.sum(X**2, axis=1) * jnp.sum((slope * params.W1[None, :]) ** 2, axis=1)
    return len(params.W1) / jnp.mean(jnp.sum(A**2, axis=1) + hidden)


def _velocity(t, params, args):
    X, y, psi, loss = args
    return jax.tree.map(
        jnp.negative, jax.grad(lambda p: loss(network(p, X, psi), y))(params)
    )

"""The loss and its gradient flow: training with infinitely small steps."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions
from ntklib._flow import (
    forward_mode,
    integrate,
    on_each_device,
    tolerances,
)
from ntklib._programs import run
from ntklib._types import Activation, ArrayLike, Loss, Number, ParamsLike
from ntklib.network import Params, _network, _output, _preactivation

# Steps of the first attempt; a flow that needs more is taken to be held up by a kink.
STEPS = 2**14
# Steps of the second: with 512 steps a time scale they last for 1024 time scales.
MORE_STEPS = 2**19
# The first attempt ends at a step of so many roundings of the last time: what is
# shorter hardly moves the time, and no tolerance will be met any more.
ROUNDINGS = 4
# The shortest step of the second attempt, as a share of the time scale: a network that
# slides along a kink is then within 1e-3 of the solution (see `gradient_flow`).
SHORTEST_SHARE = 1 / 512
# A loss that has settled may seem to rise by the errors of the steps, each about rtol;
# a rise by more than 100 of them is no such error.
RISE = 100
NOT_CONVERGED = (
    f"gradient_flow did not converge: {MORE_STEPS} steps did not reach the last time, "
    "or the flow became infinite, or its loss rose; is the loss bounded below, "
    "and would shorter times or a larger rtol do?"
)

# What is looked at before the first step, in the order in which it is computed.
FIRST_VALUES = ("h", "psi(h)", "f", "the loss", "dL/dW0", "dL/dW1")


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


def half_mse(f: Float[ArrayLike, " m"], y: Float[ArrayLike, " m"]) -> Float[Array, ""]:
    r"""Half the mean squared error, :math:`\mathcal L = \|f - y\|^2 / 2m`,
    :eq:`eq-loss`.

    Args:
        f: outputs, shape (m,).
        y: targets, shape (m,).

    Returns:
        The loss, a scalar.

    Raises:
        ValueError: a wrong shape, an empty array, or an entry that is not a finite real
            number.
    """
    f = _check.array("f", f, "m")
    y = _check.vector("y", y, "m", "f", len(f))
    f, y = _check.one_dtype(f, y)
    return _check.finite("the loss", _half_mse(f, y))


def gradient_flow(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    y: Float[ArrayLike, " m"],
    psi: Activation,
    ts: Float[ArrayLike, " T"],
    *,
    loss: Loss = half_mse,
    rtol: Number | None = None,
    atol: Number | None = None,
) -> Flow:
    r"""Gradient flow from ``params`` at t = 0,
    :math:`\partial_t\theta = -\nabla_\theta\mathcal L`, :eq:`eq-flow`.

    The integrator is diffrax's Tsit5 with adaptive steps that land on every requested
    time, in the common dtype of ``params``, ``X`` and ``y``. Reverse-mode
    differentiation goes through it, and so does ``jax.jvp`` of this function, also
    inside ``jax.jit``, but not ``jax.jvp`` of a function that ``jax.jit`` has made.
    Inside ``jax.shard_map`` each device has its own flow; derivatives of it need
    ``check_vma=False`` there. What has been compiled for one flow serves all others of
    the same shapes with functions that do the same.

    Where ``psi`` has a kink, as relu does, a preactivation can reach the kink and stay
    there: from both sides the flow leads back to it. No step is then short enough for
    ``rtol``. If 16384 steps do not suffice (and always inside ``jax.jit``), a step of
    1/512 of the time scale ``1 / mean |grad f|^2`` is accepted as it is. On a network
    with one unit, whose sliding can be solved exactly, and on seven random ones of 4 to
    1024 units, at times up to 100, the parameters were then within 1e-3 of the
    solution.

    Args:
        params: parameters at t = 0, whatever ``ts[0]`` is.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation, any elementwise function that JAX can differentiate.
        ts: non-decreasing times at which to report, all at least 0, shape (T,).
        loss: function of f (m,) and y (m,) with a scalar value, its 1/m inside.
        rtol: relative error allowed per step; None means 1e-9 in float64 and 1e-5 in
            float32.
        atol: absolute error allowed per step; None means ``rtol / 100``.

    Returns:
        Flow: times, stacked parameters, outputs (T, m) and losses (T,).

    Raises:
        ValueError: a bad argument, as in :func:`ntklib.network.network`, times that
            are negative or decreasing, or a loss or its gradient that is not finite at
            the start.
        RuntimeError: 524288 steps did not reach ``ts[-1]``, or the flow became
            infinite, or its loss rose.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    ts = _check.times(ts)
    W0, W1, X, y = _check.one_dtype(W0, W1, X, y)
    dtype = X.dtype
    _check.flow_dtype("params, X and y", dtype)
    ts = ts.astype(dtype)
    rtol, atol = tolerances(rtol, atol, dtype)

    h = jax.ShapeDtypeStruct((len(X), len(W1)), dtype)
    psi = _functions.activation(psi, h)
    loss = _loss(loss, y)
    functions, problem = (psi, loss), (Params(W0, W1), X, y)

    what = "psi and loss must be functions whose derivatives jax.grad"
    first = _functions.differentiated(what, run, _first_values, functions, problem)
    for name in FIRST_VALUES:
        _check.finite(name, first[name])

    flow, converged = _integrate(functions, (*problem, ts, rtol, atol))
    _check.refuse_unless(converged, NOT_CONVERGED)
    return flow


def _half_mse(f: Float[Array, " m"], y: Float[Array, " m"]) -> Float[Array, ""]:
    """The formula of half_mse, for vectors of one length and dtype."""
    m = len(f)
    return jnp.sum((f - y) ** 2) / (2 * m)


HALF_MSE = _functions.Function(_half_mse, does=_half_mse, has_values=True)


def _loss(loss, y) -> _functions.Function:
    """`loss`, if it maps f and y to one real number."""
    f = jax.ShapeDtypeStruct(y.shape, y.dtype)
    # the vectors are known to be good by now: the formula of half_mse will do
    return HALF_MSE if loss is half_mse else _functions.scalar_loss(loss, f)


def _first_values(psi, loss, start, X, y) -> dict[str, Array]:
    """The values of the formulas at the start, by the names that a refusal gives."""
    h = _preactivation(start.W0, X)
    A = psi(h)
    f = _output(start.W1, A)
    dW0, dW1 = jax.tree.map(jnp.negative, _velocity(0.0, start, (X, y, psi, loss)))
    values = (h, A, f, loss(f, y), dW0, dW1)
    return dict(zip(FIRST_VALUES, values, strict=True))


def _integrate(functions, arrays) -> tuple[Flow, Array]:
    """The flow, and whether it reached the last time with a loss that fell.

    There are two attempts. The first holds to the tolerances, whatever the length of
    its steps. The second, where no step was short enough, accepts steps of a shortest
    length as they are. Inside jit nothing tells whether the first fails; there the
    second is the only one.
    """
    attempt = partial(run, _attempt, functions, arrays, forward=forward_mode(arrays))
    if all(_check.concrete(a) for a in jax.tree.leaves(arrays)):
        flow, converged = attempt(max_steps=STEPS, accept_shortest=False)
        # a loss of the reader's may hold traced values
        if _check.concrete(converged) and converged:
            return flow, converged
    return attempt(max_steps=MORE_STEPS, accept_shortest=True)


def _attempt(psi, loss, *arrays, **options) -> tuple[Flow, Array]:
    """One attempt of `_integrate`."""
    return on_each_device(partial(_solve, psi, loss, **options), *arrays)


def _solve(  # noqa: PLR0913 - the functions, arrays and options of one program
    psi, loss, start, X, y, ts, rtol, atol, *, max_steps, accept_shortest, forward
) -> tuple[Flow, Array]:
    """The flow, and whether it reached the last time with a loss that fell."""
    shortest = ROUNDINGS * jnp.finfo(ts.dtype).eps * ts[-1]
    if accept_shortest:
        share = SHORTEST_SHARE * _time_scale(start, X, psi)
        shortest = jnp.clip(share, shortest, ts[-1])
    units_t, reached = integrate(
        _velocity_of_units,
        _units(start),
        ts,
        (X, y, psi, loss),
        rtol,
        atol,
        max_steps=max_steps,
        shortest=shortest,
        accept_shortest=accept_shortest,
        forward=forward,
    )

    def f_of(params):
        """Outputs on the training inputs."""
        return _network(params, X, psi)

    def loss_of(f):
        """Loss of these outputs."""
        return loss(f, y)

    params_t = jax.vmap(_parameters)(units_t)
    f_t = jax.vmap(f_of)(params_t)
    loss_t = jax.vmap(loss_of)(f_t)
    loss0 = loss_of(f_of(start))
    bound = loss0 + RISE * rtol * (1 + jnp.abs(loss0))
    fell = loss_t[-1] <= bound  # False also where the loss is NaN
    return Flow(ts, params_t, f_t, loss_t), reached & fell


def _time_scale(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, ""]:
    r"""One over the mean of :math:`\|\nabla_\theta f^\alpha\|^2` over the inputs.

    This mean is the trace of the kernel over m, which no eigenvalue of the kernel over
    m exceeds.
    """
    W0, W1 = params
    n = len(W1)
    h = _preactivation(W0, X)
    A, S = _functions.unchecked_derivatives(psi, h, 1)
    E = S * W1[None, :]
    from_W1 = jnp.sum(A**2, axis=1)
    from_W0 = jnp.sum(X**2, axis=1) * jnp.sum(E**2, axis=1)
    return n / jnp.mean(from_W1 + from_W0)


def _velocity(t, params: Params, args: tuple) -> Params:
    """Right-hand side of the gradient flow: minus the gradient of the loss."""
    X, y, psi, loss = args

    def loss_of(params):
        """Loss of the network with these parameters."""
        return loss(_network(params, X, psi), y)

    return jax.tree.map(jnp.negative, jax.grad(loss_of)(params))


def _units(params: Params) -> Float[Array, "rows n"]:
    """The weights as one array: in a column those into and out of a hidden unit."""
    return jnp.concatenate([params.W0.T, params.W1[None]])


def _parameters(units: Float[Array, "rows n"]) -> Params:
    """The parameters that `_units` has made one array of."""
    return Params(units[:-1].T, units[-1])


def _velocity_of_units(
    t, units: Float[Array, "rows n"], args: tuple
) -> Float[Array, "rows n"]:
    """`_velocity` for the integrator, which sums up one array in place of two.

    The products of its gradient have the long axis last, which is faster.
    """
    X, y, psi, loss = args

    def loss_of(units):
        """Loss of the network with these units."""
        return loss(_network(_parameters(units), X, psi), y)

    return -jax.grad(loss_of)(units)

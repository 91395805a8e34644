"""Training in steps of a finite size: gradient descent."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ntklib import _check, _functions
from ntklib._flow import marked_as_different
from ntklib._programs import run
from ntklib._types import Activation, ArrayLike, Count, Loss, ParamsLike
from ntklib.gradient_flow import _first_values, _loss, _velocity, half_mse
from ntklib.network import Params, _network


class Descent(NamedTuple):
    r"""Gradient descent seen at T of its steps; a JAX pytree.

    Attributes:
        steps: how many steps have been taken, shape (T,).
        params: the parameters, stacked: W0 (T, n, n0) and W1 (T, n).
        f: the outputs on the training inputs, shape (T, m).
        loss: the loss, shape (T,).
    """

    steps: Int[Array, " T"]
    params: Params
    f: Float[Array, "T m"]
    loss: Float[Array, " T"]


def gradient_descent(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    y: Float[ArrayLike, " m"],
    psi: Activation,
    eta: Float[ArrayLike, ""],
    steps: Count,
    *,
    loss: Loss = half_mse,
    every: Count = 1,
) -> Descent:
    r"""Steps :math:`\theta \leftarrow \theta - \eta\,\nabla_\theta\mathcal L` from
    ``params``, :eq:`eq-finite-step`.

    At a time :math:`t = \eta k` held fixed, step k is at a distance of order η from
    :func:`ntklib.gradient_flow.gradient_flow`. A large η makes the steps grow beyond
    all bounds; what has become infinite, or NaN, is reported as such.

    Args:
        params: parameters before the first step.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation, any elementwise function that JAX can differentiate.
        eta: the learning rate η, a number above 0.
        steps: how many steps to take, at least 1.
        loss: function of f (m,) and y (m,) with a scalar value, its 1/m inside.
        every: report after every so many steps, and before the first.

    Returns:
        Descent: numbers of steps 0, ``every``, 2 ``every``, … up to ``steps``, and
            there the stacked parameters, outputs (T, m) and losses (T,), in the common
            dtype of ``params``, ``X`` and ``y``.

    Raises:
        ValueError: a bad argument, as in :func:`ntklib.network.network`, an ``eta``
            that is not positive, or ``steps`` or ``every`` that is not a positive
            integer.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    eta = _check.array("eta", eta, "")
    if _check.concrete(eta):
        _check.positive("eta", eta)
    steps = _check.count("steps", steps)
    every = _check.count("every", every)
    W0, W1, X, y = _check.one_dtype(W0, W1, X, y)

    h = jax.ShapeDtypeStruct((len(X), len(W1)), X.dtype)
    psi = _functions.activation(psi, h)
    loss = _loss(loss, y)
    functions, problem = (psi, loss), (Params(W0, W1), X, y)

    what = "psi and loss must be functions whose derivatives jax.grad"
    first = _functions.differentiated(what, run, _first_values, functions, problem)
    for name in ("h", "psi(h)", "f"):
        _check.finite(name, first[name])

    reports = steps // every
    arrays = (*problem, eta.astype(X.dtype))
    params_k, f_k, loss_k = run(
        _descend, functions, arrays, reports=reports, every=every
    )
    return Descent(every * jnp.arange(reports + 1), params_k, f_k, loss_k)


def _descend(psi, loss, start, X, y, eta, *, reports, every):
    """Parameters, outputs and loss at the start and after each `every` steps."""
    start = marked_as_different(start, (X, y, eta))

    def step(params, _):
        """One step of gradient descent."""
        velocity = _velocity(0.0, params, (X, y, psi, loss))
        moved = jax.tree.map(lambda w, v: w + eta * v, params, velocity)
        return moved, None

    def look(params):
        """What is reported of these parameters."""
        f = _network(params, X, psi)
        return params, f, loss(f, y).astype(X.dtype)

    def next_report(params, _):
        """The steps up to the next report, and that report."""
        params, _ = jax.lax.scan(step, params, length=every)
        return params, look(params)

    _, later = jax.lax.scan(next_report, start, length=reports)
    return jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest]), look(start), later
    )

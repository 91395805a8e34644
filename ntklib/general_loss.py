"""Any loss in place of the square: how fast it falls, and the flow of the outputs under
a constant kernel.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions
from ntklib._flow import (
    forward_mode,
    integrate,
    tolerances,
)
from ntklib._programs import run
from ntklib._types import ArrayLike, Loss, Number

# 50 times as many as the longest flow needed that `function_flow` tells of, and room
# for as many times to report.
STEPS = 2**16
NOT_CONVERGED = (
    f"function_flow did not converge: {STEPS} steps did not reach the last time, "
    "or the flow became infinite; is K positive semi-definite, is the loss convex, "
    "and would shorter times or a larger rtol do?"
)


def loss_velocity(
    K: Float[ArrayLike, "m m"], dl: Float[ArrayLike, " m"]
) -> Float[Array, ""]:
    r"""Velocity of the loss along its gradient flow, where
    :math:`\mathcal L^* = \frac1m \sum_\alpha l(f^\alpha, y^\alpha)`.

    .. math::

        \partial_t \mathcal L^*
            = -\frac{1}{m^2}\,(\partial_f l)^\top K\,\partial_f l

    This is :eq:`eq-general-velocity`, the lecture's equation 5 with two slips put
    right: the kernel is taken at :math:`(x^\alpha, x^\beta)`, not at
    :math:`(x^\alpha, y^\beta)`, and the slope is :math:`\partial_f l`, not
    :math:`\partial_x l`. It is exact at finite width, with the kernel of that moment,
    wherever the outputs are differentiable in the parameters: for relu, while no
    preactivation is 0.

    Args:
        K: tangent kernel, shape (m, m), symmetric.
        dl: slopes :math:`\partial_f l(f^\alpha, y^\alpha)` without the 1/m, shape (m,);
            f - y for the squared loss.

    Returns:
        The velocity, a scalar; at most 0 where ``K`` is positive semi-definite.

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, or an entry is
            not a finite real number.
    """
    K = _check.symmetric("K", K)
    dl = _check.vector("dl", dl, "m", "K", len(K))
    K, dl = _check.one_dtype(K, dl)
    return _check.finite("the velocity", _loss_velocity(K, dl))


def function_flow(
    K: Float[ArrayLike, "m m"],
    f0: Float[ArrayLike, " m"],
    y: Float[ArrayLike, " m"],
    dloss: Loss,
    ts: Float[ArrayLike, " T"],
    *,
    rtol: Number | None = None,
    atol: Number | None = None,
) -> Float[Array, "T m"]:
    r"""Outputs from ``f0`` at t = 0 under a constant kernel,
    :math:`\partial_t f = -K\,\partial_f l(f, y)/m`.

    (:eq:`eq-function-flow`.) The integrator is diffrax's Kvaerno5 with adaptive steps
    that land on every requested time, in the common dtype of ``K``, ``f0`` and ``y``;
    reverse-mode differentiation goes through it. The method is implicit (Kværnø 2004),
    so that its steps can grow with the time scale of what is left to learn, however
    fast the other modes are: for the squared, logistic, log-cosh and Huber losses, with
    eight eigenvalues of ``K / m`` from 1e-6 to 10, 400 to 1300 steps led to t = 1e6;
    the explicit Tsit5 was not there after 260000, except with the logistic loss
    (18000). The error was below 1e-9 of the largest output in float64, and up to 6e-3
    in float32, in which ``K`` itself is known to 6e-8 of its largest eigenvalue only.
    Each kink that an output meets, as with the Huber loss, costs some dozens of steps
    more.

    Args:
        K: kernel, shape (m, m), symmetric; singular matrices are allowed.
        f0: outputs at t = 0, whatever ``ts[0]`` is, shape (m,).
        y: targets or labels, shape (m,).
        dloss: function of f (m,) and y (m,) whose value, shape (m,), is the slope
            :math:`\partial_f l` without the 1/m, such as ``lambda f, y: f - y``;
            continuous in f and elementwise.
        ts: non-decreasing times at which to report, all at least 0, shape (T,).
        rtol: relative error allowed per step; None means 1e-9 in float64 and 1e-5 in
            float32.
        atol: absolute error allowed per step; None means ``rtol / 100``.

    Returns:
        The outputs, shape (T, m).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, an entry is
            not a finite real number, times are negative or decreasing, or ``dloss`` is
            not a function as above; or it is called inside ``jax.shard_map``.
        RuntimeError: 65536 steps did not reach ``ts[-1]``, or the flow became infinite.
    """
    _check.outside_shard_map("function_flow")  # lineax does not run there
    K = _check.symmetric("K", K)
    m = len(K)
    f0 = _check.vector("f0", f0, "m", "K", m)
    y = _check.vector("y", y, "m", "K", m)
    ts = _check.times(ts)
    K, f0, y = _check.one_dtype(K, f0, y)
    dtype = K.dtype
    _check.flow_dtype("K, f0 and y", dtype)
    ts = ts.astype(dtype)
    rtol, atol = tolerances(rtol, atol, dtype)
    kind = "a function of f and y, such as lambda f, y: f - y"
    f = jax.ShapeDtypeStruct(f0.shape, dtype)
    dloss = _functions.returns("dloss", kind, dloss, f.shape, f, f)
    _check.finite("dloss(f0, y)", run(_slope, (dloss,), (f0, y)))

    arrays = (K, f0, y, ts, rtol, atol)
    f_t = run(_function_flow, (dloss,), arrays, forward=forward_mode(arrays))
    # what was not reached is infinite
    _check.refuse_unless(jnp.all(jnp.isfinite(f_t)), NOT_CONVERGED)
    return f_t


# The formulas, for arrays of one dtype.


def _loss_velocity(K: Float[Array, "m m"], dl: Float[Array, " m"]) -> Float[Array, ""]:
    m = len(dl)
    return -(dl @ K @ dl) / m**2


def _output_velocity(t, f: Float[Array, " m"], args: tuple) -> Float[Array, " m"]:
    K, y, dloss = args
    m = len(f)
    dl = dloss(f, y).astype(f.dtype)  # no wider: the integrator's dtype is that of f
    return -K @ dl / m


def _slope(
    dloss: Callable, f: Float[Array, " m"], y: Float[Array, " m"]
) -> Float[Array, " m"]:
    return dloss(f, y)


def _function_flow(dloss, K, f0, y, ts, rtol, atol, *, forward) -> Float[Array, "T m"]:
    f_t, _ = integrate(
        _output_velocity,
        f0,
        ts,
        (K, y, dloss),
        rtol,
        atol,
        stiff=True,
        max_steps=STEPS,
        forward=forward,
    )
    return f_t

"""The integrators of both flows, their tolerances, and how they fail."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.interpreters.ad import JVPTracer
from jax.sharding import PartitionSpec

from ntklib import _check

# The default of rtol is far above rounding, and still far below what a plot shows.
RTOL = {"float64": 1e-9, "float32": 1e-5}


def tolerances(rtol, atol, dtype) -> tuple[float, float]:
    """The tolerances of a flow in this dtype, as they came or by default."""
    if rtol is None:
        rtol = RTOL[jnp.dtype(dtype).name]
    else:
        rtol = _check.tolerance("rtol", rtol, dtype)
    if atol is None:
        return rtol, rtol / 100  # for weights and outputs, which are of the order of 1
    # float64 whatever the dtype: atol is no share of a number that has been rounded
    return rtol, _check.tolerance("atol", atol, jnp.float64)


def integrate(  # noqa: PLR0913 - a problem, a solver and what bounds its steps
    velocity,
    start,
    ts,
    args,
    rtol,
    atol,
    *,
    stiff=False,
    max_steps,
    shortest=None,
    accept_shortest=False,
    forward=False,
) -> tuple[Any, Any]:
    """Integrate an array from t = 0, with adaptive steps that land on every time.

    Returns the solution at the times, infinite where it was not reached, and whether
    all of it was. A step of the length `shortest` is accepted whatever its error where
    `accept_shortest` says so; else it ends the integration, and so does a solution that
    is no longer finite. The method is implicit where the problem is `stiff`. It can be
    differentiated in reverse mode, or in `forward` mode alone.
    """
    import diffrax  # here, because it takes as long to import as JAX

    def no_longer_finite(t, y, args, **_):
        """Whether the solution has become infinite, after which no step helps."""
        return ~jnp.isfinite(jnp.sum(y))

    # Two Newton iterations a stage, always: a tolerance would be one for velocities, in
    # units that depend on the kernel, and below the rounding of float32. The error
    # estimate of the step sees what the iterations leave over.
    newton = diffrax.VeryChord(rtol=0.0, atol=np.inf)
    forward_or_reverse = (
        diffrax.ForwardMode() if forward else diffrax.RecursiveCheckpointAdjoint()
    )
    adaptive = diffrax.PIDController(
        rtol=rtol, atol=atol, dtmin=shortest, force_dtmin=accept_shortest
    )
    # without a jit of its own, which would keep what was traced for each psi for ever
    solve = inspect.unwrap(diffrax.diffeqsolve)
    solution = solve(
        diffrax.ODETerm(velocity),
        diffrax.Kvaerno5(root_finder=newton) if stiff else diffrax.Tsit5(),
        t0=jnp.zeros_like(ts[-1]),
        t1=ts[-1],
        dt0=None,
        y0=start,
        args=args,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.ClipStepSizeController(adaptive, step_ts=ts),
        event=diffrax.Event(no_longer_finite) if accept_shortest else None,
        adjoint=forward_or_reverse,
        max_steps=max_steps,
        throw=False,
    )
    reached = solution.result == diffrax.RESULTS.successful
    return solution.ys, reached


def on_each_device(formula, *arrays) -> Any:
    """`formula(*arrays)`; inside `jax.shard_map`, by each device for itself.

    There a gradient in weights that are the same on all devices would be summed over
    the devices, and the integrator's loops, which start from what is the same on all
    and end with what is not, would be refused. So JAX's check of what differs from
    device to device is left out, and made up for at the end.
    """
    if not _differ_between_devices(arrays):
        return formula(*arrays)
    each = PartitionSpec()
    alone = jax.shard_map(formula, in_specs=each, out_specs=each, check_vma=False)
    return marked_as_different(alone(*arrays), arrays)


def marked_as_different(values, arrays) -> Any:
    """The same values, which differ between devices for JAX if one of the arrays does.

    What comes out of a condition that differs between devices does so too.
    """
    if not _differ_between_devices(arrays):
        return values
    conditions = [jnp.ravel(leaf)[0] > 0 for leaf in jax.tree.leaves(arrays)]
    differs = jnp.stack(conditions).any()
    return jax.tree.map(lambda a: jnp.where(differs, a, a), values)


def _differ_between_devices(arrays) -> bool:
    """Whether JAX keeps account of an array that differs inside `jax.shard_map`."""
    kinds = [
        getattr(jax.typeof(leaf), "manual_axis_type", None)
        for leaf in jax.tree.leaves(arrays)
    ]
    return any(kind is not None and kind.varying for kind in kinds)


def forward_mode(arrays) -> bool:
    """Whether these arrays carry tangents of `jax.jvp`, so far as a tracer tells.

    JAX has no loop of unknown length that can be differentiated in both modes.
    """

    def carries_tangent(a):
        """Whether `a` is a tracer of jax.jvp, or one of jax.vmap around such a one."""
        if isinstance(a, JVPTracer):
            return True
        return isinstance(a, Tracer) and carries_tangent(getattr(a, "val", None))

    return any(carries_tangent(leaf) for leaf in jax.tree.leaves(arrays))

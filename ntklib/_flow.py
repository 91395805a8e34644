"""The integrator of both flows, and its tolerances."""

from typing import Any

import diffrax
import jax.numpy as jnp

from ntklib import _check, _functions


def tolerances(rtol, atol, dtype, names):
    """Both tolerances of a flow, as they came or by default, if its dtype is one that can be integrated in."""
    if dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"{names} must be float32 or float64 for a flow; got {dtype}")
    rtol = (
        (1e-9 if dtype == jnp.float64 else 1e-5)
        if rtol is None
        else _check.tolerance("rtol", rtol, dtype)
    )
    return rtol, rtol / 100 if atol is None else _check.tolerance(
        "atol", atol, jnp.float64
    )


def integrate(
    velocity,
    solver,
    start,
    ts,
    args,
    rtol,
    atol,
    max_steps,
    shortest=None,
    *,
    force=False,
) -> Any:
    """The solution at the times, infinite where it was not reached, and whether all of it was."""
    args = tuple(_functions.hashable(arg) if callable(arg) else arg for arg in args)
    steps = diffrax.PIDController(
        rtol=rtol, atol=atol, dtmin=shortest, force_dtmin=force
    )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(velocity),
        solver,
        t0=jnp.zeros_like(ts[-1]),
        t1=ts[-1],
        dt0=None,
        y0=start,
        args=args,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.ClipStepSizeController(steps, step_ts=ts),
        max_steps=max_steps,
        throw=False,
    )
    return solution.ys, solution.result == diffrax.RESULTS.successful

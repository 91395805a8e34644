"""The integrator of both flows, and its tolerances."""

from typing import Any

import diffrax
import jax.numpy as jnp

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
    solver,
    start,
    ts,
    args,
    rtol,
    atol,
    *,
    max_steps,
    shortest=None,
    accept_shortest=False,
) -> tuple[Any, Any]:
    """Integrate from t = 0, with adaptive steps that land on every time.

    Returns the solution at the times, infinite where it was not reached, and whether
    all of it was. A step of the length `shortest` is accepted whatever its error where
    `accept_shortest` says so; else it ends the integration.
    """
    adaptive = diffrax.PIDController(
        rtol=rtol, atol=atol, dtmin=shortest, force_dtmin=accept_shortest
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
        stepsize_controller=diffrax.ClipStepSizeController(adaptive, step_ts=ts),
        max_steps=max_steps,
        throw=False,
    )
    return solution.ys, solution.result == diffrax.RESULTS.successful

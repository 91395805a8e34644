"""Rows on flows, beside SciPy's DOP853 with a compiled right-hand side."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from ntklib import Params, gradient_flow, network
from tools.bench.clock import programs_compiled, ratio
from tools.bench.rows import aim, called, row

TIMES = np.linspace(0, 20, 5)
TOLERANCES = 10.0 ** np.arange(-5, -12.1, -0.25)  # for the peer to choose from
REFERENCE = 1e-13


def problem(m, n0, n, seed=0):
    """Parameters, inputs and targets; NumPy draws them, so that nothing is compiled."""
    random = np.random.default_rng(seed)
    W0, W1 = random.standard_normal((n, n0)), random.standard_normal(n)
    X = random.standard_normal((m, n0)) / n0**0.5
    return Params(jnp.asarray(W0), jnp.asarray(W1)), X, np.sin(3 * X[:, 0])


def by_scipy(params, X, y):
    """A function of rtol that gives the outputs along the flow, shape (T, m)."""
    n, n0 = params.W0.shape

    def outputs(theta):
        params = Params(theta[: n * n0].reshape(n, n0), theta[n * n0 :])
        return network(params, X, jnp.tanh)

    @jax.jit
    @jax.grad
    def slope(theta):
        return jnp.mean((outputs(theta) - y) ** 2) / 2

    def velocity(t, theta):
        return -np.asarray(slope(theta))

    outputs_at_times = jax.jit(jax.vmap(outputs))
    start = np.append(params.W0, params.W1)
    span = (0, TIMES[-1])

    def solve(rtol):
        options = {"method": "DOP853", "rtol": rtol, "atol": rtol / 100}
        solution = solve_ivp(velocity, span, start, t_eval=TIMES, **options)
        return outputs_at_times(solution.y.T)

    return solve


@row(
    "`gradient_flow` of tanh: time",
    "over DOP853, as accurate and with a compiled right-hand side",
    aim(1.2, m=20, n0=5, n=1024, mode="eager")
    + aim(0.8, m=20, n0=5, n=1024, mode="jit"),
    tiny={"m": 2, "n0": 2, "n": 4, "mode": "jit"},
)
def gradient_flow_time(m, n0, n, mode):
    """Time over that of DOP853 at the loosest tolerance that makes it as accurate."""
    params, X, y = problem(m, n0, n)
    function = called(mode, partial(gradient_flow, psi=jnp.tanh, ts=TIMES))
    solve = by_scipy(params, X, y)
    exact = solve(REFERENCE)

    def error(f):
        return float(jnp.max(jnp.abs(f - exact)))

    our_error = error(function(params, X, y).f)
    for rtol in TOLERANCES:
        peers_error = error(solve(rtol))
        if peers_error <= our_error:
            result = ratio(lambda: function(params, X, y), partial(solve, rtol))
            note = f"errors {our_error:.0e} and {peers_error:.0e}, rtol {rtol:.0e}"
            return result | {"note": note}
    raise RuntimeError(f"no tolerance makes DOP853 as accurate as {our_error:.1e}")


@row(
    "`gradient_flow` of tanh, second call",
    "in programs compiled",
    aim(0, change=("other numbers", "another rtol", "an equal lambda")),
    tiny={"change": "other numbers"},
)
def gradient_flow_programs(change):
    """How many programs a call compiles that differs from one before in one thing."""

    def flow(seed=0, psi=lambda z: jnp.tanh(z), rtol=1e-6):
        params, X, y = problem(4, 3, 8, seed)
        return lambda: gradient_flow(params, X, y, psi, TIMES, rtol=rtol)

    changed = {
        "other numbers": flow(seed=1),
        "another rtol": flow(rtol=1e-5),
        "an equal lambda": flow(psi=lambda z: jnp.tanh(z)),
    }[change]
    jax.block_until_ready(flow()())
    return {"value": programs_compiled(changed)}

"""What a trained relu network leaves of the third wave, and with its kernel held fixed.

The targets are three waves on the circle, the inputs have a bias coordinate; each start
is in pairs. What is left of cos 3 tau at t = 100 is measured twice for each start.
"""

import jax
import numpy as np

from ntklib import (
    antisymmetric_params,
    empirical_ntk,
    gradient_flow,
    linear_flow,
)

SEED = 17
STARTS = 24
INPUTS = 32
TIME = 100.0

SETTINGS = [(512,), (2048,), (8192,)]
COLUMNS = ("width", "start", "trained", "fixed_kernel")
SLICE = [(512,)]
RTOL = 1e-3

TAU = 2 * np.pi * np.arange(INPUTS) / INPUTS
X = np.column_stack([np.cos(TAU), np.sin(TAU), np.ones(INPUTS)])
Y = np.cos(TAU) + np.cos(2 * TAU) + np.cos(3 * TAU)


def left(f):
    """The share of the third wave that the outputs f lack."""
    return 2 / INPUTS * (Y - f) @ np.cos(3 * TAU)


@jax.enable_x64(True)
def measure(width):
    """For each start its number and what is left: trained, and with K_0^n fixed."""
    key = jax.random.fold_in(jax.random.key(SEED), width)
    results = []
    for number, start_key in enumerate(jax.random.split(key, STARTS)):
        start = antisymmetric_params(start_key, width, 3)
        flow = gradient_flow(start, X, Y, jax.nn.relu, [TIME], rtol=1e-5)
        K0 = empirical_ntk(start, X, jax.nn.relu)
        r = linear_flow(K0, -Y, [TIME])[0]
        results.append((number, left(np.asarray(flow.f[0])), left(Y + r)))
    return results

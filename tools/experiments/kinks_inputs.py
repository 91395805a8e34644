"""How far the kernel of relu moves with one, two, four and eight inputs."""

import jax
import numpy as np

from ntklib import (
    Params,
    empirical_ntk,
    gradient_flow,
    init_params,
    preactivation,
)
from tools.experiments import DATA

SEED = 17
STARTS = 240
TIMES = [0.0, 5.0]
SETTINGS = [(m, n) for m in [1, 2, 4, 8] for n in [256, 1024, 4096, 16384]]
COLUMNS = ("m", "n", "drift", "error", "off", "off_error", "on", "on_error")
SLICE = [(2, 256)]
RTOL = 0.02  # a unit that just reaches the kink may count on one processor only


def temperatures(m):
    """Every so many-th temperature of the running example, m of them."""
    angle, y = np.loadtxt(DATA / "seasons.csv", delimiter=",").T
    keep = len(y) // m
    circle = [np.cos(angle), np.sin(angle), np.ones_like(angle)]
    return np.column_stack(circle)[::keep], y[::keep]


def crossings(start, end, X):
    """Pairs of unit and input that are switched off, and on, over the root of n."""
    before, after = [np.asarray(preactivation(p, X)) > 0 for p in (start, end)]
    root = np.sqrt(len(start.W1))
    return np.sum(before & ~after) / root, np.sum(~before & after) / root


@jax.enable_x64(True)
def measure(m, n):
    """The drift up to t = 5, its root mean square over the starts, and the numbers of
    crossings, their means, each with its standard error.
    """
    X, y = temperatures(m)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), n), STARTS)
    values = np.empty((STARTS, 3))
    for j, key in enumerate(keys):
        start = init_params(key, n, X.shape[1])
        flow = gradient_flow(start, X, y, jax.nn.relu, TIMES, rtol=1e-4)
        end = Params(flow.params.W0[-1], flow.params.W1[-1])
        K0, Kt = [empirical_ntk(p, X, jax.nn.relu) for p in (start, end)]
        values[j] = np.sum((Kt - K0) ** 2), *crossings(start, end, X)
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(STARTS)
    rms = np.sqrt(mean[0])
    return [(rms, error[0] / (2 * rms), mean[1], error[1], mean[2], error[2])]

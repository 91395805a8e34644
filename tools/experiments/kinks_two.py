"""Units of relu that two inputs carry across the kink, at several angles."""

import jax
import numpy as np

from ntklib import Params, antisymmetric_params, gradient_flow, preactivation
from tools.experiments.kinks_inputs import crossings

SEED = 18
STARTS = 300
TIMES = [0.0, 20.0]  # the end of training, up to a factor exp(-10)
SETTINGS = [(angle, 4096) for angle in [30, 60, 90]] + [(60, 256)]
COLUMNS = ("angle", "n", "fall", "fall_error", "off", "off_error", "on", "on_error")
SLICE = [(60, 256)]
RTOL = 0.02  # a unit that just reaches the kink may count on one processor only


def fall(start, end, X):
    """Mean over the inputs of how much the kernel loses by crossings, over n^(-1/2)."""
    before, after = [np.asarray(preactivation(p, X)) > 0 for p in (start, end)]
    change = before * 1.0 - after
    return np.mean(change @ start.W1**2) / np.sqrt(len(start.W1))


@jax.enable_x64(True)
def measure(angle, n):
    """Means over the starts, with their standard errors: the fall of the kernel, the
    units switched off and those switched on, over the root of n and for each input.

    Both targets are 1, and the networks start from pairs, so that both residuals are
    -1 at the start, and stay equal in the limit of large widths.
    """
    omega = np.deg2rad(angle)
    X = np.array([[1.0, 0.0], [np.cos(omega), np.sin(omega)]])
    y = np.ones(2)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), n), STARTS)
    values = np.empty((STARTS, 3))
    for j, key in enumerate(keys):
        start = antisymmetric_params(key, n, 2)
        flow = gradient_flow(start, X, y, jax.nn.relu, TIMES, rtol=1e-4)
        end = Params(flow.params.W0[-1], flow.params.W1[-1])
        off, on = crossings(start, end, X)
        values[j] = fall(start, end, X), off / len(X), on / len(X)
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(STARTS)
    return [tuple(np.ravel(np.column_stack([mean, error])))]

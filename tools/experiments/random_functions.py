"""Outputs of many trained networks at four dates, for the chapter on random functions.

Each network has its own random start, and is trained on five temperatures of the
running example, every third from January to July.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import Params, gradient_flow, init_params, network
from tools.experiments import DATA

SEED = 17
WIDTH, TIME = 1024, 300.0
NETWORKS = 40  # in a batch
SETTINGS = [(batch,) for batch in range(20)]
COLUMNS = ("batch", "June", "August", "October", "December")
SLICE = [(0,)]
# a number rounded to 1e-4 may end on the other side of a half on another processor
RTOL = 0.01
RECORDED = 5  # temperatures to train on
MONTHS = np.array([5.5, 7.5, 9.5, 11.5])  # since 1 January


def inputs(angle):
    """The inputs for these times of year."""
    return np.column_stack([np.cos(angle), np.sin(angle), np.ones_like(angle)])


def measure(batch):
    """The outputs of each network of a batch, on the middle of the four months."""
    angle, y = np.loadtxt(DATA / "seasons.csv", delimiter=",", unpack=True)
    X, y = inputs(angle)[::3][:RECORDED], y[::3][:RECORDED]
    new = inputs(MONTHS * np.pi / 6)

    def outputs(key):
        """Train one network, and look at it."""
        start = init_params(key, WIDTH, X.shape[1])
        flow = gradient_flow(start, X, y, jnp.tanh, [TIME], rtol=1e-6)
        end = Params(flow.params.W0[-1], flow.params.W1[-1])
        return network(end, new, jnp.tanh)

    with jax.enable_x64(True):
        key = jax.random.fold_in(jax.random.key(SEED), batch)
        keys = jax.random.split(key, NETWORKS)
        found = np.asarray(jax.jit(jax.vmap(outputs))(keys))
    return [tuple(row) for row in np.round(found, 4)]

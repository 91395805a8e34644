"""Rows on linear algebra with NumPy, and on the import of the library."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np

from ntklib import empirical_ntk, kernel_regression, linear_flow, predict
from tools.bench.clock import middle_half, ratio
from tools.bench.rows import aim, inputs, parameters, row


@row(
    "Linear flow, prediction and regression: time",
    "over one `eigh`",
    aim(1.3, function=("linear_flow", "predict", "kernel_regression"), m=1000)
    + aim(0.2, function="kernel_regression, ridge", m=1000),
    tiny={"function": "predict", "m": 4},
)
def over_eigh(function, m):
    """Time over that of an eigendecomposition; where there are times, 100 of them."""
    K = np.asarray(empirical_ntk(parameters(2 * m, 20), inputs(m, 20), jnp.tanh))
    K_new, y = K[:100], np.sin(np.arange(m))
    data = (K, K_new, np.zeros(m), np.zeros(len(K_new)), y)
    ts = np.linspace(0, 1000, 100)
    call = {
        "linear_flow": lambda: linear_flow(K, y, ts),
        "predict": lambda: predict(*data, ts),
        "kernel_regression": lambda: kernel_regression(*data),
        "kernel_regression, ridge": lambda: kernel_regression(*data, ridge=1e-3),
    }[function]
    return ratio(call, lambda: np.linalg.eigh(K))


def import_seconds(module):
    """Processor seconds that a new interpreter needs to import a module."""
    lines = "import time; start = time.process_time()"
    lines += f"; import {module}; print(time.process_time() - start)"
    command = [sys.executable, "-c", lines]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


@row(
    "`import ntklib`, in a new interpreter: time",
    "over `import jax`",
    aim(1.3, rounds=5),
    tiny={"rounds": 1},
)
def import_time(rounds):
    """Time of an import over that of what it builds on."""
    import_seconds("ntklib")  # fills the caches of files
    pairs = [(import_seconds("ntklib"), import_seconds("jax")) for _ in range(rounds)]
    ours, theirs = np.transpose(pairs)
    return {
        "value": float(ours.min() / theirs.min()),
        "spread": middle_half(ours / theirs),
        "seconds": [float(ours.min()), float(theirs.min())],
    }

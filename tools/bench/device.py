"""The kernels on a GPU: seconds, and what share of them its matrix products need."""

import json
import sys
import time

import jax
import jax.numpy as jnp

from ntklib import (
    Params,
    empirical_ntk,
    kernel_drift,
    limit_kernel,
    ntk_velocity,
    triple_product,
)
from tools.bench.clock import least
from tools.bench.process import NoAnswer, answer
from tools.bench.rows import inputs, parameters

LIMIT = 400  # seconds for all of it
DTYPES = ("float32", "float64")
SIDE = 8192  # of the square matrices whose product gives the rate
T = 20  # kernels along a path
WALL = time.perf_counter  # the processor waits for the device
SIZES = {
    "empirical_ntk": {"m": 4096, "n0": 64, "n": 16384},
    "ntk_velocity": {"m": 4096, "n0": 64, "n": 16384},
    "kernel_drift": {"m": 1024, "n0": 64, "n": 8192},
    "triple_product": {"m": 128, "n0": 8, "n": 8192},
    "limit_kernel, relu": {"m": 10000, "n0": 784, "n": 1},
    "limit_kernel, tanh": {"m": 5000, "n0": 20, "n": 1},
}
# Multiplications in the matrix products that a function cannot do without.
PRODUCTS = {
    "empirical_ntk": lambda m, n: 2 * m * m * n,
    "ntk_velocity": lambda m, n: 3 * m * m * n,
    "kernel_drift": lambda m, n: 2 * T * m * m * n,
    "triple_product": lambda m, n: 2 * m * m * m * n,
}


def multiplications_a_second(side, dtype):
    """The rate of a product of square matrices."""
    A = jax.random.normal(jax.random.key(0), (side, side), dtype)
    product = jax.jit(jnp.matmul)
    return side**3 / least(lambda: product(A, A), WALL)


def seconds_of(name, m, n0, n, dtype):
    """The least time of a function of the library, called as it is."""
    X, y, params = inputs(m, n0, dtype), jnp.zeros(m, dtype), parameters(n, n0, dtype)
    path = Params(*(jnp.stack([weights] * T) for weights in params))
    call = {
        "empirical_ntk": lambda: empirical_ntk(params, X, jnp.tanh),
        "ntk_velocity": lambda: ntk_velocity(params, X, y, jnp.tanh),
        "kernel_drift": lambda: kernel_drift(path, X, jnp.tanh),
        "triple_product": lambda: triple_product(params, X, jnp.tanh),
        "limit_kernel, relu": lambda: limit_kernel(X, jax.nn.relu),
        "limit_kernel, tanh": lambda: limit_kernel(X, jnp.tanh),
    }[name]
    return least(call, WALL)


def measure(sizes, side):
    """The rate of the device in both precisions, and each function's time and share."""
    rates = {dtype: multiplications_a_second(side, dtype) for dtype in DTYPES}
    lines = []
    for name, setting in sizes.items():
        for dtype in DTYPES:
            seconds = seconds_of(name, **setting, dtype=dtype)
            line = {"name": name, "setting": setting, "dtype": dtype}
            if name in PRODUCTS:
                products = PRODUCTS[name](setting["m"], setting["n"])
                line["share"] = products / rates[dtype] / seconds
            lines.append(line | {"seconds": seconds})
    return {"name": jax.devices()[0].device_kind, "rates": rates, "lines": lines}


def measured():
    """What a process on the device finds, or None without a GPU."""
    command = [sys.executable, "-m", "tools.bench.device"]
    try:
        return answer(command, None, LIMIT, JAX_PLATFORMS="", JAX_ENABLE_X64="1")
    except NoAnswer as reason:
        return {"failed": str(reason)}


if __name__ == "__main__":
    on_gpu = jax.default_backend() == "gpu"
    print(json.dumps(measure(SIZES, SIDE) if on_gpu else None))

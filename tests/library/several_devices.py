"""What `test_devices` runs in processes of its own, where JAX has several devices.

``python -m tests.library.several_devices kernels`` wants 8 devices in one process,
``python -m tests.library.several_devices process <address> <number> <index>`` is one of
several processes. Each prints one line of JSON.
"""

import json
import math
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ntklib import Params, empirical_ntk, limit_kernel

M, N0, N = 1024, 16, 1024  # inputs, their dimension, hidden units


def draw(seed, *shape):
    """Standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)


PARAMS = Params(draw(0, N, N0), draw(1, N))
KERNELS = {
    "empirical_ntk": lambda X: empirical_ntk(PARAMS, X, jnp.tanh),
    "limit_kernel of relu": lambda X: limit_kernel(X, jax.nn.relu).ntk,
    "limit_kernel of erf": lambda X: limit_kernel(X, jax.scipy.special.erf).ntk,
}
# Averaged by series where it is called as it is, but at once inside a jit.
EAGER_KERNELS = {"limit_kernel of tanh": lambda X: limit_kernel(X / 4, jnp.tanh).ntk}
AXES = {"auto": AxisType.Auto, "explicit": AxisType.Explicit}


def by_rows(X, axes):
    """X with its rows spread over all devices, on a mesh with such axes."""
    mesh = jax.make_mesh((jax.device_count(),), ("inputs",), axis_types=(axes,))
    return jax.device_put(X, NamedSharding(mesh, PartitionSpec("inputs")))


def kernels():
    """For each kernel and kind of axes, called as it is and inside a jit: where it is,
    how far from that on one device, and what its program needs.
    """
    rows = {}
    for name, kernel in (KERNELS | EAGER_KERNELS).items():
        X = draw(2, M, N0)
        want = np.asarray(kernel(X))
        for kind, axes in AXES.items():
            spread = by_rows(X, axes)
            copied, K = copies_to_host(kernel, spread)
            rows[f"{name}, {kind}"] = {
                "eager": seen(K, want),
                "copied": copied,
            }
            if name in EAGER_KERNELS:
                continue
            compiled = jax.jit(kernel).lower(spread).compile()
            rows[f"{name}, {kind}"] |= {
                "jit": seen(compiled(spread), want),
                "gathered": gathered(compiled.as_text()),
                "memory": compiled.memory_analysis().temp_size_in_bytes,
            }
    return rows


def seen(K, want):
    """How K is spread, and its relative distance from what it should be."""
    whole = np.asarray(K)
    error = np.abs(whole - want).max() / np.abs(want).max()
    return {
        "axes": list(K.sharding.spec),
        "shards": sorted({shard.data.shape for shard in K.addressable_shards}),
        "error": float(error),
        "symmetric": bool((whole == whole.T).all()),
    }


def copies_to_host(kernel, X):
    """The most entries of an array on several devices that became one of NumPy's, and
    the kernel.
    """
    most = 0
    original = np.asarray

    def asarray(a, *args, **kwargs):
        nonlocal most
        if isinstance(a, jax.Array) and len(a.devices()) > 1:
            most = max(most, a.size)
        return original(a, *args, **kwargs)

    np.asarray = asarray
    try:
        K = kernel(X)
    finally:
        np.asarray = original
    return most, K


def gathered(program):
    """The most entries of an array that a compiled program gathers from devices."""
    shapes = re.findall(r"= \(?\w+\[([\d,]*)\].* all-gather(?:-start)?\(", program)
    return max((math.prod(map(int, s.split(","))) for s in shapes if s), default=0)


def process(address, number, index):
    """One of several processes: the rows of the kernel that it has, and what it says of
    an entry that is NaN.
    """
    jax.distributed.initialize(address, int(number), int(index))
    X = draw(2, 64, N0)
    mesh = jax.make_mesh((jax.device_count(),), ("inputs",))
    rows = NamedSharding(mesh, PartitionSpec("inputs"))

    def spread(X):
        return jax.make_array_from_callback(X.shape, rows, lambda part: X[part])

    K = empirical_ntk(PARAMS, spread(X), jnp.tanh)
    want = np.asarray(empirical_ntk(PARAMS, X, jnp.tanh))
    mine = [(shard.index, np.asarray(shard.data)) for shard in K.addressable_shards]
    error = max(np.abs(data - want[part]).max() for part, data in mine)
    X[50, 3] = np.nan
    try:
        empirical_ntk(PARAMS, spread(X), jnp.tanh)
        said = ""
    except ValueError as refused:
        said = str(refused)
    return {
        "devices": jax.device_count(),
        "rows": sum(len(data) for _, data in mine),
        "error": float(error / np.abs(want).max()),
        "said": said,
    }


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps({"kernels": kernels, "process": process}[what](*arguments)))

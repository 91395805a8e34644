"""One kernel, its inputs spread over 1, 2, 4 and 8 devices: `python -m
tools.bench.spread`.

Each of the devices is one thread of the processor, as XLA can pretend. The results go
to book/data/devices.csv, from which a table of book/large.md is made.
"""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ntklib import empirical_ntk, init_params

TABLE = Path(__file__).parents[2] / "book/data/devices.csv"
M, N0, N = 4096, 32, 2048  # inputs, their dimension, hidden units
DEVICES = (1, 2, 4, 8)
REPEATS = 3


def kernel(params, X):
    """What is measured."""
    return empirical_ntk(params, X, jnp.tanh)


def measure():
    """Rows, megabytes and seconds of one device, where all of them share the kernel."""
    mesh = Mesh(jax.devices(), ("inputs",))
    by_rows = NamedSharding(mesh, PartitionSpec("inputs"))
    params = init_params(jax.random.key(0), N, N0)
    X = jax.device_put(jax.random.normal(jax.random.key(1), (M, N0)), by_rows)
    memory = jax.jit(kernel).lower(params, X).compile().memory_analysis()
    assert memory is not None
    seconds = []
    for _ in range(1 + REPEATS):  # the first time it is compiled
        start = time.perf_counter()
        K = kernel(params, X).block_until_ready()
        seconds.append(time.perf_counter() - start)
    assert K.sharding.is_equivalent_to(by_rows, 2)
    return {
        "rows": K.addressable_shards[0].data.shape[0],
        "MB of K": K.addressable_shards[0].data.nbytes / 1e6,
        "MB besides": memory.temp_size_in_bytes / 1e6,
        "seconds": min(seconds[1:]),
    }


def measured_on(devices):
    """The same from a process with so many devices of one thread each."""
    flags = (
        "--xla_cpu_multi_thread_eigen=false "
        f"--xla_force_host_platform_device_count={devices}"
    )
    run = subprocess.run(
        [sys.executable, "-m", "tools.bench.spread", "one"],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def main():
    """Measure with each number of devices, and write the table."""
    results = {devices: measured_on(devices) for devices in DEVICES}
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file)
        names = ["devices", "rows of K on each", "MB of K on each", "MB besides"]
        table.writerow([*names, "seconds", "times as fast as one"])
        for devices, found in results.items():
            row = [devices, found["rows"], round(found["MB of K"], 1)]
            row += [round(found["MB besides"], 1), f"{found['seconds']:.2f}"]
            ratio = results[1]["seconds"] / found["seconds"]
            table.writerow([*row, f"{ratio:.2f}"])
    print(TABLE.read_text())


if __name__ == "__main__":
    print(json.dumps(measure())) if sys.argv[1:] == ["one"] else main()

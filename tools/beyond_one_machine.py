"""One kernel, its inputs spread over 1, 2, 4 and 8 devices.

The devices are those that XLA can make of one processor, whose cores they share. The
results go to book/data/beyond_one_machine.csv, from which a table of book/large.md is
made.
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

TABLE = Path(__file__).parents[1] / "book/data/beyond_one_machine.csv"
M, N0, N = 4096, 32, 2048  # inputs, their dimension, hidden units
DEVICES = (1, 2, 4, 8)
REPEATS = 3


def kernel(params, X):
    """What is measured."""
    return empirical_ntk(params, X, jnp.tanh)


def measure():
    """Rows, megabytes and seconds of one of the devices that share the kernel."""
    mesh = Mesh(jax.devices(), ("inputs",))
    by_rows = NamedSharding(mesh, PartitionSpec("inputs"))
    params = init_params(jax.random.key(0), N, N0)
    X = jax.device_put(jax.random.normal(jax.random.key(1), (M, N0)), by_rows)
    memory = jax.jit(kernel).lower(params, X).compile().memory_analysis()
    assert memory is not None
    K = kernel(params, X)  # compiles
    assert K.sharding.is_equivalent_to(by_rows, 2)
    seconds, of_processor = [], []
    for _ in range(REPEATS):
        start, start_of_processor = time.perf_counter(), time.process_time()
        kernel(params, X).block_until_ready()
        seconds.append(time.perf_counter() - start)
        of_processor.append(time.process_time() - start_of_processor)
    return {
        "rows of K": K.addressable_shards[0].data.shape[0],
        "MB of K": K.addressable_shards[0].data.nbytes / 1e6,
        "MB besides": memory.temp_size_in_bytes / 1e6,
        "processor seconds": min(of_processor) / jax.device_count(),
        "seconds": min(seconds),
    }


def measured_on(devices):
    """The same from a process with so many devices."""
    flags = (
        "--xla_cpu_multi_thread_eigen=false "
        f"--xla_force_host_platform_device_count={devices}"
    )
    run = subprocess.run(
        [sys.executable, "-m", "tools.beyond_one_machine", "one"],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def main():
    """Measure with each number of devices, and write the table."""
    with TABLE.open("w", newline="") as file:
        table = csv.writer(file)
        names = ["rows of K", "MB of K", "MB besides", "processor seconds", "seconds"]
        table.writerow(["devices", *names])
        for devices in DEVICES:
            found = measured_on(devices)
            table.writerow([devices, *[f"{found[name]:.4g}" for name in names]])
    print(TABLE.read_text())


if __name__ == "__main__":
    print(json.dumps(measure())) if sys.argv[1:] == ["one"] else main()

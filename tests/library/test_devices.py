"""Inputs spread by rows over several devices: the kernel comes out by rows too, and no
device holds more than its share and a few blocks.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library.several_devices import AXES, EAGER_KERNELS, KERNELS, N0, M, N

ROOT = Path(__file__).parents[2]
DEVICES = 8
CASES = [f"{name}, {kind}" for name in KERNELS for kind in AXES]


def start(devices, *arguments):
    """A process of its own with so many devices."""
    flag = f"--xla_force_host_platform_device_count={devices}"
    settings = {"XLA_FLAGS": flag, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.library.several_devices", *arguments],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process):
    """What a process has printed last, when it has ended well."""
    printed, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def kernels():
    """What 8 devices say of the kernels."""
    return answer(start(DEVICES, "kernels"))


EAGER_CASES = [f"{name}, {kind}" for name in EAGER_KERNELS for kind in AXES]
BOTH = [(case, mode) for case in CASES for mode in ("eager", "jit")]
BOTH += [(case, "eager") for case in EAGER_CASES]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "mode"), BOTH)
def test_kernels_come_out_by_rows(case, mode, kernels):
    """Each device has m/8 rows of K, which is that of one device, and symmetric."""
    K = kernels[case][mode]
    assert K["axes"] in (["inputs"], ["inputs", None])
    assert K["shards"] == [[M // DEVICES, M]]
    assert K["error"] <= 1e-12
    assert K["symmetric"]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_kernels_gather_no_matrix(case, kernels):
    """The compiled program gathers the inputs and the features of one block, no array
    of shape (m, m) or (m, n); nor is one copied to the host to be checked.
    """
    assert 0 < kernels[case]["gathered"] <= M // 4 * N
    assert kernels[case]["copied"] <= M * N0


@pytest.mark.slow
@pytest.mark.parametrize("case", EAGER_CASES)
def test_kernels_by_series_copy_no_matrix(case, kernels):
    """Nothing larger than the inputs comes to the host, where series are averaged."""
    assert kernels[case]["copied"] <= M * N0


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_kernels_need_a_share_of_memory(case, kernels):
    """Beside its rows of K a device needs less than the whole of K."""
    assert kernels[case]["memory"] < 8 * M * M


@pytest.mark.slow
def test_empirical_ntk_runs_in_several_processes():
    """With jax.distributed.initialize two processes with two devices each make one
    kernel; a NaN in the last rows is seen by both, and named by the one that has it.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    processes = [start(2, "process", address, "2", str(index)) for index in (0, 1)]
    answers = [answer(process) for process in processes]
    for got in answers:
        assert got["devices"] == 4
        assert got["rows"] == 32
        assert got["error"] <= 1e-12
    elsewhere = "nan or infinity in a part that another process holds"
    assert answers[0]["said"] == f"X must be finite; got {elsewhere}"
    assert answers[1]["said"] == "X must be finite; got nan at index (50, 3)"

"""How much memory a call needs at its peak. It knows NumPy's neighbours as well: no
JAX here, so that the environments of other libraries can import it.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

M_MMAP_THRESHOLD = -3  # of the C library's mallopt
SMALL, LARGE = 2**16, 2**25  # bytes; the second is as far as it goes by itself


def prepare() -> None:
    """Have the C library give every large array back to the system as soon as it is
    free; else an array that was freed would hide a new one.

    To be called before the process has computed anything large.
    """
    if sys.platform != "linux":
        raise OSError("the peak of memory is read from /proc, which Linux alone has")
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, SMALL)


def peak_beyond_start(call: Callable[[], Any]) -> int:
    """Bytes at the peak of a call beyond those before it, its result included."""
    prepare()
    libc = ctypes.CDLL(None)
    gc.collect()
    libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is in use now
    before = _in_use("VmRSS")
    result = call()
    peak = _in_use("VmHWM")
    del result  # it was kept until here
    libc.mallopt(M_MMAP_THRESHOLD, LARGE)  # times are those of an untouched library
    return peak - before


def _in_use(name: str) -> int:
    """Bytes of memory of this process: now (VmRSS) or at the peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024

"""What a measurement was made on and with."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("ntklib", "jax", "jaxlib", "numpy", "scipy", "diffrax", "equinox")


def describe():
    """The day, the processor, its cores, the memory, and versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def processor():
    """The name of the processor, as Linux has it, or else Python."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor()
    lines = path.read_text("utf-8").splitlines()
    names = [
        line.split(":")[1].strip() for line in lines if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()

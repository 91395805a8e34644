"""Other kinds of arithmetic: what each is told, and whose last digits then differ."""

import contextlib
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np

from tools.execute import ROOT, client_for


@dataclass(frozen=True)
class Setting:
    """One other arithmetic.

    Attributes:
        about: what is other, as the end of a sentence.
        changes: names of `in_kernel.bits` that must come out differently.
        variables: of the environment of the kernels; None takes one away.
        start: what the kernels do before the first cell, calls of `in_kernel`.
        options: of pytest, for what may come out differently.
        for_x86: whether it tells an x86-64 processor to use less of itself.
    """

    about: str
    changes: tuple[str, ...]
    variables: dict[str, str | None]
    start: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for_x86: bool = False

    def and_also(self, other):
        """Both settings at once."""
        return Setting(
            about=f"{self.about}; {other.about}",
            changes=self.changes + other.changes,
            variables=self.variables | other.variables,
            start=self.start + other.start,
            options=self.options + other.options,
            for_x86=self.for_x86 or other.for_x86,
        )


def features_of_numpy():
    """What NumPy would use of this processor beyond what every x86-64 has."""
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    return ",".join(extensions.get("found", []))


OLDER = Setting(
    about="one thread of a processor of 2008, without AVX and fused multiply-add",
    changes=(
        *("C's functions", "NumPy's functions", "NumPy's products"),
        *("NumPy's eigenvalues", "SciPy's solutions"),
        *("JAX's functions", "JAX's products"),
    ),
    variables={
        # XLA multiplies matrices by a library that asks the processor what it has, and
        # no flag keeps that from it; without the library it multiplies by Eigen.
        "XLA_FLAGS": (
            "--xla_cpu_max_isa=SSE4_2 --xla_cpu_experimental_ynn_fusion_type="
        ),
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": features_of_numpy(),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",  # exp and log of C
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",  # scikit-learn's
        "NPROC": "1",  # XLA's
    },
    for_x86=True,
)
MANY = 2 * (os.cpu_count() or 1) + 3
THREADS = Setting(
    about=f"{MANY} threads, and all that this processor has",
    changes=(
        "NumPy's eigenvalues",
        # only Linux lists the threads of a process with their names
        *(["the number of JAX's threads"] if sys.platform == "linux" else []),
    ),
    variables={
        "OPENBLAS_CORETYPE": None,
        "OPENBLAS_NUM_THREADS": None,
        "OMP_NUM_THREADS": str(MANY),
        "NPROC": str(MANY),
    },
    start=(f"use_threads({MANY})",),
)
FINER = Setting(
    about="a tenth of every integrator's tolerances",
    changes=("ntklib's flows", "SciPy's flows"),
    variables={},
    start=("shrink_tolerances()",),
    options=("--similar-pictures",),
)
SETTINGS = {
    "older": OLDER,
    "threads": THREADS,
    "finer": FINER,
    "together": OLDER.and_also(FINER),
}


@contextlib.contextmanager
def kernels_with(setting):
    """The environment in which every IPython kernel that is started has the setting."""
    with tempfile.TemporaryDirectory() as folder:
        startup = Path(folder, "profile_default", "startup")
        startup.mkdir(parents=True)
        lines = [
            "from tools.arithmetic import in_kernel",
            *(f"in_kernel.{call}" for call in setting.start),
            "del in_kernel",
        ]
        if setting.start:
            (startup / "arithmetic.py").write_text("\n".join(lines), "utf-8")
        variables = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "IPYTHONDIR": folder,
            "PYTHONPATH": str(ROOT),
            **setting.variables,
        }
        yield {name: value for name, value in variables.items() if value is not None}


def bits(environment):
    """What `in_kernel.bits` gives in a kernel of this environment."""
    source = (
        "import json\n"
        "from tools.arithmetic import in_kernel\n"
        "print(json.dumps(in_kernel.bits()))"
    )
    cell = nbformat.v4.new_code_cell(source)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    client_for(notebook, ROOT).execute(env=environment)
    printed = next(out.text for out in cell.outputs if out.get("name") == "stdout")
    return json.loads(printed)


def why_it_does_not_take(setting, environment, usual):
    """A sentence if this machine does not compute otherwise with the setting, or "".

    Args:
        setting: the setting, with `environment` from `kernels_with`.
        usual: what `bits` gives without a setting.
    """
    machine = platform.machine()
    if setting.for_x86 and machine not in ("x86_64", "AMD64"):
        return f"it is made for x86-64 processors, and this one is {machine}"
    found = bits(environment)
    same = [name for name in setting.changes if found[name] == usual[name]]
    if same:
        return f"with it {', '.join(same)} came out as without it"
    return ""

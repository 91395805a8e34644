"""Notebooks under another Python than this one: does each run, and print the same?

    python -m tools.elsewhere /path/to/python3.12

makes an environment with `requirements-lab.lock`, which goes afterwards, and runs three
chapters and two exercise sets in it. With `--as-is` that Python is taken as it is, with
the packages that it has. Nothing is stored. For each notebook a line says how long it
took, the most memory that its kernel had, and which cells printed something else than
what is stored. `docs/where-it-runs.md` says what this showed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)

from tools.checkout import one_sentence
from tools.execute import ROOT, client_for, named, short_name
from tools.trial import environment

# For those who name no notebook. They use most of what the book needs: plain JAX,
# automatic differentiation, the integrator, pictures, a slider, and `check`.
SAMPLE = ("network", "ntk", "linear_flow", "exercises/kernel", "exercises/dynamics")
INTERRUPTED = "Interrupted; nothing was changed."


class Run(NamedTuple):
    """What came of a notebook."""

    error: str  # what the first failing cell raised; empty if none did
    different: list[int]  # the numbers of the code cells whose text is not as stored
    seconds: float
    megabytes: int  # the most memory that the kernel had at a time


def run(path, python):
    """Run the notebook at `path` with a kernel of the program `python`."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stored = [text(cell) for cell in code]
    manager = AsyncKernelManager()
    assert manager.kernel_spec is not None  # ipykernel brings the one for Python
    manager.kernel_spec.argv[0] = str(python)
    seen = []
    client = client_for(
        notebook,
        path.parent,
        km=manager,
        startup_timeout=300,  # seconds; Python compiles new packages as it loads them
        on_cell_executed=lambda **_: seen.append(most_memory(manager)),
    )
    start = time.perf_counter()
    error = ""
    try:
        client.execute(env=variables(), cleanup_kc=True)
    except CellExecutionError as raised:
        error = f"{raised.ename}: {raised.evalue}"
    except (CellTimeoutError, DeadKernelError) as raised:
        error = f"{type(raised).__name__}: {raised}"
    seconds = time.perf_counter() - start
    pairs = enumerate(zip(code, stored, strict=True), start=1)
    different = [number for number, (cell, old) in pairs if text(cell) != old]
    return Run(error, different, seconds, max(seen, default=0))


def variables():
    """Those of this process but what would lead the other Python to its packages."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def text(cell):
    """What a cell printed and its values as text, without pictures and widgets."""
    shown = []
    for output in cell.outputs:
        if output.output_type == "stream":
            shown.append(output.text)
        elif output.output_type == "execute_result":
            shown.append(output.data.get("text/plain", ""))
    return "".join(shown)


def most_memory(manager):
    """The most megabytes that the kernel has had so far, as Linux counts."""
    status = Path(f"/proc/{manager.provisioner.pid}/status").read_text("utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def refuse_without_kernel(python):
    """Stop in one sentence if nothing can run a notebook there."""
    command = [python, "-c", "import ipykernel"]
    if subprocess.run(command, stderr=subprocess.DEVNULL, env=variables()).returncode:
        sys.exit(f"{python} has no ipykernel, by which notebooks run")


def compare(notebooks, python):
    """Say what came of each notebook, and give the number of those that failed."""
    failed = 0
    for path in notebooks:
        print(f"{short_name(path):.<30}", end=" ", flush=True)
        result = run(path, python)
        print(line(result), flush=True)
        failed += bool(result.error)
    return failed


def line(result):
    """One line about a run."""
    if result.error:
        return result.error.splitlines()[0]
    numbers = ", ".join(map(str, result.different))
    same = f"other text in cells {numbers}" if numbers else "as stored"
    return f"{result.seconds:5.0f} s  {result.megabytes:5} MB  {same}"


def main():
    """Run the notebooks of the command line with the other Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="the program of the other Python")
    parser.add_argument("notebooks", nargs="*", type=named)
    parser.add_argument("--as-is", action="store_true", help="install nothing")
    given = parser.parse_args()
    if shutil.which(given.python) is None:
        sys.exit(f"there is no program {given.python}")
    notebooks = given.notebooks or [named(name) for name in SAMPLE]
    with one_sentence(INTERRUPTED), tempfile.TemporaryDirectory() as folder:
        python = given.python
        if given.as_is:
            refuse_without_kernel(python)
        else:
            wanted = ["-r", ROOT / "requirements-lab.lock", ROOT]
            python = environment(Path(folder, "environment"), wanted, python)
        failed = compare(notebooks, python)
    sys.exit(f"{failed} notebooks did not run to their end" if failed else 0)


if __name__ == "__main__":
    main()

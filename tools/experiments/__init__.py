"""Measurements that take too long for a page: `make experiments`.

Each module here makes one table, ``book/data/<module>.csv``, which a chapter reads with
``np.loadtxt("data/<module>.csv", delimiter=",", unpack=True)``. A module defines

- ``SEED``: the number from which all its random numbers come;
- ``SETTINGS``: a list of tuples of numbers, what is to be measured;
- ``COLUMNS``: a name for each number of a setting, then for each number of a result;
- ``measure(*setting)``: the results for one setting, a list of tuples of numbers;
- ``SLICE``: the settings that `make test` measures again, a few quick ones;
- ``RTOL``: how far, as a share, a result may be off on another processor.

A row of the table is a setting followed by one of its results.
"""

import importlib
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
DATA = FOLDER.parents[1] / "book" / "data"
NAMES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def experiment(name):
    """The module of an experiment."""
    return importlib.import_module(f"tools.experiments.{name}")


def rows(module, setting):
    """The rows of a table that belong to one setting."""
    return [(*setting, *result) for result in module.measure(*setting)]


def header(name, module):
    """The first lines of a table: where it comes from, and its columns."""
    origin = f"python -m tools.experiments {name}, seed {module.SEED}"
    return f"{origin}\n{','.join(module.COLUMNS)}"


def write(name):
    """Measure everything that an experiment names, and write its table.

    The table is replaced in one step, when all of it has been measured.
    """
    module = experiment(name)
    table = []
    for number, setting in enumerate(module.SETTINGS, 1):
        started = time.perf_counter()
        table += rows(module, setting)
        seconds = time.perf_counter() - started
        print(f"{name} {number}/{len(module.SETTINGS)}: {setting}, {seconds:.1f} s")
    path = DATA / f"{name}.csv"
    unfinished = path.with_suffix(".tmp")
    np.savetxt(
        unfinished, table, fmt="%.10g", delimiter=",", header=header(name, module)
    )
    unfinished.replace(path)


def read(name):
    """The stored table of an experiment, a row for each result."""
    return np.loadtxt(DATA / f"{name}.csv", delimiter=",", ndmin=2)

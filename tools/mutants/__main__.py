"""Mutation testing: change one operator, number or condition of the library at a time; some test must then fail.

`make mutants` runs it; `make mutants MODULES="ntk _check" SAMPLE=40` tries 40 changes in each of two modules. All of it
happens in copies of the tree. A change that no test can notice is listed, with the reason, in survivors.md.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ACCEPTED = (HERE / "survivors.md").read_text("utf-8")
MODULES = sorted(
    path.stem for path in (ROOT / "ntklib").glob("*.py") if path.stem != "__init__"
)
MORE_TESTS = {
    "_check": ["network", "ntk", "linear_flow"]
}  # what a module's own tests leave to those of its users
CACHE = {
    "COMPILATION_CACHE_DIR": "../cache",
    "PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}  # a mutant changes little
SETTINGS = {f"JAX_{name}": value for name, value in CACHE.items()} | {
    "JAX_PLATFORMS": "cpu"
}


def copy_tree(folder):
    """Copy what the tests need; the copy's conftest refuses to test any ntklib but the copy's."""
    for name in ("ntklib", "tests"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(
            f"\n\nimport ntklib\n\nassert ntklib.__file__.startswith({str(folder)!r}), ntklib.__file__\n"
        )


def annotations(source):
    """Where the annotations begin and end, as (line, column) pairs."""
    nodes = [
        getattr(n, name, None)
        for n in ast.walk(ast.parse(source))
        for name in ("annotation", "returns")
    ]
    return [
        ((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset))
        for n in nodes
        if n is not None
    ]


def select(work, source, sample):
    """Leave out annotations, and all but a sample of the rest, the same one every time; return how many are left."""
    hints, where = (
        annotations(source),
        {item.job_id: item.mutations[0] for item in work.pending_work_items},
    )
    jobs = sorted(
        where,
        key=lambda job: (
            where[job].start_pos,
            where[job].operator_name,
            where[job].occurrence,
        ),
    )
    kept = [
        job
        for job in jobs
        if not any(start <= where[job].start_pos < end for start, end in hints)
    ]
    kept = (
        random.Random(0).sample(kept, sample) if sample and sample < len(kept) else kept
    )
    work.set_multiple_results(set(jobs) - set(kept), WorkResult(WorkerOutcome.SKIPPED))
    return len(kept)


def session(module, sample, scratch):
    """All mutants of one module: how many there are, were accepted, and survived."""
    folder = scratch / module
    copy_tree(folder)
    env = (
        os.environ
        | SETTINGS
        | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    names = [module.strip("_"), *MORE_TESTS.get(module, [])]
    tests = [
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/library/test_{name}.py" for name in names),
    ]

    def run(*command):
        started = time.monotonic()
        result = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise SystemExit(
                f"{module}: {' '.join(command)}\n{result.stdout[-4000:]}{result.stderr[-4000:]}"
            )
        return time.monotonic() - started

    seconds = run(*tests)  # without a change they pass, or this stops here
    config = (
        (HERE / "cosmic-ray.toml")
        .read_text("utf-8")
        .replace("<command>", " ".join([sys.executable, *tests]))
    )
    config = config.replace("<module>", module).replace(
        "<timeout>", f"{3 * seconds + 30:.0f}"
    )
    (folder / "config.toml").write_text(config, "utf-8")
    run("-m", "cosmic_ray.cli", "init", "config.toml", "mutants.sqlite")
    run(
        "-m",
        "cosmic_ray.tools.filters.operators_filter",
        "mutants.sqlite",
        "config.toml",
    )
    with use_db(folder / "mutants.sqlite") as work:
        number = select(
            work, (folder / "ntklib" / f"{module}.py").read_text("utf-8"), sample
        )
        print(
            f"{module}: {number} mutants; the tests alone take {seconds:.0f} s",
            flush=True,
        )
        return report(
            module,
            work,
            run("-m", "cosmic_ray.cli", "exec", "config.toml", "mutants.sqlite")
            / number,
        )


def report(module, work, each):
    """Print what became of one module's mutants; return how many there are, were accepted, and survived."""
    ran = [
        (item.mutations[0], r)
        for item, r in work.completed_work_items
        if r.worker_outcome != WorkerOutcome.SKIPPED
    ]
    alive, accepted = [], 0
    for mutation, result in sorted(ran, key=lambda pair: pair[0].start_pos):
        assert result.worker_outcome == WorkerOutcome.NORMAL, (
            f"cosmic-ray could not run {mutation}: {result.output}"
        )
        if result.test_outcome != TestOutcome.KILLED:
            lines = [
                line
                for line in result.diff.splitlines()
                if line[:1] in "+-" and line[:3] not in ("---", "+++")
            ]
            old, new = (
                " ".join(line[1:].strip() for line in lines if line[0] == sign)
                for sign in "-+"
            )
            known = f"`{module}`: `{old}` became `{new}`" in ACCEPTED
            accepted += known
            alive += (
                []
                if known
                else [
                    f"\n  ntklib/{module}.py:{mutation.start_pos[0]}\n    - {old}\n    + {new}"
                ]
            )
    killed, counts = (
        len(ran) - accepted - len(alive),
        f"{accepted} accepted, {len(alive)} survived",
    )
    print(
        f"{module}: {killed} of {len(ran)} killed, {counts}; {each:.0f} s each",
        *alive,
        sep="",
        flush=True,
    )
    return len(ran), accepted, len(alive)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "modules",
        nargs="*",
        default=MODULES,
        help="which modules, by name; all of them if none",
    )
    parser.add_argument(
        "--sample",
        type=int,
        help="at most so many mutants in each module, drawn with a fixed seed",
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="how many modules at a time"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        ThreadPoolExecutor(options.workers) as pool,
    ):
        jobs = [
            pool.submit(session, name, options.sample, Path(scratch).resolve())
            for name in options.modules
        ]
        ran, accepted, alive = (
            sum(numbers)
            for numbers in zip(*(job.result() for job in jobs), strict=True)
        )
    print(
        f"all: {ran - accepted - alive} of {ran} killed, {accepted} accepted, {alive} survived"
    )
    raise SystemExit(bool(alive))

"""Change one operation of the library at a time; some test must then fail.

`make mutants` runs it; `make mutants MODULES="ntk _gaussian/kinks" SAMPLE=40` tries 40
changes in each of two modules. All of it happens in copies of the tree. A change that
no test can notice is listed, with the reason, in survivors.md.
"""

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

from tools.check import files_testing
from tools.execute import ROOT
from tools.files import files

HERE = Path(__file__).resolve().parent
LIBRARY = ROOT / "ntklib"
# A mutant changes little, so most of its programs have been compiled before.
SETTINGS = {
    "JAX_COMPILATION_CACHE_DIR": "../cache",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PLATFORMS": "cpu",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def modules():
    """The modules of the library by name; a package's own code has its name."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        place = path.parent if path.stem == "__init__" else path.with_suffix("")
        if place != LIBRARY:
            found[place.relative_to(LIBRARY).as_posix()] = path
    return found


def full_name(word):
    """The name of a module that a person has shortened: kinks for _gaussian/kinks."""
    found = [name for name in modules() if word in (name, name.split("/")[-1])]
    if len(found) != 1:
        sys.exit(f"{word} is no module of ntklib; these are: {' '.join(modules())}")
    return found[0]


def test_files(module):
    """The tests that must notice a change in the module."""
    files = files_testing(module.split("/")[-1])
    if not files:
        sys.exit(f"{module} has no tests; name those of its users in tools/check.py")
    return [file.relative_to(ROOT).as_posix() for file in files]


def accepted_survivors(module):
    """The changes that survivors.md lists for a module, as pairs (before, after)."""
    text = (HERE / "survivors.md").read_text("utf-8")
    sections = re.split(r"^## `(.+)`$", text, flags=re.M)
    by_module = dict(zip(sections[1::2], sections[2::2], strict=True))
    entries = by_module.get(module, "")
    return set(re.findall(r"^- `(.+?)` became `(.+?)`: ", entries, re.M))


def copy_tree(folder):
    """Copy the tree; the copy's tests refuse to test any ntklib but the copy's."""
    for name in files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    with (folder / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write("\n\nimport ntklib\n\n")
        conftest.write(f"assert ntklib.__file__.startswith({str(folder)!r})\n")


class Session:
    """All mutants of one module, in a copy of the tree."""

    def __init__(self, module, scratch):
        """Make the copy in a folder below `scratch`."""
        self.module = module
        self.path = modules()[module].relative_to(ROOT)
        self.folder = scratch / module.replace("/", ".")
        self.folder.mkdir()
        copy_tree(self.folder)

    def run(self, *command):
        """Run Python in the copy; return the seconds, or stop if it fails."""
        started = time.monotonic()
        result = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=os.environ | SETTINGS | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            end = f"{result.stdout[-4000:]}{result.stderr[-4000:]}"
            sys.exit(f"{self.module}: {' '.join(command)}\n{end}")
        return time.monotonic() - started

    def cosmic_ray(self, program, *arguments):
        """Run a program of cosmic-ray; return the seconds."""
        return self.run("-m", f"cosmic_ray.{program}", *arguments)

    def judge(self, sample):
        """Try the mutants, or a sample of them; return how many had which fate."""
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        tests = ["-m", "pytest", *options, *test_files(self.module)]
        seconds = self.run(*tests)  # without a change they pass, or this stops here
        self.configure(tests, timeout=3 * seconds + 30)
        self.cosmic_ray("cli", "init", "config.toml", "mutants.sqlite")
        self.cosmic_ray(
            "tools.filters.operators_filter", "mutants.sqlite", "config.toml"
        )
        with use_db(self.folder / "mutants.sqlite") as work:
            source = (self.folder / self.path).read_text("utf-8")
            number = select(work, source, sample)
            numbers = f"{number} mutants; the tests alone take {seconds:.0f} s"
            print(f"{self.module}: {numbers}", flush=True)
            seconds = self.cosmic_ray("cli", "exec", "config.toml", "mutants.sqlite")
            return self.report(work, seconds / max(number, 1))

    def configure(self, tests, timeout):
        """Write the settings of cosmic-ray."""
        settings = (HERE / "cosmic-ray.toml").read_text("utf-8")
        settings = settings.replace("<command>", " ".join([sys.executable, *tests]))
        settings = settings.replace("<path>", self.path.as_posix())
        settings = settings.replace("<timeout>", f"{timeout:.0f}")
        (self.folder / "config.toml").write_text(settings, "utf-8")

    def report(self, work, each):
        """Print what became of the mutants; return how many had which fate."""
        accepted = accepted_survivors(self.module)
        counts = Counter(killed=0, accepted=0, survived=0)
        lines = []
        for mutation, result in finished(work):
            old, new = change(result)
            if result.test_outcome == TestOutcome.KILLED:
                counts["killed"] += 1
            elif (old, new) in accepted:
                counts["accepted"] += 1
            else:
                counts["survived"] += 1
                place = f"{self.path.as_posix()}:{mutation.start_pos[0]}"
                lines += [f"  {place}", f"    - {old}", f"    + {new}"]
        numbers = (
            f"{counts['killed']} of {counts.total()} killed, "
            f"{counts['accepted']} accepted, {counts['survived']} survived"
        )
        print(f"{self.module}: {numbers}; {each:.0f} s each", *lines, sep="\n")
        source = " ".join((self.folder / self.path).read_text("utf-8").split())
        for old, _ in sorted(accepted):
            if " ".join(old.split()) not in source:
                print(f"  survivors.md names a line that is no longer there: {old}")
        sys.stdout.flush()
        return counts


def select(work, source, sample):
    """Leave out annotations, and all but a sample of the rest; return the number left.

    The sample is the same each time.
    """
    hints = annotations(source)
    mutations = {item.job_id: item.mutations[0] for item in work.pending_work_items}

    def place(job):
        mutation = mutations[job]
        return mutation.start_pos, mutation.operator_name, mutation.occurrence

    kept = [
        job
        for job in sorted(mutations, key=place)
        if not any(start <= mutations[job].start_pos < end for start, end in hints)
    ]
    if sample and sample < len(kept):
        kept = random.Random(0).sample(kept, sample)
    left_out = set(mutations) - set(kept)
    work.set_multiple_results(left_out, WorkResult(WorkerOutcome.SKIPPED))
    return len(kept)


def annotations(source):
    """Where the annotations begin and end, as pairs (line, column)."""
    places = []
    for node in ast.walk(ast.parse(source)):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if hint is not None:
                start = hint.lineno, hint.col_offset
                end = hint.end_lineno, hint.end_col_offset
                places.append((start, end))
    return places


def finished(work):
    """The mutants that were tried, with their results, from top to bottom."""
    tried = []
    for item, result in work.completed_work_items:
        if result.worker_outcome == WorkerOutcome.SKIPPED:
            continue
        if result.worker_outcome != WorkerOutcome.NORMAL:
            sys.exit(f"cosmic-ray could not run {item.mutations[0]}: {result.output}")
        tried.append((item.mutations[0], result))
    return sorted(tried, key=lambda pair: pair[0].start_pos)


def change(result):
    """The lines that a mutant takes away and those that it puts in their place."""
    removed, added = [], []
    for line in result.diff.splitlines():
        if line.startswith("-") and not line.startswith("---"):
            removed.append(line[1:].strip())
        elif line.startswith("+") and not line.startswith("+++"):
            added.append(line[1:].strip())
    return " ".join(removed), " ".join(added)


def main():
    """Try the mutants of each module; fail if one survives that is not accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="by name; all of them if none")
    parser.add_argument("--sample", type=int, help="at most so many in each module")
    parser.add_argument("--workers", type=int, default=2, help="modules at a time")
    options = parser.parse_args()
    names = [full_name(word) for word in options.modules] or list(modules())
    with (
        tempfile.TemporaryDirectory() as scratch,
        ThreadPoolExecutor(options.workers) as pool,
    ):

        def judge(name):
            return Session(name, Path(scratch).resolve()).judge(options.sample)

        counts = sum(pool.map(judge, names), Counter())
    print(
        f"all: {counts['killed']} of {counts.total()} killed, "
        f"{counts['accepted']} accepted, {counts['survived']} survived"
    )
    sys.exit(bool(counts["survived"]))


if __name__ == "__main__":
    main()

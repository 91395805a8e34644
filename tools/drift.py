"""What newer versions change: `make drift`, `make drift WHAT=ntk`.

The newest versions that pyproject.toml allows are installed into an environment of
their own, the locks stay as they are, and every notebook runs there in a copy of the
tree. A table says which printed numbers and pictures moved, and by how much.
"""

import argparse
import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np

from tools.checkout import one_sentence
from tools.execute import BOOK, ROOT, named, short_name
from tools.notebook_gate import ROUNDING, pixels
from tools.trial import (
    copy_tree,
    environment,
    installed,
    needs,
    pins,
    reason,
    report,
    table,
)

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
INTERRUPTED = "Interrupted before a notebook was run; nothing was changed."
# Outputs that are read as text; the others are compared as a whole.
TEXT = re.compile(r"text/|application/json|image/svg")


def texts(output):
    """The pieces of an output that hold words and numbers, by kind."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"error": f"{output.ename}: {output.evalue}"}
    data = output.get("data", {})
    return {kind: str(data[kind]) for kind in data if TEXT.match(kind)}


def moved_numbers(old, new):
    """How the numbers of two texts differ, in words; None if they are the same."""
    if old == new:
        return None
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return "other words"
    pairs = list(zip(NUMBER.findall(old), NUMBER.findall(new), strict=True))
    moved = [pair for pair in pairs if pair[0] != pair[1]]
    before, after = max(moved, key=lambda pair: relative(*pair))
    return (
        f"{len(moved)} of {len(pairs)} numbers, by up to "
        f"{relative(before, after):.1e} of itself ({before} is {after})"
    )


def relative(before, after):
    """The change of a printed number, relative to what it was."""
    old, new = (float(text.replace("−", "-")) for text in (before, after))
    return abs(new - old) / abs(old) if old else abs(new)


def moved_pixels(old, new):
    """How two pictures differ, in words; None if they are the same up to rounding."""
    before, after = (pixels(base64.b64decode(png)) for png in (old, new))
    if before.shape != after.shape:
        return (
            f"{before.shape[1]}×{before.shape[0]} is {after.shape[1]}×{after.shape[0]}"
        )
    moved = np.any(np.abs(before - after) > ROUNDING, axis=2)
    return f"{moved.mean():.2%} of its pixels" if moved.any() else None


def moved_output(old, new):
    """What differs between two outputs in the same place, as pairs (kind, how)."""
    before, after = texts(old), texts(new)
    for kind in before.keys() & after.keys():
        yield kind, moved_numbers(before[kind], after[kind])
    data, fresh = old.get("data", {}), new.get("data", {})
    for kind in (data.keys() & fresh.keys()) - before.keys():
        if kind == "image/png":
            yield "picture", moved_pixels(data[kind], fresh[kind])
        else:
            yield kind, None if data[kind] == fresh[kind] else "changed"
    for kind in sorted((data.keys() ^ fresh.keys()) | (before.keys() ^ after.keys())):
        yield kind, "came" if kind in fresh or kind in after else "went"


def moved_cells(stored, fresh):
    """What moved in a notebook, as rows (cell, kind, how)."""
    for old, new in zip(stored.cells, fresh.cells, strict=True):
        before, after = old.get("outputs", []), new.get("outputs", [])
        if len(before) != len(after):
            yield old.id, "outputs", f"{len(before)} became {len(after)}"
            continue
        for one, other in zip(before, after, strict=True):
            for kind, how in moved_output(one, other):
                if how is not None:
                    yield old.id, kind, how
    if stored.metadata.get("widgets") != fresh.metadata.get("widgets"):
        texts = (str(one.metadata.get("widgets")) for one in (stored, fresh))
        yield "all", "widgets", moved_numbers(*texts)


def rerun(python, tree, path):
    """Run a notebook of a copy of the tree with another Python; rows of what moved."""
    copy = tree / path.relative_to(ROOT)
    stored = nbformat.read(copy, as_version=4)
    result = subprocess.run(
        [python, "-m", "tools.execute", copy],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stderr=subprocess.PIPE,
        text=True,
    )
    if result.returncode:
        print(result.stderr, flush=True)
        return [("all", "run", f"failed: {reason(result.stderr)}")]
    return list(moved_cells(stored, nbformat.read(copy, as_version=4)))


def changed(before, after):
    """The packages whose versions differ, as rows (name, before, after)."""
    names = sorted(before.keys() | after.keys())
    versions = [(name, before.get(name, "—"), after.get(name, "—")) for name in names]
    return [row for row in versions if row[1] != row[2]]


def findings(packages, notebooks, moved):
    """The report: which packages changed, and what moved in which notebooks."""
    parts = ["## Drift"]
    if packages:
        parts.append(table(["package", "locked", "here"], packages))
    else:
        parts.append("Every package has the locked version.")
    if moved:
        parts.append(table(["notebook", "cell", "output", "moved"], moved))
    still = notebooks - len({row[0] for row in moved})
    parts.append(
        f"{len(packages)} packages changed; {still} of {notebooks} notebooks print and "
        "draw what they did."
    )
    return "\n\n".join(parts)


def rerun_all(python, tree, paths):
    """Run notebooks: rows of what moved, and how many ran before Ctrl-C, if it came."""
    moved = []
    for number, path in enumerate(paths):
        try:
            rows = rerun(python, tree, path)
        except KeyboardInterrupt:
            print("Interrupted. This is what was found until then:\n", flush=True)
            return moved, number
        moved += [(short_name(path), *row) for row in rows]
    return moved, len(paths)


def main():
    """Run the notebooks with other versions; end with 1 where something moved."""
    parser = argparse.ArgumentParser(prog="make drift", description=__doc__)
    parser.add_argument(
        "notebooks", nargs="*", type=named, help="all, if none is named"
    )
    parser.add_argument(
        "--oldest", action="store_true", help="the oldest versions that are allowed"
    )
    given = parser.parse_args()
    paths = given.notebooks or BOOK
    wanted = [str(need) for need in needs("book")]
    if given.oldest:
        wanted.append("--resolution=lowest-direct")
    with one_sentence(INTERRUPTED), tempfile.TemporaryDirectory() as folder:
        tree = copy_tree(Path(folder))
        python = environment(Path(folder, "environment"), wanted)
        locked = pins(ROOT / "requirements-book.lock")
        packages = changed(locked, installed(python))
        moved, ran = rerun_all(python, tree, paths)
    report("drift", findings(packages, ran, moved))
    sys.exit(1 if moved or ran < len(paths) else 0)


if __name__ == "__main__":
    main()

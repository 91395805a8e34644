"""The notebooks under other seeds: `make seeds`, `make seeds WHAT=ntk`.

A claim of a page must not hold for its own random numbers alone. Each notebook is run
again with other seeds, and a cell that then raises an error is reported at once. The
table at the end has a row for each notebook and a column for each seed. A run that is
interrupted prints it too. All notebooks are run under the first seed before one is run
under the second, so that each has been tried about as often as the others.
"""

import argparse
import re
import sys

import nbformat

from tools.execute import BOOK, COLOUR, client_for, named, short_name

SEED = re.compile(r"(?<=random\.key\()\d+(?=\))|(?<=default_rng\()\d+(?=\))")


def with_seed(source, more):
    """The code with every seed larger by `more`."""
    return SEED.sub(lambda found: str(int(found[0]) + more), source)


def failures(path, more):
    """What the cells of a notebook raise when its seeds are larger by `more`."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs = []
        cell.source = with_seed(cell.source, more)
    client = client_for(notebook, path.parent, allow_errors=True)
    client.execute()
    return [
        (cell.id, f"{output.ename}: {re.sub(COLOUR, '', output.evalue)}")
        for cell in code
        for output in cell.outputs
        if output.output_type == "error"
    ]


def has_a_seed(path):
    """Whether a notebook draws random numbers."""
    cells = nbformat.read(path, as_version=4).cells
    return any(SEED.search(cell.source) for cell in cells if cell.cell_type == "code")


def table(paths, seeds, results):
    """How many cells fail: a row for each notebook, a column for each seed."""
    title = "cells that fail"
    width = max(len(name) for name in [title, *map(short_name, paths)])
    lines = [f"{title:{width}}" + "".join(f"{f'+{more}':>7}" for more in seeds)]
    for path in paths:
        counts = [
            str(len(results[path, more])) if (path, more) in results else "-"
            for more in seeds
        ]
        lines.append(f"{short_name(path):{width}}" + "".join(f"{n:>7}" for n in counts))
    return "\n".join(lines)


def report(path, more, found):
    """What came out of one run."""
    lines = [f"{short_name(path)}, seeds + {more}: {len(found)} cells fail"]
    lines += [f"    {name}: {error.strip()[:400]}" for name, error in found]
    return "\n".join(lines)


def run_all(paths, seeds, results):
    """Fill `results` run by run; return what stopped it, or an empty text."""
    try:
        for more in seeds:
            for path in paths:
                results[path, more] = failures(path, more)
                print(report(path, more, results[path, more]), flush=True)
    # nbclient answers an interrupt with several kinds of exception.
    except (KeyboardInterrupt, Exception) as error:
        return f"{short_name(path)}, seeds + {more}: stopped by {type(error).__name__}"
    return ""


def main():
    """Run the notebooks named on the command line, or all, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.seeds")
    parser.add_argument(
        "notebooks", nargs="*", type=named, help="all, if none is named"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many others (5)")
    chosen = parser.parse_args()
    if chosen.seeds < 1:
        parser.error("--seeds must be 1 or more")
    paths = [path for path in chosen.notebooks or BOOK if has_a_seed(path)]
    if not paths:
        sys.exit("No seed was found in the notebooks that were named.")
    seeds = [100 * number for number in range(1, chosen.seeds + 1)]
    results = {}
    stopped = run_all(paths, seeds, results)
    failed = sum(len(found) > 0 for found in results.values())
    print(f"\n{table(paths, seeds, results)}\n")
    print(f"{len(results)} of {len(paths) * len(seeds)} runs made, {failed} fail")
    sys.exit(stopped or int(failed > 0))


if __name__ == "__main__":
    main()

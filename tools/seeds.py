"""The notebooks under other seeds: `make seeds`, `make seeds WHAT=book/ntk.ipynb`.

A claim of a page must not hold for its own random numbers alone. Each notebook is run
again with other seeds; a cell that then raises an error is reported.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError

from tools.execute import BOOK, COLOUR, client_for

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
    client = client_for(notebook, Path(path).parent, allow_errors=True)
    try:
        client.execute()
    except CellExecutionError as error:  # a kernel that died
        return [("the notebook", str(error))]
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


def main():
    """Run the notebooks named on the command line, or all, and list what fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.seeds")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all, if none is named")
    parser.add_argument("--seeds", type=int, default=5, help="how many others (5)")
    chosen = parser.parse_args()
    failed = 0
    for path in filter(has_a_seed, chosen.notebooks or BOOK):
        for number in range(1, chosen.seeds + 1):
            found = failures(path, 100 * number)
            failed += len(found)
            print(f"{path.stem}, seeds + {100 * number}: {len(found)} cells fail")
            for name, error in found:
                print(f"    {name}: {error.strip()[:400]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

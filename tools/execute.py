"""Execution of the notebooks: `make execute` re-runs them and stores their outputs.

A notebook is replaced in one step, and only when it has run from top to bottom without
a fault; an interrupted or a failed run leaves the old one whole.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from book._ext.stored_outputs import faults
from tools.widget_state import drop_scripts

ROOT = Path(__file__).parents[1]
COLOUR = r"\x1b\[[0-9;]*m"  # in a traceback


def notebooks_of_the_book():
    """All notebooks below book/, without the copies that editors hide there."""
    paths = (ROOT / "book").rglob("*.ipynb")
    return sorted(
        path
        for path in paths
        if not any(part[0] in "._" for part in path.relative_to(ROOT).parts)
    )


BOOK = notebooks_of_the_book()


class NotebookError(Exception):
    """A notebook did not run to its end, or its outputs must not be stored."""


def client_for(notebook, folder, **options):
    """A client that runs the notebook in a fresh kernel, on the CPU, in the folder."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    return NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        **options,
    )


def execute(path):
    """Run the notebook at `path` in a fresh kernel in its own folder.

    What comes back holds nothing of this machine or moment.
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs = []
        cell.execution_count = None
    notebook.metadata.pop("widgets", None)
    client = client_for(notebook, path.parent, record_timing=False)
    try:
        client.execute()
    except CellExecutionError as error:
        number = sum(cell.execution_count is not None for cell in code)
        text = re.sub(COLOUR, "", str(error))
        raise NotebookError(
            f"code cell {number} raised {error.ename}\n{text}"
        ) from error
    notebook.metadata.language_info = {"name": "python"}
    drop_scripts(notebook)
    return notebook


def store(path):
    """Execute the notebook at `path` and put the result in its place."""
    notebook = execute(path)
    found = faults(notebook)
    if found:
        raise NotebookError("; ".join(found))
    fresh = path.with_suffix(".ipynb.new")
    try:
        nbformat.write(notebook, fresh)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def main():
    """Store the notebooks of the command line, or all of the book, a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, default=BOOK)
    for path in parser.parse_args().notebooks:
        print(f"{path.stem:.<30}", end=" ", flush=True)
        start = time.perf_counter()
        try:
            store(path.resolve())
        except NotebookError as error:
            sys.exit(
                f"failed\n{path}: {error}\nThe stored notebook was left as it was."
            )
        # nbclient answers an interrupt with several kinds of exception.
        except (KeyboardInterrupt, Exception) as error:
            sys.exit(f"stopped by {type(error).__name__}\n{path} was left as it was.")
        print(f"{time.perf_counter() - start:5.1f} s", flush=True)


if __name__ == "__main__":
    main()

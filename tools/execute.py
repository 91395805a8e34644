"""Execution of the notebooks: `make execute` re-runs them and stores their outputs.

A notebook is replaced in one step, and only when it has run from top to bottom without
a fault; a run that fails, is interrupted or finds the disk full leaves the old one.
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
from tools import checkout
from tools.checkout import ROOT
from tools.widget_state import drop_scripts

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


def short_name(path):
    """What a report calls a notebook; a chapter and a set can have the same stem."""
    return f"exercises/{path.stem}" if path.parent.name == "exercises" else path.stem


def named(word):
    """The notebook of the command line that has this path, or this name in the book."""
    names = {path.stem: path for path in BOOK}
    names |= {short_name(path): path for path in BOOK}
    path = Path(word).resolve()
    found = path if path.is_file() else names.get(word)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"there is no notebook {word}; these are: {' '.join(names)}"
        )
    return found


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
    checkout.check_writable(path.parent)
    busy = f"Another run executes {path}; this one has not touched it"
    fresh = path.with_suffix(".ipynb.new")
    with checkout.locked(path, busy):
        fresh.unlink(missing_ok=True)  # left by a run that was killed
        notebook = execute(path)
        found = faults(notebook)
        if found:
            raise NotebookError("; ".join(found))
        try:
            write(notebook, fresh)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)


def write(notebook, path):
    """Write a notebook, and return when it is on the disk."""
    with path.open("w", encoding="utf-8") as file:
        nbformat.write(notebook, file)
        file.flush()
        os.fsync(file.fileno())


def run(paths):
    """Store these notebooks, a line for each."""
    for path in paths:
        print(f"{short_name(path):.<30}", end=" ", flush=True)
        start = time.perf_counter()
        try:
            store(path)
        except NotebookError as error:
            sys.exit(
                f"failed\n{path}: {error}\nThe stored notebook was left as it was."
            )
        except checkout.Refused:
            raise
        # nbclient answers an interrupt with several kinds of exception.
        except (KeyboardInterrupt, Exception) as error:
            sys.exit(f"stopped by {described(error)}\n{path} was left as it was.")
        print(f"{time.perf_counter() - start:5.1f} s", flush=True)


def described(error):
    """The kind of an error, and what the system says where a file is its cause."""
    said = getattr(error, "strerror", None)
    return f"{type(error).__name__} ({said})" if said else type(error).__name__


def main():
    """Store the notebooks of the command line, or all of the book."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=named)
    paths = parser.parse_args().notebooks or BOOK
    with checkout.one_sentence("Interrupted; every notebook is whole."):
        run(paths)


if __name__ == "__main__":
    main()

"""What is wrong with the stored outputs of notebooks; a hook of pre-commit."""

import sys
from pathlib import Path

import nbformat

from book._ext.stored_outputs import faults


def main():
    """Print each fault of the notebooks on the command line; fail if there is one."""
    found = []
    for name in sys.argv[1:]:
        notebook = nbformat.read(Path(name), as_version=4)
        found += [f"{name}: {fault}" for fault in faults(notebook)]
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()

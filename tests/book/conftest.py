"""What several tests of the book need."""

import nbformat

from tools.execute import BOOK

CHAPTERS = [path for path in BOOK if path.parent.name == "book"]
PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def write_notebook(path, sources):
    """Write a notebook of code cells that have not been executed."""
    cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{i}")
        for i, source in enumerate(sources)
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=PYTHON), path)

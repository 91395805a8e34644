"""Notebooks run once more, changed as a reader would change them."""

import nbformat

from tools.execute import client_for


def rerun(path, edit=None, first=None):
    """Run the notebook at `path` to its end, whatever its cells raise.

    `edit` is applied to the source of each code cell, and `first` is code that runs
    before them. What comes back are the cells of the notebook itself.
    """
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs = []
        if edit is not None:
            cell.source = edit(cell.source)
    if first is not None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    client_for(notebook, path.parent, allow_errors=True).execute()
    return code


def printed(cell):
    """What the cell printed, as one text."""
    return "".join(output.get("text", "") for output in cell.outputs)


def errors(cell):
    """What the cell raised: the name of each error and its message."""
    return [
        (output.ename, output.evalue)
        for output in cell.outputs
        if output.output_type == "error"
    ]

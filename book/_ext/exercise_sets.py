"""The exercise sets: one notebook is the page, the students' copy and the grading.

This extension builds the site without solutions where the environment says
``NTK_SOLUTIONS=no``. The students' copies are made by tools/assignment.py.
"""

import copy
import os
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]


def sets(root):
    """The notebooks of the sets."""
    return sorted(Path(root, "book", "exercises").glob("*.ipynb"))


SETS = sets(ROOT)
REGION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$", re.M | re.S
)
ABSENT = "The solution is not part of this site."


def is_solution(cell):
    """Whether the cell holds an answer: code between markers, or a derivation."""
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def without_solutions(notebook):
    """The parsed notebook with a sentence in place of each solution; no outputs.

    A notebook without solutions, such as a chapter, stays as it is.
    """
    if not any(is_solution(cell) for cell in notebook["cells"]):
        return notebook
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
        if is_solution(cell):
            cell["source"] = source_without_solution(cell)
            cell["metadata"]["tags"] = []  # what is left need not be folded
    return notebook


def source_without_solution(cell):
    """The text of a cell with an answer, without the answer."""
    if cell["cell_type"] == "markdown":
        return f"*{ABSENT}*"
    source = "".join(cell["source"])
    if REGION.search(source):
        return REGION.sub(rf"\1...  # {ABSENT}", source)
    return f"# {ABSENT}"  # without markers everything goes


def switch(app, docname, source):
    """Read an exercise set without its solutions, if the environment says so."""
    chosen = os.environ.get("NTK_SOLUTIONS") or "yes"
    if chosen not in ("yes", "no"):
        raise ValueError(f"NTK_SOLUTIONS must be yes or no; got {chosen!r}")
    if chosen == "no" and Path(app.env.doc2path(docname)).suffix == ".ipynb":
        notebook = nbformat.reads(source[0], as_version=4)
        source[0] = nbformat.writes(without_solutions(notebook))


def setup(app):
    """Make the choice as each notebook is read."""
    app.connect("source-read", switch)
    return {"parallel_read_safe": True}

"""The exercise sets: one notebook each is the source of the site, of the student's copy and of the grading.

This extension builds the site without solutions where the environment says
``NTK_SOLUTIONS=no``. The student's copies are made by tools/assignment.py.
"""

import copy
import json
import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETS = sorted((ROOT / "book" / "exercises").glob("*.ipynb"))
REGION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$", re.M | re.S
)
ABSENT = "The solution is not part of this site."


def is_solution(cell):
    """Whether the cell holds an answer: code between markers, or a derivation."""
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def without_solutions(notebook):
    """The parsed notebook with a sentence in place of each solution, and without outputs; a chapter as it is."""
    if not any(map(is_solution, notebook["cells"])):
        return notebook
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        if is_solution(cell):
            region, absent = (
                cell["cell_type"] == "code" and REGION.search(source),
                f"# {ABSENT}",
            )
            cell["metadata"]["tags"] = []  # what is left need not be folded
            if cell["cell_type"] == "markdown":
                cell["source"] = f"*{ABSENT}*"
            else:  # without markers everything goes
                cell["source"] = (
                    REGION.sub(rf"\1...  {absent}", source) if region else absent
                )
    return notebook


def switch(app, docname, source):
    """Read an exercise set without its solutions, if the environment says so."""
    chosen = os.environ.get("NTK_SOLUTIONS") or "yes"
    if chosen not in ("yes", "no"):
        raise ValueError(f"NTK_SOLUTIONS must be yes or no; got {chosen!r}")
    if chosen == "no" and Path(app.env.doc2path(docname)).suffix == ".ipynb":
        source[0] = json.dumps(without_solutions(json.loads(source[0])))


def setup(app):
    """Make the choice as each notebook is read."""
    app.connect("source-read", switch)
    return {"parallel_read_safe": True}

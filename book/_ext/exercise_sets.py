"""The exercise sets: one notebook each is the source of the site, of the student's copy and of the grading.

As a Sphinx extension this builds the site without solutions where the environment says ``NTK_SOLUTIONS=no``.
As a script (``make assignment``) it makes the student's copies, with nbgrader.
"""

import copy
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
SETS = sorted((ROOT / "book" / "exercises").glob("*.ipynb"))
COPIES = ROOT / "_build" / "assignment"
REGION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$", re.M | re.S
)
ROLE = re.compile(r"\{(\w+)\}`(?:([^`<]*[^`<\s])\s*<)?([^`<>]*)>?`")
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


def plain(notebook):
    """The parsed notebook for a reader without the book: roles in plain words, nothing that only the site needs."""

    def words(match):
        role, title, target = match.groups()
        if role == "doc" and not title:
            page = (ROOT / "book" / "exercises" / target).resolve()
            cells = json.loads(page.with_suffix(".ipynb").read_text("utf-8"))["cells"]
            title = (
                f"“{''.join(cells[0]['source']).splitlines()[0].removeprefix('# ')}”"
            )
        return title or f"({target})"

    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = re.sub(
                r"\n*^\{download\}.*$", "", "".join(cell["source"]), flags=re.M
            )
            cell["source"] = ROLE.sub(words, text)
        cell["metadata"] = {
            key: value for key, value in cell["metadata"].items() if key == "nbgrader"
        }
    return notebook


def make_course(folder):
    """An nbgrader course in `folder` with one assignment a set, its gradebook and the student's copies in release/."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    for path in SETS:
        source = Path(folder, "source", path.stem, path.name)
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(
            json.dumps(plain(json.loads(path.read_text("utf-8"))), indent=1), "utf-8"
        )
    Path(folder, "nbgrader_config.py").write_text(
        "c = get_config()\nc.Execute.timeout = 300  # seconds for one cell\n"
    )
    here = str(
        Path(sys.executable).parent
    )  # nbgrader runs a program from here, alembic
    os.environ["PATH"] = os.pathsep.join([here, os.environ["PATH"]])
    config = Config()
    config.CourseDirectory.root = str(Path(folder).resolve())
    api = NbGraderAPI(config=config)
    for path in SETS:
        result = api.generate_assignment(path.stem)
        if not result["success"]:
            sys.exit(
                f"{path.name}: nbgrader made no student's copy\n{result.get('log')}\n{result.get('error')}"
            )


def main(*course):
    """Make the student's copies; keep the course they come from if a folder for it is named."""
    with tempfile.TemporaryDirectory() as folder:
        make_course(*course or [folder])
        COPIES.mkdir(parents=True, exist_ok=True)
        for path in SETS:
            shutil.copyfile(
                Path(*course or [folder], "release", path.stem, path.name),
                COPIES / path.name,
            )
    print(f"The student's copies are in {COPIES.relative_to(ROOT)}.")


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


if __name__ == "__main__":
    main(*sys.argv[1:2])

"""The exercise sets: one notebook is the page, the students' copy and the grading.

While solutions are not shown, this extension builds the students' site: without the
solutions and without the page for instructors. course.toml says whether they are;
``make`` hands its variable SOLUTIONS, which goes before it, down as ``NTK_SOLUTIONS``.
The students' copies are made by tools/assignment.py.
"""

import copy
import os
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import nbformat
from grading import course

ROOT = Path(__file__).parents[2]


def sets(root):
    """The notebooks of the sets."""
    return sorted(Path(root, "book", "exercises").glob("*.ipynb"))


SETS = sets(ROOT)
REGION = re.compile(
    r"^([ \t]*)### BEGIN SOLUTION$.*?^[ \t]*### END SOLUTION$", re.M | re.S
)
ABSENT = "The solution is not part of this site."
# What only instructors read: a page, and lines of other pages.
FOR_INSTRUCTORS = "book/instructor"
LINES_FOR_INSTRUCTORS = re.compile(
    r"^% BEGIN INSTRUCTORS$.*?^% END INSTRUCTORS$\n*", re.M | re.S
)

# The time zone in which days begin last: once a day has begun here, no set is still due
# on the evening before it anywhere.
LAST_ZONE = timezone(timedelta(hours=-12))


def begun_everywhere(now):
    """The last day that has begun in every time zone, at noon in Greenwich."""
    return now.astimezone(LAST_ZONE).date()


def solutions_are_shown(chosen=None, today=None):
    """Whether the site shows solutions: yes, no, or from a date on.

    Args:
        chosen: one of these words, or the date; as a rule that of the environment, or
            else that of course.toml.
        today: the date; as a rule the last one that has begun everywhere.

    Raises:
        CourseError: it is something else, and no slip may publish the solutions.
    """
    chosen = chosen or os.environ.get("NTK_SOLUTIONS")
    chosen = chosen or course.read_public().solutions
    if chosen in ("yes", "no"):
        return chosen == "yes"
    try:
        first_day = date.fromisoformat(chosen)
    except ValueError:
        raise course.CourseError(
            "SOLUTIONS must be yes, no, or the date from which on they are shown, such "
            f"as 2026-12-20; got {chosen!r}"
        ) from None
    return (today or begun_everywhere(datetime.now(UTC))) >= first_day


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
    """Read a page as students get it, while solutions are not shown."""
    if solutions_are_shown():
        return
    if Path(app.env.doc2path(docname)).suffix == ".ipynb":
        notebook = nbformat.reads(source[0], as_version=4)
        source[0] = nbformat.writes(without_solutions(notebook))
    else:
        source[0] = LINES_FOR_INSTRUCTORS.sub("", source[0])


def leave_out_instructors(app, config):
    """Take the page for instructors out of the site, while solutions are not shown."""
    if solutions_are_shown() or FOR_INSTRUCTORS not in config.external_site_map:
        return
    for part in config.external_site_map.root.subtrees:
        part.items = [page for page in part.items if page != FOR_INSTRUCTORS]
    del config.external_site_map[FOR_INSTRUCTORS]
    config.exclude_patterns = [*config.exclude_patterns, f"{FOR_INSTRUCTORS}.md"]


def setup(app):
    """Make the choice for the site, and as each page is read."""
    # After sphinx_external_toc, which reads _toc.yml at 900.
    app.connect("config-inited", leave_out_instructors, priority=901)
    app.connect("source-read", switch)
    return {"parallel_read_safe": True}

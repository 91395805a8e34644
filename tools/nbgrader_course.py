"""An nbgrader course of the exercise sets: `make assignment COURSE=folder`.

The course belongs to the instructor. Made a second time, it gets what is new in the
book, and keeps what was entered: its configuration, the points, and every notebook in
source/ that was edited by hand.
"""

import hashlib
import os
import re
import sys
from pathlib import Path

import nbformat

from book._ext.exercise_sets import SETS
from tools.checkout import Refused

# Where a reference copy keeps the mark of what was written, by which an edited one is
# told. It is made of the solutions, so students' copies have none.
MARK = "ntk_written"

# How the platforms name files in the archives of a course (nbgrader's zip_collect
# matches the whole path of each file that it has unpacked). Canvas:
# leeann_12345_678901_kernel.ipynb, with LATE after the name of a late student, and
# kernel-1.ipynb for what was handed in again. Moodle: a folder
# "Ann Lee_12345_assignsubmission_file" or, where names are hidden,
# "Participant_12345_assignsubmission_file"; the number tells two of one name apart.
STUDENT = (
    r"(?P<student_id>[^/\\]+_\d+(?=_assignsubmission_file)"
    r"|[^/\\_]+(?=(?:_LATE)?_\d+_\d+_))"
)
FILE = r".*[/\\]{student}.*[/\\_](?P<file_id>{sets})(?:[ _(-][^/\\]*)?\.ipynb$"

CONFIG = """\
import warnings

c = get_config()
c.CourseDirectory.course_id = {course_id!r}
c.Execute.timeout = 300  # seconds for one cell

# `nbgrader zip_collect kernel` takes what Canvas and Moodle let you download: put the
# archive into downloaded/kernel/archive.
c.FileNameCollectorPlugin.named_regexp = (
    r"{pattern}"
)

# Two warnings that are about nobody's work: Jupyter's, since its kernel talks to
# nbgrader over TCP, and the database's, since nbgrader adds to it in its own order.
c.Execute.extra_arguments = ["--log-level=ERROR"]
warnings.filterwarnings("ignore", message="Object of type <Submitted")
"""


def pattern():
    """The pattern by which nbgrader collects what Canvas and Moodle hand out."""
    names = "|".join(path.stem for path in SETS)
    return FILE.format(student=STUDENT, sets=names)


def make_course(folder, notebooks, name=""):
    """Make or renew the course in a folder: one assignment for each set.

    `notebooks` are the sets by name, without the book's markup. `name` is that of the
    course; if there is none, the folder's is its id. The reference copies are in
    source/, the students' copies in release/. Sentences say what was kept.
    """
    folder = _made(folder)
    kept = [_write_config(folder, name)]
    for name, notebook in notebooks.items():
        path = folder / "source" / name / f"{name}.ipynb"
        kept.append(_write_source(notebook, path))
    _generate(folder, notebooks)
    return [sentence for sentence in kept if sentence]


def _made(folder):
    """The folder, which is there from now on."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{folder} cannot be made: {error.strerror}") from None
    return folder.resolve()


def _write_config(folder, name):
    """Write the configuration, unless there is one; a sentence if that is another."""
    path = folder / "nbgrader_config.py"
    # nbgrader makes folders of this name.
    course_id = re.sub(r"[^\w.-]+", "-", name).strip("-") or folder.name
    text = CONFIG.format(course_id=course_id, pattern=pattern())
    if not path.exists():
        path.write_text(text, "utf-8")
    elif path.read_text("utf-8") != text:
        return f"Kept as it is: {path} (a new course would get another)"
    return ""


def _write_source(notebook, path):
    """Write the reference copy of a set, with the points that the course has given.

    A copy that was edited by hand is kept; then a sentence says so.
    """
    if path.exists():
        old = _read(path)
        if old.metadata.get(MARK) != _digest(old):
            return (
                f"Kept as it is: {path}, which was edited by hand; delete it and run "
                "this again to get the book's"
            )
        _take_points(notebook, old)
    notebook.metadata[MARK] = _digest(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return ""


def _read(path):
    """The reference copy of a set, as the instructor has left it."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception:  # whatever comes of a file that is something else
        raise Refused(
            f"{path} is no notebook; mend it, or delete it and run this again to get "
            "the book's"
        ) from None
    return notebook


def _digest(notebook):
    """A digest of what the cells say; points, outputs and ids do not count."""
    texts = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def _take_points(notebook, old):
    """Give each graded cell the points that it has in the old notebook."""
    labels = [cell.metadata.get("nbgrader", {}) for cell in old.cells]
    points = {each["grade_id"]: each["points"] for each in labels if "points" in each}
    for cell in notebook.cells:
        label = cell.metadata.get("nbgrader", {})
        if label.get("grade_id") in points:
            label["points"] = points[label["grade_id"]]


def _generate(folder, names):
    """Have nbgrader make the students' copies, and enter the points."""
    from nbgrader.apps import NbGraderAPI  # slow to import
    from traitlets.config import Config

    programs = str(Path(sys.executable).parent)  # nbgrader runs one of them, alembic
    os.environ["PATH"] = os.pathsep.join([programs, os.environ["PATH"]])
    config = Config()
    config.CourseDirectory.root = str(folder)
    api = NbGraderAPI(config=config)
    for name in names:
        result = api.generate_assignment(name)
        if not result["success"]:
            sys.exit(
                f"{name}: nbgrader made no student's copy\n"
                f"{result.get('log')}\n{result.get('error')}"
            )
        _take_off_mark(folder / "release" / name / f"{name}.ipynb")


def _take_off_mark(path):
    """Take the mark, which nbgrader has copied, off a student's copy."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop(MARK, None)
    nbformat.write(notebook, path)

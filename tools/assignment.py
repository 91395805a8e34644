"""The students' copies of the exercise sets, made with nbgrader: `make assignment`.

Each notebook in book/exercises is the source of a page of the site, of the student's
copy and of the reference that grading must give full marks.
"""

import argparse
import copy
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

from book._ext.course import read, with_due_date
from book._ext.exercise_sets import SETS
from book._ext.exercise_table import rows
from grading.course import CourseError
from tools import checkout, nbgrader_course
from tools.archive import write_archive
from tools.downloads import install_cell, places, put_before_code
from tools.execute import ROOT

COPIES = ROOT / "_build" / "assignment"
ARCHIVE = COPIES / "ntk-exercises.zip"
INTERRUPTED = "Interrupted; run the same command again to get whole copies."
# A role of MyST: {name}`target` or {name}`title <target>`.
ROLE = re.compile(r"\{(\w+)\}`(?:([^`<]*[^`<\s])\s*<)?([^`<>]*)>?`")
DOWNLOAD = re.compile(r"\n*^\{download\}.*$", re.M)


def plain(notebook):
    """The notebook for a reader without the book: no roles, no metadata of the site."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = DOWNLOAD.sub("", "".join(cell["source"]))
            cell["source"] = ROLE.sub(in_words, text)
        cell["metadata"] = {
            key: value for key, value in cell["metadata"].items() if key == "nbgrader"
        }
    new = [install_cell(places())]
    notebook["cells"] = put_before_code(notebook["cells"], new)
    return notebook


def in_words(role):
    """What stands in a student's copy in place of a role."""
    name, title, target = role.groups()
    if title:
        return title
    if name == "doc":
        return f"“{title_of_page(target)}”"
    return f"({target})"


def title_of_page(target):
    """The title of the notebook that a set names as `target`."""
    page = (ROOT / "book" / "exercises" / target).resolve().with_suffix(".ipynb")
    notebook = nbformat.read(page, as_version=4)
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def make_course(folder):
    """Make an nbgrader course in `folder`: one assignment for each set.

    The reference copies are in source/, the students' copies in release/. What an
    earlier course had and kept is said in sentences.
    """
    folder = Path(folder).expanduser()
    settings = read()
    notebooks = {}
    for path in SETS:
        notebook = plain(nbformat.read(path, as_version=4))
        due = settings.due_in_words(path.stem)
        notebooks[path.stem] = with_due_date(notebook, due)
    return nbgrader_course.make_course(folder, notebooks, settings.name)


def main():
    """Make the students' copies, and keep the course if a folder is named for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("course", nargs="?", type=Path, help="where to keep the course")
    keep = parser.parse_args().course
    if keep and keep.suffix == ".toml":
        sys.exit(
            f"Here COURSE is the folder of an nbgrader course, not a file like {keep}"
        )
    try:
        with checkout.one_sentence(INTERRUPTED):
            checkout.check_writable()
            with checkout.building_alone():
                write_copies(keep)
    except CourseError as error:
        sys.exit(str(error))
    print(f"The student's copies are in {COPIES.relative_to(ROOT)}.")
    print(f"What a student needs is in {ARCHIVE.relative_to(ROOT)}.")


def write_copies(keep):
    """Write the students' copies and their archive; `keep` is a course to keep."""
    with tempfile.TemporaryDirectory() as scratch:
        place = keep.expanduser() if keep else Path(scratch)
        for sentence in make_course(place):
            print(sentence)
        COPIES.mkdir(parents=True, exist_ok=True)
        for path in SETS:
            student_copy = place / "release" / path.stem / path.name
            shutil.copyfile(student_copy, COPIES / path.name)
    in_order = dict.fromkeys(row.set for row in rows(ROOT))
    write_archive(ARCHIVE, [COPIES / f"{stem}.ipynb" for stem in in_order])


if __name__ == "__main__":
    main()

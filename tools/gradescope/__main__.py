"""Write an autograder for Gradescope, one zip for each exercise set.

Each holds setup.sh and run_autograder at its root, as Gradescope wants it, and of this
repository what grades: the library, the answers, the grading, one set.
"""

import argparse
import json
import secrets
import sys
import zipfile
from pathlib import Path

from book._ext.course import read
from book._ext.exercise_sets import SETS
from grading.course import CourseError
from grading.gradescope import SETTINGS
from grading.submissions import released
from tools.execute import ROOT

OUT = ROOT / "_build" / "gradescope"
SCRIPTS = ("setup.sh", "run_autograder")
PACKAGES = ("ntklib", "ntk_answers", "grading")
FILES = ("requirements-grade.lock",)
EXECUTABLE = 0o755 << 16  # as a zip keeps a file's mode


def main():
    """Write the zips, and say what has to be typed into Gradescope's form."""
    given = command_line().parse_args()
    sets = released(ROOT / "book" / "exercises")
    try:
        settings = read()
    except CourseError as error:
        sys.exit(str(error))
    for name in given.sets or sets:
        path = write(given.out.expanduser(), name, given.seed)
        words = settings.due_in_words(name)
        due = f", due {words}" if words else ""
        print(f"{path}: {sum(sets[name].points.values())} points{due}")
    print(f"Seed {given.seed}; students do not see it")


def command_line():
    """The options."""
    parser = argparse.ArgumentParser(prog="make gradescope", description=__doc__)
    names = [path.stem for path in SETS]
    parser.add_argument("--sets", nargs="+", choices=names, help="all if not given")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    return parser


def write(folder, name, seed):
    """Write the zip of one set into a folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in SCRIPTS:
            info = zipfile.ZipInfo(script)
            info.external_attr = EXECUTABLE
            archive.writestr(info, (Path(__file__).parent / script).read_text("utf-8"))
        archive.writestr(SETTINGS, json.dumps({"set": name, "seed": seed}))
        for file in contents(name):
            archive.write(file, file.relative_to(ROOT))
    return path


def contents(name):
    """The files of the repository that grade a set."""
    files = [ROOT / file for file in FILES]
    files.append(ROOT / "book" / "exercises" / f"{name}.ipynb")
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                files.append(file)
    return files


if __name__ == "__main__":
    main()

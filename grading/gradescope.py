"""Grade one submission on Gradescope, within the zip that `make gradescope` writes.

Gradescope unpacks the zip to /autograder/source and runs its setup.sh once. For each
submission it fills /autograder/submission, runs run_autograder, which calls this, and
shows /autograder/results/results.json. Only instructors see what is printed here.
The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from grading import pool, sandbox

SOURCE = Path(__file__).resolve().parents[1]
SETTINGS = "autograder.json"  # which set, and the seed of the inputs

# The folder of the submission, as in what is collected from Moodle: whatever the files
# in it are called, they are one student's.
OWN = "student_1_assignsubmission_file"

# Gradescope stops everything after ten minutes, and then gives 0: a notebook that does
# not end has to be stopped before that.
SECONDS, MEMORY = 20, 2**30


def main(home=SOURCE.parent):
    """Grade what lies in `home`/submission, and write the results.

    An error of the grading writes none: Gradescope then says that the autograder
    failed, which is no 0 for the student.
    """
    os.environ.update(pool.JAX_SETTINGS)  # before the library is imported
    from grading.points import grade_file

    settings = json.loads((SOURCE / SETTINGS).read_text("utf-8"))
    path = home / "results" / "results.json"
    path.unlink(missing_ok=True)
    missing = sandbox.why_unprotected()
    limits = pool.Limits(SECONDS, MEMORY, protected=not missing)
    print(f"Seed {settings['seed']}; {missing or 'the notebook runs in a sandbox'}")
    with tempfile.TemporaryDirectory() as scratch:
        exercises, submission = set_and_submission(home, settings["set"], Path(scratch))
        if not (submission.reason or submission.not_graded):
            grade_file(submission, exercises, settings["seed"], limits)
    if submission.not_graded:
        sys.exit(f"Not graded: {submission.not_graded}")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results(submission, exercises)), "utf-8")


def set_and_submission(home, set_name, scratch):
    """The set, and the one submission that counts of what was handed in for it."""
    from grading.layouts import collect
    from grading.submissions import Submission, released

    exercises = released(SOURCE / "book" / "exercises")[set_name]
    collected, unpacked = scratch / "collected", scratch / "unpacked"
    unpacked.mkdir()
    shutil.copytree(home / "submission", collected / OWN, symlinks=True)
    for submission in collect(collected, {set_name: exercises}, unpacked=unpacked):
        if submission.set_name or submission.reason or submission.not_graded:
            return exercises, submission
    return exercises, Submission("student", "", reason="holds no notebook")


def results(submission, exercises):
    """What Gradescope shows: a test for each exercise, and the remarks above them."""
    from grading.results import titles

    headings = titles(exercises)
    tests = []
    for name, possible in exercises.points.items():
        score = submission.points.get(name, 0)
        test = {
            "name": headings[name],
            "score": score,
            "max_score": possible,
            "status": "passed" if score == possible else "failed",
            "output": submission.lines.get(name, submission.reason),
            "output_format": "text",
        }
        tests.append(test)
    remarks = list(submission.remarks)
    if submission.reason:
        remarks.insert(0, f"{submission.file} {submission.reason}".strip())
    return {
        "output": "\n".join(remarks).replace(f"{OWN}/", ""),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",  # the seed stands there
        "tests": tests,
    }


if __name__ == "__main__":
    main()

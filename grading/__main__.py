"""Grade returned exercise notebooks: `make grade SUBMISSIONS=folder-or-zip`.

Each notebook runs in processes of its own, which are not believed: this program draws
the inputs from a seed that no submission sees, compares the values that come back with
references of its own, and gives points for them. What is graded is kept in OUT at once:
after an interruption the same command goes on where it was.
"""

import argparse
import contextlib
import io
import math
import os
import signal
import sys
import time
from pathlib import Path

from grading import course, layouts, marks, out, pool, roster, sandbox
from grading.submissions import released

ROOT = Path(__file__).resolve().parents[1]
MOST_NAMED = 10  # names in a sentence; the table has all of them

INTERRUPTED = (
    "Interrupted. What was graded is kept in {out}, and the same command goes on "
    "from there"
)
STOPPED = "Stopped: {error}. What was graded until then is kept"


class Refused(Exception):
    """Why nothing is graded, in one sentence."""


def main(arguments=None):
    """Grade what the command line names; what stops it is said in one sentence."""
    given = command_line().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # it may not know every letter
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # which nohup sees to
            signal.signal(number, stop)
    try:
        check_names()
        check_protection(given)
        check_folders(given)
        with out.opened(given.out):
            missing = grade_all(given)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED.format(out=given.out))
    except (Refused, out.OutError) as error:
        sys.exit(str(error))
    except OSError as error:  # of a file that cannot be read, or a log on a full disk
        sys.exit(STOPPED.format(error=error))
    if missing:
        sys.exit(missing)


def stop(number, frame):
    """End the run because of a signal.

    The error may be raised where nobody takes notice of it, as in a callback of JAX;
    then the next look at `pool.interrupted` ends the run.
    """
    pool.interrupted.set()
    raise KeyboardInterrupt


def command_line():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m grading", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("submissions", type=path, help="a folder or a zip file")
    parser.add_argument("--out", type=path, default=Path("grades"))
    parser.add_argument("--roster", type=path, help="the platform's list of students")
    parser.add_argument(
        "--course",
        type=path,
        help="its settings; course.toml beside the submissions, or else the book's, "
        "if not given",
    )
    parser.add_argument("--sets", nargs="+", help="their names; those that came if not")
    parser.add_argument(
        "--seed",
        default=os.environ.get("NTK_SEED"),
        help="of the inputs; NTK_SEED, that of the last run or drawn if not given",
    )
    parser.add_argument(
        "--workers", type=int, default=processors(), help="notebooks at a time"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=30,
        help="of the processor, for each cell and exercise",
    )
    parser.add_argument("--memory", type=float, default=2, help="GB for each notebook")
    parser.add_argument(
        "--unprotected", action="store_true", help="grade even without a sandbox"
    )
    parser.add_argument(
        "--handed-out",
        type=path,
        default=ROOT / "book" / "exercises",
        help="the folder of the notebooks as handed out",
    )
    return parser


def path(text):
    """A path as it was typed, also where the shell has left a ~ in it."""
    return Path(os.path.expanduser(text))


def processors():
    """How many processors this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_names():
    """Refuse to start where files cannot be called as students are."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise Refused(
            f"Names of files are in {encoding} here, which lacks letters of many "
            "students' names; set PYTHONUTF8=1 and start again"
        )


def check_protection(given):
    """Refuse to run submissions without a sandbox, unless that was asked for."""
    if given.unprotected:
        print("Nothing is protected from the submissions: they run without a sandbox")
    elif missing := sandbox.why_unprotected():
        raise Refused(
            f"{missing[0].upper()}{missing[1:]}; install bubblewrap 0.8 or newer and "
            "let it make namespaces, or grade in a container (CONTAINER=podman) or "
            "without protection (UNPROTECTED=yes)"
        )


def check_folders(given):
    """Refuse what cannot be: no submissions, grades among them, no worker."""
    if not given.submissions.exists():
        raise Refused(f"There is no folder or zip file {given.submissions}")
    real_out, real_submissions = map(os.path.realpath, (given.out, given.submissions))
    if Path(real_out).is_relative_to(real_submissions):
        raise Refused(
            "The grades must not lie in the folder of the submissions: "
            "they would be taken for one"
        )
    for name in ("workers", "seconds", "memory"):
        if not 0 < getattr(given, name) < math.inf:
            raise Refused(f"--{name} must be a number larger than 0")


def grade_all(given):
    """Grade into OUT, and print what came out; a sentence if something is missing."""
    # Not before: JAX reads its settings when it is imported, and that takes seconds.
    os.environ.update(pool.JAX_SETTINGS)
    from grading import report
    from grading.batch import Batch, Settings

    start = time.monotonic()
    memory = int(given.memory * 2**30)
    limits = pool.Limits(given.seconds, memory, protected=not given.unprotected)
    with refusing():
        sets, policy, students = settled(given)
        seed = out.seed(given.out, given.seed)
        sets, submissions = collected(given, sets, students)
        # What is wrong with them has to be said before the grading, not after it.
        names = report.names_of(submissions, students)
        report.entered_marks(given.out, names, policy)
        if policy.variants:
            draw_variants(submissions, sets, policy.secret)
    Batch(Settings(given.out, sets, seed, limits, given.workers)).run(submissions)
    with refusing(), out.writing(given.out):
        said = report.write(given.out, submissions, sets, policy, students)
    print(*said, sep="\n", end="\n" if said else "")
    print(
        f"Seed {seed}; {time.monotonic() - start:.0f} s. "
        f"Written: {given.out}/grades.csv and {given.out}/feedback"
    )
    return counted(submissions)


@contextlib.contextmanager
def refusing():
    """Turn the one sentence of a ValueError, about some file, into a refusal."""
    try:
        yield
    except ValueError as error:
        raise Refused(str(error)) from error


def settled(given):
    """The sets that are handed out, the course's settings, and the roster or None."""
    sets = released(given.handed_out)
    if not sets:
        raise Refused(f"There is no notebook in {given.handed_out}")
    for name in given.sets or ():
        if name not in sets:
            raise Refused(f"There is no set {name!r}; there are {', '.join(sets)}")
    settings = course.found(given.course, given.submissions)
    policy = course.read(settings, sets)
    if settings:
        print(f"The course's settings: {settings}")
    marks.check(given.out)
    students = roster.read(given.roster) if given.roster else None
    if policy.variants and students is None:
        raise Refused(
            "With variants = true, ROSTER must name the list of students from which "
            "their notebooks were made"
        )
    return sets, policy, students


def collected(given, sets, students):
    """The sets that are asked for, and their submissions."""
    try:
        submissions = layouts.collect(given.submissions, sets, students)
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"{given.submissions} cannot be read: {reason}") from error
    if not submissions:
        raise Refused(f"There is no submission in {given.submissions}")
    came = {submission.set_name for submission in submissions}
    asked = given.sets or [name for name in sets if name in came] or list(sets)
    kept = [one for one in submissions if one.set_name in (None, *asked)]
    if len(kept) < len(submissions):
        others = ", ".join(name for name in sets if name in came - set(asked))
        print(f"Left out: {len(submissions) - len(kept)} notebooks of {others}")
    return {name: sets[name] for name in sets if name in asked}, kept


def draw_variants(submissions, sets, secret):
    """Note which variants of the exercises each student has to answer."""
    from ntk_answers.variants import drawn  # which imports JAX

    for submission in submissions:
        if submission.set_name:
            codes = drawn(secret, submission.key or submission.student)
            for name in sets[submission.set_name].points:
                if name in codes:
                    submission.variants[name] = codes[name]


def counted(submissions):
    """Print how many were graded; a sentence if the grading itself failed for some."""
    at_fault = [one for one in submissions if one.reason]
    missing = [one for one in submissions if one.not_graded]
    graded = len(submissions) - len(at_fault) - len(missing)
    print(f"{graded} graded; {len(at_fault)} could not be, because of the file")
    if not missing:
        return ""
    names = [f"{one.student} ({one.set_name})" for one in missing[:MOST_NAMED]]
    if len(missing) > MOST_NAMED:
        names.append("…")
    return (
        f"NOT GRADED: {len(missing)}, {', '.join(names)}. They have no points yet; "
        "grades.csv says why, and the same command tries them again"
    )


if __name__ == "__main__":
    main()

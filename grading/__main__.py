"""Grade a folder of returned exercise notebooks: `make grade SUBMISSIONS=folder`.

Each notebook runs in processes of its own, which are not believed: this program draws
the inputs from a seed that no submission sees, compares the values that come back with
references of its own, and gives points for them.
"""

import argparse
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from grading import pool, report
from grading.submissions import collect, released

ROOT = Path(__file__).resolve().parents[1]


def main(arguments=None):
    """Grade the folder that the command line names, and print what came out."""
    given = command_line().parse_args(arguments)
    if not given.submissions.is_dir():
        sys.exit(f"There is no folder {given.submissions}")
    if given.out.resolve().is_relative_to(given.submissions.resolve()):
        sys.exit(
            "The grades must not lie in the folder of the submissions: "
            "they would be taken for one"
        )
    sets = released(given.sets)
    submissions = collect(given.submissions, sets)
    if not submissions:
        sys.exit(f"There is no submission in {given.submissions}")

    start = time.monotonic()
    # SIGTERM interrupts like Ctrl-C, so that no process is left behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        grade_all(submissions, sets, given)
    except KeyboardInterrupt:
        sys.exit("Interrupted; nothing was written")
    report.write(given.out, submissions, sets, given.seed)
    print(
        f"Seed {given.seed}; {time.monotonic() - start:.0f} s. "
        f"Written: {given.out}/grades.csv and {given.out}/feedback"
    )


def command_line():
    """The options."""
    seed = os.environ.get("NTK_SEED") or secrets.randbelow(2**31)
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--out", type=Path, default=Path("grades"))
    parser.add_argument(
        "--sets",
        type=Path,
        default=ROOT / "book" / "exercises",
        help="the notebooks as handed out",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=seed,
        help="of the inputs; NTK_SEED or drawn if not given",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--seconds",
        type=float,
        default=30,
        help="of the processor, for each cell and exercise",
    )
    parser.add_argument("--memory", type=float, default=2, help="GB for each process")
    return parser


def grade_all(submissions, sets, given):
    """Grade the submissions, several at a time, and print a line for each."""
    # Not before: `points` imports the library and JAX, which reads its settings then.
    os.environ.update(pool.JAX_SETTINGS)
    from grading.points import grade

    limits = pool.Limits(given.seconds, int(given.memory * 2**30))

    def grade_one(submission):
        """Grade one submission, and return the seconds that it took."""
        begin = time.monotonic()
        try:
            if not submission.reason:
                grade(submission, sets[submission.set_name], given.seed, limits)
        except Exception as error:  # one student's notebook must not stop the others'
            submission.reason = f"could not be graded ({type(error).__name__})"
        return time.monotonic() - begin

    with pool.threads(given.workers) as threads:
        seconds = threads.map(grade_one, submissions)
        for number, submission in enumerate(submissions, 1):
            took = next(seconds)
            result = submission.reason or f"{sum(submission.points.values())} points"
            print(
                f"{number:4}/{len(submissions)}  {submission.student} "
                f"{submission.set_name or ''}: {result}, {took:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

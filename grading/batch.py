"""A batch of submissions: several at a time, each kept on disk as soon as it is graded.

Whatever goes wrong in the grading itself is no fault of the submission:
it is then "not graded", and the next run of the same command tries it again.
"""

import contextlib
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from grading import pool, records
from grading.fingerprint import conditions, fingerprint
from grading.out import OutError
from grading.points import grade_file

SLOW = 60  # seconds by the clock; a usual notebook takes ten, with all cores busy
LOOK_EVERY, LINE_EVERY = 1, 30  # seconds
LONGEST_MESSAGE = 200  # characters of an error of our own

BAR = (
    "{percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} notebooks, "
    "{elapsed} gone, {remaining} left{postfix}"
)


@dataclass
class Settings:
    """What holds for all submissions of a batch."""

    out: Path
    sets: dict
    seed: int
    limits: pool.Limits
    workers: int


class Batch:
    """The submissions of one run on their way to their points."""

    def __init__(self, settings):
        """Nothing is graded yet."""
        self.settings = settings
        self.running = {}  # student and set -> when it began
        self.seconds = {}  # student and set -> how long it took
        self.copies = {}  # the same -> how many before it are the same file
        limits = settings.limits
        self.conditions = {}
        for name, exercises in settings.sets.items():
            self.conditions[name] = conditions(
                exercises, settings.seed, limits.seconds, limits.memory
            )

    def run(self, submissions):
        """Grade those that have no record yet, and print what is remarkable."""
        possible = [one for one in submissions if not (one.reason or one.not_graded)]
        self.number_copies(possible)
        rest = [one for one in possible if not self.restored(one)]
        before = len(possible) - len(rest)
        if before:
            print(f"{before} of {len(submissions)} were graded before, and are kept")
        if rest:
            with progress_bar(len(rest)) as bar:
                self.grade(rest, bar)

    def grade(self, submissions, bar):
        """Grade several submissions at a time; an interruption ends their processes."""
        executor = ThreadPoolExecutor(self.settings.workers)
        try:
            pending = {executor.submit(self.grade_one, one) for one in submissions}
            while pending:
                done, pending = wait(pending, LOOK_EVERY, FIRST_COMPLETED)
                if pool.interrupted.is_set():  # what is done may have been cut short
                    raise KeyboardInterrupt
                for future in done:
                    self.report(future.result(), bar)
                bar.set_postfix_str(self.slowest_running(), sys.stderr.isatty())
        except BaseException:
            pool.interrupted.set()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def number_copies(self, submissions):
        """Number the copies of one notebook, so that each has a record of its own."""
        before = Counter()
        for one in submissions:
            with contextlib.suppress(OSError):  # grading it will say so
                found = fingerprint(one, self.conditions[one.set_name])
                self.copies[named(one)] = before[found]
                before[found] += 1

    def restored(self, submission):
        """Whether a submission was graded before, under the same conditions."""
        try:
            found = self.fingerprint(submission)
        except OSError:
            return False  # grading it will say so
        return bool(found) and records.restore(self.settings.out, found, submission)

    def fingerprint(self, submission):
        """What the record of a submission is called; None where it has none."""
        found = fingerprint(submission, self.conditions[submission.set_name])
        return found and f"{found}-{self.copies.get(named(submission), 0)}"

    def grade_one(self, submission):
        """Grade one submission and keep its record; the same submission."""
        name = named(submission)
        begin = self.running[name] = time.monotonic()
        try:
            self.grade_and_keep(submission)
        except OutError:
            raise  # the others could not be kept either
        except Exception as error:  # must not stop the others
            submission.not_graded = in_words(error)
            submission.points, submission.lines, submission.cells = {}, {}, []
        self.running.pop(name, None)
        self.seconds[name] = time.monotonic() - begin
        return submission

    def grade_and_keep(self, submission):
        """Read and grade a submission, and write its record."""
        settings = self.settings
        exercises = settings.sets[submission.set_name]
        found = self.fingerprint(submission)
        collected, submission.remarks = submission.remarks, []
        try:
            grade_file(submission, exercises, settings.seed, settings.limits)
            submission.seed = settings.seed
            submission.graded_at = datetime.now(UTC).astimezone()
            if found and not pool.interrupted.is_set():  # else it was cut short
                records.keep(settings.out, found, submission)
        finally:
            submission.remarks = collected + submission.remarks

    def report(self, submission, bar):
        """Move the bar, with a line for what was not graded or took long."""
        bar.update()
        name = named(submission)
        if submission.not_graded:
            bar.write(f"{name}: NOT GRADED, {submission.not_graded}")
        elif self.seconds[name] > SLOW:
            bar.write(f"{name}: took {self.seconds[name]:.0f} s")

    def slowest_running(self):
        """The submission that has run longest, if that is long."""
        now = time.monotonic()
        waited = [(now - begin, name) for name, begin in self.running.copy().items()]
        longest, name = max(waited, default=(0, ""))
        return f"{name}: {longest:.0f} s" if longest > SLOW else ""


def progress_bar(total):
    """A bar with the time that is left; where nobody looks, a line now and then."""
    seconds = LOOK_EVERY if sys.stderr.isatty() else LINE_EVERY
    return tqdm(total=total, bar_format=BAR, dynamic_ncols=True, mininterval=seconds)


def named(submission):
    """A submission by its student and set."""
    return f"{submission.student}, {submission.set_name}"


def in_words(error):
    """An error of our own in one line, with the place where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_MESSAGE]
    return f"{message} ({Path(place.filename).name}, line {place.lineno})"

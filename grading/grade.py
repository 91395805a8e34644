"""Grade a folder of returned exercise notebooks: `make grade SUBMISSIONS=folder`.

Each notebook runs in processes of its own (`worker.py`), which are not believed: this program draws the inputs from a
seed that no submission sees, compares the values that come back with references of its own, and gives points for them.
"""

import argparse
import contextlib
import csv
import functools
import html
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from grading.submissions import collect, differences, released
from grading.worker import pack, unpack

ROOT = Path(__file__).resolve().parents[1]
LARGEST_REPLY, LOST_CELLS, PATIENCE = 2**20, 3, 30
BLANK = "NotImplementedError:?"  # what the stub of a student's copy raises
JAX = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
PLAIN = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Exercises: {student}</title><style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: auto; padding: 1rem; overflow-wrap: anywhere; }}
dt {{ font-weight: bold; }} :root {{ color-scheme: light dark; }}
</style></head><body><main><h1>Exercises: {student}</h1><p>{total}</p>{sets}</main></body></html>
"""


class Ended(Exception):
    """A worker that came to its end, or was brought to it, before it replied; the reason is a half sentence."""


@dataclass
class Limits:
    """Seconds of the processor for each cell and each exercise, and bytes of memory."""

    seconds: float
    memory: int

    @property
    def patience(self):
        """Seconds that may pass while a cell or an exercise waits for the processor, or sleeps."""
        return 4 * self.seconds + PATIENCE


class Worker:
    """A process that runs one submission in a folder of its own; killed as a whole group when the block ends."""

    stop = threading.Event()

    def __init__(self, limits, offered):
        """Nothing is started yet; `offered` are names that the submission may import from ntklib."""
        self.limits, self.offered, self.buffer = limits, offered, b""

    def __enter__(self):
        """Start."""
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="grading-"))
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("worker.py")),
                str(self.limits.memory),
                "600",
                *self.offered,
            ],
            **{
                "stdin": subprocess.PIPE,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.DEVNULL,
                "cwd": self.folder,
            },
            env={
                **PLAIN,
                **QUIET,
                **{name: self.folder for name in ("HOME", "TMPDIR", "MPLCONFIGDIR")},
            }
            | JAX,
            start_new_session=True,
        )
        os.set_blocking(
            self.process.stdin.fileno(), False
        )  # a submission that does not listen must not hold us up
        return self

    def __exit__(self, *error):
        """Kill, and remove the folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, command, seconds, patience):
        """The reply to one command: a dictionary of which nothing else is known.

        The limit is in the processor's seconds, so that a busy machine costs nobody points; patience is for sleepers.
        """
        end, unsent = time.monotonic() + patience, json.dumps(command).encode() + b"\n"
        given, got = self.process.stdin.fileno(), self.process.stdout.fileno()
        try:
            use = psutil.Process(self.process.pid)
            most = sum(use.cpu_times()[:2]) + seconds
            while unsent or b"\n" not in self.buffer:
                if self.stop.is_set():
                    raise Ended("was stopped, because the grading was interrupted")
                if use.memory_info().rss > self.limits.memory:
                    raise Ended(
                        f"used more than {self.limits.memory / 2**30:g} GB of memory and was stopped"
                    )
                if sum(use.cpu_times()[:2]) > most or time.monotonic() > end:
                    raise Ended(f"took longer than {seconds:g} s and was stopped")
                ready = select.select([got], [given] if unsent else [], [], 0.1)
                if ready[1]:
                    unsent = unsent[os.write(given, unsent) :]
                if ready[0]:
                    self.buffer += (chunk := os.read(got, 2**16))
                    if not chunk:
                        raise Ended("ended the process that it ran in")
                    if len(self.buffer) > LARGEST_REPLY:
                        raise Ended("sent back more than a right answer can hold")
        except (OSError, psutil.Error):
            raise Ended("ended the process that it ran in") from None
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Ended("sent back something that cannot be read")
        return reply


@functools.cache
def cases(name, seed):
    """The inputs of an exercise, as the worker can read them."""
    from ntklib import _answers

    def packed(value):
        if isinstance(value, tuple):
            return {"params": [pack(part) for part in value]}
        if callable(value):
            return {
                "psi": next(
                    psi for psi, function in _answers.PSIS.items() if function is value
                )
            }
        return pack(value.item() if isinstance(value, np.generic) else value)

    return [[packed(value) for value in case] for case in _answers.cases(name, seed)]


def run(submission, exercises, seed, limits):
    """What came back for each exercise: a dictionary, or as text why there is none.

    What kills a process is noted, and skipped in the next one.
    """
    code = [
        (i, cell["source"])
        for i, cell in enumerate(submission.cells, 1)
        if cell["type"] == "code"
    ]
    errors, lost, replies, waiting = {}, {}, {}, list(exercises.points)
    end = time.monotonic() + (1 + LOST_CELLS) * limits.patience

    def ask(command):
        return worker.ask(
            command, limits.seconds, min(limits.patience, end - time.monotonic())
        )

    while waiting:
        with Worker(limits, exercises.imports) as worker:
            worker.ask({}, 60, 300)
            for i, source in code:
                if i in lost:
                    continue
                try:
                    errors[i] = ask({"cell": source}).get("error")
                except Ended as fault:
                    errors[i] = lost[i] = str(fault)
                    break
            else:
                while waiting:
                    name = waiting.pop(0)
                    try:
                        replies[name] = ask({"name": name, "cases": cases(name, seed)})
                    except Ended as fault:
                        replies[name] = f"its evaluation {fault}"
                        break
        if waiting and (len(lost) > LOST_CELLS or time.monotonic() > end):
            stopped = ", ".join(map(str, lost))
            submission.reason = f"was given up: it took too long, or too many cells ended its process ({stopped})"
            break
    for i, error in errors.items():
        label = submission.cells[i - 1]["label"]
        if error and (
            i in lost or not (re.fullmatch(BLANK, str(error)) or label.get("locked"))
        ):
            where = f"cell {i} ({label.get('grade_id')})" if label else f"cell {i}"
            submission.remarks.append(
                f"{where} {error if i in lost else f'failed: {error}'}"[:400]
            )
    return replies


def verdict(name, seed, reply, lock=threading.Lock()):  # noqa: B008
    """Whether an exercise is right, and the line for its author."""
    if isinstance(reply, str):
        return False, reply
    try:
        if "values" not in reply:
            return (
                False,
                f"not answered: nothing is called {name} after the cells have run",
            )
        if error := next(
            (value["error"] for value in reply["values"] if "error" in value), None
        ):
            return False, "not answered yet" if re.fullmatch(
                BLANK, str(error)
            ) else f"your code failed: {error}"[:400]
        values = [unpack(value["value"]) for value in reply["values"]]
        if len(values) != max(1, len(cases(name, seed))):
            return False, "its process sent back too few values"
        from ntklib import _answers

        with lock:
            result = _answers.judge(name, seed, values)
        return bool(result), str(result)
    except Exception as error:
        return False, f"the answer cannot be compared ({type(error).__name__})"


def grade(submission, sets, seed, limits):
    """Fill in points, lines and remarks of one submission."""
    if submission.reason:
        return
    exercises = sets[submission.set]
    submission.remarks += differences(submission.cells, exercises.cells)
    try:
        replies = run(submission, exercises, seed, limits)
    except Ended as fault:
        submission.reason, replies = f"the grader's own process {fault}", {}
    for name, points in exercises.points.items():
        right, submission.lines[name] = verdict(
            name, seed, replies.get(name, "was not reached")
        )
        submission.points[name] = points if right else 0
        if not submission.lines[name].startswith((f"{name}: ", "not answered")):
            submission.remarks.append(f"{name}: {submission.lines[name]}")
        touched = isinstance(replies.get(name), dict) and replies[name].get("touched")
        if touched and isinstance(touched, list):
            submission.remarks.append(
                f"{name} asked for {', '.join(map(str, touched))}: not there in grading"[
                    :300
                ]
            )


def report(out, submissions, sets, seed):
    """Write grades.csv and one page for each student."""
    names = [
        name
        for key, s in sets.items()
        if any(one.set == key for one in submissions)
        for name in s.points
    ]
    students = {}
    for one in submissions:
        students.setdefault(one.student, []).append(one)
    pages = out / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    rows, taken = (
        [["student", *names, "total", "possible", "status", "remarks", "seed"]],
        set(),
    )
    for student, ones in students.items():
        points = {name: value for one in ones for name, value in one.points.items()}
        reasons = [f"{one.file} {one.reason}".strip() for one in ones if one.reason]
        status = (
            "graded" if not reasons else "partly graded" if points else "not graded"
        )
        remarks = "; ".join(
            [*reasons, *(remark for one in ones for remark in one.remarks)]
        )
        possible = sum(sum(sets[one.set].points.values()) for one in ones if one.set)
        total = sum(points.values())
        rows.append(
            [
                student,
                *(points.get(name, "") for name in names),
                total,
                possible,
                status,
                remarks,
                seed,
            ]
        )
        stem = slug = re.sub(r"[^\w.-]+", "_", student)[:80].strip(".") or "student"
        while slug.casefold() in taken:
            slug = f"{stem}_{len(taken)}"
        taken.add(slug.casefold())
        text = PAGE.format(
            student=html.escape(student),
            total=f"{total} of {possible} points",
            sets="".join(section(one, sets) for one in ones),
        )
        (pages / f"{slug}.html").write_text(text, "utf-8", errors="backslashreplace")
    with (out / "grades.csv").open(
        "w", newline="", encoding="utf-8", errors="backslashreplace"
    ) as file:
        csv.writer(file).writerows([[cell(value) for value in row] for row in rows])


def cell(value):
    """A value for a spreadsheet, which must not take a name for a formula."""
    return (
        f"'{value}"
        if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
        else value
    )


def section(one, sets):
    """The part of a student's page about one set."""
    answers = "".join(
        f"<dt>{name}: {points} of {sets[one.set].points[name]} points</dt>"
        f"<dd>{html.escape(one.lines[name].removeprefix(f'{name}: '))}</dd>"
        for name, points in one.points.items()
    )
    remarks = [f"{one.file} {one.reason}".strip()] * bool(one.reason) + one.remarks
    notes = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    parts = [f"<dl>{answers}</dl>"] * bool(answers) + [
        f"<h3>Remarks</h3><ul>{notes}</ul>"
    ] * bool(notes)
    return f"<h2>{html.escape(one.set or one.file)}</h2>{''.join(parts)}"


def main():
    """Grade the folder named on the command line, a line for each notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("submissions", type=Path)
    parser.add_argument("--out", type=Path, default=Path("grades"))
    parser.add_argument(
        "--sets",
        type=Path,
        default=ROOT / "book" / "exercises",
        help="the notebooks as handed out",
    )
    seed = os.environ.get("NTK_SEED") or secrets.randbelow(2**31)
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
    given = parser.parse_args()
    if not given.submissions.is_dir():
        sys.exit(f"There is no folder {given.submissions}")
    if given.out.resolve().is_relative_to(given.submissions.resolve()):
        sys.exit(
            "The grades must not lie in the folder of the submissions: they would be taken for one"
        )
    sets = released(given.sets)
    submissions = collect(given.submissions, sets)
    if not submissions:
        sys.exit(f"There is no submission in {given.submissions}")
    os.environ.update(JAX)  # before ntklib is imported: its references need float64
    limits, start = Limits(given.seconds, int(given.memory * 2**30)), time.monotonic()

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no worker behind

    def one(submission):
        begin = time.monotonic()
        try:
            grade(submission, sets, given.seed, limits)
        except Exception as error:
            submission.reason = f"could not be graded ({type(error).__name__})"
        return submission, time.monotonic() - begin

    with ThreadPoolExecutor(given.workers) as pool:
        try:
            for i, (done, seconds) in enumerate(pool.map(one, submissions), 1):
                points = done.reason or f"{sum(done.points.values())} points"
                print(
                    f"{i:4}/{len(submissions)}  {done.student} {done.set or ''}: {points}, {seconds:.1f} s",
                    flush=True,
                )
        except KeyboardInterrupt:
            Worker.stop.set()
            pool.shutdown(cancel_futures=True)
            sys.exit("Interrupted; nothing was written")
    report(given.out, submissions, sets, given.seed)
    print(
        f"Seed {given.seed}; {time.monotonic() - start:.0f} s. Written: {given.out}/grades.csv and {given.out}/feedback"
    )


if __name__ == "__main__":
    main()

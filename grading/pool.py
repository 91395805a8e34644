"""The pool of processes in which submissions run.

One submission owns one `Process` at a time. The pool starts it with `grading/inside` as
its program, and feeds it in this order: each code cell of the notebook, then each
exercise with its inputs. Every command has one reply, and until that comes the pool
watches the process: the seconds of the processor, the time by the clock, the memory.

A process that ends, or that has to be killed, takes the variables of the notebook with
it. `Evaluation` then notes the cell or the exercise that was running, starts a new
process, and runs everything else there. Whatever comes back is data from a stranger.
"""

import contextlib
import json
import os
import re
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

import psutil

INSIDE = Path(__file__).resolve().with_name("inside")

START_SECONDS, START_PATIENCE = 60, 300  # for Python to start and lock itself in
PROCESS_SECONDS = 600  # of the processor, after which the kernel ends the process
LARGEST_REPLY = 2**20  # bytes; the largest right answer takes some twenty thousand
LOST_CELLS = 3  # may end their process; after one more the submission is given up
LOOK_EVERY = 0.1  # seconds from one look at a process to the next
LONGEST_REMARK = 400  # characters
BLANK = re.compile("NotImplementedError:?")  # what the stub of a student's copy raises

# The processor, in double precision: the references are computed like this too.
JAX_SETTINGS = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
    # one thread for each process: several of them run at the same time
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    **JAX_SETTINGS,
}

# Set when the grading is interrupted: every process is then killed at the next look.
interrupted = threading.Event()


class Ended(Exception):
    """A process ended, or was killed, before it replied; half a sentence says why."""


@dataclass
class Limits:
    """What one cell, or the evaluation of one exercise, may use."""

    seconds: float  # of the processor, so that a busy machine costs nobody points
    memory: int  # bytes
    spare: float = 30  # seconds by the clock for a cell that needs no processor

    @property
    def patience(self):
        """Seconds by the clock: enough to wait for a processor that others use."""
        return 4 * self.seconds + self.spare


@contextlib.contextmanager
def threads(workers):
    """Threads to grade several submissions at a time; Ctrl-C stops their processes."""
    with ThreadPoolExecutor(workers) as executor:
        try:
            yield executor
        except KeyboardInterrupt:
            interrupted.set()
            executor.shutdown(cancel_futures=True)
            raise


def evaluate(submission, inputs, offered, limits):
    """What came back for each exercise: a reply, or a text that says why there is none.

    `inputs` has the packed cases of each exercise, and `offered` the names that the set
    itself imports from ntklib. Cells that failed are noted in the submission's remarks.
    """
    evaluation = Evaluation(submission, inputs, offered, limits)
    evaluation.run()
    submission.remarks += evaluation.remarks()
    return evaluation.replies


class Evaluation:
    """One submission on its way through as many processes as it takes."""

    def __init__(self, submission, inputs, offered, limits):
        """Nothing is started yet."""
        self.submission = submission
        self.inputs = inputs
        self.offered = offered
        self.limits = limits
        self.errors = {}  # by the number of the cell: None, or what it ended with
        self.lost = []  # numbers of the cells that ended their process
        self.replies = {}
        self.end = time.monotonic() + (1 + LOST_CELLS) * limits.patience

    def run(self):
        """Run cells and exercises until all have run or the submission is given up."""
        while len(self.replies) < len(self.inputs):
            with Process(self.offered, self.limits.memory) as process:
                process.ask({}, START_SECONDS, START_PATIENCE)
                if self._run_cells(process):
                    self._call_answers(process)
            if len(self.replies) < len(self.inputs) and self._is_hopeless():
                lost = ", ".join(map(str, self.lost))
                self.submission.reason = (
                    "was given up: it took too long, or too many cells ended "
                    f"its process ({lost})"
                )
                return

    def remarks(self):
        """A sentence for each cell that failed, other than by being left blank."""
        remarks = []
        for number, error in self.errors.items():
            cell = self.submission.cells[number - 1]
            where = f"cell {number}"
            if cell.label:
                where = f"{where} ({cell.label.get('grade_id')})"
            if number in self.lost:
                remarks.append(f"{where} {error}")
            elif error and not BLANK.fullmatch(str(error)) and not cell.locked:
                remarks.append(f"{where} failed: {error}")
        return [remark[:LONGEST_REMARK] for remark in remarks]

    def _run_cells(self, process):
        """Run the code cells but for lost ones; whether the process survives."""
        for number, cell in enumerate(self.submission.cells, 1):
            if cell.kind != "code" or number in self.lost:
                continue
            try:
                reply = self._ask(process, {"cell": cell.source})
            except Ended as ended:
                self.errors[number] = str(ended)
                self.lost.append(number)
                return False
            self.errors[number] = reply.get("error")
        return True

    def _call_answers(self, process):
        """Evaluate the exercises that are left, as long as the process survives."""
        for name, cases in self.inputs.items():
            if name in self.replies:
                continue
            try:
                self.replies[name] = self._ask(process, {"name": name, "cases": cases})
            except Ended as ended:
                self.replies[name] = f"its evaluation {ended}"
                return

    def _ask(self, process, command):
        """Send one command within the limits of a cell and of the whole submission."""
        patience = min(self.limits.patience, self.end - time.monotonic())
        return process.ask(command, self.limits.seconds, patience)

    def _is_hopeless(self):
        """Whether a further process would be a waste."""
        return len(self.lost) > LOST_CELLS or time.monotonic() > self.end


class Process:
    """A process in an empty folder of its own; both end with the `with` block."""

    def __init__(self, offered, memory):
        """Nothing is started yet; `memory` is in bytes."""
        self.offered = offered
        self.memory = memory
        self.received = b""  # and not yet read

    def __enter__(self):
        """Start it, as the leader of a group, so that it can be killed as a whole."""
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="grading-"))
        own_folder = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), self.folder)
        limits = [str(self.memory), str(PROCESS_SECONDS)]
        self.process = subprocess.Popen(
            [sys.executable, str(INSIDE), *limits, *self.offered],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=ENVIRONMENT | own_folder,
            start_new_session=True,
        )
        commands, replies = self.process.stdin, self.process.stdout
        assert commands is not None  # both were asked for as pipes
        assert replies is not None
        self.commands, self.replies = commands, replies
        os.set_blocking(self.commands.fileno(), False)  # it may never listen
        return self

    def __exit__(self, *error):
        """Kill the group, and remove the folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.replies.close()
        with contextlib.suppress(OSError):
            self.commands.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, command, seconds, patience):
        """Send one command and wait for its reply, a dictionary that may hold anything.

        It may use `seconds` of the processor, and take `patience` seconds by the clock.
        """
        unsent = json.dumps(command).encode() + b"\n"
        end = time.monotonic() + patience
        try:
            use = psutil.Process(self.process.pid)
            processor_end = processor_seconds(use) + seconds
            while unsent or b"\n" not in self.received:
                if interrupted.is_set():
                    raise Ended("was stopped, because the grading was interrupted")
                if use.memory_info().rss > self.memory:
                    size = f"{self.memory / 2**30:g} GB"
                    raise Ended(f"used more than {size} of memory and was stopped")
                if processor_seconds(use) > processor_end or time.monotonic() > end:
                    raise Ended(f"took longer than {seconds:g} s and was stopped")
                unsent = self._exchange(unsent)
        except (OSError, psutil.Error):
            raise Ended("ended the process that it ran in") from None
        line, self.received = self.received.split(b"\n", 1)
        return parsed(line)

    def _exchange(self, unsent):
        """Send and receive what the pipes take now, and return what is still unsent."""
        writers = [self.commands] if unsent else []
        readable, writable, _ = select.select([self.replies], writers, [], LOOK_EVERY)
        if writable:
            sent = os.write(self.commands.fileno(), unsent)
            unsent = unsent[sent:]
        if readable:
            chunk = os.read(self.replies.fileno(), 2**16)
            if not chunk:
                raise Ended("ended the process that it ran in")
            self.received += chunk
            if len(self.received) > LARGEST_REPLY:
                raise Ended("sent back more than a right answer can hold")
        return unsent


def processor_seconds(process):
    """Seconds of the processor that a process has used, in user and system mode."""
    times = process.cpu_times()
    return times.user + times.system


def parsed(line):
    """The dictionary in one line of JSON."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise Ended("sent back something that cannot be read")
    return reply

"""The pool of processes in which submissions run.

One submission owns one `Process` at a time, in a sandbox of its own. The pool starts it
with `grading/inside` as its program, and feeds it in this order: each code cell of the
notebook, then each exercise with its inputs. Every command has one reply, and until
that comes the pool watches the process and all that it has started: the seconds of the
processor, the time by the clock, the memory.

A process that ends, or that has to be killed, takes the variables of the notebook with
it. `Evaluation` then notes the cell or the exercise that was running, starts a new
process, and runs everything else there. Whatever comes back is data from a stranger.
"""

import builtins
import contextlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil

from grading import sandbox

START_SECONDS, START_PATIENCE = 60, 300  # for Python to start
PROCESS_SECONDS = 600  # of the processor, after which the kernel ends the process
LARGEST_FILE = 2**26  # bytes
FILES_OPEN = 256
MOST_FILES = 10_000  # in the sandbox
# At the same time. With no more of them, another submission gets its share of the
# processors within its patience; three to five are the sandbox itself.
MOST_PROCESSES = 10 + 2 * (os.cpu_count() or 1)
LARGEST_REPLY = 2**20  # bytes; the largest right answer takes some twenty thousand
LOST_CELLS = 3  # may end their process; after one more the submission is given up
SECOND_CHANCES = 3  # for cells and exercises of a submission whose process is gone
LOOK_EVERY = 0.25  # seconds from one look at a process to the next
LONGEST_STEP = 10  # seconds from one look to the next, unless the grading was paused
ENDING = 10  # seconds, for the kernel to end what was killed
LONGEST_REMARK = 400  # characters
MOST_REMARKS = 10  # about cells: a spreadsheet's cell has room for 32,767 characters
# Kinds of `Failure` whose detail `ntklib/exercises/plain.py` makes. Names of types and
# parameters in it are the submission's, so that its length has a limit.
SAID_BY_US = (
    "unanswered",
    "nothing",
    "function",
    "signature",
    "changed",
    "hole",
    "refused",
)
LONGEST_DETAIL = 100  # characters of what a failure of these kinds says
BLANK = re.compile("NotImplementedError:?")  # what the stub of a student's copy raises

# Errors whose message says what to mend, and has no room for much else.
PLAIN_ERRORS = [
    re.compile(pattern)
    for pattern in (
        r"NotThere: ntklib[\w.]{1,60} is not there while your work is graded; .{1,40}",
        r"NameError: name '\w{1,40}' is not defined",
        r"(ModuleNotFound|Import)Error: No module named '[\w.]{1,60}'",
        r"ImportError: cannot import name '\w{1,40}' from '[\w.]{1,60}' \(.{1,99}\)",
        r"AttributeError: .{0,7}'[\w.]{1,60}' (object )?has no attribute '\w{1,40}'",
        r"TypeError: [\w.<>]{1,60}\(\) takes .{1,30} arguments? but \d \w+ given",
        r"TypeError: [\w.<>]{1,60}\(\) missing \d required .{1,20}: [\w', ]{1,60}",
        r"TypeError: [\w.<>]{1,60}\(\) got an unexpected keyword argument '\w{1,40}'",
    )
]
ERROR_KINDS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
PART_OF_LIBRARY = re.compile(r"ntklib[\w.]{1,60}")

# The grader computes in double precision. A submission asks for that itself, or not.
JAX_SETTINGS = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
    # one thread for each process: several of them run at the same time
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # nearly all of a notebook's time goes into compiling small programs
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false "
    "--xla_backend_optimization_level=0",
    "JAX_PLATFORMS": "cpu",
}

# Set when the grading is interrupted: every process is then killed at the next look.
interrupted = threading.Event()


class Ended(Exception):
    """A process ended, or was killed, before it replied; half a sentence says why.

    In a cell or an exercise that is the submission's fault, but see `Gone`. Where a
    process does not even start it is the grading's, and nobody here catches it.
    """


class Gone(Ended):
    """It ended by itself, or by a machine that is short of memory: nobody can tell."""

    def __init__(self):
        """Say what can be seen."""
        super().__init__("ended the process that it ran in")


class Clock:
    """The seconds that the grading has run: while it is paused, the clock stands still.

    Ctrl-Z, or a machine that sleeps, must not use up anybody's time.
    """

    def __init__(self):
        """It begins to run."""
        self.seconds = 0.0
        self.looked = time.monotonic()
        self.looking = threading.Lock()

    def now(self):
        """The seconds until now."""
        with self.looking:
            now = time.monotonic()
            self.seconds += min(now - self.looked, LONGEST_STEP)
            self.looked = now
            return self.seconds


clock = Clock()


@dataclass
class Limits:
    """What a submission may use.

    `seconds` and `patience` hold for each cell and each exercise, `memory` for all that
    runs at the same time.
    """

    seconds: float  # of the processor, so that a busy machine costs nobody points
    memory: int  # bytes
    spare: float = 30  # seconds by the clock for a cell that needs no processor
    protected: bool = True  # in a sandbox, or else as a process like any other

    @property
    def patience(self):
        """Seconds by the clock: enough to wait for a processor that others use."""
        return 4 * self.seconds + self.spare


def evaluate(submission, inputs, limits):
    """What came back for each exercise: a reply, or a text that says why there is none.

    `inputs` has the packed cases of each exercise. Cells that failed are noted in the
    submission's remarks.
    """
    evaluation = Evaluation(submission, inputs, limits)
    evaluation.run()
    submission.remarks += evaluation.remarks()
    return evaluation.replies


class Evaluation:
    """One submission on its way through as many processes as it takes."""

    def __init__(self, submission, inputs, limits):
        """Nothing is started yet."""
        self.submission = submission
        self.inputs = inputs
        self.limits = limits
        self.errors = {}  # by the number of the cell: None, or what it ended with
        self.touched = {}  # by the same: missing parts of the library that it used
        self.lost = []  # numbers of the cells that ended their process
        self.gone = set()  # cells and exercises that were given a second chance
        self.replies = {}
        self.patience = (1 + LOST_CELLS) * limits.patience  # for all together
        self.end = clock.now() + self.patience

    def run(self):
        """Run cells and exercises until all have run or the submission is given up."""
        while len(self.replies) < len(self.inputs):
            with Process(self.limits) as process:
                process.start()
                if self._run_cells(process):
                    self._call_answers(process)
            hopeless = self._why_hopeless()
            if len(self.replies) < len(self.inputs) and hopeless:
                self.submission.reason = f"was given up: {hopeless}"
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
            elif self.touched.get(number):
                parts = ", ".join(self.touched[number])
                remarks.append(f"{where} asked for {parts}: not there in grading")
            elif error and not BLANK.fullmatch(str(error)) and not cell.locked:
                remarks.append(f"{where} failed: {error}")
        shown = [remark[:LONGEST_REMARK] for remark in remarks[:MOST_REMARKS]]
        left_out = len(remarks) - len(shown)
        return [*shown, f"and so did {left_out} more cells"] if left_out else shown

    def _run_cells(self, process):
        """Run the code cells but for lost ones; whether the process survives."""
        for number, cell in enumerate(self.submission.cells, 1):
            if cell.kind != "code" or number in self.lost:
                continue
            try:
                reply = self._ask(process, {"cell": cell.source})
            except Ended as ended:
                if not self._gets_second_chance(number, ended):
                    self.errors[number] = str(ended)
                    self.lost.append(number)
                return False
            self.errors[number] = reply.get("error")
            self.touched[number] = parts_of_library(reply)
        return True

    def _call_answers(self, process):
        """Evaluate the exercises that are left, as long as the process survives."""
        for name, cases in self.inputs.items():
            if name in self.replies:
                continue
            try:
                reply = self._ask(process, {"name": name, "cases": cases})
                self.replies[name] = without_inputs(reply)
            except Ended as ended:
                if not self._gets_second_chance(name, ended):
                    self.replies[name] = f"its evaluation {ended}"
                return

    def _gets_second_chance(self, step, ended):
        """Whether a cell or an exercise runs again: something else may be to blame."""
        known = step in self.gone or len(self.gone) == SECOND_CHANCES
        if known or not isinstance(ended, Gone):
            return False
        self.gone.add(step)
        return True

    def _ask(self, process, command):
        """Send one command within the limits of a cell and of the whole submission."""
        patience = min(self.limits.patience, self.end - clock.now())
        return process.ask(command, self.limits.seconds, patience)

    def _why_hopeless(self):
        """Why a further process would be a waste; "" if it would not."""
        if clock.now() > self.end:
            return f"it took longer than {self.patience:.0f} s in all"
        if len(self.lost) > LOST_CELLS:
            lost = ", ".join(map(str, self.lost))
            return f"too many cells ended its process or had to be stopped ({lost})"
        return ""


class Process:
    """The process of a submission; all that it started ends with the `with` block."""

    def __init__(self, limits):
        """Nothing is started yet."""
        self.memory = limits.memory
        self.place = sandbox.sandboxed if limits.protected else sandbox.unprotected
        self.received = b""  # and not yet read
        self.next_look = math.inf  # set by each command for the next

    def __enter__(self):
        """Start it, in a session of its own, so that Ctrl-C does not reach it."""
        self.leaving = contextlib.ExitStack()
        place = self.leaving.enter_context(self.place(self.memory))
        own_folder = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), place.folder)
        limits = json.dumps(limits_of_process(self.memory) | place.limits)
        self.process = subprocess.Popen(
            [*place.prefix, sys.executable, place.program, limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=place.start_in,
            env=ENVIRONMENT | own_folder | place.environment,
            pass_fds=place.files,
            start_new_session=True,
        )
        pipes = self.process.stdin, self.process.stdout, self.process.stderr
        self.commands, self.replies, self.errors = (pipe for pipe in pipes if pipe)
        for pipe in (self.commands, self.errors):  # it may never listen, and never end
            os.set_blocking(pipe.fileno(), False)
        return self

    def __exit__(self, *error):
        """Kill all of it, and wait until it is gone."""
        running = with_children(self.process.pid)
        # A sandbox that is just being made may fork while we look; its group is whole.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in running:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self.process.wait()
        psutil.wait_procs(running, timeout=ENDING)
        for pipe in (self.commands, self.replies, self.errors):
            with contextlib.suppress(OSError):
                pipe.close()
        self.leaving.close()

    def start(self):
        """Wait until it answers; an `Ended` says why it does not."""
        try:
            self.ask({}, START_SECONDS, START_PATIENCE)
        except Ended as ended:
            said = (self.errors.read() or b"").decode(errors="replace").strip()
            raise Ended(f"{ended}: {said[-LONGEST_REMARK:]}") from None

    def ask(self, command, seconds, patience):
        """Send one command and wait for its reply, a dictionary that may hold anything.

        It may use `seconds` of the processor, and take `patience` seconds by the clock.
        """
        unsent = json.dumps(command).encode() + b"\n"
        watch = Watch(self.process.pid, self.memory, seconds, patience)
        # thousands of quick commands must not put off the look at what was started
        watch.next_look = min(watch.next_look, self.next_look)
        while unsent or b"\n" not in self.received:
            if interrupted.is_set():
                raise Ended("was stopped, because the grading was interrupted")
            watch.look()
            unsent = self._exchange(unsent)
        self.next_look = watch.next_look
        line, self.received = self.received.split(b"\n", 1)
        return parsed(line)

    def _exchange(self, unsent):
        """Send and receive what the pipes take now, and return what is still unsent."""
        writers = [self.commands] if unsent else []
        readable, writable, _ = select.select([self.replies], writers, [], LOOK_EVERY)
        if writable:
            try:
                sent = os.write(self.commands.fileno(), unsent)
            except BrokenPipeError:
                raise Gone from None
            unsent = unsent[sent:]
        if readable:
            chunk = os.read(self.replies.fileno(), 2**16)
            if not chunk:
                raise Gone
            self.received += chunk
            if len(self.received) > LARGEST_REPLY:
                raise Ended("sent back more than a right answer can hold")
        return unsent


def limits_of_process(memory):
    """Limits that the kernel sets to each process of a submission, by their names."""
    return {
        "RLIMIT_DATA": memory,  # not address space: JAX maps far more than it uses
        "RLIMIT_CPU": PROCESS_SECONDS,
        "RLIMIT_FSIZE": LARGEST_FILE,
        "RLIMIT_NOFILE": FILES_OPEN,
        "RLIMIT_CORE": 0,
    }


class Watch:
    """Looks at a process and its children from time to time while it does one thing."""

    def __init__(self, pid, memory, seconds, patience):
        """It may use `seconds` of the processor from the first look on."""
        self.pid = pid
        self.memory = memory
        self.seconds = seconds
        self.used_before = None  # seconds of the processor, at the first look
        self.next_look = clock.now() + LOOK_EVERY
        self.patience = max(0, patience)  # seconds by the clock
        self.end = clock.now() + self.patience

    def look(self):
        """Raise `Ended` if too much is used; most of the time it is too early to ask.

        To find the children takes milliseconds, and most cells reply at once.
        """
        now = clock.now()
        if now > self.end:
            took = f"{self.patience:.0f} s by the clock"
            raise Ended(f"took longer than {took} and was stopped")
        if now < self.next_look:
            return
        self.next_look = now + LOOK_EVERY
        processes = with_children(self.pid)
        used, memory = use(processes)
        if self.used_before is None:
            self.used_before = used
        if memory > self.memory:
            size = f"{self.memory / 2**30:g} GB"
            raise Ended(f"used more than {size} of memory and was stopped")
        if any(sandbox.files_made(one.pid) > MOST_FILES for one in processes):
            raise Ended(f"made more than {MOST_FILES} files and was stopped")
        if len(processes) > MOST_PROCESSES:
            raise Ended(f"ran more than {MOST_PROCESSES} processes and was stopped")
        if used > self.used_before + self.seconds:
            raise Ended(f"took longer than {self.seconds:g} s and was stopped")


def with_children(pid):
    """A process and all that it has started, as long as they are there."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def use(processes):
    """The seconds of the processor and the bytes that these processes use together.

    Of children that have ended, the seconds count too.
    """
    seconds = memory = 0
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += sum(one.cpu_times()[:4])  # user, system, and those of children
            memory += one.memory_info().rss + sandbox.page_tables(one.pid)
    return seconds, memory


def parsed(line):
    """The dictionary in one line of JSON."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise Ended("sent back something that cannot be read")
    return reply


def without_inputs(reply):
    """A reply of an evaluation whose texts cannot hold the inputs that were drawn."""
    try:
        for value in reply.get("values", ()):
            if "failure" in value:
                about, detail = map(str, value["failure"])
                if about in SAID_BY_US:
                    value["failure"] = [about, detail[:LONGEST_DETAIL]]
                else:
                    value["failure"] = [about, plain_error(detail)]
    except (TypeError, ValueError, AttributeError):
        raise Ended("sent back something that cannot be read") from None
    return reply | {"touched": parts_of_library(reply)}


def plain_error(error):
    """An error in the words of Python or of the grading, or else only its kind."""
    if any(pattern.fullmatch(error) for pattern in PLAIN_ERRORS):
        return error
    kind, _, message = error.partition(":")
    if kind not in ERROR_KINDS:
        kind = "an error of its own kind"
    elif not message:
        return kind
    return f"{kind} (its message is left out: it could hold the inputs)"


def parts_of_library(reply):
    """The names of the missing parts of the library that a reply lists."""
    names = reply.get("touched")
    names = names if isinstance(names, list) else []
    return [str(name) for name in names if PART_OF_LIBRARY.fullmatch(str(name))]

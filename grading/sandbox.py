"""The sandbox in which a submission runs, made by bubblewrap.

Inside there are the folders of Python, read-only, the program that runs the submission,
and one small folder in memory that can be written. There is no other file of this
machine, no network, no other process and no setting of the grader. A submission is an
ordinary user without privileges; with its first process all of its processes end.

A filter of system calls closes what namespaces leave open: memory that belongs to no
process, and parts of the kernel for which no exercise has a use. Where systemd runs, it
limits the sandbox as a whole too.
"""

import contextlib
import functools
import mmap
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

from grading import library

ROOT = Path(__file__).resolve().parents[1]

# Inside:
WORK = "/tmp"  # the folder that can be written
START = "/tmp/book/exercises"  # deep in it: notebooks that `%cd ../..` can write, too
ROOM = 2**26  # bytes, in this folder
PROGRAM = "/program.zip"  # what runs the submission

# The kernel counts threads as processes, and JAX starts some for each core.
PROCESSES = 64 + 32 * (os.cpu_count() or 1)
SPARE_MEMORY = 2**28  # systemd stops later than `grading.pool`, which says why
PATIENCE = 60  # seconds, for the sandbox to start or fail

NOBODY = 65534  # the number of this user, and of its group
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # where systemd is spoken to

DENIED_CALLS = (
    # memory that belongs to no process
    "memfd_create",
    "memfd_secret",
    "mq_open",
    "msgget",
    "semget",
    "shmget",
    "vmsplice",
    # what all processes of a user, or of the machine, have to share
    "inotify_init",
    "inotify_init1",
    "io_setup",
    # other processes, and parts of the kernel that had more mistakes than others
    "add_key",
    "bpf",
    "io_uring_setup",
    "keyctl",
    "perf_event_open",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "request_key",
    "syslog",
    "userfaultfd",
)
FLAGS_OF_MMAP = 3  # the position of this argument
SHARED_WITHOUT_FILE = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS


class Place(NamedTuple):
    """Where the process of a submission runs, and how it is started there."""

    prefix: list  # of the command line: what comes before Python
    program: str  # what Python runs
    folder: str  # that can be written
    start_in: str  # the folder in which it is started
    files: tuple = ()  # numbers of open files that it inherits
    environment: dict = {}  # noqa: RUF012 - settings that it needs besides
    limits: dict = {}  # noqa: RUF012 - that the kernel sets to a process here


@functools.cache
def why_unprotected():
    """Why submissions cannot be shut in on this machine, or "" if they can."""
    for name in ("bwrap", "setpriv"):
        if not shutil.which(name):
            return f"nothing is protected, because there is no program {name} here"
    try:
        with sandboxed(2**30) as place:
            tried = subprocess.run(
                [*place.prefix, sys.executable, "-c", ""],
                capture_output=True,
                pass_fds=place.files,
                timeout=PATIENCE,
            )
    except (OSError, ImportError, subprocess.TimeoutExpired) as error:
        return f"nothing is protected, because the sandbox does not start: {error}"
    if tried.returncode:
        said = tried.stderr.decode(errors="replace").strip().splitlines()
        said = said[-1] if said else f"exit code {tried.returncode}"
        return f"nothing is protected, because the sandbox does not start: {said}"
    return ""


@contextlib.contextmanager
def sandboxed(memory):
    """A place in a sandbox for a process that may use so many bytes of memory."""
    with tempfile.TemporaryFile() as program, tempfile.TemporaryFile() as calls:
        for file, content in ((program, library.program()), (calls, denied_calls())):
            file.write(content)
            file.seek(0)
        files = program.fileno(), calls.fileno()
        yield Place(
            prefix=[*limits_of_systemd(memory), *bubblewrap(*files)],
            program=PROGRAM,
            folder=WORK,
            start_in="/",
            files=files,
            environment={name: os.environ[name] for name in BUS if name in os.environ},
            limits={"RLIMIT_NPROC": PROCESSES},
        )


@contextlib.contextmanager
def unprotected(memory):
    """A place without protection: an empty folder. Root gives up its rights if it can.

    Where there is setpriv, the process ends when the grading ends.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        program = Path(folder, "program.zip")
        program.write_bytes(library.program())
        prefix = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        if os.geteuid() == 0 and nobody_can_run(os.path.dirname(folder)):
            os.chown(folder, NOBODY, NOBODY)
            prefix += AS_NOBODY[1:]
        try:
            yield Place(prefix, str(program), folder, start_in=folder)
        finally:
            remove(folder)


def remove(folder):
    """Remove a folder, also where Python cannot: a thousand folders, one in another."""
    words = ["rm", "-rf", str(folder)]
    system = {"PATH": os.defpath}  # who grades may have another
    subprocess.run(words, env=system, stderr=subprocess.DEVNULL)


def nobody_can_run(folder):
    """Whether the user nobody can run Python with its packages, and enter a folder."""
    command = f"import os, psutil; os.stat({folder + '/.'!r})"
    return _works((*AS_NOBODY, sys.executable, "-c", command))


def bubblewrap(program, calls):
    """The command line of the sandbox, with the numbers of its two files.

    Root may not run a submission. So root starts an outer bubblewrap, which shows the
    same folders to the user nobody, since root's own may be closed to others; and in it
    nobody starts the sandbox. The outer one has a namespace of processes: with its
    first process, which is root's, nobody's end too.
    """
    outside = ["bwrap", "--die-with-parent", "--unshare-pid"]
    outside += [*folders(), "--dir", "/tmp"]
    # The sandbox may mount a /proc only where one is seen of which nothing is covered.
    outside += ["--proc", "/proc", "--bind", "/proc", "/whole/proc"]
    outside += ["--dev-bind", "/dev", "/dev"]
    inside = [
        *("bwrap", "--unshare-all", "--unshare-user", "--disable-userns"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--hostname", "sandbox", "--seccomp", str(calls)),
        *("--size", str(ROOM), "--tmpfs", WORK),  # before Python, which may lie there
        *folders(),
        *("--ro-bind-data", str(program), PROGRAM),
        *("--proc", "/proc", "--symlink", "/proc/self/fd", "/dev/fd"),
        *("--dev-bind", "/dev/null", "/dev/null"),
        *("--dev-bind", "/dev/urandom", "/dev/urandom"),
        *("--symlink", WORK, "/dev/shm"),
        *("--dir", START, "--remount-ro", "/", "--chdir", START),
    ]
    return [*outside, *AS_NOBODY, *inside] if os.geteuid() == 0 else inside


def folders():
    """Options of bubblewrap for the folders of Python, without those of the book."""
    seen = {"/usr", "/etc/ld.so.cache"}
    for folder in (sys.prefix, sys.base_prefix):
        seen |= {folder, os.path.realpath(folder)}
    hidden = {os.path.join(sysconfig.get_path("purelib"), "ntklib"), str(ROOT)}

    options, sealed = [], []
    for path in sorted(seen | hidden):  # a folder before those within it
        within = any(path.startswith(f"{folder}/") for folder in seen)
        if path in seen and os.path.exists(path):
            parent = os.path.dirname(path)
            options += ["--dir", parent, "--ro-bind", path, path]
        elif path in hidden and within and os.path.isdir(path):
            options += ["--size", "4096", "--tmpfs", path]
            sealed += ["--remount-ro", path]  # when what lies within it is there
    for path in ("/bin", "/lib", "/lib32", "/lib64", "/sbin"):
        if os.path.islink(path):
            options += ["--symlink", os.readlink(path), path]
        else:
            options += ["--ro-bind-try", path, path]
    return options + sealed


def files_made(pid):
    """How many files a process has made in the work folder of its sandbox.

    Empty ones take no room there, but memory of the kernel that no limit counts.
    """
    try:
        folder = os.statvfs(f"/proc/{pid}/root{WORK}")
    except OSError:  # it has ended, or is not ours to look at
        return 0
    is_ours = folder.f_blocks * folder.f_frsize == ROOM
    return folder.f_files - folder.f_ffree if is_ours else 0


def page_tables(pid):
    """Bytes with which the kernel keeps track of what a process has mapped.

    They grow with the addresses that are looked at, though nothing be stored there.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:  # it has ended, or this is not Linux
        return 0
    found = re.search(r"^VmPTE:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 2**10 if found else 0


@functools.cache
def denied_calls():
    """The filter of system calls, as the kernel reads it."""
    # Not at the top: it needs libseccomp, which only Linux has
    from pyseccomp import ALLOW, ERRNO, MASKED_EQ, NE, Arg, SyscallFilter

    refuse = ERRNO(1)  # "Operation not permitted"
    calls = SyscallFilter(ALLOW)
    for name in DENIED_CALLS:
        calls.add_rule(refuse, name)
    # There is no network. Other families may reach the host of a virtual machine, or
    # load parts of the kernel that nobody uses.
    for name in ("socket", "socketpair"):
        calls.add_rule(refuse, name, Arg(0, NE, socket.AF_UNIX))
    # The kernel holds what was sent and not yet received, up to this size.
    wanted = (1, socket.SOL_SOCKET), (2, socket.SO_SNDBUF)
    larger = [Arg(number, MASKED_EQ, 2**32 - 1, value) for number, value in wanted]
    calls.add_rule(refuse, "setsockopt", *larger)
    flags = Arg(FLAGS_OF_MMAP, MASKED_EQ, SHARED_WITHOUT_FILE, SHARED_WITHOUT_FILE)
    calls.add_rule(refuse, "mmap", flags)
    with tempfile.TemporaryFile() as file:
        calls.export_bpf(file)
        file.seek(0)
        return file.read()


def limits_of_systemd(memory):
    """What starts a command in a control group with limits; nothing if that fails."""
    words = ["systemd-run", "--scope", "--quiet", "--collect"]
    if os.geteuid() != 0:
        words.append("--user")
    for limit in (
        f"MemoryMax={memory + SPARE_MEMORY}",
        "MemorySwapMax=0",
        f"TasksMax={PROCESSES}",
    ):
        words += ["--property", limit]
    words.append("--")
    return words if _works((*words, "true")) else []


@functools.cache
def _works(command):
    """Whether a command ends well."""
    try:
        tried = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0

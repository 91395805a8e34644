"""What the process of a submission may touch: an audit hook of Python, and Landlock.

The hook refuses what Python code asks for. Landlock, where Linux has it, also refuses
what native code asks for.
"""

import _posixsubprocess
import ctypes
import os
import posix
import signal
import struct
import sys

READABLE = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc",
    "/sys",
    "/System",
    "/Library",
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
)

# Beginnings of Python's audit events that a submission may not cause.
DENIED = (
    "ctypes.",
    "gc.get_",
    "os.chdir",
    "os.exec",
    "os.fchdir",
    "os.fork",
    "os.kill",
    "os.link",
    "os.posix_spawn",
    "os.spawn",
    "os.symlink",
    "os.system",
    "pty.",
    "resource.",
    "signal.",
    "socket.",
    "sqlite3.",
    "subprocess.",
)

# Audit events that it may cause only within its own folder.
CHANGING = frozenset(
    {
        "os.chflags",
        "os.chmod",
        "os.chown",
        "os.mkdir",
        "os.remove",
        "os.removexattr",
        "os.rename",
        "os.rmdir",
        "os.setxattr",
        "os.truncate",
        "os.utime",
    }
)

# Functions that start a process, signal one or make a file without an audit event.
UNHEARD = {
    os: ("mkfifo", "mknod", "pidfd_open"),
    posix: ("mkfifo", "mknod", "pidfd_open"),
    _posixsubprocess: ("fork_exec",),
}

# Numbers of Landlock's system calls (the same on every architecture) and its rights.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1
RULE_PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
# How many rights to files each version knows; version 5 and later know 16.
RIGHTS_TO_FILES = {1: 13, 2: 14, 3: 15, 4: 15}
BIND_AND_CONNECT_TCP = 3
SCOPE_SOCKETS_AND_SIGNALS = 3
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def landlock(work, readable):
    """Let the kernel refuse files, programs, TCP and signals outside, where it can.

    It holds for native code too, and for threads that start later.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = 0
    if sys.platform == "linux":
        version = libc.syscall(CREATE_RULESET, None, 0, ASK_VERSION)
    if version < 1:
        return
    ruleset = _ruleset(libc, version)
    _allow(libc, ruleset, work, _rights_to_files(version) & ~EXECUTE)
    for path in readable:
        if os.path.isdir(path):
            _allow(libc, ruleset, path, READ_FILE | READ_DIR)
        elif path == "/dev/null":
            _allow(libc, ruleset, path, READ_FILE | WRITE_FILE)
        elif os.path.exists(path):
            _allow(libc, ruleset, path, READ_FILE)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # die with the parent
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # Landlock asks for this first
    if libc.syscall(RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "Landlock was refused")
    os.close(ruleset)


def _rights_to_files(version):
    """Every right to files that this version of Landlock knows, as bits."""
    return 2 ** RIGHTS_TO_FILES.get(version, 16) - 1


def _ruleset(libc, version):
    """A ruleset that refuses everything that this version of Landlock can refuse."""
    refused = struct.pack(
        "QQQ",
        _rights_to_files(version),
        BIND_AND_CONNECT_TCP,
        SCOPE_SOCKETS_AND_SIGNALS,
    )
    if version < 4:
        refused = refused[:8]  # files alone
    elif version < 6:
        refused = refused[:16]  # files and TCP
    return libc.syscall(CREATE_RULESET, refused, len(refused), 0)


def _allow(libc, ruleset, path, rights):
    """Allow these rights to a file, or to everything in a folder."""
    entry = os.open(path, os.O_PATH)
    rule = struct.pack("=Qi", rights, entry)
    libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0)
    os.close(entry)


def guard(work, readable):  # noqa: C901 - one function: parts could be patched
    """Let Python refuse files outside `work`, processes, signals and native code.

    The hook takes what it uses as default values and calls nothing that is written in
    Python. So nothing that a submission patches, or finds in the traceback of a
    refusal, changes it.
    """
    inside = work + "/"
    roots = tuple(f"{path}/" for path in readable)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(  # noqa: C901, PLR0912, PLR0913 - see above
        event,
        args,
        inside=inside,
        roots=roots,
        writing=writing,
        denied=DENIED,
        changing=CHANGING,
        normal=posix._path_normpath,  # pyright: ignore[reportAttributeAccessIssue]
        decode=bytes.decode,
        plain=str.__str__,
        kind=type,
        error=PermissionError,
    ):
        refused = event.startswith(denied)
        if event == "import":
            # native code that the submission wrote itself
            refused = kind(args[1]) is str and normal(args[1]).startswith(inside)
        elif event in ("open", "os.listdir", "os.scandir") or event in changing:
            reading = event not in changing
            if event == "open" and args[2] & writing:
                reading = False
            for path in args[:2] if event == "os.rename" else args[:1]:
                if kind(path) is int and event not in changing:
                    continue  # a file that is open already
                if path is None:
                    path = "."
                elif kind(path) is bytes:
                    path = decode(path)
                else:
                    path = plain(path)
                if not path.startswith("/"):
                    path = inside + path
                path = normal(path) + "/"
                if path.startswith(inside) or path == "/dev/null/":
                    continue
                if not reading or not path.startswith(roots) or "/ntklib/" in path:
                    refused = True
        if refused:
            raise error(f"{event} is not allowed while your work is graded")

    def refuse(*args, **kwargs):
        raise PermissionError("this function is not allowed while your work is graded")

    for module, names in UNHEARD.items():
        for name in names:
            if hasattr(module, name):
                setattr(module, name, refuse)
    sys.addaudithook(hook)

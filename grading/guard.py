"""What the process of a submission may touch: limits of the kernel, an audit hook, Landlock where Linux has it."""

import _posixsubprocess
import ctypes
import os
import posix
import resource
import struct
import sys

READABLE = (
    *("/usr", "/lib", "/lib64", "/etc", "/sys", "/System", "/Library"),
    *("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo"),
)
# Python's audit events that a submission may not cause, and those that it may cause only within its own folder.
DENIED = (
    *(
        "ctypes.",
        "gc.get_",
        "os.chdir",
        "os.exec",
        "os.fchdir",
        "os.fork",
        "os.kill",
        "os.link",
        "os.posix_spawn",
    ),
    *(
        "os.spawn",
        "os.symlink",
        "os.system",
        "pty.",
        "resource.",
        "signal.",
        "socket.",
        "sqlite3.",
        "subprocess.",
    ),
)
CHANGING = {
    "os.chflags",
    "os.chmod",
    "os.chown",
    "os.mkdir",
    "os.remove",
    "os.removexattr",
    "os.rename",
    "os.rmdir",
}
CHANGING = frozenset(CHANGING | {"os.setxattr", "os.truncate", "os.utime"})

# What starts a process, signals one or makes a file without an event.
NAMES = ("mkfifo", "mknod", "pidfd_open")
UNHEARD = {os: NAMES, posix: NAMES, _posixsubprocess: ("fork_exec",)}


def limit(memory, seconds):
    """Bound what the kernel lets this process use; RLIMIT_DATA, because JAX maps much more than it uses."""
    bounds = {"DATA": memory, "CPU": seconds, "FSIZE": 2**26, "CORE": 0, "NPROC": 4096}
    for name, bound in bounds.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def landlock(work, readable):
    """Where Linux has Landlock, let the kernel refuse files, programs, TCP and signals outside, to native code too."""
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(444, None, 0, 1) if sys.platform == "linux" else 0
    if abi < 1:
        return
    rights = (
        2 ** {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16) - 1
    )  # to files, as many kinds as this kernel knows
    everything = struct.pack("QQQ", rights, 3, 3)[
        : 8 if abi < 4 else 16 if abi < 6 else 24
    ]
    ruleset = libc.syscall(444, everything, len(everything), 0)
    for path in filter(os.path.exists, [work, *readable]):
        allowed = (
            12 if os.path.isdir(path) else 6 if path == "/dev/null" else 4
        )  # 2 write, 4 read, 8 list
        entry = os.open(path, os.O_PATH)
        libc.syscall(
            445,
            ruleset,
            1,
            struct.pack("=Qi", rights & ~1 if path == work else allowed, entry),
            0,
        )
        os.close(entry)
    libc.prctl(1, 9, 0, 0, 0)  # to be killed when the parent is
    libc.prctl(
        38, 1, 0, 0, 0
    )  # no new privileges: the kernel asks for it before it restricts
    if libc.syscall(446, ruleset, 0):
        raise OSError(ctypes.get_errno(), "Landlock was refused")
    os.close(ruleset)


def guard(work, readable):
    """From here on, Python itself refuses files, processes, signals, sockets and native calls outside `work`.

    The hook takes what it uses as default values and calls nothing that is written in Python, so that nothing that a
    submission patches, or finds in the traceback of a refusal, changes it.
    """
    inside, roots = work + "/", tuple(f"{path}/" for path in readable)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    # fmt: off
    def hook(event, args, inside=inside, roots=roots, writing=writing, denied=DENIED, changing=CHANGING,
             normal=posix._path_normpath, decode=bytes.decode, plain=str.__str__, kind=type, error=PermissionError):
        # fmt: on
        refused = event.startswith(denied)
        if event == "import":
            refused = kind(args[1]) is str and normal(args[1]).startswith(inside)  # native code that it wrote itself
        elif event in ("open", "os.listdir", "os.scandir") or event in changing:
            reading = event not in changing and not (event == "open" and args[2] & writing)
            for path in args[:2] if event == "os.rename" else args[:1]:
                if kind(path) is int and event not in changing:
                    continue  # a file that is open already
                path = "." if path is None else decode(path) if kind(path) is bytes else plain(path)
                path = normal(path if path.startswith("/") else inside + path) + "/"
                if not path.startswith(inside) and path != "/dev/null/":
                    refused |= not reading or not path.startswith(roots) or "/ntklib/" in path
        if refused:
            raise error(f"{event} is not allowed while your work is graded")

    def refuse(*args, **kwargs):
        raise PermissionError("this function is not allowed while your work is graded")

    for module, names in UNHEARD.items():
        for name in names:
            if hasattr(module, name):
                setattr(module, name, refuse)
    sys.addaudithook(hook)

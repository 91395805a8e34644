"""The sandbox: what is out of reach in it, and that each attack works without it."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from grading import pool, sandbox
from grading.pool import Limits, Process
from tools.execute import ROOT

pytestmark = pytest.mark.slow

MEMORY = 2**33  # bytes; pages that forked processes share are counted for each
MARK = "a submission's daemon"
PATIENCE = 60  # seconds, for the kernel to end what was killed
WELL = {"error": None, "touched": []}

# Each is a cell that runs to its end only if the attack succeeds. Names in capitals
# come from `targets`.
READING = {
    "Python": "open(ANOTHER).read()",
    "ctypes": """
        import ctypes
        assert ctypes.CDLL(None).open(ANOTHER.encode(), 0) >= 0""",
    "cffi": """
        import cffi
        calls = cffi.FFI()
        calls.cdef("int open(const char *, int, ...);")
        assert calls.dlopen(None).open(ANOTHER.encode(), calls.cast("int", 0)) >= 0""",
    "another program": """
        import subprocess
        subprocess.run(["/bin/cat", ANOTHER], check=True)""",
    "a shell": """
        import os
        assert os.system(f"cat {ANOTHER}") == 0""",
    "subinterpreter": """
        import sys
        if sys.version_info < (3, 13):
            import _xxsubinterpreters as interpreters
        else:
            import _interpreters as interpreters
        failure = interpreters.run_string(interpreters.create(), f"open({ANOTHER!r})")
        assert failure is None""",
}
ATTACKS = {
    **{f"reads another student's file by {how}": READING[how] for how in READING},
    "reads the repository": f"open({str(ROOT / 'ntklib/linear_flow.py')!r}).read()",
    "reads the system's settings": "open('/etc/passwd').read()",
    "reads the grader's environment": "open(f'/proc/{GRADER}/environ', 'rb').read()",
    "writes outside": "open(OUTSIDE, 'w')",
    "removes another student's file": "import os\nos.remove(ANOTHER)",
    "connects": """
        import socket
        socket.create_connection(("127.0.0.1", PORT))""",
    "connects to a named socket": """
        import socket
        socket.socket(socket.AF_UNIX).connect(NAMED)""",
    "connects to an abstract socket": """
        import socket
        socket.socket(socket.AF_UNIX).connect(ABSTRACT)""",
    "signals the grader": "import os\nos.kill(GRADER, 0)",
    "limits the grader": """
        import resource
        resource.prlimit(GRADER, resource.RLIMIT_CORE, CORE)""",
    "binds the grader to processors": """
        import os
        os.sched_setaffinity(GRADER, os.sched_getaffinity(GRADER))""",
    "holds memory in a file without a name": "import os\nos.memfd_create('x')",
    "holds shared memory": """
        import ctypes
        libc = ctypes.CDLL(None)
        held = libc.shmget(0, 4096, 0o1600)
        assert held != -1
        libc.shmctl(held, 0, None)""",
    "holds memory that is mapped nowhere": """
        import mmap
        held = mmap.mmap(-1, 4096)
        held.write(b"x")
        held.madvise(mmap.MADV_DONTNEED)
        assert held[:1] == b"x\"""",
    "holds memory in a pipe": """
        import ctypes, os
        class Part(ctypes.Structure):
            _fields_ = [("start", ctypes.c_void_p), ("length", ctypes.c_size_t)]
        page = ctypes.create_string_buffer(4096)
        part = Part(ctypes.addressof(page), 4096)
        writer = os.pipe()[1]
        assert ctypes.CDLL(None).vmsplice(writer, ctypes.byref(part), 1, 0) > 0""",
    # The kernel reads half of the level, and the filter must not read more.
    "holds memory in a socket": """
        import ctypes, platform, socket
        kept = socket.socketpair()
        number = {"x86_64": 54, "aarch64": 208}[platform.machine()]
        level = ctypes.c_long(2**32 + socket.SOL_SOCKET)
        options = level, socket.SO_SNDBUF, ctypes.byref(ctypes.c_int(2**24)), 4
        called = ctypes.CDLL(None).syscall(number, kept[0].fileno(), *options)
        assert called == 0""",
    "traces": """
        import ctypes, os
        if os.fork() == 0:
            os._exit(ctypes.CDLL(None).ptrace(0, 0, None, None) == 0)
        assert os.wait()[1] == 256""",
    "becomes root of a namespace": """
        import ctypes, os
        if os.fork() == 0:
            os._exit(ctypes.CDLL(None).unshare(0x10000000) == 0)
        assert os.wait()[1] == 256""",
    "fills the disk": """
        for name in ("a", "b"):
            with open(name, "wb") as file:
                for _ in range(40):
                    file.write(bytes(2**20))""",
    "starts too many processes": """
        import os, time
        for _ in range(50):
            if os.fork() == 0:
                time.sleep(1e6)""",
}


@pytest.fixture
def listening(tmp_path):
    """Sockets of three kinds that wait for a submission."""
    with contextlib.ExitStack() as stack:

        def listen(family, address):
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
            return listener.getsockname()

        yield {
            "PORT": listen(socket.AF_INET, ("127.0.0.1", 0))[1],
            "NAMED": listen(socket.AF_UNIX, str(tmp_path / "socket")),
            "ABSTRACT": listen(socket.AF_UNIX, f"\0ntk-{os.getpid()}"),
        }


@pytest.fixture
def targets(tmp_path, listening):
    """A cell that gives names to what the attacks are after."""
    another = tmp_path / "another.ipynb"
    another.write_text("a solution")
    names = listening | {
        "GRADER": os.getpid(),
        "ANOTHER": str(another),
        "OUTSIDE": str(tmp_path / "written"),
        "CORE": resource.getrlimit(resource.RLIMIT_CORE),
    }
    return "".join(f"{name} = {value!r}\n" for name, value in names.items())


def run(source, protected=True):
    """The reply to a cell in a process of its own."""
    with Process(Limits(30, MEMORY, protected=protected)) as process:
        process.start()
        return process.ask({"cell": source}, 30, 120)


@pytest.mark.parametrize("name", ATTACKS)
def test_sandbox_stops_an_attack_that_succeeds_without_them(
    name, targets, temporary, monkeypatch
):
    """The same cell runs to its end in a plain process, and fails in the sandbox."""
    monkeypatch.setattr(sandbox, "PROCESSES", 45)
    monkeypatch.setattr(pool, "MOST_PROCESSES", 100)
    attack = targets + dedent(ATTACKS[name])
    assert run(attack)["error"] is not None
    assert run(attack, protected=False) == WELL


def test_sandbox_allows_what_exercises_need(targets, temporary):
    """What an exercise may need works in the sandbox: threads, processes, files."""
    honest = """
        import mmap, multiprocessing, os, subprocess, tempfile, threading
        with tempfile.NamedTemporaryFile("w", dir=os.getcwd()) as file:
            file.write("x")
        thread = threading.Thread(target=len, args=[[]])
        thread.start()
        thread.join()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
        subprocess.run(["ls", "/"], check=True)
        held = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE)
        import jax.numpy as jnp
        assert float(jnp.linalg.norm(jnp.ones((3, 3)), 2)) > 2.99"""
    assert run(dedent(honest)) == WELL


DAEMON = f"""
import os, subprocess, sys
sleeping = [sys.executable, "-c", "import time; time.sleep(1e6)", {MARK!r}]
if os.fork() == 0:
    subprocess.Popen(sleeping, start_new_session=True)
    os._exit(0)
os.wait()"""


@pytest.mark.parametrize("protected", [True, False])
def test_daemons_end_with_the_sandbox(temporary, protected):
    """A process in a session of its own outlives a plain process, but no sandbox."""
    assert run(DAEMON, protected) == WELL
    left = daemons()
    for process in left:
        process.kill()
    assert bool(left) is not protected


def test_daemons_end_with_a_grader_that_is_killed():
    """A sandbox in which a cell goes on for ever ends by a kill -9 of the grader."""
    killed = f"""
import os
from grading.pool import Ended, Limits, Process
process = Process(Limits(30, {MEMORY}))
process.__enter__()
process.start()
assert process.ask({{"cell": {DAEMON!r}}}, 30, 120) == {WELL}
try:
    process.ask({{"cell": "import time; time.sleep(1e6)"}}, 30, 1)
except Ended:
    os.kill(os.getpid(), 9)"""
    assert subprocess.run([sys.executable, "-c", killed], cwd=ROOT).returncode == -9
    _, left = psutil.wait_procs(daemons(), timeout=PATIENCE)
    for process in left:
        process.kill()
    assert left == []


@pytest.mark.parametrize("protected", [True, False])
def test_folders_within_folders_are_gone_afterwards(temporary, protected):
    """However deep they lie: pytest could not remove them either."""
    source = """
import os
for depth in range(2000):
    os.mkdir("d")
    os.chdir("d")"""
    try:
        assert run(source, protected) == WELL
    finally:
        left = list(temporary.iterdir())
        subprocess.run(["rm", "-rf", *left], check=True)
    assert left == []


def daemons():
    """The daemons that are left."""
    running = psutil.process_iter(["cmdline"])
    return [one for one in running if MARK in (one.info["cmdline"] or ())]


def test_sandbox_leaves_no_privileges(temporary):
    """No capability is left, none can be gained, and the user is not root."""
    source = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    assert int(status[name], 16) == 0, name
assert status["NoNewPrivs"].strip() == "1"
assert status["Seccomp"].strip() == "2"
assert os.uname().nodename == "sandbox"
assert 0 not in os.getresuid() + os.getresgid()"""
    assert run(source) == WELL


def test_sandbox_leaves_one_place_to_write(temporary):
    """Of all folders only the work folder can be written, and it is small."""
    source = f"""
import os
mounts = [line.split() for line in open("/proc/self/mountinfo")]
places = {{mount[4] for mount in mounts if "ro" not in mount[5].split(",")}}
assert places == {{{sandbox.WORK!r}, "/proc", "/dev/null", "/dev/urandom"}}, places
assert os.path.samefile("/dev/shm", {sandbox.WORK!r})
space = os.statvfs({sandbox.WORK!r})
assert space.f_blocks * space.f_frsize == {sandbox.ROOM}
assert sorted(os.listdir("/dev")) == ["fd", "null", "shm", "urandom"]
assert os.listdir("/etc") == ["ld.so.cache"]
assert not os.path.exists("/sys") and not os.path.exists("/home")"""
    assert run(source) == WELL


def test_sandbox_refuses_sockets_of_every_family_but_one(temporary):
    """No network, host of a virtual machine or cipher of the kernel is reached.

    Where the kernel has none of them, it would say so in other words.
    """
    source = """
import errno, socket
others = [number for number in range(50) if number != socket.AF_UNIX]
for family in [*others, 99, 2**31 - 1]:
    for made in (socket.socket, socket.socketpair):
        try:
            made(family, socket.SOCK_STREAM)
        except OSError as error:
            assert error.errno == errno.EPERM, error
        else:
            raise AssertionError(family)
socket.socket(socket.AF_UNIX).close()
socket.socketpair()"""
    assert run(source) == WELL


def test_sandbox_refuses_each_denied_call(temporary):
    """The kernel does none of them, whatever it is given; others it does."""
    from pyseccomp import Arch, resolve_syscall

    denied = {name: resolve_syscall(Arch.NATIVE, name) for name in sandbox.DENIED_CALLS}
    source = f"""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {denied}.items():
    assert libc.syscall(number, -1, -1, -1, -1, -1, -1) == -1, name
    assert number < 0 or ctypes.get_errno() == errno.EPERM, name
assert libc.getpid() > 1"""
    assert run(source) == WELL


def test_sandbox_hides_the_settings_of_the_grader(temporary, monkeypatch):
    """No process inside has them, not even the one that bubblewrap leaves there."""
    monkeypatch.setenv("NTK_SEED", "20261")
    source = """
import glob
seen = [open(name, "rb").read() for name in glob.glob("/proc/[0-9]*/environ")]
assert len(seen) >= 2
assert not any(b"20261" in settings for settings in seen)"""
    assert run(source) == WELL


def test_sandbox_shows_no_file_of_the_book(temporary):
    """Of the repository there is the compiled zip, and no source of an answer."""
    source = f"""
import os
root = {str(ROOT)!r}
for path, folders, files in os.walk(root):
    assert files == [], path
    folders[:] = set(folders) - {{".venv"}}
import importlib.util
assert importlib.util.find_spec("ntk_answers") is None
import ntklib
assert ntklib.__file__.startswith({sandbox.PROGRAM!r})"""
    assert run(source) == WELL


def test_page_tables_are_those_of_a_process_that_runs():
    """Some bytes of a process, and none of one that has ended or is not there."""
    assert 2**12 <= sandbox.page_tables(os.getpid()) < 2**30
    assert sandbox.page_tables(2**30) == 0
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        assert ended.stdout.read() == b""
        while psutil.Process(ended.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert sandbox.page_tables(ended.pid) == 0


def test_folders_hide_the_book_where_python_lies_around_it(monkeypatch, tmp_path):
    """A repository within a folder of Python is covered, but for Python within it."""
    book, wheel = tmp_path / "book", tmp_path / "book" / ".venv" / "packages"
    (wheel / "ntklib").mkdir(parents=True)
    monkeypatch.setattr(sandbox, "ROOT", book)
    monkeypatch.setattr(sandbox.sysconfig, "get_path", lambda name: str(wheel))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(book / ".venv"))
    options = sandbox.folders()
    order = [
        options.index(str(path))
        for path in (tmp_path, book, book / ".venv", wheel / "ntklib")
    ]
    assert order == sorted(order)
    for path in (book, wheel / "ntklib"):
        assert options[options.index(str(path)) - 1] == "--tmpfs"
    assert options[options.index(str(book / ".venv")) - 1] == "--ro-bind"
    command = f"ls -A {book}; touch {book}/x {wheel}/ntklib/x 2>&1 | grep -c Read-only"
    words = ["bwrap", *options, "/bin/sh", "-c", command]
    assert subprocess.run(words, capture_output=True).stdout == b".venv\n2\n"


def test_limits_of_systemd_are_asked_for_where_they_work(monkeypatch):
    """A control group limits memory and tasks, of root's or of the user's systemd."""
    tried = []
    monkeypatch.setattr(sandbox, "_works", lambda words: not tried.append(words))
    for user, options in ((0, []), (1000, ["--user"])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        words = sandbox.limits_of_systemd(2**30)
        assert words[:2] == ["systemd-run", "--scope"]
        assert [word for word in words if word == "--user"] == options
        assert f"MemoryMax={2**30 + sandbox.SPARE_MEMORY}" in words
        assert f"TasksMax={sandbox.PROCESSES}" in words
        assert words[-1] == "--"
        assert tried.pop() == (*words, "true")
    monkeypatch.setattr(sandbox, "_works", lambda words: False)
    assert sandbox.limits_of_systemd(2**30) == []


def test_bubblewrap_needs_no_way_around_root_for_an_ordinary_user(monkeypatch):
    """An ordinary user starts the sandbox at once; root becomes nobody before."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ordinary = sandbox.bubblewrap(3, 4)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    words = sandbox.bubblewrap(3, 4)
    assert words[-len(ordinary) :] == ordinary
    before = words[: -len(ordinary)]
    assert before[-len(sandbox.AS_NOBODY) :] == sandbox.AS_NOBODY


def test_sandbox_holds_where_python_lies_below_tmp(temporary, monkeypatch):
    """A repository, and its Python, in the folder for temporary files can be used."""
    with tempfile.TemporaryDirectory(dir=sandbox.WORK) as folder:
        below = Path(folder, "below")
        below.symlink_to(sys.prefix)
        monkeypatch.setattr(sys, "prefix", str(below))
        monkeypatch.setattr(sys, "executable", str(below / "bin" / "python"))
        source = f"""
import sys
assert sys.executable.startswith({folder!r})
open("/tmp/x", "w").close()
import numpy"""
        assert run(source) == WELL


@pytest.fixture
def asked_anew():
    """`why_unprotected` without what it remembers, before and after."""
    sandbox.why_unprotected.cache_clear()
    yield
    sandbox.why_unprotected.cache_clear()


def test_why_unprotected_is_there_or_says_why_not(asked_anew, monkeypatch):
    """One sentence says what is missing, or what bubblewrap says."""
    assert sandbox.why_unprotected() == ""
    for which, why in (
        (lambda name: None, "because there is no program bwrap here"),
        (
            lambda name: name,
            "because the sandbox does not start: bwrap: Unkn",
        ),
    ):
        sandbox.why_unprotected.cache_clear()
        monkeypatch.setattr(sandbox.shutil, "which", which)
        monkeypatch.setattr(sandbox, "bubblewrap", lambda *files: ["bwrap", "--no"])
        assert sandbox.why_unprotected().startswith(f"nothing is protected, {why}")

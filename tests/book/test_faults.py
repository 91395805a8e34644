"""What goes wrong around the commands: each works, or one sentence says why not."""

import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.book.checkouts import (
    ALONE,
    AWKWARD,
    bubble,
    make,
    program,
    stub_copy,
    whole_copy,
)
from tools import build, checkout
from tools.execute import ROOT
from tools.files import files

MARK = "_build/html/.built"


@pytest.fixture
def copy(tmp_path):
    """A copy with stubs; a build that still waits there ends with the test."""
    folder = stub_copy(tmp_path / AWKWARD)
    yield folder
    (folder / "go").touch()


def sentence(result):
    """The one line of a failed command, without those of make about itself."""
    assert result.returncode != 0
    lines = result.stderr.splitlines()
    (said,) = [line for line in lines if not re.match(r"make(\[\d+\])?: ", line)]
    return said


def begin(folder, *words):
    """Start make in a copy whose build waits, in a process group of its own."""
    (folder / "wait").touch()
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "make", f"PYTHON={sys.executable}", *words],
            cwd=folder,
            env=ALONE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    while not (folder / "started").exists():
        assert process.poll() is None, (folder / "errors").read_text()
        time.sleep(0.02)
    return process


def wait_for_lock(folder):
    """Wait until nobody builds in a folder any more; the kernel may take its time."""
    end = time.monotonic() + 60
    while True:
        try:
            with checkout.locked(folder, "some child still builds"):
                return
        except checkout.Refused:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


# A background job of a script ignores interrupts, and so would its children.
PROGRAM = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_make_book_interrupted_does_not_pass_for_built(copy, ending):
    """What was unfinished has no mark, and the next make book builds all anew."""
    process = begin(copy, "book")
    os.killpg(process.pid, signal.Signals[ending])
    assert process.wait() != 0
    assert "Traceback" not in (copy / "errors").read_text()
    assert not (copy / MARK).exists()
    wait_for_lock(copy)
    (copy / "wait").unlink()
    assert make(copy, "book").returncode == 0
    assert (copy / "_build/html/index.html").read_text() == "finished\n"
    assert make(copy, "--question", MARK).returncode == 0


def test_make_book_asked_to_end_ends_its_children(copy):
    """After SIGTERM to make alone nobody goes on writing into _build."""
    process = begin(copy, "book")
    process.terminate()
    assert process.wait() != 0
    assert build.INTERRUPTED in (copy / "errors").read_text()
    wait_for_lock(copy)


def test_one_sentence_goes_on_where_nohup_was_typed():
    """The end of a terminal ends no command that was told to outlive it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with checkout.one_sentence("It was ended."):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_remove_last_build_begins_with_the_marks(tmp_path, monkeypatch):
    """Interrupted in the middle, it has left no mark on what is half gone."""
    monkeypatch.setattr(build, "BUILD", tmp_path)
    mark = tmp_path / "html" / ".built-no"
    mark.parent.mkdir()
    mark.touch()

    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(build.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.remove_last_build()
    assert not mark.exists()


def test_make_clean_begins_with_the_marks(copy):
    """Interrupted in the middle, it has left no mark on what is half gone."""
    first = make(copy, "--dry-run", "clean").stdout.splitlines()[0]
    assert first.split()[:2] == ["rm", "-rf"]
    assert {MARK + "*", ".venv/.book", ".venv/.test"} <= set(first.split())
    assert "_build" not in first.split()


def test_make_book_builds_what_was_edited_meanwhile(copy):
    """A page saved during the build is newer than the mark."""
    process = begin(copy, "book")
    (copy / "book" / "page.md").write_text("# Another title\n")
    (copy / "go").touch()
    assert process.wait() == 0
    assert make(copy, "--question", MARK).returncode == 1


def test_second_build_is_refused_while_one_runs(copy):
    """Builds and tests say that another build is running; it goes on undisturbed."""
    process = begin(copy, "book")
    (copy / "book" / "page.md").write_text("# Another title\n")
    busy = f"Another build is running in {copy}; run this again when it has ended"
    for target in ("book", "test"):
        assert sentence(make(copy, target)) == busy
    (copy / "go").touch()
    assert process.wait() == 0
    assert make(copy, "book").returncode == 0


def test_build_that_was_orphaned_keeps_its_lock(copy):
    """If only the first process is killed, the rest of the build counts as a build."""
    process = begin(copy, "book")
    os.kill(int((copy / "started").read_text()), signal.SIGKILL)
    process.wait()
    assert "Another build is running" in sentence(make(copy, "book"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for_lock(copy)
    (copy / "wait").unlink()
    assert make(copy, "book").returncode == 0


def test_make_test_builds_below_its_own_lock(copy):
    """The commands below one that holds the lock are no second build."""
    command = [copy / ".venv/bin/python", "-m", "tools.checkout", "make", "book"]
    result = subprocess.run(
        command, cwd=copy, env=ALONE, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (copy / MARK).exists()


@pytest.mark.parametrize("target", ["book", "test", "lab"])
def test_make_in_a_read_only_checkout_says_so_at_once(copy, target):
    """What has to write there ends with one sentence."""
    (copy / "requirements-lab.lock").write_text("a==1\n")
    read_only = bubble("--ro-bind", copy, copy)
    assert sentence(make(copy, target, within=read_only)) == unwritable(copy)


def unwritable(folder):
    """What is said of a folder that cannot be written to."""
    return f"Nothing can be written to {folder}; copy the book to a folder of your own"


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["execute", "assignment"])
def test_tool_in_a_read_only_checkout_says_so_at_once(tool):
    """Nothing is executed or converted before the sentence."""
    result = python("-m", f"tools.{tool}", within=bubble("--ro-bind", ROOT, ROOT))
    where = ROOT / "book" if tool == "execute" else ROOT
    assert sentence(result) == unwritable(where)


def python(*words, within=()):
    """Run Python in the checkout, perhaps within another program."""
    return subprocess.run(
        [*within, sys.executable, *map(str, words)],
        cwd=ROOT,
        env=ALONE,
        capture_output=True,
        text=True,
    )


def test_make_book_on_a_full_disk_says_so_at_once(copy):
    """Without room for the site nothing is begun; the sentence has both numbers."""
    small = bubble("--size", 2**23, "--tmpfs", "/mnt", "--bind", copy, "/mnt/from")
    command = "cp -a /mnt/from/. /mnt/book && cd /mnt/book && exec make book"
    result = subprocess.run(
        [*small, "sh", "-c", f"mkdir /mnt/book && {command}"],
        env=ALONE,
        capture_output=True,
        text=True,
    )
    said = sentence(result)
    assert re.fullmatch(
        r"The disk of /mnt/book is full: about 100 MB are needed, and \d MB are free",
        said,
    )


def test_run_of_a_build_says_that_the_disk_is_full(monkeypatch):
    """If the disk fills up meanwhile, the last line says so."""
    nothing = SimpleNamespace(free=1000)
    monkeypatch.setattr(checkout.shutil, "disk_usage", lambda folder: nothing)
    with pytest.raises(checkout.Refused, match=r"^The disk of .* is full: "):
        build.run("false", kept=[])


def test_files_are_the_same_without_a_history(tmp_path):
    """An archive without .git has the files of the clone, and none that is ignored."""
    copy = whole_copy(tmp_path / AWKWARD)
    (copy / "_build").mkdir()
    (copy / "_build" / "page.html").touch()
    program = "from tools.files import files; print(*files(), sep=chr(10))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=copy,
        env=ALONE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == files()


NOT_OURS = "#!/bin/sh\necho fatal: another owner >&2\nexit 128\n"


@pytest.mark.parametrize(
    ("git", "said"),
    [
        (None, "git is not there, by which the book's files are listed; install it"),
        (NOT_OURS, "git does not list the book's files: fatal: another owner"),
    ],
    ids=["missing", "failing"],
)
def test_files_say_what_is_wrong_with_git(tmp_path, git, said):
    """One sentence, with git's own if it has one, as in a folder of another user."""
    if git:
        program(tmp_path / "git", git)
    result = subprocess.run(
        [sys.executable, "-m", "tools.files", "true"],
        cwd=ROOT,
        env=ALONE | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert sentence(result) == said


PAGE = """\
# Start

A formula $x^2$, and one on a line of its own:

$$
K(x, x') = \\mathbb{E}\\,\\psi(h)\\psi(h') .
$$ (eq-start)
"""


@pytest.mark.slow
def test_make_book_builds_an_archive_anywhere_without_a_network(tmp_path):
    """Spaces, quotes, umlauts, no history, no network, and what Jupyter left behind."""
    copy = whole_copy(tmp_path / AWKWARD)
    (copy / "_toc.yml").write_text("format: jb-book\nroot: book/start\n")
    (copy / "book" / "start.md").write_text(PAGE)
    checkpoint = copy / "book" / ".ipynb_checkpoints" / "start-checkpoint.ipynb"
    checkpoint.parent.mkdir()
    for left in (checkpoint, copy / "book" / "start.ipynb.new"):
        left.write_text("{")
    result = make(copy, "book", within=bubble("--unshare-net"))
    assert result.returncode == 0, result.stderr
    built = copy / "_build"
    assert 'class="katex' in (built / "html" / "book" / "start.html").read_text()
    assert (built / "assignment" / "ntk-exercises.zip").exists()
    assert make(copy, "--question", MARK).returncode == 0


# Says what it was called with, and whether ruff may write its cache.
LINTER = """#!/bin/sh
echo "${0##*/}, no cache: $RUFF_NO_CACHE, $*"
"""


def test_make_lint_reads_an_archive_that_cannot_be_written(copy):
    """Without a history all files are checked; without a place for it, no cache."""
    for path in (copy / ".venv" / "bin").iterdir():
        if not path.name.startswith(("python", "jupyter-book")):
            path.unlink()
            program(path, LINTER)
    here = make(copy, "lint").stdout
    there = make(copy, "lint", within=bubble("--ro-bind", copy, copy)).stdout
    assert "ruff, no cache: false, check ." in here
    assert "ruff, no cache: true, check ." in there
    assert re.search(r"^codespell, .* tools/execute\.py .*$", there, re.M)


@pytest.mark.slow
def test_clone_that_turns_line_ends_has_none_turned(tmp_path):
    """With core.autocrlf, as on Windows, every text file still ends its lines by LF."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the book came without its history")
    git = ["git", "-c", "core.autocrlf=true"]
    clone = ["clone", "--quiet", "--depth=1", f"file://{ROOT}", str(tmp_path / "book")]
    subprocess.run([*git, *clone], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "--eol"],
        cwd=tmp_path / "book",
        capture_output=True,
        text=True,
        check=True,
    )
    ends = {line.split()[1] for line in listed.stdout.splitlines()}
    assert ends == {"w/lf", "w/-text", "w/none"}

"""`make execute` replaces a notebook only by a whole and sound run of it."""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from tests.book.conftest import write_notebook
from tools import checkout, execute

# A background job of a script ignores interrupts, and so would its children.
MAIN = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
from tools.execute import main

main()
"""


def test_execute_names_the_cell_that_raises(tmp_path, monkeypatch):
    """A cell that raises is named with its error; the notebook stays as it was."""
    path = tmp_path / "small.ipynb"
    write_notebook(path, ["1 + 1", "1 / 0"])
    before = path.read_bytes()
    monkeypatch.setattr(sys, "argv", ["execute", str(path)])
    with pytest.raises(SystemExit) as stopped:
        execute.main()
    assert "small.ipynb: code cell 2 raised ZeroDivisionError" in stopped.value.code
    assert path.read_bytes() == before


def test_execute_stores_no_output_that_no_reader_should_see(tmp_path):
    """A run that printed an address is not stored."""
    path = tmp_path / "small.ipynb"
    write_notebook(path, ["print(hex(2**40))"])
    before = path.read_bytes()
    with pytest.raises(execute.NotebookError, match="shows an address: '0x1000"):
        execute.store(path)
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_execute_interrupted_leaves_the_notebook_whole(tmp_path, ending):
    """The old notebook is there, byte for byte, and nothing beside it."""
    path = tmp_path / "small.ipynb"
    write_notebook(path, ["import time; open('started', 'w'); time.sleep(500)"])
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, path],
        cwd=execute.ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.Signals[ending])
    _, errors = process.communicate()
    assert process.returncode != 0
    assert ("was left as it was" in errors) == (ending != "SIGKILL")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"small.ipynb", "started"}


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """A notebook whose execution is left out: what it printed is four megabytes."""
    path = tmp_path / "small.ipynb"
    write_notebook(path, ["print('a' * 2**22)"])
    notebook = nbformat.read(path, as_version=4)
    output = nbformat.v4.new_output("stream", name="stdout", text="a" * 2**22)
    notebook.cells[0].update(execution_count=1, outputs=[output])
    monkeypatch.setattr(execute, "execute", lambda path: notebook)
    return path


def test_store_interrupted_while_it_writes_leaves_the_notebook_whole(
    executed, monkeypatch
):
    """Nothing of the new notebook is left; a second run stores it."""
    before = executed.read_bytes()

    def interrupted(number):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(execute.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            execute.store(executed)
    assert executed.read_bytes() == before
    assert list(executed.parent.iterdir()) == [executed]
    execute.store(executed)
    assert len(executed.read_bytes()) > 2**22


def test_store_removes_what_a_killed_run_left(executed):
    """The half of a notebook goes; another file takes the place of the old one."""
    left = executed.with_suffix(".ipynb.new")
    left.write_text("{")
    with executed.open() as old:  # which stays what it was for who reads it
        execute.store(executed)
        assert json.load(old)["cells"][0]["execution_count"] is None
    assert not left.exists()
    assert nbformat.read(executed, as_version=4).cells[0].execution_count == 1


def test_store_refuses_a_notebook_that_another_run_executes(executed):
    """Two runs would store each other's outputs."""
    before = executed.read_bytes()
    with (
        checkout.locked(executed, "busy"),
        pytest.raises(
            checkout.Refused, match=r"^Another run executes .*small\.ipynb; "
        ),
    ):
        execute.store(executed)
    assert executed.read_bytes() == before


def test_execute_on_a_full_disk_leaves_the_notebook_whole(
    executed, monkeypatch, capsys
):
    """What the system says stands in the sentence, and the notebook is named."""
    before = executed.read_bytes()
    monkeypatch.setattr(sys, "argv", ["execute", str(executed)])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limit[1]))
    try:
        with pytest.raises(SystemExit) as stopped:
            execute.main()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert stopped.value.code == (
        f"stopped by OSError (File too large)\n{executed} was left as it was."
    )
    assert executed.read_bytes() == before
    assert list(executed.parent.iterdir()) == [executed]


def test_named_finds_a_notebook_by_its_path_or_name(monkeypatch):
    """A chapter goes before a set of its name; every name of a report can be typed."""
    book = execute.ROOT / "book"
    monkeypatch.chdir(execute.ROOT)
    for word, path in {
        "ntk": book / "ntk.ipynb",
        "book/ntk.ipynb": book / "ntk.ipynb",
        "kernel": book / "exercises" / "kernel.ipynb",
        "generalization": book / "generalization.ipynb",
        "book/exercises/generalization.ipynb": (
            book / "exercises" / "generalization.ipynb"
        ),
    }.items():
        assert execute.named(word) == path
    for path in execute.BOOK:
        assert execute.named(execute.short_name(path)) == path


def test_named_refuses_what_is_not_there():
    """One sentence with the names that there are."""
    expected = r"^there is no notebook nkt; these are: .*\bntk\b"
    with pytest.raises(argparse.ArgumentTypeError, match=expected):
        execute.named("nkt")

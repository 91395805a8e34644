"""`make execute` replaces a notebook only by a whole and sound run of it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.book.conftest import write_notebook
from tools import execute

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
def test_execute_interrupted_leaves_the_notebook_whole(tmp_path):
    """After Ctrl-C the old notebook is there, byte for byte, and nothing beside it."""
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
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "was left as it was" in errors
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"small.ipynb", "started"}

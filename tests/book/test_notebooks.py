"""The stored outputs: all there, and nothing that no reader should see.

Whether the code still gives them, nbval with tools.notebook_gate tests.
"""

import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
from sphinx.errors import ExtensionError

from book._ext import widgets_runtime
from book._ext.stored_outputs import faults
from tools.execute import BOOK, ROOT

notebook = pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)


@notebook
def test_stored_outputs_have_no_fault(path):
    """Every cell was executed, in order; no error, warning, path, address or timing."""
    assert faults(json.loads(path.read_text("utf-8"))) == []


@notebook
def test_notebooks_are_clean(path):
    """Cell ids are unique; the metadata name Python 3 and nothing of the machine."""
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert len({cell.id for cell in stored.cells}) == len(stored.cells)
    assert stored.metadata.kernelspec.name == "python3"
    assert stored.metadata.language_info == {"name": "python"}


def printing(text):
    """A notebook of one cell that printed `text`."""
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    cell = {"cell_type": "code", "source": ["1"], "execution_count": 1}
    return {"cells": [cell | {"outputs": [output]}]}


def test_faults_sees_cleared_outputs():
    """A cell that was never executed is a fault; nbval would let it pass."""
    notebook = printing("1")
    notebook["cells"][0].update(outputs=[], execution_count=None)
    (found,) = faults(notebook)
    assert "has execution count None, not 1: run `make execute`" in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("DeprecationWarning: old", "a warning"),
        ("saved to /home/ann/book/x.png", "a path"),
        (r"C:\Users\ann", "a path"),
        ("<function f at 0x7f3b2c1d9e50>", "an address"),
        ("http://127.0.0.1:8888", "an address"),
        ("done in 3.2 s", "a timing"),
        ("12 ms per loop", "a timing"),
    ],
)
def test_faults_names_what_no_reader_should_see(text, fault):
    """Warnings, paths, addresses and timings in a stored output are found and named."""
    (found,) = faults(printing(text))
    assert fault in found


@pytest.mark.parametrize(
    "text",
    [
        "t = 300.000   loss = 0.00531",
        "W0 (121, 100, 3)",
        "0.401 ± 0.014",
        "f(3x) = 3 f(x)",
    ],
)
def test_faults_lets_results_pass(text):
    """Ordinary results are no fault."""
    assert faults(printing(text)) == []


PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def tiny_book(folder, stored):
    """A book of one notebook with this book's settings and extensions."""
    (folder / "book").mkdir()
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/only\n")
    cells = [
        nbformat.v4.new_markdown_cell("# Only\n\n$$\n\\frac{1}{2}\n$$ (eq-half)"),
        *stored,
    ]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=PYTHON),
        folder / "book" / "only.ipynb",
    )
    command = [
        Path(sys.executable).with_name("jupyter-book"),
        "build",
        ".",
        "-n",
        "-W",
        "--keep-going",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_build_passes_a_sound_notebook(tmp_path):
    """The small book builds; without this the next tests would prove nothing."""
    result = tiny_book(
        tmp_path, [nbformat.v4.new_code_cell("1 + 1", execution_count=1)]
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "katex" in (tmp_path / "_build" / "html" / "book" / "only.html").read_text(
        "utf-8"
    )


def test_build_stops_at_a_notebook_that_raises(tmp_path):
    """An error among the stored outputs stops the build, with the notebook's name and the cell."""
    error = nbformat.v4.new_output(
        "error", ename="ZeroDivisionError", evalue="division by zero", traceback=[]
    )
    result = tiny_book(
        tmp_path,
        [nbformat.v4.new_code_cell("1 / 0", execution_count=1, outputs=[error])],
    )
    assert result.returncode != 0
    assert re.search(
        r"only\.ipynb: code cell 1 .*raised ZeroDivisionError: division by zero",
        result.stderr,
    )


def test_build_stops_at_bad_tex(tmp_path):
    """TeX that cannot be set stops the build, with its file."""
    cells = [
        nbformat.v4.new_markdown_cell(r"Bad: $\frac{1}$"),
        nbformat.v4.new_code_cell("1", execution_count=1),
    ]
    result = tiny_book(tmp_path, cells)
    assert result.returncode != 0
    assert re.search(r"only\.ipynb.*KaTeX parse error", result.stderr)


def test_build_stops_at_a_runtime_that_it_does_not_know(tmp_path, monkeypatch):
    """Changes to the bundle that brings widgets to life are made where they are meant, or the build stops."""
    app = types.SimpleNamespace(
        builder=types.SimpleNamespace(format="html"), outdir=tmp_path
    )
    widgets_runtime.copy_bundle(app)
    script = (tmp_path / "_static" / "widgets" / "embed.js").read_text("utf-8")
    assert not [old for old in widgets_runtime.CHANGES if old in script]
    monkeypatch.setattr(widgets_runtime, "BUNDLE", tmp_path / "embed.js")
    (tmp_path / "embed.js").write_text("nothing of the kind")
    with pytest.raises(
        ExtensionError, match=r"embed\.js no longer contains '@font-face{'"
    ):
        widgets_runtime.copy_bundle(app)

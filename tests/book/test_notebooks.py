"""The stored outputs: all there, and nothing that no reader should see.

Whether the code still gives them, nbval with tools.notebook_gate tests.
"""

import json

import nbformat
import pytest

from book._ext.stored_outputs import faults
from tools.execute import BOOK

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

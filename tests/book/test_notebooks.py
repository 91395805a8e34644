"""The notebook gate: the stored outputs are what the code gives today. What nbval leaves unchecked is checked here.

nbval compares text. It does not compare pictures or the state of widgets, and lets a cell pass that was never executed.
"""

import base64
import copy
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

import nbformat
import numpy as np
import pytest
from PIL import Image

from book._ext.stored_outputs import faults
from tools.execute import BOOK, ROOT, NotebookError, execute, store

notebook = pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)


def chunks(png):
    """The chunks of a PNG file with their checksums verified, as (type, data)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG file"
    at = 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        data, checksum = (
            png[at + 8 : at + 8 + size],
            png[at + 8 + size : at + 12 + size],
        )
        assert checksum == struct.pack(">I", zlib.crc32(kind + data)), (
            "the PNG file is corrupt"
        )
        yield kind, data
        at += 12 + size


def pixels(png):
    """The picture as an array of 8-bit channels."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), int)


def compare_pictures(stored, fresh):
    """Same size, same metadata, and no channel of any pixel further apart than rounding on another CPU explains."""
    stored, fresh = base64.b64decode(stored), base64.b64decode(fresh)
    plain = [
        [chunk for chunk in chunks(png) if chunk[0] != b"IDAT"]
        for png in (stored, fresh)
    ]
    assert plain[0] == plain[1]
    assert np.abs(pixels(stored) - pixels(fresh)).max() <= 2


def compare(stored, fresh):
    """Pictures and the state of widgets, cell by cell; everything that nbval does not look at."""
    pairs = [
        pair
        for pair in zip(stored.cells, fresh.cells, strict=True)
        if pair[0].cell_type == "code"
    ]
    for old, new in pairs:
        for a, b in zip(old.outputs, new.outputs, strict=True):
            assert a.get("data", {}).keys() == b.get("data", {}).keys()
            for kind in a.get("data", {}):
                if kind == "image/png":
                    compare_pictures(a.data[kind], b.data[kind])
                elif not kind.startswith("text/"):
                    assert a.data[kind] == b.data[kind]
    assert stored.metadata.get("widgets") == fresh.metadata.get("widgets")


def gate(path):
    """Everything that the test suite asks of one notebook, as one verdict: None, or why it fails."""
    found = faults(json.loads(path.read_text("utf-8")))
    if found:
        return found[0]
    try:
        compare(nbformat.read(path, as_version=4), execute(path))
    except (AssertionError, NotebookError) as error:
        return str(error) or "different"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval",
        "--nbval-current-env",
        path.name,
    ]
    result = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    return None if result.returncode == 0 else result.stdout


@notebook
def test_stored_outputs_have_no_fault(path):
    """Every code cell was executed, top to bottom; no output holds an error, warning, path, address or timing."""
    assert faults(json.loads(path.read_text("utf-8"))) == []


@notebook
def test_pictures_and_widgets_are_reproduced(path):
    """A fresh run gives the stored pictures and the stored state of widgets."""
    compare(nbformat.read(path, as_version=4), execute(path))


@notebook
def test_notebooks_are_clean(path):
    """Cell ids are unique; the metadata name a plain Python 3 kernel and nothing of the machine."""
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    assert len({cell.id for cell in stored.cells}) == len(stored.cells)
    assert stored.metadata.kernelspec.name == "python3"
    assert stored.metadata.language_info == {"name": "python"}


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
    cell = {"cell_type": "code", "source": ["1"], "execution_count": 1}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [text]}]
    (found,) = faults({"cells": [cell]})
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
    cell = {"cell_type": "code", "source": ["1"], "execution_count": 1}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [text]}]
    assert faults({"cells": [cell]}) == []


SMALL = """
import matplotlib.pyplot as plt
import numpy as np
import ntklib

params = ntklib.Params(np.array([[1.0, 2.0]]), np.array([3.0]))
print(ntklib.network(params, [[0.5, 0.25]], lambda z: z**3))
---
fig, ax = plt.subplots(figsize=(2, 2))
ax.plot([0, 1], [0, 1])
plt.show()
"""


PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


@pytest.fixture
def small(tmp_path):
    """A notebook with one number from the library and one figure, executed and stored."""
    cells = [
        nbformat.v4.new_code_cell(source.strip(), id=f"cell-{i}")
        for i, source in enumerate(SMALL.split("---"))
    ]
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=PYTHON), path)
    store(path)
    return path


def edit(path, change):
    """Apply `change` to the parsed notebook and write it back."""
    stored = json.loads(path.read_text("utf-8"))
    change(stored)
    path.write_text(json.dumps(stored), "utf-8")


def change_digit(stored):
    """One digit of a printed result."""
    output = stored["cells"][0]["outputs"][0]
    text = "".join(output["text"])
    output["text"] = [
        re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
    ]


def clear_outputs(stored):
    """All outputs, as an editor's menu clears them."""
    for cell in stored["cells"]:
        cell["outputs"], cell["execution_count"] = [], None


def corrupt_picture(stored):
    """One byte in the middle of a stored picture."""
    data = stored["cells"][1]["outputs"][0]["data"]
    raw = bytearray(base64.b64decode(data["image/png"]))
    raw[len(raw) // 2] ^= 1
    data["image/png"] = base64.b64encode(raw).decode()


def repaint_picture(stored):
    """Another valid picture of the same size."""
    data = stored["cells"][1]["outputs"][0]["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    out = io.BytesIO()
    Image.new("RGBA", picture.size, "white").save(out, "PNG")
    data["image/png"] = base64.b64encode(out.getvalue()).decode()


def test_gate_passes_an_untouched_copy(small):
    """The gate lets through what is as it was stored; without this the next test would prove nothing."""
    assert gate(small) is None


@pytest.mark.parametrize(
    "change", [change_digit, clear_outputs, corrupt_picture, repaint_picture]
)
def test_gate_stops_a_changed_output(small, change):
    """Changing one digit, clearing the outputs, corrupting or repainting a picture makes the gate fail."""
    edit(small, change)
    assert gate(small) is not None


def test_gate_stops_a_flipped_sign_in_the_library(small, tmp_path, monkeypatch):
    """With one sign flipped in a copy of ntklib the stored outputs are no longer reproduced."""
    shutil.copytree(ROOT / "ntklib", tmp_path / "ntklib")
    source = tmp_path / "ntklib" / "network.py"
    flipped = source.read_text("utf-8").replace("hidden @ W1 /", "-hidden @ W1 /")
    assert flipped != source.read_text("utf-8")
    source.write_text(flipped, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert gate(small) is not None


def test_gate_compares_the_state_of_widgets():
    """A changed widget state is noticed, though nbval ignores it."""
    stored = nbformat.v4.new_notebook(
        metadata={"widgets": {"state": {"a": {"value": 1}}}}
    )
    fresh = copy.deepcopy(stored)
    compare(stored, fresh)
    fresh.metadata.widgets.state.a.value = 2
    with pytest.raises(AssertionError):
        compare(stored, fresh)


def test_gate_stops_a_changed_slider(small):
    """A slider's state is the same in a fresh kernel, byte for byte; one digit changed in a picture is noticed."""
    source = (
        "import matplotlib.pyplot as plt\nfrom ntklib.figures import slider_figure\n"
    )
    source += "slider_figure(lambda a: plt.plot([0, a]), lambda a: f'A line up to {a}.', a=[1, 2])"
    edit(small, lambda stored: stored["cells"][-1].update(source=[source]))
    store(small)
    stored = nbformat.read(small, as_version=4)
    compare(stored, execute(small))
    (picture, *_) = (
        w.state
        for w in stored.metadata.widgets.popitem()[1].state.values()
        if "src=" in str(w.state)
    )
    assert "A line up to" in picture.value
    small.write_text(small.read_text("utf-8").replace("M 0 ", "M 1 ", 1), "utf-8")
    with pytest.raises(AssertionError):
        compare(nbformat.read(small, as_version=4), execute(small))


def test_execute_names_the_cell_that_raises(small):
    """A raising cell is named with its error, and the stored notebook stays as it was."""
    edit(small, lambda stored: stored["cells"][1].update(source=["1 / 0"]))
    before = small.read_bytes()
    result = subprocess.run(
        [sys.executable, "-m", "tools.execute", small], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "small.ipynb: code cell 2 raised ZeroDivisionError" in result.stderr
    assert small.read_bytes() == before


def test_execute_interrupted_leaves_the_notebook_whole(small):
    """Ctrl-C during make execute: the old notebook is there, byte for byte, and nothing beside it."""
    edit(
        small,
        lambda stored: stored["cells"][1].update(
            source=["import time; open('started', 'w'); time.sleep(600)"]
        ),
    )
    before = small.read_bytes()
    command = [sys.executable, "-m", "tools.execute", small]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 120
    while not (small.parent / "started").exists():
        assert time.monotonic() < until
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "was left as it was" in errors
    assert small.read_bytes() == before
    assert {path.name for path in small.parent.iterdir()} == {"small.ipynb", "started"}

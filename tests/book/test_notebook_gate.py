"""The gate, nbval with tools.notebook_gate, stops changes that nobody has seen."""

import base64
import copy
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.book.conftest import write_notebook
from tools.execute import ROOT, store
from tools.notebook_gate import (
    SIGNATURE,
    assert_same_outputs,
    assert_same_picture,
    assert_similar_picture,
    assert_similar_widgets,
    chunks,
)

pytestmark = pytest.mark.slow

NUMBER = """
import numpy as np
import ntklib

params = ntklib.Params(np.array([[1.0, 2.0]]), np.array([3.0]))
print(ntklib.network(params, [[0.5, 0.25]], lambda z: z**3))
"""
PICTURE = """
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(2, 2))
ax.plot([0, 1], [0, 1])
plt.show()
"""
SLIDER = """
from ntklib.figures import laboratory, slider_figure

panel = laboratory()  # its script must not be compared: it is not stored
slider_figure(lambda a: plt.plot([0, a]), lambda a: f"A line up to {a}.", a=[1, 2])
"""


def edit(path, change):
    """Apply `change` to the parsed notebook and write it back."""
    notebook = json.loads(path.read_text("utf-8"))
    change(notebook)
    path.write_text(json.dumps(notebook), "utf-8")


def change_everything(notebook):
    """In each cell another thing that the gate has to see."""
    number, first_picture, second_picture, _ = notebook["cells"]
    change_digit(number["outputs"][0])
    change_picture(first_picture["outputs"][0]["data"], corrupt)
    change_picture(second_picture["outputs"][0]["data"], repaint)
    (widgets,) = notebook["metadata"]["widgets"].values()
    change_slider(widgets["state"])


def change_digit(output):
    """Another first digit in a printed number."""
    text = "".join(output["text"])
    digit = re.search(r"\d", text)[0]
    output["text"] = [text.replace(digit, str((int(digit) + 1) % 10), 1)]


def change_picture(data, change):
    """Store what `change` makes of the PNG file."""
    changed = change(base64.b64decode(data["image/png"]))
    data["image/png"] = base64.b64encode(changed).decode()


def change_slider(models):
    """Another digit in a coordinate of one of the slider's pictures."""
    states = [model["state"] for model in models.values()]
    picture = next(state for state in states if "src=" in state.get("value", ""))
    assert "A line up to" in picture["value"]
    picture["value"] = picture["value"].replace("M 0 ", "M 1 ", 1)


def corrupt(png):
    """Another bit in the middle of the file."""
    changed = bytearray(png)
    changed[len(changed) // 2] ^= 1
    return changed


def repaint(png):
    """A valid picture of the same size and with the same metadata, all of it black."""
    repainted = SIGNATURE
    for kind, data in chunks(png):
        if kind == b"IDAT":
            data = zlib.compress(bytes(len(zlib.decompress(data))))
        checksum = zlib.crc32(kind + data)
        repainted += struct.pack(">I4s", len(data), kind) + data
        repainted += struct.pack(">I", checksum)
    return repainted


def flip_a_sign(package):
    """Make the network of a copy of ntklib negative."""
    module = package / "network.py"
    source = module.read_text("utf-8")
    flipped = source.replace("return A @ W1 /", "return -A @ W1 /")
    assert flipped != source
    module.write_text(flipped, "utf-8")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run the gate on three notebooks: {(notebook, item): why it fails, or ""}."""
    folder = tmp_path_factory.mktemp("gate")
    sound, changed, flipped = (
        folder / name / f"{name}.ipynb" for name in ("sound", "changed", "flipped")
    )
    for path in (sound, changed, flipped):
        path.parent.mkdir()
    write_notebook(sound, [NUMBER, PICTURE, PICTURE, SLIDER])
    store(sound)
    shutil.copy(sound, changed)
    edit(changed, change_everything)
    shutil.copy(sound, flipped)
    shutil.copytree(ROOT / "ntklib", flipped.parent / "ntklib")
    flip_a_sign(flipped.parent / "ntklib")
    report = folder / "report.xml"
    gate = ["--nbval", "--nbval-current-env", "-p", "tools.notebook_gate"]
    alone = [
        "-p",
        "no:cacheprovider",
        "-q",
        f"--junitxml={report}",
        f"--rootdir={folder}",
    ]
    command = [sys.executable, "-m", "pytest", *gate, *alone, sound, changed, flipped]
    # A kernel looks beside its notebook first, wherever the caller's would look.
    environment = os.environ | {"PYTHONPATH": f".{os.pathsep}{ROOT}"}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        notebook = case.get("classname").split(".")[0]
        found[notebook, case.get("name")] = "".join(case.itertext())
    return found


def test_store_leaves_out_the_scripts_of_widgets(tmp_path):
    """The panel's state is there, and not its 100 kB of script and style."""
    path = tmp_path / "panel.ipynb"
    write_notebook(path, [PICTURE, SLIDER])
    store(path)
    (widgets,) = json.loads(path.read_text("utf-8"))["metadata"]["widgets"].values()
    states = [model["state"] for model in widgets["state"].values()]
    (panel,) = [state for state in states if state["_model_module"] == "anywidget"]
    assert panel["state"]["psi"] == "tanh"
    assert not {"_esm", "_css"} & panel.keys()


@pytest.mark.parametrize("item", ["Cell 0", "Cell 1", "Cell 2", "Cell 3", "Widgets"])
def test_gate_passes_an_untouched_notebook(verdicts, item):
    """What is stored comes again; without this the next tests would prove nothing."""
    assert verdicts["sound", item] == ""


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("Cell 0", "Cell outputs differ"),
        ("Cell 1", "the picture is corrupt"),
        ("Cell 2", "the picture differs by up to 255 of 255"),
        ("Widgets", "the stored state of the widget"),
    ],
    ids=["digit", "corrupt picture", "other picture", "slider"],
)
def test_gate_stops_a_changed_output(verdicts, item, reason):
    """A digit, a bit of a picture, a picture or a slider is not the stored one."""
    assert reason in verdicts["changed", item]


def test_gate_stops_nothing_beside_the_change(verdicts):
    """The one cell that was left as it was passes."""
    assert verdicts["changed", "Cell 3"] == ""


def test_gate_stops_a_flipped_sign_in_the_library(verdicts):
    """With one sign flipped in a copy of ntklib the stored number does not come."""
    assert "Cell outputs differ" in verdicts["flipped", "Cell 0"]
    assert verdicts["flipped", "Cell 1"] == ""


def png(level, **settings):
    """A picture of one grey, in the encoding of a notebook."""
    out = io.BytesIO()
    Image.fromarray(np.full((2, 3), level, np.uint8)).save(out, "PNG", **settings)
    return base64.b64encode(out.getvalue()).decode()


def test_pictures_may_differ_by_rounding_alone():
    """A channel may differ by 2 of 255, as on another processor, and not by 3."""
    assert_same_picture(png(100), png(102))
    for stored, fresh in [(100, 103), (103, 100)]:
        with pytest.raises(AssertionError, match="differs by up to 3 of 255"):
            assert_same_picture(png(stored), png(fresh))


def test_pictures_have_the_same_metadata():
    """Another resolution, with the same pixels, is noticed."""
    with pytest.raises(AssertionError, match="the metadata of the picture differs"):
        assert_same_picture(png(100, dpi=(100, 100)), png(100, dpi=(200, 200)))


def marker(at, height=12, width=12):
    """A picture with a black rectangle that begins at this row and column."""
    grey = np.full((200, 300), 255, np.uint8)
    grey[at : at + height, at : at + width] = 0
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_what_a_similar_picture_shows_may_move_by_a_pixel():
    """A marker that has jumped passes; what is elsewhere, new or gone does not."""
    line = {"height": 1, "width": 40}
    assert_similar_picture(marker(50), marker(51))
    assert_similar_picture(marker(50, **line), marker(51, **line))
    for one, other in [
        (marker(50), marker(52)),
        (marker(50, **line), marker(52, **line)),
        (marker(50, **line), marker(50, height=0)),
    ]:
        for stored, fresh in [(one, other), (other, one)]:
            with pytest.raises(AssertionError, match="moved by more than a pixel"):
                assert_similar_picture(stored, fresh)


def slider(identity, number, alt="t = 1"):
    """The state of a widget with a frame, in which a point has this height."""
    path = f"%3Cpath y=%22{number}%22"
    value = f"<img alt='{alt}' src=\"data:image/svg+xml,{path}\">"
    models = {
        identity * 32: {"state": {"value": value, "layout": "IPY_MODEL_" + 32 * "c"}}
    }
    return {"application/vnd.jupyter.widget-state+json": {"state": models}}


def test_a_number_of_a_similar_frame_may_be_rounded_otherwise():
    """Another id and 0.1 points pass; 0.2 points and another text do not."""
    assert_similar_widgets(slider("a", 139.4), slider("b", 139.5))
    with pytest.raises(AssertionError, match=r"^139\.4 in a frame .* become 139\.6"):
        assert_similar_widgets(slider("a", 139.4), slider("b", 139.6))
    with pytest.raises(AssertionError, match="differs in more than numbers"):
        assert_similar_widgets(slider("a", 139.4), slider("a", 139.4, alt="t = 2"))


def test_similar_outputs_name_their_widgets_by_other_ids():
    """The id of a widget follows its frames; what else is said of it is the same."""
    one, other, third = (
        [{"data": {"application/widget": {"model_id": name, "version": version}}}]
        for name, version in [("a" * 32, 2), ("b" * 32, 2), ("a" * 32, 3)]
    )
    assert_same_outputs(one, other, similar=True)
    with pytest.raises(AssertionError, match="application/widget differs"):
        assert_same_outputs(one, other)
    with pytest.raises(AssertionError, match="application/widget differs"):
        assert_same_outputs(one, third, similar=True)


def test_similar_pictures_have_the_same_metadata():
    """Another resolution, with the same pixels, is noticed here too."""
    with pytest.raises(AssertionError, match="the metadata of the picture differs"):
        assert_similar_picture(png(100, dpi=(100, 100)), png(100, dpi=(200, 200)))


OUTPUTS = [{"data": {"text/plain": "a", "text/html": "b"}}, {"data": {"image/x": "c"}}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda outputs: outputs.pop(), "2 outputs are stored, this run gave 1"),
        (lambda outputs: outputs[0]["data"].pop("text/html"), "stored as"),
        (lambda outputs: outputs.reverse(), "stored as"),
        (
            lambda outputs: outputs[1]["data"].update({"image/x": "d"}),
            "image/x differs",
        ),
    ],
    ids=["fewer", "kind missing", "order", "other kind"],
)
def test_outputs_are_the_same_kinds_in_the_same_order(change, reason):
    """nbval counts outputs by kind; here each has to be in its place."""
    assert_same_outputs(OUTPUTS, OUTPUTS)
    fresh = copy.deepcopy(OUTPUTS)
    change(fresh)
    with pytest.raises(AssertionError, match=reason):
        assert_same_outputs(OUTPUTS, fresh)

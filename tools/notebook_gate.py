"""A pytest plugin: what nbval leaves unchecked, checked in nbval's own run.

`pytest --nbval -p tools.notebook_gate book` executes each notebook once. nbval compares
the text outputs of each cell; this plugin adds the pictures, the other kinds of output
and, after the last cell, the state of the widgets.
"""

import base64
import io
import json
import re
import struct
import zlib

import nbformat
import numpy as np
import pytest
import scipy
from nbclient import NotebookClient
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

from tools.widget_state import drop_scripts

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ROUNDING = 2  # of 255: what another processor may change in a channel of a pixel
# What a finer integration may change in a similar picture. Markers and bars are drawn
# at whole pixels, so one that lies between two of them can jump; where several overlap,
# a few pixels are then like none around them.
MOVE = 1  # pixel
REST = 2e-4  # of all pixels
# The frames of a slider are text, with numbers that are rounded to 0.1 points. A widget
# has an id that depends on all of them.
STEP = 0.1 + 1e-9
BEYOND, FAR = 2000, 1e-3  # points: outside the picture a curve may move by this share
ID = re.compile(r"\b(?:IPY_MODEL_)?[0-9a-f]{32}\b")
FRAME = re.compile(r'data:image/svg[^"]*')
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Notebook(IPyNbFile):
    """A notebook as nbval runs it, with a last item that compares the widgets."""

    def collect(self):
        """The cells, then the state of the widgets that they made."""
        # This client executes nothing: `make execute` has the same class keep the
        # state of widgets, so given the same messages it must end in the same state.
        self.bookkeeper = NotebookClient(nbformat.v4.new_notebook())
        self.bookkeeper.comm_open_handlers = {"jupyter.widget": lambda message: None}
        yield from super().collect()
        yield WidgetState.from_parent(self, name="Widgets")

    def get_kernel_message(self, timeout=None, stream="iopub"):
        """Pass a message of the kernel on; those of widgets are noted on the way."""
        message = super().get_kernel_message(timeout, stream)
        if message["msg_type"] in ("comm_open", "comm_msg"):
            self.bookkeeper.handle_comm_msg([], message, cell_index=0)
        return message


class WidgetState(pytest.Item):
    """The state of a notebook's widgets after its last cell."""

    def runtest(self):
        """Compare the stored state of the widgets with that of this run."""
        notebook = self.parent
        assert isinstance(notebook, Notebook)
        notebook.bookkeeper.set_widgets_metadata()
        drop_scripts(notebook.bookkeeper.nb)
        stored = notebook.nb.metadata.get("widgets")
        fresh = notebook.bookkeeper.nb.metadata.get("widgets")
        similar = self.config.getoption("--similar-pictures")
        compare = assert_similar_widgets if similar else assert_same_widgets
        compare(stored, fresh)

    def repr_failure(self, excinfo):
        """The sentence of the comparison; the traceback leads nowhere useful."""
        if excinfo.errisinstance(AssertionError):
            return f"{self.path}: {excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        """Where the item stands, for pytest's reports."""
        return self.path, 0, f"{self.path.name}::{self.name}"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Put the notebook with its pictures and widgets in the place of nbval's."""
    collectors = yield
    return [
        Notebook.from_parent(parent, path=file_path)
        if isinstance(collector, IPyNbFile)
        else collector
        for collector in collectors
    ]


def pytest_addoption(parser):
    """An option for runs that integrate more finely than the stored one."""
    parser.addoption(
        "--similar-pictures",
        action="store_true",
        help="let what a picture shows move by a pixel",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After nbval has compared the text of a cell, compare the rest."""
    result = yield
    if isinstance(item, IPyNbCell):
        similar = bool(item.config.getoption("--similar-pictures"))
        try:
            assert_same_outputs(item.cell.outputs, item.test_outputs, similar=similar)
        except AssertionError as difference:
            item.raise_cell_error(str(difference))
    return result


def assert_same_outputs(stored, fresh, *, similar=False):
    """The same outputs in the same order; pictures equal up to rounding or similar."""
    compare_pictures = assert_similar_picture if similar else assert_same_picture
    assert len(stored) == len(fresh), (
        f"{len(stored)} outputs are stored, this run gave {len(fresh)}"
    )
    for old, new in zip(stored, fresh, strict=True):
        old_data = old.get("data", {})
        new_data = new.get("data", {})
        assert old_data.keys() == new_data.keys(), (
            f"stored as {sorted(old_data)}, this run gave {sorted(new_data)}"
        )
        for kind in old_data:
            if kind == "image/png":
                compare_pictures(old_data[kind], new_data[kind])
            elif not kind.startswith("text/"):  # nbval has compared text
                old_text = json.dumps(old_data[kind], sort_keys=True)
                new_text = json.dumps(new_data[kind], sort_keys=True)
                if similar:
                    old_text, new_text = ID.sub("", old_text), ID.sub("", new_text)
                assert old_text == new_text, f"{kind} differs"


def assert_same_picture(stored, fresh):
    """Same size and metadata; no channel of a pixel differs by more than rounding."""
    stored, fresh = pixels_of_both(stored, fresh)
    difference = np.abs(stored - fresh).max()
    assert difference <= ROUNDING, f"the picture differs by up to {difference} of 255"


def assert_similar_picture(stored, fresh):
    """Same size and metadata; but for a few pixels, nothing has moved by more than one.

    A line that is only in one picture fails, and so does one that is elsewhere.
    """
    stored, fresh = pixels_of_both(stored, fresh)
    new = unlike_its_surroundings(fresh, stored)
    gone = unlike_its_surroundings(stored, fresh)
    share = np.mean(new | gone)
    assert share <= REST, f"{share:.2%} of the picture moved by more than a pixel"


def unlike_its_surroundings(picture, other):
    """Which pixels of one picture differ from all within a move in the other."""
    size = (2 * MOVE + 1, 2 * MOVE + 1, 1)
    low = scipy.ndimage.minimum_filter(other, size) - ROUNDING
    high = scipy.ndimage.maximum_filter(other, size) + ROUNDING
    return ((picture < low) | (picture > high)).any(axis=2)


def pixels_of_both(stored, fresh):
    """The pixels of two pictures, whose metadata must be the same."""
    stored = base64.b64decode(stored)
    fresh = base64.b64decode(fresh)
    assert metadata(stored) == metadata(fresh), "the metadata of the picture differs"
    return pixels(stored), pixels(fresh)


def metadata(png):
    """All chunks of a PNG file but its pixels; its size is one of them."""
    return [(kind, data) for kind, data in chunks(png) if kind != b"IDAT"]


def chunks(png):
    """The chunks of a PNG file as pairs (kind, data), their checksums verified."""
    assert png[:8] == SIGNATURE, "the picture is not a PNG file"
    start = 8
    while start < len(png):
        length, kind = struct.unpack(">I4s", png[start : start + 8])
        end = start + 8 + length
        data = png[start + 8 : end]
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        assert png[end : end + 4] == checksum, "the picture is corrupt"
        yield kind, data
        start = end + 4


def pixels(png):
    """The picture as an array of 8-bit channels, in integers that can be subtracted."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), int)


def assert_same_widgets(stored, fresh):
    """The same widgets in the same state; the message names the first that differs."""
    old = _states(stored)
    new = _states(fresh)
    assert old.keys() == new.keys(), (
        f"{len(old.keys() - new.keys())} stored widgets did not come in this run, "
        f"{len(new.keys() - old.keys())} new ones came"
    )
    for name in old:
        assert old[name] == new[name], (
            f"the stored state of the widget {name} differs from that of this run"
        )
    assert stored == fresh, "the stored state of the widgets differs"


def assert_similar_widgets(stored, fresh):
    """The same widgets, whatever their ids; numbers of frames differ by a rounding."""
    old = sorted(map(_text_and_numbers, _states(stored).values()))
    new = sorted(map(_text_and_numbers, _states(fresh).values()))
    assert [text for text, _ in old] == [text for text, _ in new], (
        "the stored state of the widgets differs in more than numbers of pictures"
    )
    for (_, old_numbers), (_, new_numbers) in zip(old, new, strict=True):
        for one, other in zip(old_numbers, new_numbers, strict=True):
            allowed = FAR * abs(one) if abs(one) > BEYOND else STEP
            assert abs(one - other) <= allowed, (
                f"{one} in a frame of a slider has become {other}"
            )


def _text_and_numbers(model):
    """A widget's model as a text without ids, and the numbers of its frames."""
    text = ID.sub("", json.dumps(model, sort_keys=True))
    frames = FRAME.findall(text)
    numbers = [float(number) for frame in frames for number in NUMBER.findall(frame)]
    return FRAME.sub(lambda frame: NUMBER.sub("", frame[0]), text), numbers


def _states(widgets):
    """The models in a notebook's metadata by their ids; none if it has no widgets."""
    found = {}
    for content in (widgets or {}).values():
        found |= content["state"]
    return found

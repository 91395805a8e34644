"""Notebooks as they come, in any state."""

import json
import os
import time

import nbformat.v4 as nb
import pytest

from grading import notebooks
from grading.notebooks import (
    Cell,
    blank,
    differences,
    read,
    read_notebook,
    shown,
)
from grading.submissions import ExerciseSet
from tests.grading.conftest import BLANK, POINTS, RIGHT, cells, write

TINY = ExerciseSet(POINTS, [], [])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.7", "is not a notebook (format 4)"),
        (b'{"cells": [1, {"source": 3}]}', "is not a notebook (format 4)"),
        (b'{"worksheets": []}', "is not a notebook (format 4)"),
        (b"[3]", "is not a notebook (format 4)"),
        (b"[" * 10**5, "is not a notebook (format 4)"),
        (b" \n", "is an empty file"),
        (json.dumps({"cells": []}).encode("utf-16"), "is not UTF-8 text; save it ag"),
        (b" " * (21 * 2**20), "is larger than 20 MB; clear the outputs and save it ag"),
    ],
    ids=["pdf", "odd", "format 3", "list", "deep", "empty", "utf-16", "huge"],
)
def test_read_refuses_what_is_no_notebook(tmp_path, content, sentence):
    """Each kind of file that is no notebook gets its half sentence."""
    path = write(tmp_path / "tiny.ipynb", content)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read(path)
    assert str(caught.value).startswith(sentence)


def test_read_refuses_what_is_no_file(tmp_path):
    """A link, a folder and a pipe are not read, whatever is behind them."""
    write(tmp_path / "real.ipynb", cells(RIGHT))
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "real.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "device.ipynb")
    for kind in ("link", "folder", "device"):
        with pytest.raises(ValueError, match=f"^is a {kind}, not a file$"):
            read(tmp_path / f"{kind}.ipynb")


def test_read_takes_names_of_cells_from_labels_and_ids(tmp_path):
    """A cell's name is its grade_id, or else its id; a byte-order mark is skipped."""
    notebook = {**nb.new_notebook(), "cells": cells(RIGHT)[:3]}
    data = json.dumps(notebook).encode("utf-8-sig")
    found = read(write(tmp_path / "tiny.ipynb", data))
    names = ["setup", "stable_step-derivation", "stable_step"]
    assert [cell.id for cell in found] == names
    assert [cell.kind for cell in found] == ["code", "markdown", "code"]
    assert found[2].source == RIGHT["stable_step"]


def test_differences_names_each_kind_of_change(tmp_path):
    """One sentence for each kind of change, with each cell named once."""
    handed_out = read(write(tmp_path / "out.ipynb", cells(BLANK)))
    assert differences(handed_out, handed_out) == []
    made = [dict(cell) for cell in cells(RIGHT) if cell["id"] != "stable_step"]
    made.append(made[-1])  # the test of sharp_rate, twice
    made[-2]["source"] = "assert True"
    made[2]["cell_type"] = "markdown"
    made[4]["metadata"] = {}
    made[4], made[5] = made[5], made[4]
    found = read(write(tmp_path / "in.ipynb", made))
    assert differences(found, handed_out) == [
        "cells missing: stable_step",
        "cells there more than once: sharp_rate-test",
        "cells of another type: stable_step-test",
        "cells changed, though locked (it does not matter for the points): "
        "sharp_rate-test",
        "cells without nbgrader's metadata: general_loss_velocity",
        "some cells are in another order",
    ]


def test_differences_of_a_notebook_without_names(tmp_path):
    """Without any known name of a cell there is one sentence, and no list of all."""
    handed_out = read(write(tmp_path / "out.ipynb", cells(BLANK)))
    sentence = (
        "the cells have lost their names (ids and metadata); "
        "only what their code computes was looked at"
    )
    assert differences([], handed_out) == [sentence]


def test_differences_does_not_see_the_ends_of_lines(tmp_path):
    """Windows' line ends and blanks at the ends of lines are no change."""
    handed_out = read(write(tmp_path / "out.ipynb", cells(BLANK)))
    made = [dict(cell) for cell in cells(BLANK)]
    for cell in made:
        cell["source"] = cell["source"].replace("\n", "  \r\n")
    found = read(write(tmp_path / "in.ipynb", made))
    assert differences(found, handed_out) == []
    assert all("\r" not in cell.source for cell in found)


def test_read_refuses_what_would_fill_the_memory(tmp_path):
    """A million lists take a hundred times the space of their brackets."""
    for inside in (b"[]," * (10**6 + 1), b'{"a":' * (10**6 + 1)):
        path = write(tmp_path / "tiny.ipynb", b'{"cells": [' + inside)
        with pytest.raises(ValueError, match=r"^holds more than 1,000,000 lists; "):
            read(path)


def test_read_takes_one_notebook_at_a_time(tmp_path, monkeypatch):
    """While one is read the lock is taken, also if it turns out to be none."""
    taken = []

    def parsed(data):
        taken.append(notebooks.reading.locked())
        raise ValueError("no")

    monkeypatch.setattr(notebooks, "_parsed", parsed)
    path = write(tmp_path / "tiny.ipynb", cells(RIGHT))
    with pytest.raises(ValueError, match="no"):
        read(path)
    assert taken == [True]
    assert not notebooks.reading.locked()


@pytest.mark.parametrize(
    ("metadata", "python"),
    [
        ({"language_info": {"version": "3.14.1"}}, "3.14.1"),
        ({"language_info": {"version": 3}}, ""),
        ({"language_info": {}}, ""),
        ({"language_info": None}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_read_notebook_has_the_version_of_python(tmp_path, metadata, python):
    """The version that Jupyter writes into a notebook, if it does."""
    notebook = {**nb.new_notebook(), "cells": cells(RIGHT), "metadata": metadata}
    found = read_notebook(write(tmp_path / "tiny.ipynb", notebook))
    assert found.python == python
    assert len(found.cells) == len(cells(RIGHT))


@pytest.mark.parametrize("metadata", [None, {}, {"nbgrader": None}])
def test_read_takes_cells_without_metadata(tmp_path, metadata):
    """A cell without metadata, or with null in its place, is a cell like any other."""
    cell = nb.new_code_cell("x = 1", id="own") | {"metadata": metadata}
    (found,) = read(write(tmp_path / "tiny.ipynb", [cell]))
    assert found == Cell("code", "x = 1", "own")


def test_read_keeps_pictures(tmp_path):
    """Pictures that are pasted into a derivation stay with its cell."""
    cell = nb.new_markdown_cell("![](a.png)", attachments={"a.png": {"image/png": ""}})
    found = read(write(tmp_path / "tiny.ipynb", [cell, *cells(RIGHT)]))
    assert found[0].attachments == {"a.png": {"image/png": ""}}
    assert found[1].attachments == {}


@pytest.mark.parametrize("pictures", [5, ["a.png"], "a.png"])
def test_read_drops_pictures_of_another_form(tmp_path, pictures):
    """What nobody pasted in is nothing to show, and no error of the report."""
    cell = nb.new_markdown_cell("![](attachment:a.png)") | {"attachments": pictures}
    assert read(write(tmp_path / "tiny.ipynb", [cell]))[0].attachments == {}


OWN = nb.new_code_cell("def sharp_rate(lam, m):\n    return 1", id="own")
CHOICE = nb.new_code_cell("x = 1\nsharp_rate = 3", id="own")
DERIVED = nb.new_markdown_cell("It is clear.", id="sharp_rate-derivation")
NOTE = nb.new_markdown_cell("sharp_rate = 3 would be nice", id="note")
CALLED = nb.new_code_cell("print(stable_step)  # def stable_step", id="own")
STUB = nb.new_code_cell(
    "def sharp_rate(lam, m):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
)
LEFT_BELOW = nb.new_code_cell(
    "def sharp_rate(lam, m):\n    return lam\n    raise NotImplementedError()"
)
UNPACKED = nb.new_code_cell("a, sharp_rate = 1, abs")
IMPORTED = nb.new_code_cell("from mine import sharp_rate")
CHECKED = nb.new_code_cell("check('sharp_rate', sharp_rate)")
UNTOUCHED = [
    cell if cell["cell_type"] == "code" else {**cell, "source": "YOUR ANSWER HERE"}
    for cell in cells(BLANK)
]


@pytest.mark.parametrize(
    ("made", "empty"),
    [
        (UNTOUCHED, True),
        ([*UNTOUCHED, NOTE, CALLED], True),
        ([*UNTOUCHED, STUB], True),
        ([*UNTOUCHED, CHECKED], True),
        ([*UNTOUCHED, LEFT_BELOW], False),
        ([*UNTOUCHED, UNPACKED], False),
        ([*UNTOUCHED, IMPORTED], False),
        ([*UNTOUCHED, OWN], False),
        ([*UNTOUCHED, CHOICE], False),
        ([*UNTOUCHED, DERIVED], False),
        (cells(RIGHT), False),
        ([], True),
    ],
    ids=[
        "as handed out",
        "a note",
        "a stub",
        "checked",
        "left below",
        "unpacked",
        "imported",
        "an own cell",
        "a choice",
        "derived",
        "all",
        "none",
    ],
)
def test_blank_is_what_has_no_answer_and_no_derivation(tmp_path, made, empty):
    """One answer or one derivation, in whichever cell, is somebody's work."""
    assert blank(read(write(tmp_path / "in.ipynb", made)), TINY) is empty


def test_blank_takes_no_time_for_empty_lines():
    """20,000 empty lines take a hundredth of a second of the processor, not eight."""
    before = time.process_time()
    assert blank([Cell("code", "\n" * 20_000, "None")], TINY)
    assert time.process_time() - before < 2


def test_shown_is_one_printable_line():
    """Control characters and broken bytes of a file's name become question marks."""
    assert shown("ada\n\x1b[31m") == "ada??[31m"
    assert shown(os.fsdecode(b"b\xff")) == "b\ufffd"
    assert shown("e\u0301") == shown("\xe9") == "\xe9"

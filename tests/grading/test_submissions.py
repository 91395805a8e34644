"""Notebooks as they come: in any layout of files, in any state."""

import json
import os
from pathlib import Path

import nbformat.v4 as nb
import pytest

from grading.submissions import collect, differences, read, released, shown, which
from tests.grading.conftest import BLANK, POINTS, RIGHT, SETUP, cells, write

OTHER = {"ntk": "", "erf_limit": ""}


@pytest.fixture
def sets(tmp_path):
    """Two sets, `tiny` and `kernel`."""
    write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK))
    write(tmp_path / "sets" / "kernel.ipynb", cells(OTHER))
    return released(tmp_path / "sets")


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


def test_released_has_points_and_imports(tmp_path):
    """Points are in the labels of the tests, imports in cells without a label."""
    setup = "import numpy as np\nfrom ntklib import network, Params\nimport ntklib"
    write(tmp_path / "tiny.ipynb", cells(BLANK, setup))
    tiny = released(tmp_path)["tiny"]
    assert tiny.points == POINTS
    assert tiny.imports == ["network", "Params"]


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


@pytest.mark.parametrize(
    ("stem", "made", "name"),
    [
        ("kernel", cells(RIGHT), "tiny"),  # cells count more than the file's name
        ("ada", cells(RIGHT), "tiny"),
        ("ada", [nb.new_code_cell('check("erf_limit", f)')], "kernel"),
        ("ada_kernel", [], "kernel"),
        ("kernel", [], "kernel"),
        ("ada", [nb.new_code_cell(SETUP)], None),
        # as many cells of one as of the other: the name decides
        ("tiny", cells({"ntk": "", "sharp_rate": ""}), "tiny"),
        ("kernel", cells({"ntk": "", "sharp_rate": ""}), "kernel"),
    ],
)
def test_which_set_a_notebook_belongs_to(tmp_path, sets, stem, made, name):
    """Most of the cells decide, then the name of the file."""
    assert which(stem, read(write(tmp_path / "in.ipynb", made)), sets) == name


def collected(folder, sets):
    """What `collect` found: student, file, set and reason of each submission."""
    found = collect(folder, sets)
    return [(one.student, one.file, one.set_name, one.reason) for one in found]


def test_collect_finds_every_layout(tmp_path, sets):
    """A folder for each student, or the student's name in the file's."""
    folder = tmp_path / "in"
    write(folder / "ada" / "deeper" / "kernel.ipynb", cells(OTHER))
    write(folder / "ada_tiny.ipynb", cells(RIGHT))
    write(folder / "bob.ipynb", cells(OTHER))
    write(folder / "_tiny.ipynb", cells(RIGHT))
    write(folder / ".hidden" / "tiny.ipynb", cells(RIGHT))
    write(folder / "ada" / ".ipynb_checkpoints" / "tiny.ipynb", cells(RIGHT))
    assert collected(folder, sets) == [
        ("_tiny", "_tiny.ipynb", "tiny", ""),
        ("ada", "kernel.ipynb", "kernel", ""),
        ("ada", "ada_tiny.ipynb", "tiny", ""),
        ("bob", "bob.ipynb", "kernel", ""),
    ]


def test_collect_has_a_reason_for_everything_else(tmp_path, sets, monkeypatch):
    """A file that cannot be graded stands in the table, with the reason."""
    folder = tmp_path / "in"
    write(folder / "ada" / "old.ipynb", cells(RIGHT))
    write(folder / "ada" / "tiny.ipynb", cells(RIGHT))
    write(folder / "bob_tiny.ipynb", b"")
    write(folder / "cy.pdf", b"%PDF")
    write(folder / "di.ipynb", [])
    (folder / "ed").mkdir()
    (folder / "flo.ipynb").mkdir()
    (folder / "gus").symlink_to(folder / "ada")
    assert collected(folder, sets) == [
        ("ada", "tiny.ipynb", "tiny", ""),
        (
            "ada",
            "old.ipynb",
            None,
            "is a second notebook of the set tiny; tiny.ipynb was taken",
        ),
        ("bob", "bob_tiny.ipynb", "tiny", "is an empty file"),
        ("cy", "cy.pdf", None, "is not a notebook (format 4)"),
        ("di", "di.ipynb", None, "belongs to no set of exercises that is known here"),
        ("ed", "", None, "there is no notebook in the folder"),
        ("flo", "flo.ipynb", None, "is a folder, not a file"),
        ("gus", "gus", None, "is a link, not a file"),
    ]

    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    reasons = {one.file: one.reason for one in collect(folder, sets)}
    assert reasons["cy.pdf"] == "cannot be read (Permission denied)"


def test_shown_is_one_printable_line():
    """Control characters and broken bytes of a file's name become question marks."""
    assert shown("ada\n\x1b[31m") == "ada??[31m"
    assert shown(os.fsdecode(b"b\xff")) == "b\ufffd"

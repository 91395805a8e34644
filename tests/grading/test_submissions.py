"""The sets as they were handed out, and which of them a notebook is of."""

import nbformat.v4 as nb
import pytest

from grading.notebooks import read
from grading.submissions import released, which
from tests.grading.conftest import BLANK, POINTS, RIGHT, SETUP, cells, write

OTHER = {"ntk": "", "erf_limit": ""}


@pytest.fixture
def sets(tmp_path):
    """Two sets, `tiny` and `kernel`."""
    write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK))
    write(tmp_path / "sets" / "kernel.ipynb", cells(OTHER))
    return released(tmp_path / "sets")


def test_released_has_points_and_imports(tmp_path):
    """Points are in the labels of the tests, imports in cells without a label."""
    setup = "import numpy as np\nfrom ntklib import network, Params\nimport ntklib"
    write(tmp_path / "tiny.ipynb", cells(BLANK, setup))
    tiny = released(tmp_path)["tiny"]
    assert tiny.points == POINTS
    assert tiny.imports == ["network", "Params"]


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

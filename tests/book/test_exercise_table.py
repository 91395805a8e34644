"""The table of exercises in the instructor's guide."""

import shutil

import pytest
from sphinx.errors import ExtensionError

from book._ext.exercise_table import points, rows, table, table_of_places
from ntklib import exercises
from tools.execute import ROOT


def test_rows_are_the_exercises_of_the_library():
    """One row each, in the order of the book; the sums are those of the rows."""
    found = rows(ROOT)
    assert [row.name for row in found] == exercises.names()
    assert points(ROOT) == sum(row.points for row in found)
    assert points(ROOT) == sum(points(ROOT, of) for of in {row.set for row in found})


def test_table_has_a_line_for_each_exercise():
    """Name, link to the set, level, minutes, points."""
    lines = table(ROOT).splitlines()
    assert len(lines) == 2 + len(exercises.names())
    ntk = "| `ntk` | {doc}`kernel <exercises/kernel>` | easy | 25 | 3 |"
    assert lines[2] == ntk
    (spread,) = [line for line in lines if line.startswith("| `spread` |")]
    assert spread.endswith(" | 4 |")


def test_table_of_places_has_a_line_for_each_exercise():
    """Variants, and what answers it in the book, as links; one stands nowhere."""
    lines = table_of_places(ROOT).splitlines()
    assert len(lines) == 2 + len(exercises.names())
    places = "{py:obj}`empirical_ntk <ntklib.ntk.empirical_ntk>`, {eq}`eq-ntk-closed`"
    assert lines[2] == f"| `ntk` | 6 | {places} |"
    (nowhere,) = [line for line in lines if line.endswith(" | nowhere |")]
    assert nowhere.startswith("| `noise_floor` | 6 |")
    (spread,) = [line for line in lines if line.startswith("| `spread` |")]
    assert spread.startswith("| `spread` | none |")


def test_rows_refuse_an_exercise_without_cells(tmp_path):
    """An exercise that is in the library alone stops the build, by its name."""
    shutil.copytree(ROOT / "book" / "exercises", tmp_path / "book" / "exercises")
    (tmp_path / "book" / "exercises" / "drift.ipynb").unlink()
    with pytest.raises(
        ExtensionError, match="no set has the exercises kernel_velocity"
    ):
        rows(tmp_path)


def test_points_refuse_an_unknown_set():
    """A slip in the name of a set stops the build."""
    with pytest.raises(ExtensionError, match="there is no set 'kernels'"):
        points(ROOT, "kernels")


def test_guide_shows_the_table_and_the_sum():
    """The page asks for both and types neither."""
    text = (ROOT / "book" / "instructor.md").read_text("utf-8")
    assert "```{exercise-table}\n```" in text
    assert "```{exercise-places}\n```" in text
    assert "{exercise-points}`all` points" in text

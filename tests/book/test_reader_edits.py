"""A reader changes the activation or the data by editing one line of a chapter."""

import re

import pytest

from tests.book.conftest import CHAPTERS
from tests.book.rerun import errors, rerun

PSI = re.compile(r"^psi = jnp\.tanh$", flags=re.MULTILINE)
KEEP = re.compile(r"^keep = (\d+)\b", flags=re.MULTILINE)

chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def other_activation(source, psi):
    """The cell with another activation in place of tanh."""
    return PSI.sub(f"psi = {psi}", source)


def other_data(source):
    """The cell with every second temperature in place of every first or third."""
    return KEEP.sub("keep = 2", source)


@pytest.mark.slow
@chapter
def test_chapter_holds_for_another_odd_smooth_activation(path):
    """With erf for tanh no cell raises anything, and no claim fails."""

    def edit(source):
        return other_activation(source, "jax.scipy.special.erf")

    for cell in rerun(path, edit):
        assert errors(cell) == [], cell.source


@pytest.mark.slow
@chapter
def test_chapter_runs_with_another_activation_and_other_data(path):
    """With softplus and every second temperature all cells run. A claim that needs tanh
    or the stored draw may fail, and says then what was expected.
    """

    def edit(source):
        return other_data(other_activation(source, "jax.nn.softplus"))

    for cell in rerun(path, edit):
        for name, message in errors(cell):
            assert name == "AssertionError", f"{name}: {message}\n{cell.source}"
            assert message.strip(), f"a check fails without a word\n{cell.source}"


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("psi = jnp.tanh\nn = 5", "psi = jax.nn.relu\nn = 5"),
        ("psi = jnp.tanh(2)", "psi = jnp.tanh(2)"),
        ("    psi = jnp.tanh", "    psi = jnp.tanh"),
    ],
)
def test_other_activation_changes_the_one_line(source, changed):
    """Only the line that names the activation of the chapter is changed."""
    assert other_activation(source, "jax.nn.relu") == changed


def test_other_data_changes_the_one_line():
    """The number of the line is changed, and its comment stays."""
    source = "keep = 3  # every third\nX = X[::keep]"
    assert other_data(source) == "keep = 2  # every third\nX = X[::keep]"

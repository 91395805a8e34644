"""The README: its lines of code run, and its picture is the book's."""

import doctest

import jax
import pytest

from book._ext.stored_figure import picture
from tools.execute import ROOT


@pytest.mark.slow
def test_readme_example_prints_what_it_says():
    """A reader who pastes the example into Python sees this, with JAX's settings."""
    text = (ROOT / "README.md").read_text("utf-8")
    example = doctest.DocTestParser().get_doctest(text, {}, "README.md", None, None)
    assert len(example.examples) >= 5
    with jax.enable_x64(False):
        assert doctest.DocTestRunner().run(example).failed == 0


def test_readme_picture_is_the_stored_output():
    """The picture is the landing page's: the output of a cell that is run again."""
    stored = picture(ROOT / "book" / "linear_flow.ipynb", "fig-predict")
    assert (ROOT / ".github" / "landing.png").read_bytes() == stored

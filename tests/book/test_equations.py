"""The equations: labelled, cited, and each the formula of a function or prose."""

import re

import pytest

from book._ext.equation_map import LABEL, chapters, equations, functions, rows
from tests.book.conftest import CHAPTERS
from tools.execute import BOOK, ROOT

WHERE, PROSE = equations(ROOT)


def test_equations_belong_to_a_function_or_are_prose():
    """A label is cited by a public docstring or marked as prose, and never both."""
    cited = {
        label for function in functions(ROOT).values() for label in function.equations
    }
    assert len(WHERE) > 15
    assert cited | PROSE == set(WHERE)
    assert not cited & PROSE


def test_map_has_a_row_for_every_cited_equation():
    """In the map each row has a function, a test and a cell."""
    found = {label: owners for label, owners in rows(ROOT) if owners}
    assert set(found) == set(WHERE) - PROSE
    for owners in found.values():
        assert all(owner.tests and owner.cells for owner in owners)
    assert "```{equation-map}" in (ROOT / "book" / "equations.md").read_text("utf-8")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_displayed_equations_are_labelled(path):
    """Every displayed equation of a chapter has a label, and no label comes twice."""
    cells = chapters(ROOT)[path.stem]
    text = "\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )
    labels = [inside or behind for inside, behind in LABEL.findall(text)]
    assert text.count("$$") == 2 * len(labels)
    assert len(labels) == len(set(labels))
    assert set(labels) == {label for label, stem in WHERE.items() if stem == path.stem}


def test_equations_are_cited_by_number():
    """Every label is cited: in a chapter, the notation table or a docstring."""
    pages = [*BOOK, *(ROOT / "book").glob("*.md"), *(ROOT / "ntklib").rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in pages)
    assert set(WHERE) <= set(re.findall(r"[{:]eq[}:]`(eq-[\w-]+)`", text))

"""The lecture is whole: each item has a place in the book, each correction a cell."""

import ast
import re

import pytest

from book._ext.equation_map import LABEL, chapters
from tools.execute import ROOT

ITEMS = """
Recap: the parameters, independent and normal
The output of the network
The hidden layer
The data set
The loss
(1), gradient flow
(2), the change of the residuals
The random tangent kernel
Remark: a mixture of residuals
Theorem 1, the limit
(3), the linear equation
Remark: the preconditioner
(4), its solution
The exponential of a matrix
The generalised loss
(5), its change
"The second equality is an exercise for the reader"
The change of the squared loss
Lemma 2
Proof of Lemma 2
The differential inequality
Grönwall's inequality
(6), the bound
Consequence: training converges
Remark: the smallest eigenvalue is positive
Exercise 1, the kernel in closed form
Exercise 2, the change of the kernel
Exercise 3, the triple product
Consequence: the change vanishes in the limit
Consequence: the limit kernel is stationary
Reference: Jacot, Gabriel and Hongler
"""
NUMBERS = range(1, 23)
ERRATUM = re.compile(r"<erratum-(\d+)>")
CHAPTERS = {
    stem: [("".join(c["source"]), c["cell_type"]) for c in cells]
    for stem, cells in chapters(ROOT).items()
}
TEXT = {
    stem: "\n".join(text for text, kind in cells if kind == "markdown")
    for stem, cells in CHAPTERS.items()
}
ROWS = re.findall(
    r"^\* - (.+)\n  - (.+)\n  -(.*)$",
    (ROOT / "book" / "lecture.md").read_text("utf-8"),
    re.M,
)[1:]


def entries():
    """The errata: number -> (text of the entry, its code cells).

    An entry begins at its label, and goes on until the next one or until a heading.
    """
    found = {}
    number = None
    for text, kind in CHAPTERS["errata"]:
        if kind == "code":
            if number is not None:
                found[number][1].append(text)
            continue
        before, *labelled = re.split(r"^\(erratum-(\d+)\)=$", text, flags=re.M)
        if not labelled and re.search(r"^##? ", before, re.M):
            number = None
        for label, body in zip(labelled[::2], labelled[1::2], strict=True):
            number = int(label)
            found[number] = (body, [])
    return found


def test_lecture_table_has_every_item_in_order():
    """Formulas, theorems, proofs, remarks and exercises, all in the lecture's order."""
    assert [name for name, _, _ in ROWS] == ITEMS.strip().splitlines()


@pytest.mark.parametrize(("name", "place", "slips"), ROWS, ids=[row[0] for row in ROWS])
def test_lecture_table_links_lead_somewhere(name, place, slips):
    """A row names a page and a label on it, and only corrections that exist."""
    (page,) = re.findall(r"\{doc\}`(\w+)`", place)
    labels = re.findall(r"\{(?:eq|prf:ref|cite)\}`([\w-]+)`", place)
    assert labels
    defined = TEXT.get(page) or (ROOT / "book" / "references.bib").read_text("utf-8")
    here = set(re.findall(r"(?:\$\$ \(|:label: |@\w+\{)([\w-]+)", defined))
    assert set(labels) <= here
    assert {int(number) for number in ERRATUM.findall(slips)} <= set(NUMBERS)


def test_lecture_table_links_to_every_correction():
    """No erratum is without a place in the lecture."""
    slips = " ".join(slips for _, _, slips in ROWS)
    assert {int(number) for number in ERRATUM.findall(slips)} == set(NUMBERS)


def test_errata_are_all_there():
    """22 entries in order, each with what stands and what is right."""
    assert list(entries()) == list(NUMBERS)
    for body, _ in entries().values():
        assert "**Stands:**" in body
        assert re.search(r"\*\*(Right|Both are right|A reason)", body)


@pytest.mark.parametrize("number", NUMBERS)
def test_erratum_is_settled_by_a_cell_and_linked_both_ways(number):
    """A cell with an assertion decides the entry; chapters link to it and back."""
    body, cells = entries()[number]
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    assert any(
        isinstance(node, ast.Assert) or getattr(node, "attr", "") == "assert_allclose"
        for node in nodes
    )
    named = set(re.findall(r"\{doc\}`(\w+)`", body.split("**Used in**")[1]))
    linking = {
        stem
        for stem, text in TEXT.items()
        if f"<erratum-{number}>" in text and stem != "errata"
    }
    assert named
    assert named == linking


def test_ten_formulas_are_ten_with_links():
    """The summary has ten formulas, each with a link to the equation it repeats."""
    text = (ROOT / "book" / "ten_formulas.md").read_text("utf-8")
    items = re.split(r"^\d+\. ", text, flags=re.M)[1:]
    known = {
        label
        for other in TEXT.values()
        for pair in LABEL.findall(other)
        for label in pair
        if label
    }
    assert len(items) == 10
    for item in items:
        assert re.search(r"^ +\$.+\$$", item, re.M)
        assert set(re.findall(r"\{eq\}`([\w-]+)`", item)[:1]) & known


def test_corrections_stand_in_notes():
    """At least one chapter makes each correction in a note, apart from the text."""
    text = "\n".join(text for stem, text in TEXT.items() if stem != "errata")
    notes = "".join(
        match[0]
        for match in re.finditer(r"^(`{3,}|:{3,})\{note\}.+?^\1$", text, re.M | re.S)
    )
    assert set(ERRATUM.findall(notes)) == set(map(str, NUMBERS))

"""The lecture is whole: each item has a place in the book, each correction a cell."""

import ast
import re

import pytest

from book._ext.equation_map import LABEL, chapters
from tests.book.test_chapters import is_check
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
NUMBERS = range(1, 29)
TO_BE_SEEN = {21, 23, 24}  # letters: there is nothing to compute
NOTES = "## If you have the lecture's notes"
ERRATUM = re.compile(r"<erratum-(\d+)>")
CHAPTERS = {
    stem: [("".join(c["source"]), c["cell_type"]) for c in cells]
    for stem, cells in chapters(ROOT).items()
}
TEXT = {
    stem: "\n".join(text for text, kind in cells if kind == "markdown")
    for stem, cells in CHAPTERS.items()
}
PLACE = r"\{(?:eq|prf:ref|cite)\}`([\w-]+)`"
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


def notes(text):
    """What a chapter says to those who have the lecture's notes, and all the rest."""
    before, *found = re.split(rf"^{NOTES}$", text, flags=re.M)
    sections = [re.split(r"^## ", rest, maxsplit=1, flags=re.M) for rest in found]
    said = "".join(section[0] for section in sections)
    return said, before + "".join("".join(section[1:]) for section in sections)


def defined(page):
    """The labels of equations, theorems and references on a page."""
    text = TEXT.get(page) or (ROOT / "book" / "references.bib").read_text("utf-8")
    return set(re.findall(r"(?:\$\$ \(|:label: |@\w+\{)([\w-]+)", text))


def test_lecture_table_has_every_item_in_order():
    """Formulas, theorems, proofs, remarks and exercises, all in the lecture's order."""
    assert [name for name, _, _ in ROWS] == ITEMS.strip().splitlines()


@pytest.mark.parametrize(("name", "place", "slips"), ROWS, ids=[row[0] for row in ROWS])
def test_lecture_table_links_lead_somewhere(name, place, slips):
    """A row names pages and labels on each, and only corrections that exist."""
    for part in place.split(";"):
        (page,) = re.findall(r"\{doc\}`(\w+)`", part)
        labels = re.findall(PLACE, part)
        assert labels
        assert set(labels) <= defined(page)
    assert {int(number) for number in ERRATUM.findall(slips)} <= set(NUMBERS)


def test_lecture_table_links_to_every_correction():
    """No erratum is without a place in the lecture."""
    slips = " ".join(slips for _, _, slips in ROWS)
    assert {int(number) for number in ERRATUM.findall(slips)} == set(NUMBERS)


def test_errata_are_all_there():
    """28 entries in order, each with what is printed and what is correct."""
    assert list(entries()) == list(NUMBERS)
    for body, _ in entries().values():
        assert "**Printed:**" in body
        assert re.search(r"\*\*(Correct|A reason):\*\*", body)


@pytest.mark.parametrize("number", NUMBERS)
def test_erratum_is_settled_by_a_cell(number):
    """A cell with an assertion decides the entry, or it says that none can."""
    body, cells = entries()[number]
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    assert any(map(is_check, nodes)) == (number not in TO_BE_SEEN)
    assert ("**Nothing to compute:**" in body) == (number in TO_BE_SEEN)


@pytest.mark.parametrize("number", NUMBERS)
def test_erratum_is_linked_both_ways(number):
    """An entry names chapters, with a place in each, and exactly these link to it."""
    body, _ = entries()[number]
    (where,) = re.findall(r"\*\*Where it matters:\*\* (.+)", body)
    named = re.findall(r"\{doc\}`(\w+)`", where)
    linking = {
        stem
        for stem, text in TEXT.items()
        if f"<erratum-{number}>" in text and stem != "errata"
    }
    assert named
    assert set(named) == linking
    labels = re.findall(PLACE, where)
    for page in named:
        assert defined(page) & set(labels)
    assert set(labels) <= set.union(*map(defined, named))


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


def test_corrections_stand_apart():
    """A chapter corrects the lecture in one section, and nowhere else."""
    said = {stem: notes(text) for stem, text in TEXT.items() if stem != "errata"}
    assert {
        int(number) for here, _ in said.values() for number in ERRATUM.findall(here)
    } == set(NUMBERS)
    assert not [stem for stem, (_, rest) in said.items() if ERRATUM.search(rest)]

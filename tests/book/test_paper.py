"""The paper for JOSE: front matter, references, and the numbers that it names."""

import re

import pytest
import yaml
from pybtex.database import parse_file

from book._ext.exercise_table import points
from ntk_answers import ANSWERS
from tools.execute import ROOT

PAPER = ROOT / "paper" / "paper.md"
_, FRONT, TEXT = PAPER.read_text("utf-8").split("---\n", maxsplit=2)
SETTINGS = yaml.safe_load(FRONT)
REFERENCES = parse_file(PAPER.with_name("paper.bib")).entries
CHECKLIST = (ROOT / "docs" / "jose-checklist.md").read_text("utf-8")
# The reviewers' checklist of JOSE: the names of its lines, but for the first two, on
# conflicts of interest and conduct, which reviewers answer for themselves.
ITEMS = {
    "General checks": ["Repository", "License", "Version", "Authorship"],
    "Documentation": [
        "A statement of need",
        "Installation instructions",
        "Usage",
        "Community guidelines",
    ],
    "Pedagogy and instructional design": [
        "Learning objectives",
        "Content scope and length",
        "Pedagogy",
        "Content quality",
        "Instructional design",
    ],
    "The paper": [
        "Authors",
        "A statement of need",
        "Description",
        "Use in a classroom, and how it is adopted",
        "Could someone else teach with it?",
        "The story",
        "References",
    ],
}


def test_paper_has_the_front_matter_of_jose():
    """Title, tags, authors whose affiliations are listed, a date, the bibliography."""
    assert SETTINGS["title"]
    assert SETTINGS["tags"]
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]+ 20\d\d", SETTINGS["date"])
    assert SETTINGS["bibliography"] == "paper.bib"
    listed = {place["index"] for place in SETTINGS["affiliations"]}
    for author in SETTINGS["authors"]:
        used = {int(index) for index in str(author["affiliation"]).split(",")}
        assert author["name"]
        assert used <= listed


def test_paper_cites_every_reference_and_no_other():
    """A citation without an entry, or an entry that nobody cites, is a slip."""
    assert set(re.findall(r"@([a-z]\w+)", TEXT)) == set(REFERENCES)


@pytest.mark.parametrize("key", REFERENCES)
def test_references_say_where_they_are(key):
    """An article or a book has a DOI; else there is an address, but for the lecture."""
    entry = REFERENCES[key]
    fields = set(entry.fields)
    assert {"title"} <= fields
    assert entry.persons["author"]
    if entry.type in ("article", "book"):
        assert "doi" in fields
    assert fields & {"doi", "url"} or key == "li2025lecture"


@pytest.mark.parametrize(
    "heading",
    [
        "Summary",
        "Statement of need",
        "Learning objectives",
        "Content and instructional design",
        "How it is adopted",
        "The story of the project",
        "Acknowledgements",
        "References",
    ],
)
def test_paper_has_the_sections_that_jose_asks_for(heading):
    """Each is there once."""
    assert len(re.findall(rf"^# {heading}$", TEXT, re.M)) == 1


def test_paper_is_short():
    """JOSE asks for about a thousand words; they count without the references."""
    assert 800 < len(TEXT.split()) <= 1200


def test_paper_names_the_numbers_of_the_book():
    """Exercises, points, known wrong answers and errata are those of the book."""
    slips = sum(len(answers.slips) for answers in ANSWERS.values())
    errata = (ROOT / "book" / "errata.ipynb").read_text("utf-8")
    entries = set(re.findall(r"\(erratum-(\d+)\)=", errata))
    words = " ".join(TEXT.split())
    assert f"{len(ANSWERS)} exercises for {points(ROOT)} points" in words
    assert f"It knows {slips} wrong answers" in words
    assert f"each of its {len(entries)} entries" in words


@pytest.mark.parametrize("heading", ITEMS)
def test_checklist_answers_every_line(heading):
    """Its tables have JOSE's items, each with an answer."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## )", CHECKLIST, re.M | re.S)[1]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.M)[1:]
    assert [item for item, _ in rows] == ITEMS[heading]
    assert all(len(answer.split()) > 5 for _, answer in rows)

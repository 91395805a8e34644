"""The chapters on the landing page, read from their own first lines."""

import nbformat
import pytest
from sphinx.errors import ExtensionError

from book._ext.chapter_list import (
    direct_needs,
    drawing,
    duration,
    item,
    numbered,
    parts,
    read_chapter,
    said,
)
from tests.book.conftest import CHAPTERS
from tools.execute import ROOT

LINES = (
    "# Title\n\n**Question.** Why?\\\n**Answer.** So.\n\n"
    "*Needed:* {needed}. *Time:* {time}.\n"
)


@pytest.fixture
def chapter(tmp_path):
    """Writes a chapter with these needs and this time, and gives its path."""

    def write(stem, needed="sums", time="25 minutes", lines=LINES):
        source = lines.replace("{needed}", needed).replace("{time}", time)
        cells = [nbformat.v4.new_markdown_cell(source)]
        path = tmp_path / "book" / f"{stem}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return write


def book(folder, *stems):
    """A book with these chapters, the last one in a part of its own."""
    files = "".join(f"\n      - file: book/{stem}" for stem in stems[:-1])
    (folder / "book" / "index.md").write_text("# Book")
    (folder / "book" / "list.md").write_text("# List")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - caption: The lecture\n"
        f"    numbered: true\n    chapters:{files}\n  - caption: Beyond\n"
        f"    numbered: true\n    chapters:\n      - file: book/{stems[-1]}\n"
        "  - caption: Lists\n    chapters:\n      - file: book/list\n"
    )
    return parts(folder)


def test_read_chapter_reads_its_lines(chapter):
    """Title, question, needs with their links, and both times are the chapter's own."""
    path = chapter(
        "a", "{doc}`b` and {doc}`c`; sums", "45 minutes, and 5 for the optional section"
    )
    found = read_chapter(path)
    assert (found.title, found.question, found.needs) == ("Title", "Why?", ["b", "c"])
    assert (found.core, found.optional) == (45, 5)
    assert "45 minutes, and 5 optional" in item(1, found)[0]


@pytest.mark.parametrize("lost", ["# Title", "**Question.**", "*Needed:*"])
def test_read_chapter_stops_at_a_line_that_is_missing(chapter, lost):
    """A chapter without one of the lines stops the build, which names it."""
    path = chapter("a", lines=LINES.replace(lost, "Nothing"))
    with pytest.raises(ExtensionError, match=r"a\.ipynb has no line like") as error:
        read_chapter(path)
    assert lost in str(error.value)


def test_parts_are_those_of_the_table_of_contents(chapter, tmp_path):
    """Numbered parts hold the chapters, which are counted through the book."""
    for stem, needed in {"a": "sums", "b": "{doc}`a`", "z": "{doc}`b`"}.items():
        chapter(stem, needed)
    found = book(tmp_path, "a", "b", "z")
    stems = {part: [one.stem for one in members] for part, members in found.items()}
    assert stems == {"The lecture": ["a", "b"], "Beyond": ["z"]}
    counted = [(number, one.stem) for number, one in numbered(tmp_path, "Beyond")]
    assert counted == [(3, "z")]
    with pytest.raises(ExtensionError, match=r"no numbered part is called 'Lists'"):
        numbered(tmp_path, "Lists")


def test_chapters_stop_at_a_need_that_does_not_come_before(chapter, tmp_path):
    """A chapter that needs a later one, or none of the book, stops the build."""
    for stem, needed in {"a": "{doc}`b`", "b": "sums", "z": "sums"}.items():
        chapter(stem, needed)
    with pytest.raises(
        ExtensionError, match="a needs b, which is no chapter before it"
    ):
        book(tmp_path, "a", "b", "z")


def test_map_draws_direct_needs_alone(chapter, tmp_path):
    """A need of a need has no line of its own; each box links to its chapter."""
    needs = {"a": "sums", "b": "{doc}`a`", "c": "{doc}`a`", "d": "{doc}`a`, {doc}`c`"}
    for stem, needed in (needs | {"z": "sums"}).items():
        chapter(stem, needed)
    main = book(tmp_path, *needs, "z")["The lecture"]
    assert direct_needs(main) == {"a": [], "b": ["a"], "c": ["a"], "d": ["c"]}
    picture = drawing(main)
    assert picture.count("<path") == 3
    assert [f'href="{stem}.html"' in picture for stem in needs] == [True] * 4
    expected = "1 comes first; 2 needs 1; 3 needs 1; 4 needs 3"
    assert said(main) == f"A map of the chapters: {expected}."


def test_duration_is_in_quarters_of_hours():
    """Minutes become hours, to the next quarter."""
    texts = [duration(minutes) for minutes in (60, 445, 416, 130)]
    assert texts == ["1 hours", "7½ hours", "7 hours", "2¼ hours"]


def test_every_chapter_of_the_book_is_listed():
    """The lists hold all chapters of the book, each with at most an hour."""
    members = [one for part in parts(ROOT).values() for one in part]
    stems = {one.stem for one in members}
    assert stems == {path.stem for path in CHAPTERS} - {"errata", "laboratory"}
    assert max(one.core for one in members) <= 60

"""The printed book: all of the site; bookmarks, links, letters."""

import functools
import re
import subprocess
import sys
import unicodedata

import pypdf
import pytest
import yaml
from selectolax.lexbor import LexborHTMLParser

from grading import course
from tests.site.conftest import BROWSER, PAGES, ROOT, SITE


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    """The book's PDF, opened."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome was found")
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    command = [sys.executable, "-m", "tools.print_book", "--to", path]
    command += ["--browser", BROWSER]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def texts(pdf):
    """The text of each sheet."""
    return [page.extract_text() for page in pdf.pages]


@functools.cache
def tree(name):
    """The tree of a page of the site."""
    return LexborHTMLParser((SITE / "book" / f"{name}.html").read_text("utf-8"))


def bookmarks(outline):
    """Titles of all bookmarks, in order."""
    for entry in outline:
        yield from (
            bookmarks(entry)
            if isinstance(entry, list)
            else [" ".join(entry.title.split())]
        )


def fonts(page):
    """Names of a page's fonts, without the prefix of a subset."""
    return {
        str(font.get_object()["/BaseFont"]).rpartition("+")[2]
        for font in page["/Resources"]["/Font"].values()
    }


def headings(name):
    """The headings of a page, but those with formulas.

    A formula is letters and MathML, whose text a bookmark does not repeat.
    """
    found = []
    for heading in tree(name).css("article :is(h1, h2, h3, h4, h5, h6)"):
        if not heading.css(".math"):
            anchor = heading.css_first("a.headerlink")
            text = heading.text().removesuffix(anchor.text() if anchor else "")
            found.append(" ".join(text.split()))
    return found


def test_pdf_holds_every_page_and_section(pdf):
    """Each heading of the site is a bookmark, in the site's order.

    The table of contents stands before them.
    """
    plain = ["Contents"]
    for name in PAGES:
        plain += headings(name)
    assert len(plain) > 150
    marks = list(bookmarks(pdf.outline))
    assert [title for title in plain if title not in marks] == []
    assert [title for title in marks if title in plain] == plain
    assert len(pdf.pages) > 100


def test_pdf_leads_within_itself(pdf):
    """Contents and references lead to places in the file, other links to the web."""
    links = [
        note.get_object() for page in pdf.pages for note in page.get("/Annots", ())
    ]
    inner = [link["/Dest"] for link in links if "/Dest" in link]
    assert len(inner) > 1000
    assert [
        target for target in inner if str(target) not in pdf.named_destinations
    ] == []
    outer = {link["/A"]["/URI"] for link in links if "/URI" in link.get("/A", {})}
    assert outer
    assert [address for address in outer if not address.startswith("https://")] == []


def words(text):
    """The words of a text, without what paper does to letters: "ﬁ" is "fi" again."""
    return re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text))


def solutions(name):
    """The solutions of a page: a title, and its text in pieces.

    Between pieces stand formulas, and the ends of links and paragraphs: there a PDF
    may go on in another order.
    """
    page = LexborHTMLParser(tree(name).html or "")
    for node in page.css("article :is(.math, .headerlink, script)"):
        node.replace_with("\0")
    for node in page.css("article :is(a, p, pre)"):
        node.insert_before("\0")
        node.insert_after("\0")
    for box in page.css("article :is(.solution, details)"):
        title = box.css(".admonition-title, summary")[0].text().replace("\0", "")
        if "olution" in title:
            for node in box.css("summary"):
                node.decompose()
            yield " ".join(title.split()), box.text().split("\0")


@pytest.fixture(scope="module")
def letters(texts):
    """All letters of the PDF in a row, for words may be broken between lines.

    The first line of each sheet is its running head.
    """
    bodies = [text.partition("\n")[2] for text in texts]
    return "".join(words("\n".join(bodies)))


@pytest.mark.parametrize("name", [name for name in PAGES if [*solutions(name)]])
def test_pdf_holds_every_solution(letters, name):
    """Any three words that follow one another in a solution do so on paper.

    But for two such threes, which the end of a sheet may divide.
    """
    missing = {}
    for title, pieces in solutions(name):
        found = [words(piece) for piece in pieces]
        triples = ["".join(w[i : i + 3]) for w in found for i in range(len(w) - 2)]
        lost = [triple for triple in triples if triple not in letters]
        assert triples, title
        if len(lost) > 2:
            missing[title] = lost
    assert missing == {}


def test_pdf_leaves_out_the_code_of_figures(texts):
    """Folded code is left out unless it solves an exercise."""
    text = "".join(texts)
    assert "subplots(" not in text
    assert "Show the code" not in text
    assert "BEGIN SOLUTION" in text


def heads(texts):
    """Title and number above each sheet but the first."""
    return [
        " ".join(text.partition("\n")[0].split()).rpartition(" ")[::2]
        for text in texts[1:]
    ]


def test_pdf_has_running_heads_with_page_numbers(texts):
    """Each sheet but the title page begins with its page's title and its number."""
    titles = {"Contents", *(headings(name)[0] for name in PAGES)}
    found = {unicodedata.normalize("NFKC", title) for title, _ in heads(texts)}
    assert found == titles
    numbers = [int(number) for _, number in heads(texts)]
    assert numbers == list(range(2, len(texts) + 1))


def test_pdf_says_what_and_whose_it_is(pdf, texts):
    """The first page and the metadata name the title, the authors and the version."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    settings = course.read_public()
    first = " ".join(texts[0].split())
    authors = settings.authors[0].upper() + settings.authors[1:]
    said = [settings.whole_title, authors, settings.name, settings.based_on]
    said += ["Mufan Li", "Sidharth Bajaj", "CC BY 4.0"]
    said.append(f"Version {citation['version']}")
    assert [text for text in said if text not in first] == []
    assert pdf.metadata.title == settings.whole_title
    assert pdf.metadata.author == authors


def test_pdf_contents_give_right_pages(pdf, texts):
    """The numbers in the contents are those of the pages where the sections begin."""
    places = {}
    numbers = []
    for page, text in zip(pdf.pages, texts, strict=True):
        if not text.startswith("Contents"):
            continue
        numbers += [int(n) for n in re.findall(r" (\d+)$", text, re.M)[1:]]
        for note in page.get("/Annots", ()):
            places[str(note.get_object()["/Dest"])] = None  # a dict keeps their order
    found = [
        pdf.get_destination_page_number(pdf.named_destinations[place]) + 1
        for place in places
    ]
    assert len(numbers) > 150
    assert numbers == found


def test_pdf_has_no_empty_sheet(pdf, texts):
    """Only the last sheet of a page of the book has few words and no picture."""
    titles = ["", *(title for title, _ in heads(texts)), ""]
    empty = []
    for i, text in enumerate(texts):
        pictures = pdf.pages[i]["/Resources"].get("/XObject")
        if len(text.split()) < 60 and not pictures and titles[i + 1] == titles[i]:
            empty.append(i + 1)
    assert empty == []


def test_pdf_sets_formulas_in_letters(pdf, texts):
    """Formulas are letters in KaTeX's own fonts, embedded in the file."""
    used = set.union(*map(fonts, pdf.pages))
    assert {
        "KaTeX_Main-Regular",
        "KaTeX_Math-Italic",
        "KaTeX_Size2-Regular",
    } <= used
    assert any("∇θ" in text for text in texts[20:40])


def test_pdf_shows_every_picture(pdf, texts):
    """Figures are pictures in the file, and sliders have their stills."""
    figures = sum(len(tree(name).css('img[src$=".webp"]')) for name in PAGES)
    drawn = 0
    for page in pdf.pages:
        for x in page["/Resources"].get("/XObject", {}).values():
            drawn += x.get_object()["/Subtype"] == "/Image"
    assert drawn >= figures > 25
    sliders = sum(len(tree(name).css(".slider-stills")) for name in PAGES)
    stills = sum(text.count("Some pictures of the slider") for text in texts)
    assert stills == sliders >= 7

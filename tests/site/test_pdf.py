"""The printed book: all of the site; bookmarks, links, letters."""

import functools
import subprocess
import sys

import pypdf
import pytest
from selectolax.lexbor import LexborHTMLParser

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

    The table of contents follows the first page.
    """
    first, *others = PAGES
    plain = [*headings(first), "Contents"]
    for name in others:
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


def test_pdf_sets_formulas_in_letters(pdf):
    """Formulas are letters in KaTeX's own fonts, embedded in the file."""
    used = set.union(*map(fonts, pdf.pages))
    assert {
        "KaTeX_Main-Regular",
        "KaTeX_Math-Italic",
        "KaTeX_Size2-Regular",
    } <= used
    assert any("∇θ" in page.extract_text() for page in pdf.pages[20:30])


def test_pdf_shows_every_picture(pdf):
    """Figures are pictures in the file, and sliders have their stills."""
    figures = sum(len(tree(name).css('img[src$=".webp"]')) for name in PAGES)
    drawn = 0
    for page in pdf.pages:
        for x in page["/Resources"].get("/XObject", {}).values():
            drawn += x.get_object()["/Subtype"] == "/Image"
    assert drawn >= figures > 25
    sliders = sum(len(tree(name).css(".slider-stills")) for name in PAGES)
    stills = sum(
        page.extract_text().count("Some pictures of the slider") for page in pdf.pages
    )
    assert stills == sliders >= 7

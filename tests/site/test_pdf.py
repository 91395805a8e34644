"""The printed book: every page, section and formula of the site; bookmarks, links, letters."""

import html
import re
import subprocess
import sys

import pypdf
import pytest

from tests.site.conftest import BROWSER, PAGES, ROOT, SITE


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    """The book's PDF, opened."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome was found")
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    command = [
        sys.executable,
        "-m",
        "tools.print_book",
        "--to",
        path,
        "--browser",
        BROWSER,
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return pypdf.PdfReader(path)


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


def test_pdf_holds_every_page_and_section(pdf):
    """Each heading of the site is a bookmark, in the site's order, with the table of contents after the first page."""
    plain = []
    for name in PAGES:
        page = (SITE / "book" / f"{name}.html").read_text("utf-8")
        article = page[
            page.index('<article class="bd-article"') : page.index("</article>")
        ]
        for text in re.findall(
            r"<h[1-6]>(.*?)</h\d>",
            re.sub(r'<a class="headerlink".*?</a>', "", article, flags=re.S),
            re.S,
        ):
            if (
                'class="math"' not in text
            ):  # letters and MathML, whose text a bookmark does not repeat
                plain.append(
                    " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())
                )
        plain += ["Contents"] if name == PAGES[0] else []
    assert len(plain) > 150
    marks = list(bookmarks(pdf.outline))
    assert [title for title in plain if title not in marks] == []
    assert [title for title in marks if title in plain] == plain
    assert len(pdf.pages) > 100


def test_pdf_leads_within_itself(pdf):
    """The table of contents and the references lead to places in the file, all other links to the web."""
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
    """Formulas are letters in KaTeX's own fonts, embedded in the file; figures are pictures, also those of sliders."""
    assert {
        "KaTeX_Main-Regular",
        "KaTeX_Math-Italic",
        "KaTeX_Size2-Regular",
    } <= set.union(*map(fonts, pdf.pages))
    assert "θ" in pdf.pages[20].extract_text()
    pictures = re.findall(
        r'<img [^>]*src="[^"]*_images/[^"]*webp',
        "".join(
            (SITE / "book" / f"{name}.html")
            .read_text("utf-8")
            .partition('<script type="text/html"')[0]
            for name in PAGES
        ),
    )
    drawn = [
        x.get_object()
        for page in pdf.pages
        for x in page["/Resources"].get("/XObject", {}).values()
    ]
    assert sum(x["/Subtype"] == "/Image" for x in drawn) >= len(pictures) > 25
    sliders = sum(
        (SITE / "book" / f"{name}.html").read_text("utf-8").count("slider-stills")
        for name in PAGES
    )
    assert (
        sum(
            page.extract_text().count("Some pictures of the slider")
            for page in pdf.pages
        )
        == sliders
        >= 7
    )

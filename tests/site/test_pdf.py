"""The printed book, from two of its pages: letters, bookmarks, links."""

import re
import subprocess
import sys

import pytest
from conftest import BROWSER, ROOT


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    """The bytes of the PDF of the landing page and one chapter."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome was found")
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    command = [sys.executable, "book/_ext/print_book.py", "--to", path, "--only", "book/index", "book/ntk"]
    subprocess.run([*command, "--browser", BROWSER], cwd=ROOT, check=True, capture_output=True)
    return path.read_bytes()


def test_pdf_has_pages_bookmarks_and_links(pdf):
    """Every heading is a bookmark, the table of contents leads to each of them, and the chapter takes a few pages."""
    bookmarks = [bytes.fromhex(title.decode()).decode("utf-16") for title in re.findall(rb"/Title <FEFF(\w+)>", pdf)]
    bookmarks += [title.decode() for title in re.findall(rb"/Title \(([^)]*)\)", pdf)]
    assert {"Contents", "3. The tangent kernel", "3.1. The residuals move together", "3.6. Summary"} <= set(bookmarks)
    assert 8 <= len(re.findall(rb"/Type /Page\n", pdf)) <= 20
    assert len(re.findall(rb"/Dest /", pdf)) > 40


def test_pdf_sets_formulas_in_letters(pdf):
    """Formulas are set in KaTeX's own fonts, embedded in the file, and figures are pictures."""
    fonts = {name.decode() for name in re.findall(rb"/FontName /[A-Z]{6}\+([\w-]+)", pdf)}
    assert {"KaTeX_Main-Regular", "KaTeX_Math-Italic", "KaTeX_Size2-Regular"} <= fonts
    assert len(re.findall(rb"/Subtype /Image", pdf)) >= 3

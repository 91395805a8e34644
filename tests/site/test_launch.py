"""The links of a page to its notebook: there if they lead somewhere, and only then."""

from urllib.parse import urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from book._ext.launch import PDF, buttons
from tools.downloads import Places
from tools.execute import ROOT

SITE = ROOT / "_build" / "html"
NOWHERE = Places("", "", "main")
GITHUB = Places("https://b.example", "https://github.com/a/b", "main")


def labels(*arguments, **options):
    """What the links of a page are."""
    return [link["label"] for link in buttons(*arguments, **options)]


def test_buttons_lead_nowhere_else_without_addresses():
    """What is left is the notebook on the site, and the library for it."""
    found = buttons(NOWHERE, "book/ntk", "book/ntk.ipynb", "notebooks/ntk.ipynb")
    labels = [link["label"] for link in found]
    assert labels == ["download-notebook", "download-library"]
    assert not any(urlsplit(link["url"]).scheme for link in found)
    assert buttons(NOWHERE, "book/notation", "book/notation.md", None) == []


def test_buttons_lead_to_colab_binder_source_and_issues_with_addresses():
    """With a repository on GitHub each place has its link."""
    found = buttons(GITHUB, "book/ntk", "book/ntk.ipynb", "notebooks/ntk.ipynb")
    urls = {link["text"]: link["url"] for link in found}
    assert urls == {
        "Open in Colab": "https://colab.research.google.com/github/a/b/blob/"
        "notebooks/ntk.ipynb",
        "Binder": "https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/book/ntk.ipynb",
        "Download this notebook": "notebooks/ntk.ipynb",
        "View source": "https://github.com/a/b/blob/main/book/ntk.ipynb",
        "Report an issue": "https://github.com/a/b/issues/new"
        "?title=On%20book/ntk%3A%20",
    }
    text = labels(GITHUB, "book/notation", "book/notation.md", None, pdf=True)
    assert text == ["download-pdf", "view-source", "report-issue"]


@pytest.mark.slow
def test_links_to_files_lead_to_files():
    """Each page has its notebook; the PDF is linked if and only if it is there."""
    pages = list((SITE / "book").rglob("*.html"))
    linked = 0
    for page in pages:
        tree = LexborHTMLParser(page.read_text("utf-8"))
        for link in tree.css(".dropdown-page-actions a.dropdown-item"):
            address = link.attrs.sget("href")
            if not urlsplit(address).scheme:
                assert (page.parent / address).resolve().is_file(), (page, address)
            linked += address.endswith(".ipynb")
        offered = bool(tree.css(".btn-download-pdf"))
        assert offered == (SITE / PDF).exists()
    assert linked == len(list((SITE / "notebooks").rglob("*.ipynb")))

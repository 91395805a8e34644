"""The search: words lead to the section that a reader looks for, from a file too."""

import json
import re
from urllib.parse import quote

import pytest

from tests.site.conftest import SITE, weight

# What a reader types; the page of the first result, and a part of its title.
QUERIES = {
    "(3.4)": ("ntk", r"\(3\.4\)"),
    "lojasiewicz": ("gronwall", "Łojasiewicz"),
    "λ_min": ("spectrum", "smallest eigenvalue"),
    "overfitting": ("linear_flow", "points"),
    "cross entropy": ("general_loss|steps", "loss"),
    "relu kernel": ("limit_kernel", "[Rr]elu"),
    "why 1/sqrt n": ("network", "network|start"),
    "learning rate": ("gradient_flow", "flow|step"),
    "exercise 2": ("kernel_drift", "Exercise 2"),
    "theorem 1": ("limit_kernel", "Theorem 1"),
    "lemma 2": ("rayleigh", "Lemma"),
    "eq-residual": ("ntk", "Equation"),
    "residual equation": ("ntk", "Equation"),
    "gronwall equation": ("gronwall", "Equation"),
    "Grönwall": ("gronwall", "Grönwall"),
    "tangent kernel": ("ntk", "tangent kernel"),
    "closed form of the kernel": ("ntk", "closed form"),
    "law of large numbers": ("limit_kernel", "law of large numbers"),
    "rank": ("spectrum|ntk", "[Rr]ank|Gram"),
    "gradient descent": ("gradient_flow", "[Dd]escent"),
    "eigenvectors": ("linear_flow", "[Ee]igen"),
    "new points": ("linear_flow", "points"),
    "lazy training": ("kernel_drift", "kernel"),
    "hermite polynomials": ("spectrum", "Hermite"),
    "chernoff": ("spectrum", "Chernoff"),
    "triple product": ("kernel_drift", "triple product"),
    "price's identity": ("limit_kernel", "Price"),
    "empirical_ntk": ("api", "empirical_ntk"),
    "lojasievicz": ("gronwall", "Łojasiewicz"),
    "random start": ("network", "random start"),
}


def results(page):
    """The results of the search page: address, title and excerpt of each."""
    page.locator("#search-results .search-summary").wait_for()
    return page.locator("#search-results li").evaluate_all(
        """items => items.map(e => [
          e.querySelector("a").href, e.querySelector("a").textContent,
          e.querySelector("p").textContent])"""
    )


@pytest.fixture(scope="module")
def search_page(open_page, tabs):
    """The search page, opened from a file."""
    page = open_page("../search", base=SITE.as_uri())
    yield page
    tabs.give_back(page)


@pytest.mark.parametrize("words", QUERIES)
def test_search_leads_to_the_section_first(search_page, words):
    """The first result is the section, or the thing with the number, that is meant.

    Its excerpt is text with a word in it, and no list of functions.
    """
    search_page.locator(".bd-search-container input").fill(words)
    found = results(search_page)
    address, title, excerpt = found[0]
    page, part = QUERIES[words]
    assert re.search(rf"/book/({page})\.html", address), found[:4]
    assert re.search(part, title), found[:4]
    assert re.search("[a-z]{2}", excerpt) or title.startswith("Equation")
    assert "Functions used" not in excerpt
    assert len(excerpt) < 400
    assert search_page.troubles == []


@pytest.mark.parametrize("served", [True, False], ids=["served", "file"])
def test_search_lands_at_the_section(visit, address, served):
    """A click on a result shows the heading of its section on the screen.

    The form in the page's corner leads to the results.
    """
    base = address if served else SITE.as_uri()
    page = visit("notation", base=base)
    page.locator(".search-button__button:visible").first.click()
    page.locator("#pst-search-dialog input").fill("lojasiewicz")
    page.locator("#pst-search-dialog input").press("Enter")
    page.wait_for_url("**/search.html?q=lojasiewicz")
    results(page)
    page.locator("#search-results li a").first.click()
    page.wait_for_url("**/gronwall.html#*")
    page.wait_for_timeout(500)
    top = page.locator("article h2", has_text="Łojasiewicz").bounding_box()["y"]
    assert 0 <= top < 450
    assert page.evaluate("scrollY") > 2000
    assert page.troubles == []


def test_search_says_that_nothing_was_found(visit, address):
    """Words that the book has not are answered in a sentence; the page is light."""
    page = visit(f"../search.html?q={quote('xylophone')}&x=")
    assert results(page) == []
    assert "Nothing was found" in page.locator(".search-summary").inner_text()
    assert weight(page.requests) < 4.5e5
    assert not any("searchindex" in url for url in page.requests)


def test_search_has_every_section_and_formulas_as_text():
    """Each section of each page is an entry; no formula comes twice, or as TeX."""
    script = (SITE / "_static" / "search_index.js").read_text("utf-8")
    index = json.loads(script.removeprefix("const SEARCH_INDEX = ").rstrip(";\n"))
    found = {entry["address"] for entry in index["entries"]}
    for path in (SITE / "book").rglob("*.html"):
        address = path.relative_to(SITE).as_posix()
        text = path.read_text("utf-8")
        link = r'<a class="headerlink" href="(#[^"]+)" title="Link to this heading"'
        anchors = re.findall(link, text)
        assert len({address + anchor for anchor in anchors} - found) <= 1  # the title
    text = " ".join(" ".join(e["text"]) for e in index["entries"])
    assert "λ_min(" in text
    assert "\\frac" not in text
    assert "\\lambda" not in text
    solutions = [e["address"] for e in index["entries"] if "solution-" in e["address"]]
    assert solutions == []


def test_search_words_stand_in_the_book():
    """Every word that search_words.toml gives for another is in the book."""
    script = (SITE / "_static" / "search_index.js").read_text("utf-8")
    index = json.loads(script.removeprefix("const SEARCH_INDEX = ").rstrip(";\n"))
    entries = [" ".join([e["title"], *e["text"]]).lower() for e in index["entries"]]
    for typed, meant in index["words"].items():
        assert any(all(word in e for word in meant.split()) for e in entries), typed

"""The markup of the pages: valid HTML, solutions that open, addresses that stay."""

import json
import subprocess
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from book._ext.addresses import robots, root_path, sitemap
from book._ext.katex_math import node_program
from tests.site.conftest import SITE, page_of_book

HERE = Path(__file__).parent
VALIDATOR = HERE / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
WITH_SOLUTIONS = ["gronwall", "ntk", "errata", "quadrature"]


def test_pages_are_valid_html(tmp_path):
    """The validator finds nothing on any page.

    Its rules that are off are about style (how attributes and blanks are written), or
    refuse what is right here: styles of KaTeX, a role of a heading with its level, and
    a search form of one field, which the Enter key sends. Formulas are left out: they
    hold most elements of a page, and all of them are KaTeX's.
    """
    for path in SITE.rglob("*.html"):
        inside = path.relative_to(SITE)
        if inside.parts[0] == "_static" or path.name == "whole-book.html":
            continue  # the second is there while another test prints the book
        tree = LexborHTMLParser(path.read_text("utf-8"))
        for formula in tree.css(".katex"):
            formula.replace_with("formula")
        copy = tmp_path / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(tree.html, "utf-8")
    config = HERE / "html-validate.json"
    run = subprocess.run(
        [node_program(), VALIDATOR, "--config", config, "--formatter", "json", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [
        f"{Path(file['filePath']).name}: {fault['ruleId']}: {fault['message']}"
        for file in json.loads(run.stdout)
        for fault in file["messages"]
    ]
    assert sorted(set(faults)) == []
    assert run.returncode == 0


# ---- solutions ----------


@page_of_book
def test_cells_of_solutions_lie_in_them(name):
    """No cell that is a solution's code stands outside of it; ids are no counters."""
    tree = LexborHTMLParser((SITE / "book" / f"{name}.html").read_text("utf-8"))
    prompts = [node.text() for node in tree.css("summary .collapsed")]
    assert [text for text in prompts if "solution's" in text] == []
    exercises = {node.attributes["id"] for node in tree.css("div.exercise")}
    solutions = tree.css(".solution")
    assert {node.tag for node in solutions} <= {"details"}
    assert {node.attributes["id"] for node in solutions} == {
        f"solution-{exercise}" for exercise in exercises
    }


@pytest.mark.parametrize("name", WITH_SOLUTIONS)
@pytest.mark.parametrize("scripts", [True, False])
def test_solution_opens_with_its_cells(visit, name, scripts):
    """Nothing of a solution or its cells is seen before; then all of it is.

    Each has a name of its own.
    """
    page = visit(name, scripts=scripts)
    solutions = page.locator("details.solution")
    assert solutions.locator(".cell").count() > 0
    names = solutions.locator("summary").all_inner_texts()
    assert len(set(names)) == len(names) > 0
    for solution in solutions.all():
        inside = solution.locator(":is(p, pre):not(summary *)")
        assert inside.count() > 0
        assert not any(part.is_visible() for part in inside.all())
        solution.locator("summary").press("Enter")
        assert all(part.is_visible() for part in inside.all())


def test_link_to_a_solution_opens_it(visit):
    """A solution is open for whoever comes by a link to it, or to its cell."""
    page = visit("gronwall")
    page.goto(f"{page.url}#solution-ex-path")
    page.reload()
    solution = page.locator("#solution-ex-path")
    assert solution.get_attribute("open") is not None
    assert page.locator("details.solution[open]").count() == 1
    page.evaluate("location.hash = '#solution-ex-discrete'")
    page.locator("#solution-ex-discrete[open]").wait_for()
    cell = page.locator("#solution-ex-path .cell").get_attribute("id")
    solution.evaluate("e => { e.open = false; }")
    page.evaluate("id => { location.hash = id; }", cell)
    page.locator("#solution-ex-path[open]").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_permalinks_are_reached_by_key(visit, width):
    """The link to a heading has a name, and is seen when the focus is on it."""
    page = visit("gronwall", width=width)
    links = page.locator("article .headerlink")
    names = links.evaluate_all("all => all.map(e => e.ariaLabel)")
    assert all(name.startswith("Link to this") for name in names)
    look = "e => [getComputedStyle(e).opacity, document.activeElement === e]"
    link = page.locator("article h2 .headerlink").first
    assert link.evaluate(look) == ["0", False]
    page.locator("article h1 .headerlink").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate(look)[1]:
            break
    assert link.evaluate(look) == ["1", True]


# ---- addresses ----------

BASE = "https://example.org/ntk"


def test_page_for_wrong_addresses_leads_back_from_any_depth():
    """Its links begin at the site's root, and lead to pages that exist."""
    tree = LexborHTMLParser((SITE / "404.html").read_text("utf-8"))
    assert tree.css_first("base").attributes["href"].startswith("/")
    links = [node.attributes["href"] for node in tree.css("a")]
    assert len(links) == 2
    assert all((SITE / link).exists() for link in links)
    assert root_path("") == root_path("https://example.org") == "/"
    assert root_path(BASE) == root_path(f"{BASE}/") == "/ntk/"


def test_sitemap_and_robots_name_the_address_alone():
    """With an address there are a map and a line that names it; without, none."""
    text = sitemap(f"{BASE}/", ["book/ntk", "book/a&b"])
    assert f"<loc>{BASE}/book/ntk.html</loc>" in text
    assert "a&amp;b" in text
    assert robots(BASE).endswith(f"Sitemap: {BASE}/sitemap.xml\n")
    assert "Sitemap" not in robots("")
    assert (
        (SITE / "robots.txt").read_text("utf-8").startswith("User-agent: *\nAllow: /\n")
    )
    page = (SITE / "book" / "ntk.html").read_text("utf-8")
    addressed = (SITE / "sitemap.xml").exists()
    assert ('rel="canonical"' in page) == ('property="og:url"' in page) == addressed

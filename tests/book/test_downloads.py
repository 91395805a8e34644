"""The notebooks to take away: plain Markdown, the page's numbers, a library."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.book.conftest import CHAPTERS
from tools.downloads import (
    Places,
    install_cell,
    markdown,
    pinned,
    places,
    version,
    wheel_name,
)
from tools.execute import ROOT

SITE = ROOT / "_build" / "html"
NOTEBOOKS = SITE / "notebooks"
STEMS = [path.stem for path in CHAPTERS]
MYST = re.compile(r"\{[\w:-]+\}`|^(?:`{3,}|:{3,})\{|:::|^:\w+:|^\([\w-]+\)=|^% ", re.M)
# Slow, as all that needs the built site.
chapter = pytest.mark.parametrize("stem", STEMS)


class Words:
    """Numbers and words that are easy to see in a text."""

    places = Places("", "", "main")

    def number(self, kind, label):
        """The kind, or nothing for an equation, and 9.9."""
        return "9.9" if kind == "displaymath" else f"{kind.capitalize()} 9.9"

    def role(self, name, title, target, page):
        """What the role holds."""
        return f"<{name} {target}>"


def plain(text):
    """A text of MyST in plain Markdown."""
    return markdown(text, "book/page", Words())


def test_markdown_gives_equations_their_numbers():
    """$$ … $$ (eq-a) gets a tag, and a comment and an anchor go."""
    text = "% prose: eq-a\n(here)=\n$$\na = b,\n$$ (eq-a)\n\nBy {eq}`eq-a` it is."
    assert plain(text) == "$$\na = b,\n\\tag{9.9}\n$$\n\nBy <eq eq-a> it is."


def test_markdown_turns_directives_into_text():
    """Theorems get a bold head, notes a quote, solutions a fold; also in each other."""
    theorem = ":::{prf:theorem} Two\n:label: thm-two\nIt is **so**.\n:::"
    assert plain(theorem) == "**Theorem 9.9 (Two).** It is **so**."
    assert plain("```{note}\nOne.\n\nTwo.\n```") == "> **Note**\n>\n> One.\n>\n> Two."
    solution = "```{solution} ex-a\n:class: dropdown\nYes.\n```"
    head = "<details><summary>Solution of Exercise 9.9</summary>"
    assert plain(solution) == f"{head}\n\nYes.\n\n</details>"
    nested = "::::{admonition} A $b$\n:::{note}\nIn.\n:::\n::::"
    assert plain(nested) == "> **A $b$**\n>\n> > **Note**\n> >\n> > In."


def test_markdown_shows_the_source_of_the_library():
    """A literalinclude becomes the function's lines, decorator included."""
    text = plain("```{literalinclude} ../ntklib/ntk.py\n:pyobject: _empirical_ntk\n```")
    assert text.startswith("```python\n# from ntklib/ntk.py\n")
    assert "def _empirical_ntk(" in text
    assert text.endswith("\n```")


def test_markdown_refuses_an_open_fence():
    """A directive without an end would swallow the rest of the cell."""
    with pytest.raises(ValueError, match="the fence ``` is never closed"):
        plain("```{note}\nOne.")


@pytest.mark.parametrize(
    ("site", "repository", "source"),
    [
        ("https://b.example", "", f"@ https://b.example/notebooks/{wheel_name()}"),
        ("", "https://r.example/a/b", f"@ git+https://r.example/a/b@v{version()}"),
        (
            "",
            "https://github.com/a/b",
            f"@ https://github.com/a/b/archive/refs/tags/v{version()}.zip",
        ),
        ("", "", f"./{wheel_name()}[notebooks]"),
    ],
)
def test_install_cell_names_what_there_is(site, repository, source):
    """The site's wheel, else the release's tag, else the file beside the notebook."""
    cell = install_cell(Places(site, repository, "main"))
    assert source in cell.source
    assert cell.source.endswith(f"{pinned('jax')}')")
    compile(cell.source, "cell", "exec")  # grading reads it as plain Python


def test_places_come_from_one_file_and_the_environment():
    """_config.yml has the addresses; NTK_BASEURL and NTK_REPOSITORY go before it."""
    assert places(environment={}) == Places("", "", "main")
    named = {
        "NTK_BASEURL": "https://b.example/",
        "NTK_REPOSITORY": "https://github.com/a/b.git",
    }
    found = places(environment=named | {"NTK_SOLUTIONS": "yes"})
    assert found == Places("https://b.example", "https://github.com/a/b", "main")
    assert found.on_github == "a/b"


@pytest.mark.parametrize("chosen", ["no", "2999-12-31"])
def test_repository_has_no_address_while_solutions_are_not_shown(chosen):
    """It has them all: neither links nor the first cells of notebooks lead there."""
    named = {"NTK_REPOSITORY": "https://github.com/a/b", "NTK_SOLUTIONS": chosen}
    where = places(environment=named)
    assert where == Places("", "", "main")
    assert f"./{wheel_name()}[notebooks]" in install_cell(where).source


@pytest.mark.slow
@chapter
def test_download_is_a_notebook_in_plain_markdown(stem):
    """It is valid, no MyST is left, and its first code installs the library."""
    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert not MYST.search("\n".join(text))
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.id == "library"
    assert "widgets" not in notebook.metadata


@pytest.mark.slow
@chapter
def test_download_has_the_numbers_of_its_page(stem):
    """Equations, theorems, figures and references have the page's numbers."""
    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    text = "\n".join(cells)
    page = LexborHTMLParser((SITE / "book" / f"{stem}.html").read_text("utf-8"))
    shown = [node.text().strip("()#") for node in page.css("span.eqno")]
    assert re.findall(r"\\tag\{([\d.]+)\}", text) == shown
    article = page.css("article.bd-article")[0]
    referred = [
        link.text()
        for link in article.css('a.reference.internal[href*="#"]')
        if re.fullmatch(r"(?:Fig|Theorem|Lemma|Exercise)\.? [\d.]+", link.text())
    ]
    # A fold of the page comes out in the order of the text too.
    for name in dict.fromkeys(referred):
        assert text.count(name) >= referred.count(name), name


@pytest.mark.slow
def test_download_runs_in_another_folder(tmp_path):
    """A chapter runs by itself, with the site's wheel and without this repository."""
    name = "network.ipynb"
    shutil.copy(NOTEBOOKS / name, tmp_path)
    target = tmp_path / "library"
    wheel = NOTEBOOKS / wheel_name()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    offline = ["--no-index", "--disable-pip-version-check", "--target", target, wheel]
    subprocess.run([*install, *offline], check=True)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
    environment = os.environ | {"PYTHONPATH": str(target), "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [*command, "--output", "done.ipynb", name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "seasons.csv").exists()

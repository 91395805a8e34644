"""The build of a small book with this book's settings: it passes, or says why not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools.execute import ROOT

pytestmark = pytest.mark.slow

PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def code(source, *outputs):
    """The first code cell of a notebook, executed."""
    return nbformat.v4.new_code_cell(source, execution_count=1, outputs=list(outputs))


def build(folder, pages):
    """Build a book of notebooks, given as cells by their names, into `folder`."""
    (folder / "book").mkdir()
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    first, *others = pages
    toc = ["format: jb-book", f"root: book/{first}", "chapters:"]
    toc += [f"- file: book/{name}" for name in others]
    (folder / "_toc.yml").write_text("\n".join(toc if others else toc[:2]))
    for name, cells in pages.items():
        title = nbformat.v4.new_markdown_cell(f"# {name}")
        notebook = nbformat.v4.new_notebook(cells=[title, *cells], metadata=PYTHON)
        nbformat.write(notebook, folder / "book" / f"{name}.ipynb")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    command += ["-n", "-W", "--keep-going"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_build_passes_a_sound_notebook(tmp_path):
    """A small book builds; without this the next tests would prove nothing."""
    formula = nbformat.v4.new_markdown_cell("$$\n\\frac{1}{2}\n$$ (eq-half)")
    result = build(tmp_path, {"only": [formula, code("1 + 1")]})
    assert result.returncode == 0, result.stdout + result.stderr
    page = (tmp_path / "_build" / "html" / "book" / "only.html").read_text("utf-8")
    assert "katex" in page


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The build of a book with a fault on each of two pages."""
    error = nbformat.v4.new_output(
        "error", ename="ZeroDivisionError", evalue="division by zero", traceback=[]
    )
    bad_tex = nbformat.v4.new_markdown_cell(r"Bad: $\frac{1}$")
    pages = {"raises": [code("1 / 0", error)], "tex": [bad_tex, code("1")]}
    return build(tmp_path_factory.mktemp("faulty"), pages)


def test_build_stops_at_a_notebook_that_raises(faulty):
    """An error among the stored outputs stops the build, which names the cell."""
    assert faulty.returncode != 0
    said = r"raises\.ipynb: code cell 1 .*raised ZeroDivisionError: division by zero"
    assert re.search(said, faulty.stderr)


def test_build_stops_at_bad_tex(faulty):
    """TeX that cannot be set stops the build, with its file."""
    assert faulty.returncode != 0
    assert re.search(r"tex\.ipynb.*KaTeX parse error", faulty.stderr)

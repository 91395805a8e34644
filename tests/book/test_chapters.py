"""The shape of the notebooks: what assertions, figures and sliders must have."""

import ast
import json
import re

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

from book._ext.equation_map import chapters
from tests.book.conftest import CHAPTERS
from tools.execute import BOOK, ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
RUNTIME = {"base", "controls", "output"}  # what each Jupyter can show
BYTES = 400_000  # of a slider with all its pictures

notebook = pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)


def read(path):
    """The parsed notebook."""
    return json.loads(path.read_text("utf-8"))


def source(cell):
    """The text of a cell."""
    return "".join(cell["source"])


def shows(cell, kind):
    """Whether an output of the cell is of the kind."""
    return any(kind in output.get("data", {}) for output in cell.get("outputs", []))


def is_check(node):
    """Whether a node of the syntax tree is an assertion, Python's or NumPy's."""
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = getattr(called, "attr", getattr(called, "id", ""))
    return name.startswith("assert_")


@notebook
def test_comparisons_can_fail(path):
    """A notebook has two assertions or more, and no comparison that nobody reads."""
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    nodes = [node for cell in cells for node in ast.walk(ast.parse(source(cell)))]
    assert sum(is_check(node) for node in nodes) >= 2
    statements = [ast.unparse(node) for node in nodes if isinstance(node, ast.Expr)]
    unread = [
        text for text in statements if "close" in text and "assert_allclose" not in text
    ]
    assert not unread


@notebook
def test_folded_checks_count_themselves(path):
    """ "3 checks passed: …" stands under a folded cell that holds three assertions."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] != "code":
            continue
        printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        said = re.findall(r"^(\d+|one) checks? passed: ", printed, flags=re.MULTILINE)
        if not said:
            continue
        nodes = ast.walk(ast.parse(source(cell)))
        number = sum(is_check(node) for node in nodes)
        assert said == ["one" if number == 1 else str(number)]
        assert "hide-input" in cell["metadata"]["tags"]
        assert cell["metadata"]["mystnb"]["code_prompt_show"] == "Show the checks"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_figures_have_alt_text_caption_and_name(path):
    """A picture has alt text, a caption and a name to cite, and its code is folded."""
    pictures = [cell for cell in read(path)["cells"] if shows(cell, "image/png")]
    assert pictures
    for cell in pictures:
        settings = cell["metadata"]["mystnb"]
        assert len(settings["image"]["alt"]) > 40
        assert len(settings["figure"]["caption"]) > 40
        assert settings["figure"]["name"].startswith("fig-")
        assert "hide-input" in cell["metadata"]["tags"]


def sliders(cells):
    """Where the sliders and the panels of the laboratory stand."""
    return [i for i, cell in enumerate(cells) if shows(cell, WIDGET)]


def is_panel(cell):
    """Whether a cell shows a panel of the laboratory, which pages draw from HTML."""
    return shows(cell, WIDGET) and shows(cell, "text/html")


def next_text(cells):
    """The first of the cells that is text."""
    return next(source(cell) for cell in cells if cell["cell_type"] == "markdown")


WITH_SLIDERS = [path for path in BOOK if sliders(read(path)["cells"])]
with_sliders = pytest.mark.parametrize("path", WITH_SLIDERS, ids=lambda path: path.stem)


@with_sliders
def test_sliders_stand_between_words(path):
    """A slider is introduced, is followed by what to see, and its code is folded."""
    cells = read(path)["cells"]
    for i in sliders(cells):
        assert next_text(cells[i::-1]).endswith(":")
        assert "What to see: " in next_text(cells[i:])
        assert "hide-input" in cells[i]["metadata"]["tags"]


@with_sliders
def test_sliders_stand_beside_a_figure(path):
    """A chapter with a slider has a picture for those who cannot move one."""
    assert any(shows(cell, "image/png") for cell in read(path)["cells"])


@with_sliders
def test_sliders_are_light_and_need_no_other_runtime(path):
    """A slider weighs at most 0.4 MB and is made of widgets of any Jupyter."""
    book = read(path)
    (stored,) = book["metadata"]["widgets"].values()
    assert len(json.dumps(stored)) < BYTES * len(sliders(book["cells"]))
    modules = {model["model_module"] for model in stored["state"].values()}
    runtime = {f"@jupyter-widgets/{name}" for name in RUNTIME}
    assert modules <= runtime | {"anywidget"}
    panels = [cell for cell in book["cells"] if is_panel(cell)]
    models = [m for m in stored["state"].values() if m["model_module"] == "anywidget"]
    assert len(models) >= len(panels)  # a cell may use one and not show it
    # their script is the library's, and a kernel sends it
    assert not any({"_esm", "_css"} & model["state"].keys() for model in models)


def test_sliders_are_in_several_chapters():
    """The tests above have something to look at."""
    assert len(WITH_SLIDERS) >= 5


def test_chapters_are_the_notebooks():
    """Every notebook under book/ is listed in _toc.yml, so it is built and checked."""
    assert set(chapters(ROOT)) == {path.stem for path in CHAPTERS}
    listed = set(parse_toc_yaml(ROOT / "_toc.yml"))
    assert {
        path.relative_to(ROOT).with_suffix("").as_posix() for path in BOOK
    } <= listed

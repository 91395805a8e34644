"""The way from equation to function to test to cell, read from book and library.

A labelled equation of a chapter belongs to the public functions whose docstring cites
it with :eq:`label`, or is marked as prose by a MyST comment, ``% prose: label``, in its
chapter. The directive ``equation-map`` shows the map as a table.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_external_toc.parsing import parse_toc_yaml

LABEL = re.compile(r"\$\$\s*\((eq-[\w-]+)\)|^:label:\s*(eq-[\w-]+)", re.M)
PROSE = re.compile(r"^% prose:(.*)$", re.M)


@dataclass
class Function:
    """A public function of the library: what it cites, what tests it, where it is used.

    A cell is the stem of its chapter with its number among the chapter's code cells.
    """

    name: str
    module: str
    equations: list[str]
    tests: list[str] = field(default_factory=list)
    cells: list[tuple[str, int]] = field(default_factory=list)


def pages(root):
    """The book's pages in its order, each as a path without its ending."""
    return list(parse_toc_yaml(Path(root, "_toc.yml")))


def chapters(root):
    """The chapters' stems with the cells of their notebooks, in the book's order."""
    found = {}
    for page in pages(root):
        path = Path(root, f"{page}.ipynb")
        if path.parent.name == "book" and path.exists():
            found[path.stem] = nbformat.read(path, as_version=4).cells
    return found


def _sources(cells, kind):
    """The texts of the cells of one kind, markdown or code."""
    return [cell.source for cell in cells if cell.cell_type == kind]


def equations(root):
    """Each labelled equation with its chapter, and the set of those marked as prose."""
    where, prose = {}, set()
    for stem, cells in chapters(root).items():
        text = "\n".join(_sources(cells, "markdown"))
        for in_dollars, in_directive in LABEL.findall(text):
            where[in_dollars or in_directive] = stem
        for line in PROSE.findall(text):
            prose.update(line.split())
    return where, prose


def _functions_of_module(path):
    """The syntax trees of all functions at the top of a module."""
    body = ast.parse(path.read_text("utf-8")).body
    return [node for node in body if isinstance(node, ast.FunctionDef)]


def functions(root):
    """Each public function of the library with its equations, tests and cells."""
    found = {}
    library = Path(root, "ntklib")
    modules = {path.stem: path for path in library.glob("[a-z]*.py")}
    packages = {path.parent.name: path for path in library.glob("[a-z]*/__init__.py")}
    for module, path in sorted((modules | packages).items()):
        for node in _functions_of_module(path):
            if not node.name.startswith("_"):
                docstring = ast.get_docstring(node) or ""
                cited = re.findall(r":eq:`(eq-[\w-]+)`", docstring)
                found[node.name] = Function(node.name, module, cited)
    for path in sorted(Path(root, "tests").rglob("test_*.py")):
        for node in _functions_of_module(path):
            name = tested(node.name, found)
            if name:
                found[name].tests.append(node.name)
    for stem, cells in chapters(root).items():
        for number, source in enumerate(_sources(cells, "code"), 1):
            for name in names_used(source) & found.keys():
                found[name].cells.append((stem, number))
    return found


def tested(test, names):
    """The name that a test's name begins with, after test_: the longest, or None."""
    if not test.startswith("test_"):
        return None
    rest = test.removeprefix("test_").lower()
    begun = [name for name in names if rest.startswith(f"{name.lower()}_")]
    return max(begun, key=len, default=None)


def names_used(source):
    """All names and attributes in a piece of code."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
    return used


def rows(root):
    """Rows (equation label, functions that cite it) in the book's order."""
    where, _ = equations(root)
    library = functions(root).values()
    return [
        (label, [function for function in library if label in function.equations])
        for label in where
    ]


def _first_cell(function):
    """Where a function is used first: in its own chapter if it is used there at all."""
    return min(function.cells, key=lambda cell: (cell[0] != function.module, cell[1]))


def _row(label, function):
    """A row of the table, in MyST."""
    stem, number = _first_cell(function)
    path = f"ntklib.{function.module}.{function.name}"
    test = function.tests[0].removeprefix("test_")
    # in a narrow column a long name may break at a soft hyphen
    shown = stem.replace("_", " ").replace("ization", "\u00adization")
    cell = f"{shown}, cell {number} <cell-{stem}-{number}>"
    return [
        f"* - {{eq}}`{label}`",
        f"  - {{py:obj}}`{function.name} <{path}>`",
        f"  - {len(function.tests)}, such as `{test}`",
        f"  - {{ref}}`{cell}`",
    ]


class EquationMap(SphinxDirective):
    """Table: equation, function, tests, cells."""

    has_content = False

    def run(self):
        """Write the table as MyST and let the parser read it."""
        lines = ["```{list-table}", ":header-rows: 1", ":class: equation-map", ""]
        lines += ["* - Equation", "  - Function", "  - Tests", "  - First cell"]
        for label, owners in rows(self.env.app.srcdir):
            for function in owners:
                lines += _row(label, function)
        table = self.parse_text_to_nodes("\n".join([*lines, "```"]))
        for part in table:
            for name in list(part.findall(nodes.literal)):
                _let_break(name)
        return table


def _let_break(name):
    """Let a long name go on in the next line after an underscore."""
    words = re.findall("[^_]+_?", name.astext())
    name.children = []
    for word in words:
        name += [nodes.Text(word), nodes.raw("", "<wbr>", format="html")]


def anchor_cells(app, doctree):
    """Give every code cell of a notebook an anchor, so that the map can point at it."""
    docname = app.env.docname
    cells = [
        node
        for node in doctree.findall(nodes.Element)
        if node.get("nb_element") == "cell_code"
    ]
    for number, cell in enumerate(cells, 1):
        label = f"cell-{Path(docname).name}-{number}"
        cell["ids"].append(label)
        app.env.get_domain("std").anonlabels[label] = (docname, label)


class NameEquations(SphinxTransform):
    """Let the index and the search find each labelled equation.

    They find it by its label and in words: eq-ntk, ntk equation.
    """

    default_priority = 800  # before Sphinx collects the index

    def apply(self, **kwargs):
        """Put an index entry before each equation."""
        for block in list(self.document.findall(nodes.math_block)):
            label = block.get("label")
            if label:
                words = label.removeprefix("eq-").replace("-", " ")
                entries = [
                    ("single", name, f"equation-{label}", "main", None)
                    for name in (label, f"{words} equation")
                ]
                position = block.parent.index(block)
                block.parent.insert(position, addnodes.index(entries=entries))


def setup(app):
    """Register the directive, the anchors and the names of the equations."""
    app.add_directive("equation-map", EquationMap)
    app.connect("doctree-read", anchor_cells)
    app.add_transform(NameEquations)
    return {"parallel_read_safe": True}

"""The way from equation to function to test to cell, read from the book and the library, never typed.

A labelled equation of a chapter belongs to the public functions whose docstring cites it with :eq:`label`, or is marked
as prose by a MyST comment, ``% prose: label``, in its chapter. The directive ``equation-map`` shows the map as a table.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

LABEL = re.compile(r"\$\$\s*\((eq-[\w-]+)\)|^:label:\s*(eq-[\w-]+)", re.M)


@dataclass
class Function:
    """A public function of the library: where it lives, which equations it cites, what tests it, where it is used."""

    name: str
    module: str
    equations: list[str]
    tests: list[str] = field(default_factory=list)
    cells: list[tuple[str, int]] = field(default_factory=list)


def chapters(root):
    """The chapters' stems with their notebooks, in the book's order."""
    listed = re.findall(
        r"^\s*- file: book/(\w+)\s*$", Path(root, "_toc.yml").read_text("utf-8"), re.M
    )
    paths = ((stem, Path(root, "book", f"{stem}.ipynb")) for stem in listed)
    return {
        stem: json.loads(path.read_text("utf-8"))["cells"]
        for stem, path in paths
        if path.exists()
    }


def _source(cells, kind):
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def equations(root):
    """Each labelled equation with its chapter, and the set of those marked as prose."""
    where, prose = {}, set()
    for stem, cells in chapters(root).items():
        text = "\n".join(_source(cells, "markdown"))
        where |= {a or b: stem for a, b in LABEL.findall(text)}
        prose |= {
            label
            for line in re.findall(r"^% prose:(.*)$", text, re.M)
            for label in line.split()
        }
    return where, prose


def functions(root):
    """Each public function of the library with its equations, tests and cells."""
    found = {}
    library = Path(root, "ntklib")
    modules = {path.stem: path for path in library.glob("[a-z]*.py")}
    packages = {path.parent.name: path for path in library.glob("[a-z]*/__init__.py")}
    for module, path in sorted((modules | packages).items()):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                cited = re.findall(r":eq:`(eq-[\w-]+)`", ast.get_docstring(node) or "")
                found[node.name] = Function(node.name, module, cited)
    for path in sorted(Path(root, "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                owners = [
                    name
                    for name in found
                    if node.name.removeprefix("test_")
                    .lower()
                    .startswith(name.lower() + "_")
                ]
                if owners:
                    found[max(owners, key=len)].tests.append(node.name)
    for stem, cells in chapters(root).items():
        for number, source in enumerate(_source(cells, "code"), 1):
            nodes = list(ast.walk(ast.parse(source)))
            names = {node.id for node in nodes if isinstance(node, ast.Name)}
            names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            for name in names & found.keys():
                found[name].cells.append((stem, number))
    return found


def rows(root):
    """Rows (equation label, functions that cite it) in the book's order."""
    where, _ = equations(root)
    library = functions(root).values()
    return [
        (label, [function for function in library if label in function.equations])
        for label in where
    ]


class EquationMap(SphinxDirective):
    """Table: equation, function, tests, cells."""

    has_content = False

    def run(self):
        """Write the table as MyST and let the parser read it."""
        root = Path(self.env.app.srcdir)
        lines = ["```{list-table}", ":header-rows: 1", ":class: equation-map", ""]
        lines += ["* - Equation", "  - Function", "  - Tests", "  - First cell"]
        for label, owners in rows(root):
            for f in owners:
                stem, number = min(
                    f.cells, key=lambda cell: (cell[0] != f.module, cell[1])
                )
                lines += [
                    f"* - {{eq}}`{label}`",
                    f"  - {{py:obj}}`{f.name} <ntklib.{f.module}.{f.name}>`",
                ]
                lines += [
                    f"  - {len(f.tests)}, such as `{f.tests[0].removeprefix('test_')}`"
                ]
                lines += [
                    f"  - {{ref}}`{stem.replace('_', ' ')}, cell {number} <cell-{stem}-{number}>`"
                ]
        table = self.parse_text_to_nodes("\n".join([*lines, "```"]))
        for name in (name for node in table for name in node.findall(nodes.literal)):
            words = re.findall(
                "[^_]+_?", name.astext()
            )  # a long name may go on in the next line after an underscore
            name.children = []
            for word in words:
                name += [nodes.Text(word), nodes.raw("", "<wbr>", format="html")]
        return table


def anchor_cells(app, doctree):
    """Give every code cell of a notebook an anchor, so that the map can point at it."""
    docname = app.env.docname
    cells = doctree.findall(
        lambda node: (
            node.get("nb_element") == "cell_code" if hasattr(node, "get") else False
        )
    )
    for number, cell in enumerate(cells, 1):
        label = f"cell-{Path(docname).name}-{number}"
        cell["ids"].append(label)
        app.env.get_domain("std").anonlabels[label] = (docname, label)


class NameEquations(SphinxTransform):
    """Let the index and the search find each labelled equation by its label and in words: eq-ntk, ntk equation."""

    default_priority = 800  # before Sphinx collects the index

    def apply(self, **kwargs):
        """Put an index entry before each equation."""
        for block in list(self.document.findall(nodes.math_block)):
            if label := block.get("label"):
                names = (
                    label,
                    f"{label.removeprefix('eq-').replace('-', ' ')} equation",
                )
                entries = [
                    ("single", name, f"equation-{label}", "main", None)
                    for name in names
                ]
                block.parent.insert(
                    block.parent.index(block), addnodes.index(entries=entries)
                )


def setup(app):
    """Register the directive, the anchors and the names of the equations."""
    app.add_directive("equation-map", EquationMap)
    app.connect("doctree-read", anchor_cells)
    app.add_transform(NameEquations)
    return {"parallel_read_safe": True}

"""The laboratory: a network that answers while the reader drags its data.

The modules beside this file run in a browser, for the site and for Jupyter alike. Pages
opened from a file may not load modules, so they are joined here into one script.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent

# The one form of import that is understood; it may span lines.
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";\n', re.M)
EXPORT = re.compile(r"^export ((?:function\b *\*?|class|const|let) *(\w+))", re.M)
OTHER = re.compile(r"^(?:import|export)\b.*", re.M)
# Comments that have lines of their own. Readers of the source find them there.
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/)[ \t]*\n", re.M | re.S)


def order(*entries):
    """Paths of the modules that these need, each after those that it imports."""
    found = []

    def visit(path, above):
        if path in above:
            raise ValueError(f"{path.name} imports itself, through {above[-1].name}")
        if path in found:
            return
        for _, other in IMPORT.findall(path.read_text("utf-8")):
            visit((path.parent / other).resolve(), (*above, path))
        found.append(path)

    for entry in entries:
        visit(Path(entry).resolve(), ())
    return found


def identifier(path):
    """The name of a module in the script, such as svg_js for views/svg.js."""
    return path.name.replace(".", "_")


def wrapped(path):
    """A module as a function that is called at once and returns what it exports.

    Each keeps a scope of its own, so that two modules may use one name.
    """
    text = path.read_text("utf-8")

    def taken(match):
        names = " ".join(match[1].replace(" as ", ": ").split())
        return (
            f"const {{ {names} }} = {identifier((path.parent / match[2]).resolve())};\n"
        )

    names = ", ".join(name for _, name in EXPORT.findall(text))
    text = EXPORT.sub(r"\1", IMPORT.sub(taken, text))
    other = OTHER.search(text)
    if other:
        raise ValueError(
            f"{path.name} has {other[0]!r}; the laboratory's modules write"
            ' import { name } from "./file.js"; and export before a declaration'
        )
    text = COMMENT.sub("", text)
    return (
        f"const {identifier(path)} = (() => {{\n{text}return {{ {names} }};\n}})();\n"
    )


def joined(entry, worker):
    """The module `entry` and all that it needs, with `worker` as a function.

    What the worker needs stands within one function, `mathematics`, whose source can be
    handed to a worker; the page calls it too.
    """
    inside = order(worker)
    outside = [path for path in order(worker, entry) if path not in inside]
    names = ", ".join(map(identifier, inside))
    return (
        f"function mathematics() {{\n{''.join(map(wrapped, inside))}"
        f"return {{ {names} }};\n}}\nconst {{ {names} }} = mathematics();\n"
        + "".join(map(wrapped, outside))
    )


def script_for_page():
    """A script that brings the panels of a page to life."""
    text = joined(FOLDER / "site.js", FOLDER / "worker.js")
    begin = "site_js.start(String(mathematics));"
    return f'(() => {{\n"use strict";\n{text}{begin}\n}})();\n'


def module_for_widget():
    """The same as a module for anywidget."""
    text = joined(FOLDER / "widget.js", FOLDER / "worker.js")
    render = "widget_js.renderer(String(mathematics))"
    return f"{text}export default {{ render: {render} }};\n"


def styles():
    """The style sheet of a panel."""
    names = ("views.css", "laboratory.css")
    return "".join((FOLDER / name).read_text("utf-8") for name in names)

"""The laboratory: a network that answers while the reader drags its data.

The modules beside this file run in a browser, for the site and for Jupyter alike. Pages
opened from a file may not load modules, so they are joined here into one script.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent

# The one form of import that is understood; it may span lines.
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.M)
OTHER = re.compile(r"^(?:import|export)\b.*", re.M)
DEFINED = re.compile(
    r"^(?:export )?(?:(?:async )?function\b\s*\*?|class|const|let) ?(\w+)", re.M
)
# Comments that have lines of their own. Readers of the source find them there.
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/)[ \t]*\n", re.M | re.S)


def order(*entries):
    """Paths of the modules that these need, each after those that it imports."""
    found = []

    def visit(path, below):
        if path in below:
            raise ValueError(f"{path.name} imports itself, through {below[-1].name}")
        if path in found:
            return
        text = path.read_text("utf-8")
        for _, other in IMPORT.findall(text):
            visit((path.parent / other).resolve(), (*below, path))
        found.append(path)

    for entry in entries:
        visit(Path(entry).resolve(), ())
    return found


def body(path):
    """What a module does, without its imports, the word export, and comments."""
    text = EXPORT.sub("", IMPORT.sub("", path.read_text("utf-8")))
    other = OTHER.search(text)
    if other:
        raise ValueError(
            f"{path.name} has {other[0]!r}; the laboratory's modules write"
            ' import { name } from "./file.js"; and export before a declaration'
        )
    return COMMENT.sub("", text)


def check_names(paths):
    """Refuse two modules that define the same name: they share one scope."""
    owners = {}
    for path in paths:
        for name in DEFINED.findall(body(path)):
            if name in owners:
                raise ValueError(
                    f"{path.name} and {owners[name]} both define {name};"
                    " rename one, because they are joined into one script"
                )
            owners[name] = path.name


def joined(entry, worker):
    """The module `entry` and all that it needs, with `worker` as a function.

    What the worker needs stands within one function, `mathematics`, whose source can be
    handed to a worker; the page calls it too.
    """
    inside = order(worker)
    everything = order(worker, entry)
    check_names(everything)
    exported = []
    for path in inside:
        text = path.read_text("utf-8")
        for match in EXPORT.finditer(text):
            name = DEFINED.match(text, match.start())
            assert name is not None
            exported.append(name[1])
    names = ", ".join(exported)
    outside = "".join(body(path) for path in everything if path not in inside)
    return (
        f"function mathematics() {{\n{''.join(map(body, inside))}"
        f"return {{ {names} }};\n}}\n"
        f"const {{ {names} }} = mathematics();\n{outside}"
    )


def script_for_page():
    """A script that brings the panels of a page to life."""
    text = joined(FOLDER / "site.js", FOLDER / "worker.js")
    return f'(() => {{\n"use strict";\n{text}start(String(mathematics));\n}})();\n'


def module_for_widget():
    """The same as a module for anywidget."""
    text = joined(FOLDER / "widget.js", FOLDER / "worker.js")
    return f"{text}export default {{ render: renderer(String(mathematics)) }};\n"


def styles():
    """The style sheet of a panel."""
    names = ("views.css", "laboratory.css")
    return "".join((FOLDER / name).read_text("utf-8") for name in names)

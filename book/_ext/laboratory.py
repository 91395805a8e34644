"""The laboratory on the site: its panels are drawn while the site is built.

A panel's pictures and sentences are on the page for readers without scripts and for
paper. The script brings the same panel to life in its place.
"""

import json
import subprocess
from pathlib import Path

from book._ext.katex_math import node_program
from ntklib import _laboratory
from selectolax.lexbor import LexborHTMLParser
from sphinx.errors import ExtensionError

PANEL = ".laboratory[data-laboratory]"
PROGRAM = Path(__file__).parent / "laboratory.mjs"


def drawn(panels):
    """HTML of the panels with these options, from one Node process."""
    lines = "".join(
        json.dumps({**options, "id": f"laboratory-{number}"}) + "\n"
        for number, options in enumerate(panels, 1)
    )
    result = subprocess.run(
        [node_program(), PROGRAM],
        input=lines,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    if result.returncode != 0 or len(answers) != len(panels):
        raise ExtensionError(f"{PROGRAM.name} ended early: {result.stderr[-2000:]}")
    for options, answer in zip(panels, answers, strict=True):
        if "error" in answer:
            raise ExtensionError(f"the panel {json.dumps(options)}: {answer['error']}")
    return [answer["html"] for answer in answers]


def fill_laboratories(site):
    """Draw each panel, and give the script to the pages that have one."""
    found = list(
        site.matches(
            PANEL, on="[data-laboratory]", look_at="laboratory() in ntklib/figures.py"
        )
    )
    panels = [panel for _, several in found for panel in several]
    if not panels:
        return
    options = [json.loads(panel.attrs.sget("data-laboratory")) for panel in panels]
    for panel, text in zip(panels, drawn(options), strict=True):
        panel.inner_html = text
    static = site.folder / "_static"
    static.mkdir(exist_ok=True)
    (static / "laboratory.js").write_text(_laboratory.script_for_page(), "utf-8")
    (static / "laboratory.css").write_text(_laboratory.styles(), "utf-8")
    for page, _ in found:
        folder = f"{page.up}_static"
        style = f'<link rel="stylesheet" href="{folder}/laboratory.css">'
        page.tree.css("head")[0].insert_child(LexborHTMLParser(style).css("link")[0])
        page.append(f'<script defer src="{folder}/laboratory.js"></script>')

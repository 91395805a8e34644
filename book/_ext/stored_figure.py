"""A figure of a chapter, shown again on another page, and beside the links that others make to the book.

The picture is the stored output of the chapter's notebook, so it is re-run and compared with the rest of it.
"""

import base64
import hashlib
import io
import itertools
import json
import os
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

CARD = (1200, 630)  # what social networks show beside a link


def picture(notebook, name):
    """PNG of the figure `name` of the notebook at the path `notebook`."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == name:
            return base64.b64decode(
                next(o["data"]["image/png"] for o in cell["outputs"] if "data" in o)
            )
    raise ExtensionError(f"{notebook.name} has no figure {name}")


class StoredFigure(SphinxDirective):
    """``{stored-figure} chapter fig-name``: options alt and name, the caption as content."""

    required_arguments, optional_arguments, has_content = 1, 1, True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "name": directives.unchanged_required,
    }

    def run(self):
        """Write the picture where the notebooks' own pictures lie, and a figure that shows it."""
        stem, name = self.arguments
        self.env.note_dependency(f"book/{stem}.ipynb")
        data = picture(Path(self.env.srcdir, "book", f"{stem}.ipynb"), name)
        path = (
            Path(self.env.app.outdir).parent
            / "jupyter_execute"
            / f"{hashlib.sha256(data).hexdigest()}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.env.book_preview = data, self.options["alt"]
        lines = [f"```{{figure}} /{os.path.relpath(path, self.env.srcdir)}"]
        lines += [f":{key}: {value}" for key, value in self.options.items()]
        return self.parse_text_to_nodes("\n".join([*lines, "", *self.content, "```"]))


def describe(app, pagename, templatename, context, doctree):
    """Give the page what its head needs: the site's address, if it has one, and its first sentence or two."""
    if pagename == "index":  # it leads to the book's first page
        doctree = app.env.get_doctree(app.config.root_doc)
    first = next(doctree.findall(nodes.paragraph), None) if doctree else None
    line = itertools.takewhile(
        lambda part: not isinstance(part, nodes.raw), first.children if first else ()
    )
    text = (
        " ".join("".join(part.astext() for part in line).split()).removeprefix(
            "Question. "
        )
        or app.config.html_title
    )
    context["preview_alt"] = getattr(app.env, "book_preview", ("", ""))[1]
    context["site"] = app.config.html_baseurl.rstrip("/")
    context["description"] = (
        text if len(text) <= 200 else text[:199].rpartition(" ")[0] + "…"
    )


def write_card(app, error):
    """Put the picture, on white and in the shape that social networks want, beside the pages."""
    if (
        error is None
        and app.builder.format == "html"
        and hasattr(app.env, "book_preview")
    ):
        figure = Image.open(io.BytesIO(app.env.book_preview[0])).convert("RGB")
        card = Image.new("RGB", CARD, "white")
        card.paste(
            figure, tuple((a - b) // 2 for a, b in zip(CARD, figure.size, strict=True))
        )
        card.save(Path(app.outdir, "_static", "preview.png"), optimize=True)


def setup(app):
    """Register the directive and the description of each page."""
    app.add_directive("stored-figure", StoredFigure)
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_card)
    return {"parallel_read_safe": False}

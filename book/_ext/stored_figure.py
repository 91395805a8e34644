"""A figure of a chapter, shown again on another page, and beside links to the book.

The picture is the stored output of the chapter's notebook, so it is re-run and compared
with the rest of it.
"""

import base64
import hashlib
import io
import os
import re
from pathlib import Path
from typing import ClassVar

import nbformat
from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

CARD = (1200, 630)  # what social networks show beside a link, in pixels
SIGNS = {"alpha": "α", "beta": "β", "gamma": "γ", "theta": "θ", "lambda": "λ"}
SIGNS |= {"psi": "ψ", "partial": "∂", "nabla": "∇", "infty": "∞", "to": "→", "le": "≤"}
LONGEST = 200  # characters of a description; search engines show no more


def picture(notebook, name):
    """PNG of the figure `name` of the notebook at the path `notebook`."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if figure.get("name") == name:
            shown = [output for output in cell.outputs if "data" in output]
            return base64.b64decode(shown[0].data["image/png"])
    raise ExtensionError(f"{notebook.name} has no figure {name}")


class StoredFigure(SphinxDirective):
    """``{stored-figure} chapter fig-name``: options alt, name; the caption within."""

    required_arguments, optional_arguments, has_content = 1, 1, True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "name": directives.unchanged_required,
    }

    def run(self):
        """Write the picture beside those of the notebooks, and a figure with it."""
        stem, name = self.arguments
        self.env.note_dependency(f"book/{stem}.ipynb")
        data = picture(Path(self.env.srcdir, "book", f"{stem}.ipynb"), name)
        folder = Path(self.env.app.outdir).parent / "jupyter_execute"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(data).hexdigest()}.png"
        path.write_bytes(data)
        preview = data, self.options["alt"]
        self.env.book_preview = preview  # pyright: ignore[reportAttributeAccessIssue]
        lines = [f"```{{figure}} /{os.path.relpath(path, self.env.srcdir)}"]
        lines += [f":{key}: {value}" for key, value in self.options.items()]
        return self.parse_text_to_nodes("\n".join([*lines, "", *self.content, "```"]))


def first_line(doctree):
    """The first paragraph of a page up to anything that is no text, in one line.

    A formula is given by its letters and signs; where TeX would be left, so that they
    would not read as a formula, the line ends before the sentence with it.
    """
    text = ""
    paragraph = next(doctree.findall(nodes.paragraph), None) if doctree else None
    for part in paragraph.children if paragraph else ():
        if isinstance(part, nodes.raw):
            break
        if isinstance(part, nodes.math):
            formula = in_letters(part.astext())
            if formula is None:
                text = text[: max(text.rfind(end) for end in (". ", "? ", ": ")) + 1]
                break
            text += formula
        else:
            text += part.astext()
    return " ".join(text.split()).removeprefix("Question. ")


def in_letters(tex):
    """A formula as a line of text, or None where it is more than letters and signs."""
    text = re.sub(r"_\{?(\d)\}?", lambda found: chr(0x2080 + int(found[1])), tex)
    text = text.replace(r"^\top ", "ᵀ").replace(r"^\alpha", "ᵅ")
    text = re.sub(r"\\([A-Za-z]+) ?", lambda found: SIGNS.get(found[1], found[0]), text)
    text = re.sub(r"\\[,;! ]", " ", text)
    return None if set(text) & set("\\{}^_$") else text


# sphinxext-opengraph would write this, but without an address of the site it gives each
# page the same relative path to the picture, and an og:url that is no address.
def describe(app, pagename, templatename, context, doctree):
    """Give a page what its head needs: a description, and the site's address."""
    if pagename == "index":  # it leads to the book's first page
        doctree = app.env.get_doctree(app.config.root_doc)
    text = first_line(doctree) or app.config.html_title
    if len(text) > LONGEST:
        text = text[: LONGEST - 1].rpartition(" ")[0] + "…"
    context["description"] = text
    context["preview_alt"] = getattr(app.env, "book_preview", ("", ""))[1]
    context["site"] = app.config.html_baseurl.rstrip("/")


def write_card(app):
    """Put the picture beside the pages, on white and in the shape of a card."""
    if hasattr(app.env, "book_preview"):
        figure = Image.open(io.BytesIO(app.env.book_preview[0])).convert("RGB")
        card = Image.new("RGB", CARD, "white")
        left = (CARD[0] - figure.width) // 2
        top = (CARD[1] - figure.height) // 2
        card.paste(figure, (left, top))
        path = Path(app.outdir, "_static", "preview.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        card.save(path, optimize=True)
    return []  # no pages of its own


def setup(app):
    """Register the directive, the description of each page, and the card."""
    app.add_directive("stored-figure", StoredFigure)
    app.connect("html-page-context", describe)
    app.connect("html-collect-pages", write_card)
    return {"parallel_read_safe": False}

"""A student's Markdown as HTML that is safe to open: no markup, no links, no requests.

Formulas stay TeX, in elements of the class `tex`, for KaTeX to set in the browser.
"""

import re
from html import escape, unescape
from urllib.parse import unquote

from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

LONGEST = 30_000  # characters; a model derivation has 3,000
FOLDED = re.compile(r"</?details>|<summary>.*?</summary>")
# A role of MyST: {name}`target` or {name}`title <target>`.
ROLE = re.compile(r"\{\w+\}`(?:([^`<]*[^`<\s])\s*<)?([^`<>]*)>?`")


class Written(IPythonRenderer):
    """Writes HTML in which formulas are marked and nothing can be clicked on."""

    def __init__(self, pictures):
        """Escape all HTML; `pictures` has the address of each that was pasted in."""
        super().__init__(escape=True)
        self.pictures = pictures

    def inline_math(self, body):
        """A formula within a line."""
        return f'<span class="tex">{escape(body.strip())}</span>'

    def block_math(self, body):
        """A formula on a line of its own."""
        return f'<span class="tex display">{escape(body.strip())}</span>'

    def latex_environment(self, name, body):
        """An environment outside of dollars, as Jupyter sets it too."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def image(self, text, url, title=None):
        """A picture that was pasted into the notebook; of others the words alone."""
        address = self.pictures.get(unquote(url).removeprefix("attachment:"))
        words = escape(unescape(text or url))  # the parser has escaped them before
        if address:
            return f'<img src="{address}" alt="{words}" loading="lazy">'
        return f"[picture: {words}]"

    def link(self, text, url, title=None):
        """The words of a link and its address, which cannot be clicked on."""
        address = escape(url)
        return text if text == address else f"{text} ({address})"

    def heading(self, text, level, **attributes):
        """A heading, below those of the page."""
        return f"<p><strong>{text}</strong></p>\n"

    def block_code(self, code, info=None):
        """A listing, whatever its language."""
        return f"<pre><code>{escape(code)}</code></pre>\n"


def html(text, pictures=None):
    """Markdown as safe HTML; the text as it stands where that cannot be done."""
    if len(text) > LONGEST:
        cut = f"{text[:LONGEST]}\n… (cut after {LONGEST} characters)"
        return Markup(f"<pre>{escape(cut)}</pre>")
    try:
        return Markup(MarkdownWithMath(renderer=Written(pictures or {})).render(text))
    except Exception:  # whatever a text does to the parser, a person can still read it
        return Markup(f"<pre>{escape(text)}</pre>")


def solution(text):
    """A model derivation out of the book's notebook, unfolded and without roles."""
    text = ROLE.sub(lambda role: role[1] or role[2], FOLDED.sub("", text))
    return html(text.strip())

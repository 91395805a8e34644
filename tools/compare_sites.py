"""What differs for a reader between two builds of the site.

Run it as `python -m tools.compare_sites OLD NEW`. Compared are the words, formulas (as
TeX), descriptions of pictures, links and previews of each page, not its markup: a
change to the build should leave all of them alone.
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

BLOCKS = "p, li, dt, dd, h1, h2, h3, h4, h5, h6, tr, pre, figure, div, section, summary"
SILENT = "script, style, noscript, template"


def lines(text):
    """The words of a piece of text, a line for each line that has some."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def folded(html):
    """The same HTML with line breaks as browsers show them: as spaces, but in <pre>."""
    pieces = re.split("(<pre.*?</pre>)", html, flags=re.S)
    return "".join(
        piece if piece.startswith("<pre") else piece.replace("\n", " ")
        for piece in pieces
    )


def words(html):
    """All that is read, in the order of the page, with each formula as TeX."""
    tree = LexborHTMLParser(folded(html))
    for formula in tree.css(".katex"):
        for annotation in formula.css('annotation[encoding="application/x-tex"]'):
            formula.replace_with(f"${' '.join(annotation.text().split())}$")
    for image in tree.css("img"):
        image.insert_after(f"[{image.attrs.get('alt')}]")
    for link in tree.css("a[href]"):
        link.insert_after(f" <{link.attrs['href']}> ")
    for block in tree.css(BLOCKS):
        block.insert_before("\n")
    body = tree.body
    return [] if body is None else lines(body.text())


def pages_of(site):
    """The pages of a site, as paths within it, without the theme's own templates."""
    paths = {path.relative_to(site) for path in site.rglob("*.html")}
    return {path for path in paths if path.parts[0] != "_static"}


def content(path):
    """What the page at `path` says and shows, as lines; none if it is not there."""
    if not path.exists():
        return []
    tree = LexborHTMLParser(path.read_text("utf-8"))
    title = tree.css("title")[0].text()
    found = [f"title: {title}"]
    for meta in tree.css("meta[property], meta[name=description]"):
        name = meta.attrs.get("property") or meta.attrs.get("name")
        found.append(f"{name}: {meta.attrs['content']}")
    previews = {
        node.attrs.sget("data-preview"): node.text()
        for node in tree.css("script[data-preview]")
    }
    for target in sorted(previews):
        found.append(f"preview of {target}:")
        found += words(previews[target])
    for node in tree.css(SILENT):
        node.decompose()
    return found + words(tree.html or "")


def changes(old, new):
    """How many pages two sites have, and the lines in which the pages differ, by page.

    Lines that came begin with +, lines that went with -, as in a diff.
    """
    pages = sorted(pages_of(old) | pages_of(new))
    found = {}
    for page in pages:
        texts = content(old / page), content(new / page)
        names = str(old / page), str(new / page)
        diff = list(difflib.unified_diff(*texts, *names, n=0, lineterm=""))
        if diff:
            found[page] = diff
    return len(pages), found


def main():
    """Print the differences, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    pages, found = changes(options.old, options.new)
    for diff in found.values():
        print("\n".join(diff))
    print(f"{len(found)} of {pages} pages differ.")
    sys.exit(len(found) > 0)


if __name__ == "__main__":
    main()

"""The chapters on the landing page: what each asks, what it needs, how long it takes.

All of it is read from the chapters' own first lines, so that it is never out of date:

    **Question.** How fast must the loss fall?
    *Needed:* {doc}`general_loss`; derivatives. *Time:* 45 minutes.

The directive ``chapter-list`` shows the list of one part of _toc.yml, named by its
caption; ``chapter-map`` a picture of which chapter of a part needs which, with the
chapters as links.
"""

import html
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx_external_toc.parsing import parse_toc_yaml

TITLE = re.compile(r"^# (.+)$", re.M)
QUESTION = re.compile(r"^\*\*Question\.\*\* (.+?)\\?$", re.M)
NEEDED = re.compile(
    r"^\*Needed:\* (?P<needed>.+)\. \*Time:\* (?P<core>\d+) minutes"
    r"(?:, and (?P<optional>\d+) for the optional sections?)?\.$",
    re.M,
)
DOC = re.compile(r"\{doc\}`(?:[^`<]*<)?([\w/]+)>?`")


@dataclass
class Chapter:
    """A chapter as its first lines describe it; minutes without the optional ones."""

    stem: str
    title: str
    question: str
    needed: str
    core: int
    optional: int

    @property
    def needs(self):
        """The stems of the chapters that it needs, in the order of its line."""
        return DOC.findall(self.needed)


def first(pattern, text, path, line):
    """The first match of a pattern, which looks like `line`, in a chapter's text."""
    found = pattern.search(text)
    if found is None:
        raise ExtensionError(
            f"{path.name} has no line like '{line} …' that the landing page can show;"
            f" {Path(__file__).name} says what the lines look like"
        )
    return found


def read_chapter(path):
    """The chapter whose notebook is at `path`."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    title = first(TITLE, text, path, "# Title")
    question = first(QUESTION, text, path, "**Question.**")
    line = first(NEEDED, text, path, "*Needed:*")
    core, optional = int(line["core"]), int(line["optional"] or 0)
    return Chapter(path.stem, title[1], question[1], line["needed"], core, optional)


def parts(root):
    """The chapters of each numbered part of _toc.yml, by the part's caption.

    A chapter needs only chapters that stand before it.
    """
    found, known = {}, set()
    for part in parse_toc_yaml(Path(root, "_toc.yml")).root.subtrees:
        if not part.numbered:
            continue
        members = [read_chapter(Path(root, f"{page}.ipynb")) for page in part.items]
        for chapter in members:
            for other in chapter.needs:
                if other not in known:
                    raise ExtensionError(
                        f"{chapter.stem} needs {other}, which is no chapter before it"
                    )
            known.add(chapter.stem)
        found[part.caption] = members
    return found


def numbered(root, caption):
    """The chapters of one part, each with its number in the book."""
    found = parts(root)
    if caption not in found:
        raise ExtensionError(f"no numbered part is called {caption!r}: {list(found)}")
    book = [chapter for members in found.values() for chapter in members]
    return [
        (number, one) for number, one in enumerate(book, 1) if one in found[caption]
    ]


def duration(minutes):
    """A time in hours and quarters, such as 7½ hours."""
    hours, quarters = divmod(round(minutes / 15), 4)
    return f"{hours}{' ¼½¾'[quarters].strip()} hours"


def item(number, chapter):
    """An item of the list, in MyST."""
    optional = f", and {chapter.optional} optional" if chapter.optional else ""
    return [
        f"{number}. **{{doc}}`{chapter.stem}`** · {chapter.core} minutes{optional}\\",
        f"    {chapter.question}\\",
        f"    *Needs* {chapter.needed}.",
    ]


class ChapterList(SphinxDirective):
    """The chapters of a part, each with its question, its needs and its minutes."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False

    def run(self):
        """Write the list as MyST and let the parser read it."""
        members = numbered(self.env.srcdir, self.arguments[0])
        lines = []
        for number, chapter in members:
            self.env.note_dependency(f"book/{chapter.stem}.ipynb")
            lines += item(number, chapter)
        if len(members) > 1:
            total = duration(sum(chapter.core for _, chapter in members))
            lines += [
                "",
                f"Together that is about {total}, without the optional sections.",
            ]
        box = nodes.container(classes=["chapter-list"])
        box += self.parse_text_to_nodes("\n".join(lines))
        return [box]


# ---- the map ----------

# In units of the picture, which are pixels on a phone.
WIDTH, HEIGHT, GAP, LINE = 360, 52, 22, 14.5
WIDEST, APART = 236, 6  # boxes: the widest, and the room between two
LETTER = 6.4


def direct_needs(main):
    """What each chapter needs, without what a needed chapter needs itself."""
    needs = {chapter.stem: set(chapter.needs) for chapter in main}
    before = {}
    for stem, direct in needs.items():
        before[stem] = direct.union(*(before[other] for other in direct))
    return {
        stem: [
            one
            for one in needs
            if one in direct and not any(one in before[other] for other in direct)
        ]
        for stem, direct in needs.items()
    }


def places(main):
    """Each chapter's box, row under row: its middle, its upper edge, its width."""
    needs = direct_needs(main)
    rows = {}
    for stem, direct in needs.items():
        rows[stem] = max((rows[other] + 1 for other in direct), default=0)
    boxes = {}
    for row in range(max(rows.values()) + 1):
        stems = [stem for stem in rows if rows[stem] == row]
        for i, stem in enumerate(stems):
            x = WIDTH * (i + 0.5) / len(stems)
            width = min(WIDEST, WIDTH / len(stems) - APART)
            boxes[stem] = x, 2 + row * (HEIGHT + GAP), width
    return boxes


def said(main):
    """The map in words."""
    numbers = {chapter.stem: str(i) for i, chapter in enumerate(main, 1)}
    parts = []
    for stem, direct in direct_needs(main).items():
        others = " and ".join(numbers[other] for other in direct)
        what = f"needs {others}" if others else "comes first"
        parts.append(f"{numbers[stem]} {what}")
    return f"A map of the chapters: {'; '.join(parts)}."


def drawing(main):
    """The map as an SVG picture, in the colours of the page."""
    boxes = places(main)
    needs = direct_needs(main)
    lines, links = [], []
    for number, chapter in enumerate(main, 1):
        box = boxes[chapter.stem]
        lines += [line_between(boxes[other], box) for other in needs[chapter.stem]]
        links.append(link(number, chapter, *box))
    bottom = max(y for _, y, _ in boxes.values()) + HEIGHT + 2
    return (
        f'<svg class="chapter-map" viewBox="0 0 {WIDTH} {bottom}" role="group"'
        f' aria-label="{html.escape(said(main))}">'
        f"<g>{''.join(lines)}</g>{''.join(links)}</svg>"
    )


def line_between(upper, lower):
    """A line from the lower edge of one box to the upper edge of another."""
    x0, y0 = upper[0], upper[1] + HEIGHT
    x1, y1 = lower[0], lower[1]
    return f'<path d="M{x0} {y0}C{x0} {y0 + GAP / 2} {x1} {y1 - GAP / 2} {x1} {y1}"/>'


def link(number, chapter, x, y, width):
    """A chapter's box, with number, title and minutes in lines around its middle."""
    title = textwrap.wrap(f"{number} {chapter.title}", int(width / LETTER))
    first = y + HEIGHT / 2 - LINE * (len(title) - 1) / 2 - 3
    spans = [
        f'<tspan x="{x}" y="{first + LINE * i}">{html.escape(line)}</tspan>\n'
        for i, line in enumerate(title)
    ]
    end = f'<tspan class="minutes" x="{x}" y="{first + LINE * len(title)}">'
    return (
        f'<a href="{chapter.stem}.html"><rect x="{x - width / 2}" y="{y}"'
        f' width="{width}" height="{HEIGHT}" rx="4"/>'
        f"<text>{''.join(spans)}{end}{chapter.core} min</tspan></text></a>"
    )


class ChapterMap(SphinxDirective):
    """A picture of which chapter of a part needs which."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False

    def run(self):
        """Draw it; the landing page lies in the folder of the chapters."""
        members = [one for _, one in numbered(self.env.srcdir, self.arguments[0])]
        return [nodes.raw("", drawing(members), format="html")]


def setup(app):
    """Register the directives."""
    app.add_directive("chapter-list", ChapterList)
    app.add_directive("chapter-map", ChapterMap)
    return {"parallel_read_safe": True}

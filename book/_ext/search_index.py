"""What the search page searches: every section, and every thing that has a number.

Sphinx's own index knows pages only, and no formulas. Here each section is an entry of
its own, with its sentences, in which formulas are readable text; and so is each
equation, theorem, exercise, figure, erratum, and line of the table of the lecture.
search.js does the rest in the reader's browser, with MiniSearch.
"""

import itertools
import json
import re
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

MINISEARCH = Path(__file__).parent / "node_modules/minisearch/dist/umd/index.js"
# Words that readers type, with those that the book has for the same.
OTHER_WORDS = Path(__file__).parent / "search_words.toml"
OF_SPHINX = ("searchindex.js", "_static/searchtools.js", "_static/language_data.js")

# ---- formulas as text ----------

BELOW = dict(
    zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
ABOVE = dict(zip("0123456789nit−+⊤αβγ*′", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿⁱᵗ⁻⁺ᵀᵅᵝᵞ*′", strict=True))
SPACED = set("=<>≤≥≠≈∼→⇒⟹+−±∈≪≫:≔∝⟶↦")
INVISIBLE = "\u2061\u2062\u2063\u200b"


def formula_text(node):
    """A MathML element as text: λ_min(K) ≥ 0, x², 1/√n."""
    kind = node.tag
    parts = [child for child in node.iter() if child.tag != "annotation"]
    if kind in ("mi", "mn", "mtext", "mo", "ms"):
        return operator_text(node) if kind == "mo" else node.text()
    texts = [formula_text(part) for part in parts]
    if kind == "mfrac":
        below = f"({texts[1]})" if len(list(parts[1].iter())) > 1 else texts[1]
        return f"{grouped(texts[0])}/{below} "
    if kind == "msqrt":
        return f"√{grouped(''.join(texts))}"
    if kind in ("msub", "munder"):
        return texts[0] + script(texts[1], "_", BELOW)
    if kind in ("msup", "mover"):
        accent = kind == "mover" and parts[1].tag == "mo"  # a hat, a bar, a brace
        return texts[0] if accent else texts[0] + script(texts[1], "^", ABOVE)
    if kind in ("msubsup", "munderover"):
        return texts[0] + script(texts[1], "_", BELOW) + script(texts[2], "^", ABOVE)
    if kind == "mtr":
        return " ".join(text for text in texts if text)
    if kind == "mtable":
        return "; ".join(texts)
    if kind == "mspace":
        return " "
    return "".join(texts)


def operator_text(node):
    """An operator, with blanks around it if it stands between two things."""
    text = node.text().strip(INVISIBLE)
    before = node.prev
    alone = before is None or (before.tag == "mo" and before.text() in SPACED | {"("})
    return f" {text} " if text in SPACED and not alone else text


def grouped(text):
    """A text that may stand beside a fraction's bar or under a root."""
    text = text.strip()
    return f"({text})" if re.search(r"[ /+−]", text) else text


def script(text, mark, letters):
    """An index or a power: in small letters where these exist."""
    text = text.strip()
    if len(text) <= 2 and all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    return f"{mark}{text}" if text.isalnum() or len(text) < 2 else f"{mark}({text})"


# ---- the entries ----------

ARTICLE = "article.bd-article:has(h1)"
# No text of a section: closed, drawn, or for machines.
NOT_TEXT = (
    "a.headerlink, script, style, .solution, .katex-html, .eqno, button, nav, details,"
    " .slider-stills, .chapter-map, .cell_output .output.text_html"
)
BLOCKS = {"p", "dt", "figcaption", "caption"}
LISTS = re.compile(r"Functions used\.|Needed:")  # at the head of a chapter
CELLS = {"td", "th", "li"}  # what holds blocks, or text alone
ITEMS = (
    "div.math[id], div.proof[id]:not(.proof.admonition[id^=proof]), div.exercise[id],"
    " figure[id], dt.sig[id]"
)


@dataclass
class Entry:
    """What is found: where it is, its title and its page's, and its sentences.

    Names and code are searched, but not shown. A thing with a number is found by these
    and its title; its sentences are searched as those of its section.
    """

    address: str
    title: str
    page: str
    text: list[str] = field(default_factory=list)
    names: str = ""
    code: str = ""
    numbered: bool = False


def entries(page, address):
    """The entries of a page, given as HTML, at an address of the site."""
    article = LexborHTMLParser(page).css(ARTICLE)[0]
    title = heading_text(plain(article.css("h1")[0]))
    items = [*numbered_things(article, address, title)]
    items += lines_of_lecture(article, address, title)
    make_plain(article)
    found = [Entry(address, title, title)]
    collect(article, found[0], found)
    for entry, first_within in itertools.pairwise(found):
        if not entry.text:
            entry.text = first_within.text[:1]
    return found + items


def make_plain(node):
    """Take from an element what is no text, and write its formulas as text."""
    for part in node.css(NOT_TEXT):
        part.decompose()
    for formula in node.css(".katex"):
        meaning = formula.css_first("semantics")
        text = "" if meaning is None else " ".join(formula_text(meaning).split())
        formula.replace_with(text)


def plain(node):
    """The text of an element in one line."""
    copy = LexborHTMLParser(node.html or "", is_fragment=True)
    make_plain(copy.root)
    return one_line(copy.root)


def one_line(node):
    """The text of an element whose formulas are text already."""
    return " ".join(node.text().split())


def heading_of(section):
    """The heading of a section, or None: boxes have sections without one."""
    if section.tag != "section":
        return None
    children = list(section.iter())
    return next((child for child in children if is_heading(child)), None)


def classes(node):
    """The classes of an element."""
    return node.attributes.get("class", "").split() if node.tag != "-text" else []


def is_heading(node):
    """Whether an element is a heading."""
    return re.fullmatch("h[1-6]", node.tag or "") is not None


def heading_text(text):
    """A heading without the point that Sphinx puts behind the number of a section."""
    return re.sub(r"^([\d.]*\d)\. ", r"\1 ", text)


def erratum_of(node):
    """The name of the erratum whose label a node bears: its anchor or its section."""
    label = node.id or ""
    return label.replace("-", " ") if label.startswith("erratum-") else ""


def collect(node, entry, found):
    """Add an element's text to the entry of its section, and its sections to found."""
    for child in node.iter():
        heading = heading_of(child)
        if heading is not None and heading.tag != "h1":
            page = entry.address.partition("#")[0]
            title = heading_text(one_line(heading))
            found.append(Entry(f"{page}#{child.id}", title, found[0].title))
            found[-1].names += erratum_of(child)
            collect(child, found[-1], found)
        elif is_heading(child):
            continue
        elif erratum_of(child):
            entry.names += erratum_of(child)
        elif child.tag == "pre":
            entry.code += f" {child.text()}"
        elif child.tag in BLOCKS or "math" in classes(child):
            text, *lists = LISTS.split(one_line(child), maxsplit=1)
            entry.text.append(text.strip())
            entry.code += " ".join(lists)
        elif child.tag in CELLS and not child.css("p, div, ul, ol, table"):
            entry.text.append(one_line(child))
        else:
            collect(child, entry, found)


def numbered_things(article, address, page):
    """Entries for equations, theorems, exercises, figures, and the library's names."""
    for node in article.css(ITEMS):
        label = node.id
        names = f"{label.removeprefix('equation-')} "
        number = node.css_first(".eqno, .caption-number")
        title = node.css_first("p.admonition-title")
        text = plain(node)
        if node.tag == "dt":
            title = label.rpartition(".")[2]
            text = plain(node.parent.css_first("dd > p") or node)
        elif number is None:
            continue
        elif title is not None:  # a box
            title = plain(title)
            text = text.removeprefix(title)
        elif node.tag == "figure":
            title = plain(number)
            text = text.removeprefix(title)
        else:
            title = f"Equation {one_line(number).removesuffix('#')}"
            names += f"{label.removeprefix('equation-eq-').replace('-', ' ')} equation"
        yield Entry(f"{address}#{label}", title, page, [text.strip()], names, "", True)


def lines_of_lecture(article, address, page):
    """Entries for what the lecture calls by a number: they lead to its place here."""
    folder = address.rpartition("/")[0]
    for row in article.css(".lecture-table tbody tr"):
        what, where, *_ = row.css("td")
        links = [link.attrs.sget("href") for link in where.css("a")]
        exact = [link for link in links if "#" in link]
        if links:
            title = f"In the lecture: {plain(what)}"
            target = f"{folder}/{(exact or links)[0]}"
            yield Entry(target, title, page, [plain(where)], "", "", True)


# ---- the index ----------


def write(pages, folder):
    """Write what search.js reads, for pages of the site given as HTML by address.

    The index is a script, which a browser loads from a file too. Sphinx's own goes.
    """
    found = [entry for at, page in pages.items() for entry in entries(page, at)]
    words = tomllib.loads(OTHER_WORDS.read_text("utf-8"))
    index = {"entries": [asdict(entry) for entry in found], "words": words}
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    static = folder / "_static"
    (static / "search_index.js").write_text(f"const SEARCH_INDEX = {text};\n", "utf-8")
    script = MINISEARCH.read_text("utf-8").partition("//# sourceMappingURL")[0]
    (static / "minisearch.js").write_text(script, "utf-8")
    for name in OF_SPHINX:
        (folder / name).unlink(missing_ok=True)

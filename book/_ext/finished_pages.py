"""The finished pages: what is done to every page once Sphinx has written it.

A page is read once, goes through PASSES in their order, and is written once. A pass
names, as CSS selectors, what it changes and on which pages it must find that. Where it
finds nothing, the markup of another package has changed: the build stops and says so.
"""

import functools
import hashlib
import html
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from book._ext import markup, search_index, style_sheets
from book._ext.katex_math import DIST as KATEX
from book._ext.laboratory import fill_laboratories
from book._ext.markup import THEMED
from fontTools import subset
from PIL import Image
from selectolax.lexbor import LexborHTMLParser, LexborNode
from sphinx.errors import ExtensionError

# fontTools finds the font of icons too old.
logging.getLogger("fontTools").setLevel(logging.ERROR)


class NoMatch(Exception):
    """A pass did not find what it changes."""


@dataclass
class Page:
    """A page of the site; `up` leads from it to the site's root, such as "../"."""

    path: Path
    tree: LexborHTMLParser
    up: str

    def append(self, piece):
        """Put a piece of HTML at the end of the page."""
        for node in parts(piece):
            self.tree.css("body")[0].insert_child(node)


@dataclass
class Site:
    """The folder of the built site, and its pages by their paths."""

    folder: Path
    pages: dict[Path, Page]

    def matches(
        self, pattern: str, *, on: str, look_at: str
    ) -> Iterator[tuple[Page, list[LexborNode]]]:
        """Each page that has elements `pattern`, with these elements.

        A page with an element `on` must have some: both are CSS selectors.
        `look_at` says whose markup this is.
        """
        for page in self.pages.values():
            found = page.tree.css(pattern)
            if found:
                yield page, found
            elif page.tree.css_matches(on):
                raise NoMatch(
                    f"{page.path.relative_to(self.folder)} has {on!r}, but nothing"
                    f" matches {pattern!r}; look at {look_at}"
                )

    def elements(self, pattern: str, *, on: str, look_at: str) -> Iterator[LexborNode]:
        """The elements of all pages that `matches` finds, one after the other."""
        for _, found in self.matches(pattern, on=on, look_at=look_at):
            yield from found


def parts(piece):
    """The elements and texts of a piece of HTML."""
    root = LexborHTMLParser(piece, is_fragment=True).root
    return [] if root is None else list(root.iter(include_text=True))


# ---- what the theme and others wrote ----------


def leave_out_drawn_icons(site):
    """Leave out a script that draws each icon again, from half a megabyte."""
    for script in site.elements(
        'script[src*="scripts/fontawesome.js"]',
        on=THEMED,
        look_at="webpack-macros.html of pydata-sphinx-theme",
    ):
        script.decompose()


def begin_in_light(site):
    """Show the light colours until a script asks for the reader's own."""
    for _, roots in site.matches(
        'html[data-theme="auto"]',
        on=THEMED,
        look_at="layout.html of pydata-sphinx-theme, default_mode of _config.yml",
    ):
        roots[0].attrs["data-theme"] = "light"


def let_summaries_speak(site):
    """Take the label from what opens a folded cell: its text says more."""
    for summary in site.elements(
        "details.hide > summary[aria-label]",
        on="details.hide > summary",
        look_at="hidden cells in myst_nb/core/render.py",
    ):
        del summary.attrs["aria-label"]


def leave_out_role_of_citations(site):
    """Take the role of a list from citations, whose children are no list items."""
    for citations in site.elements(
        '.citation-list[role="list"]',
        on=".citation-list",
        look_at="visit_citation in docutils' and Sphinx's HTML writers",
    ):
        del citations.attrs["role"]


def leave_out_numbers_of_citations(site):
    """Take the numbers from the list of references: the text cites by name and year."""
    for label in site.elements(
        ".citation > .label",
        on=".citation-list",
        look_at="visit_label in docutils' HTML writer",
    ):
        label.decompose()


# ---- formulas ----------

END = re.compile(r"[.,;:!?)\]’”]+")


def keep_ends_with_formulas(site):
    """Keep what ends a clause on the line of the formula before it.

    A browser may break a line after a formula, even before a comma.
    """
    for formula in site.elements(
        "span.math", on="p .katex", look_at="html_visit_math in katex_math.py"
    ):
        after = formula.next
        if after is None or not after.is_text_node:
            continue
        text = after.text_content or ""
        end = END.match(text)
        if end is None:
            continue
        kept = parts(f'<span class="with-end">{formula.html}{end[0]}</span>')[0]
        formula.replace_with(kept)
        after.replace_with(text[end.end() :])


def leave_untranslated(site):
    """Let browsers that translate a page leave its formulas and its code alone."""
    for node in site.elements(".math, code, pre", on=".katex", look_at="katex_math.py"):
        node.attrs["translate"] = "no"


# ---- pictures ----------

COLOURS = 96  # in a picture; no eye tells the result from the original


def slim_pictures(site):
    """Show each PNG as a WebP of few colours, with the size that keeps its place."""
    sizes = {}
    for page, images in site.matches(
        'img[src*="_images/"][src$=".png"]',
        on='img[src$=".png"]',
        look_at="the folder of images of Sphinx's HTML builder",
    ):
        for image in images:
            source = Path(image.attrs.sget("src"))
            path = (page.path.parent / source).resolve()
            if path not in sizes:
                sizes[path] = write_webp(path)
                path.unlink()
            width, height = sizes[path]
            image.attrs["src"] = source.with_suffix(".webp").as_posix()
            image.attrs["width"] = str(width)
            image.attrs["height"] = str(height)
    left = sorted(path.name for path in (site.folder / "_images").glob("*.png"))
    if left:
        raise NoMatch(f"no page shows {left[0]}; look at how its page shows it")


def write_webp(path):
    """Write a WebP beside the PNG at `path`, and return its width and height."""
    with Image.open(path) as image:
        opaque = [(image.width * image.height, 255)]  # how many pixels have which alpha
        clear = image.mode == "RGBA" and image.getchannel("A").getcolors() != opaque
        slim = image.convert("RGBA" if clear else "RGB")
    if not clear:
        few = slim.quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        slim = few.convert("RGB")
    # A method above 4 takes five times as long for a thousandth of the size.
    slim.save(path.with_suffix(".webp"), lossless=True, quality=100, method=4)
    return slim.size


def load_pictures_late(site):
    """Load a figure when a reader comes near it, but the first of a page at once.

    Its width and height keep its place meanwhile.
    """
    for _, images in site.matches(
        "main figure img[width][height]",
        on='main figure img[src$=".webp"]',
        look_at="slim_pictures in this file",
    ):
        for image in images[1:]:
            image.attrs["loading"] = "lazy"
            image.attrs["decoding"] = "async"


# ---- code ----------

TOKEN_STYLE = re.compile(
    r'html\[data-theme="(\w+)"\] \.highlight(?: \.(\w+))? \{ ?([^}]*?) ?\}'
)


def unwrap_plain_words(site):
    """Let words that look like all other code be no elements of their own."""
    style = (site.folder / "_static" / "pygments.css").read_text("utf-8")
    for word in site.elements(
        ", ".join(f".highlight span.{name}" for name in plain_words(style)),
        on=".highlight span.kn",  # such as import, which a plain word follows
        look_at="the HTML of Pygments",
    ):
        if word.attrs.sget("class") in plain_words(style) and word.child:
            word.unwrap()


@functools.cache
def plain_words(style):
    """Pygments' classes that look as code without a class does, in each theme."""
    looks = {}
    for theme, name, look in TOKEN_STYLE.findall(style):
        colours = re.sub(r"background: [^;]*; ", "", look)
        looks.setdefault(name, {})[theme] = colours
    plain = sorted(name for name in looks if name and looks[name] == looks[""])
    if not plain:
        raise NoMatch(
            f"no class in pygments.css matches {TOKEN_STYLE.pattern!r};"
            " look at pygments.py of pydata-sphinx-theme"
        )
    return plain


JOINT = re.compile(r"(?<=[_.(,])(?=\w)")


def let_code_in_tables_break(site):
    """Let a name in a narrow column go on in a new line after a sign, not in a word."""
    for word in site.elements(
        "td code .pre", on="td code", look_at="visit_literal in Sphinx's HTML writer"
    ):
        text = html.escape(word.text(), quote=False)
        broken = JOINT.sub("<wbr>", text)
        word.replace_with(parts(f'<span class="pre">{broken}</span>')[0])


# ---- previews ----------

TARGETS = (
    "div.math[id], div.proof[id], div.exercise[id], div.citation[id], figure[id],"
    # docutils puts the label of a heading before it; from 0.22 on, onto its section
    ' span[id^="erratum-"], section[id^="erratum-"]'
)
# A reference to an anchor that begins so has a preview.
SHOWN = re.compile("equation-|fig-|thm-|lem-|prop-|cor-|def-|ex-|erratum-")


def embed_previews(site):
    """Keep on a page what its references to other pages point at.

    A copy lies in the page as text, from which a browser makes nothing until
    previews.js asks for it. What is on the same page needs no copy.
    """
    targets = {
        path: {node.attrs.sget("id"): node for node in page.tree.css(TARGETS)}
        for path, page in site.pages.items()
    }
    for page, links in site.matches(
        'a.reference.internal[href*=".html#"]',
        on='p > a[href*=".html#equation-"]',
        look_at="references in Sphinx's HTML writer",
    ):
        for href in dict.fromkeys(link.attrs.sget("href") for link in links):
            file, anchor = href.split("#")
            other = (page.path.parent / file).resolve()
            target = targets[other].get(anchor) if other in targets else None
            if target is not None:
                page.append(
                    f'<script type="text/html" data-preview="{href}">'
                    f"{quiet_copy(target, page.up)}</script>"
                )
            elif SHOWN.match(anchor):
                raise NoMatch(
                    f"{href} on {page.path.relative_to(site.folder)} leads to nothing"
                    f" that matches {TARGETS!r}; look at the HTML of that page"
                )


def quiet_copy(target, up):
    """HTML of a target to look at: without anchors, links, or stops of the Tab key."""
    copy = target.clone()
    if copy.tag in ("span", "section"):
        copy = parts(f"<div>{erratum_at(target)}</div>")[0]
    for link in copy.css("a.headerlink"):
        link.decompose()
    for link in copy.css("a"):
        link.unwrap()
    for name in ("id", "tabindex"):
        for node in copy.css(f"[{name}]"):
            del node.attrs[name]
    for image in copy.css('img[src*="_images/"]'):
        image.attrs["src"] = f"{up}_images/{Path(image.attrs.sget('src')).name}"
    return copy.html


def erratum_at(anchor):
    """HTML of the heading of an erratum and of the paragraphs that follow it."""
    piece = ""
    node = anchor.css("h3")[0] if anchor.tag == "section" else anchor.next
    while node is not None and (node.is_text_node or node.tag in ("h3", "p")):
        piece += node.html
        node = node.next
    return piece


# ---- sliders ----------

STATE = 'script[type="application/vnd.jupyter.widget-state+json"]'
VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]'
# Panels of the laboratory store a state too, but no view: they are drawn otherwise.
STATE_OF_SLIDER = f'{STATE}:lexbor-contains("slider-figure")'


def draw_sliders(site):
    """Make each stored slider an `<input type="range">`, its frames files of pictures.

    sliders.js moves it. Paper, and readers without scripts, get some of its pictures.
    What Jupyter's own script would need to draw the slider is left out: 457 kB of
    script, and all frames within the page.
    """
    for page, views in site.matches(
        VIEW, on=STATE_OF_SLIDER, look_at="ipywidgets in myst_nb/core/render.py"
    ):
        states = json.loads(page.tree.css(STATE)[0].text())["state"]
        for number, view in enumerate(views, 1):
            name = json.loads(view.text())["model_id"]
            if "slider-figure" not in states[name]["state"].get("_dom_classes", ()):
                raise NoMatch(
                    f"{page.path.name} shows a widget that is no slider_figure, and"
                    " nothing would move it; tag its cell `remove-output`"
                )
            sliders = sliders_of(states, name)
            frames = [file_of_frame(site, page, one) for one in frames_of(states, name)]
            view.insert_after(stills_of_slider(frames))
            view.replace_with(slider_on_page(f"slider-{number}", sliders, frames))
        page.append(f'<script defer src="{page.up}_static/sliders.js"></script>')
    for page in site.pages.values():
        for state in page.tree.css(STATE):
            state.decompose()


@dataclass
class Frame:
    """A picture of a slider: its values in words, its `<img>`, and its address."""

    line: str
    image: LexborNode

    def html(self, **attributes):
        """The picture as HTML, with more attributes."""
        for name, value in attributes.items():
            self.image.attrs[name] = value
        return self.image.html


def sliders_of(states, name):
    """Name and labels of each slider of the figure `name`."""
    *handles, _ = children(states, name)
    found = [states[handle]["state"] for handle in handles]
    return [(state["description"], state["_options_labels"]) for state in found]


def frames_of(states, name):
    """The figure's frames as HTML: those of the first slider's first position first."""
    if "children" not in states[name]["state"]:
        return [states[name]["state"]["value"]]
    inside = children(states, name)
    if "selected_index" not in states[name]["state"]:
        inside = inside[-1:]  # the sliders stand before the picture
    return [frame for child in inside for frame in frames_of(states, child)]


def children(states, name):
    """The names of the widgets within the widget `name`."""
    inside = states[name]["state"]["children"]
    return [child.removeprefix("IPY_MODEL_") for child in inside]


def file_of_frame(site, page, frame):
    """Write the picture of a frame, given as HTML, to a file that its `<img>` shows."""
    tree = LexborHTMLParser(frame, is_fragment=True)
    line, image = tree.css_first("p"), tree.css_first("img[width][height]")
    if line is None or image is None:
        raise NoMatch(
            f"a frame of a slider on {page.path.name} has no 'p' or no"
            " 'img[width][height]'; look at ntklib/figures.py"
        )
    svg = image.attrs.sget("src").removeprefix("data:image/svg+xml,")
    file = f"{hashlib.sha256(svg.encode()).hexdigest()}.svg"
    (site.folder / "_images" / file).write_text(unquote(svg), "utf-8")
    for attribute in list(image.attrs):
        if attribute not in ("alt", "width", "height"):
            del image.attrs[attribute]  # such as what tells Jupyter's slider its value
    image.attrs["src"] = f"{page.up}_images/{file}"
    return Frame(line.text(), image)


def slider_on_page(anchor, sliders, frames):
    """The sliders above their first picture, with the addresses of all pictures."""
    controls = ""
    for i, (name, labels) in enumerate(sliders, 1):
        control, first = f"{anchor}-{i}", html.escape(labels[0])
        words = html.escape(json.dumps(labels, ensure_ascii=False))
        # The value is said by aria-valuetext: a live <output> would say it twice.
        controls += (
            f'<div class="slider"><label for="{control}">{html.escape(name)}</label>'
            f'<output for="{control}" aria-live="off">{first}</output>'
            f'<input type="range" id="{control}" min="0" max="{len(labels) - 1}"'
            f' value="0" aria-valuetext="{first}" data-labels="{words}"></div>'
        )
    pictures = [[one.image.attrs["src"], one.image.attrs["alt"]] for one in frames]
    data = html.escape(json.dumps(pictures, ensure_ascii=False))
    image = frames[0].html(loading="lazy", decoding="async")
    return parts(
        f'<div class="slider-figure" data-frames="{data}">{controls}{image}</div>'
    )[0]


def stills_of_slider(frames):
    """The first picture, the middle one and the last, each below its values."""
    few = [frames[int(part * (len(frames) - 1))] for part in (0, 0.5, 1)]
    items = "".join(
        f"<div><p>{html.escape(one.line)}</p>{one.html(loading='lazy')}</div>"
        for one in {one.line: one for one in few}.values()
    )
    return parts(
        f'<div class="slider-stills"><p>Some pictures of the slider:</p>{items}</div>'
    )[0]


# ---- style sheets ----------


def join_style_sheets(site):
    """Put the style sheets of a page into one, for which a browser waits but once."""
    static = (site.folder / "_static").resolve()
    for page, links in site.matches(
        ':not(noscript) > link[rel="stylesheet"]',
        on=THEMED,
        look_at="the head in layout.html of pydata-sphinx-theme",
    ):
        sheets = [link.attrs.sget("href").partition("?")[0] for link in links]
        paths = [(page.path.parent / sheet).resolve() for sheet in sheets]
        style = "\n".join(style_sheet(path, static) for path in paths)
        name = f"book-{hashlib.sha256(style.encode()).hexdigest()[:12]}.css"
        (static / name).write_text(style, "utf-8")
        first, *others = links
        first.attrs["href"] = f"{page.up}_static/{name}"
        for link in others:
            link.decompose()


@functools.cache
def style_sheet(path, folder):
    """The style sheet at `path` with those that it imports, as seen from `folder`."""

    def moved(match):
        return f'url("{os.path.relpath(path.parent / match[1], folder)}")'

    def imported(match):
        return style_sheet((path.parent / match[1]).resolve(), folder)

    address = r"""url\(["']?(?!data:)([^"')]+)["']?\)"""
    text = re.sub(address, moved, path.read_text("utf-8"))
    text = re.sub(r'@import "([^"]+)";', imported, text)
    if "@import" in text:
        raise NoMatch(
            f"{path.name} imports a style sheet in a way that is not known here;"
            " look at its lines with @import"
        )
    return text


def purge_style_sheets(site):
    """Leave out of the joined style sheets what no page of the site can use.

    The whole sheets stay beside the site, under the same names: tests compare the
    looks of pages with the one and with the other.
    """
    found = list(
        site.matches(
            'link[rel="stylesheet"][href*="_static/book-"]',
            on=THEMED,
            look_at="join_style_sheets in this file",
        )
    )
    static = site.folder / "_static"
    words, scripts = set(), set()
    for page, _ in found:
        words |= style_sheets.words_of_page(page.tree)
        for script in page.tree.css("script[src]"):
            address = script.attrs.sget("src").partition("?")[0]
            scripts.add((page.path.parent / address).resolve())
    for script in scripts - {static / "search_index.js"}:  # it is all text
        words |= style_sheets.words_of_script(script)
    whole = site.folder.parent / "whole_styles"
    whole.mkdir(exist_ok=True)
    names = {}
    for page, links in found:
        old = Path(links[0].attrs.sget("href")).name
        if old not in names:
            style = style_sheets.purge((static / old).read_text("utf-8"), words)
            digest = hashlib.sha256(style.encode()).hexdigest()[:12]
            names[old] = f"style-{digest}.css"
            (static / names[old]).write_text(style, "utf-8")
            (static / old).replace(whole / names[old])
        links[0].attrs["href"] = f"{page.up}_static/{names[old]}"


# ---- fonts ----------

ICON = re.compile(r"\bfa-([a-z-]+)")
ICON_STYLE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
THEME_ICON = re.compile(r'--pst-icon-[\w-]+:"(.)"')


def slim_icons(site):
    """Write icons.woff2, the icons in use; book.css prefers it to the whole font."""
    static = site.folder / "_static"
    style = (static / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    used = set()
    for page in site.pages.values():
        used.update(ICON.findall(page.tree.html or ""))
    glyphs = set(THEME_ICON.findall(style))
    for names, code in ICON_STYLE.findall(style):
        if used.intersection(re.findall(r"\.fa-([\w-]+):", names)):
            glyphs.add(chr(int(code, 16)))
    if not glyphs:
        raise NoMatch(
            f"pydata-sphinx-theme.css has no icons that match {ICON_STYLE.pattern!r}"
            f" and {THEME_ICON.pattern!r}; look at that file"
        )
    font = static / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.woff2"
    write_font(font, glyphs, static / "icons.woff2", layout_features=[])


def slim_fonts_of_formulas(site):
    """Write KaTeX's fonts with those of their characters that occur in the book."""
    letters = set()
    for page in site.pages.values():
        letters.update(html.unescape(page.tree.html or ""))
    folder = site.folder / "_static" / "katex" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    for font in KATEX.glob("fonts/*.ttf"):
        write_font(font, letters, folder / f"{font.stem}.woff2")


def write_font(source, letters, target, **options):
    """Write the letters from the font `source` to `target`, a WOFF2 file."""
    choice = subset.Options(flavor="woff2", hinting=False, **options)
    font = subset.load_font(source, choice)
    subsetter = subset.Subsetter(choice)
    subsetter.populate(text="".join(sorted(letters)))
    subsetter.subset(font)
    subset.save_font(font, target, choice)


# ---- search ----------


def write_search_index(site):
    """Write what the search page searches: every page but those at the root."""
    found = site.matches(
        search_index.ARTICLE,
        on='html[data-content_root^=".."]',
        look_at="layout.html of pydata-sphinx-theme",
    )
    pages = {
        page.path.relative_to(site.folder).as_posix(): page.tree.html or ""
        for page, _ in found
        if page.up
    }
    search_index.write(pages, site.folder)


# ---- the list ----------

PASSES = (
    write_search_index,
    fill_laboratories,
    leave_out_drawn_icons,
    begin_in_light,
    let_summaries_speak,
    leave_out_role_of_citations,
    markup.leave_out_repeated_ids,
    markup.close_solutions,
    markup.leave_paragraphs_out_of_summaries,
    markup.name_permalinks,
    markup.name_buttons,
    markup.leave_out_what_says_nothing,
    markup.leave_out_highlight,
    leave_out_numbers_of_citations,
    keep_ends_with_formulas,
    leave_untranslated,
    slim_pictures,
    unwrap_plain_words,
    let_code_in_tables_break,
    embed_previews,  # copies what the passes above have changed
    load_pictures_late,
    draw_sliders,
    join_style_sheets,
    purge_style_sheets,  # reads the pages as they are in the end, as do the next two
    slim_icons,
    slim_fonts_of_formulas,
)


def read(folder):
    """The site in `folder`, with every page but the theme's own templates."""
    folder = Path(folder).resolve()
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        inside = path.relative_to(folder)
        if inside.parts[0] != "_static":
            tree = LexborHTMLParser(path.read_text("utf-8"))
            pages[path] = Page(path, tree, "../" * (len(inside.parts) - 1))
    return Site(folder, pages)


def finish(app, error):
    """Take every page through all passes."""
    if error is not None or app.builder.format != "html":
        return
    site = read(app.outdir)
    for change in PASSES:
        try:
            change(site)
        except NoMatch as fault:
            raise ExtensionError(f"{__name__}.{change.__name__}: {fault}") from fault
    for page in site.pages.values():
        page.path.write_text(page.tree.html or "", "utf-8")


def setup(app):
    """Work on the pages when all of them, and all style sheets, are written."""
    app.add_js_file("previews.js", loading_method="defer")
    app.add_js_file("book.js", loading_method="defer")
    # The theme writes the style sheet of Pygments at the default priority of 500.
    app.connect("build-finished", finish, priority=600)
    return {"parallel_read_safe": True}

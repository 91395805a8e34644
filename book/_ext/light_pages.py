"""Pages that weigh little and that everyone can read.

Pictures go from PNG to WebP with 96 colours, which no eye tells from the original. Their size in pixels is written
where they are shown, so that nothing moves when they arrive. The font of icons keeps those in use. Words of code that
have the colour of all code are no elements of their own. The style sheets are one file. A few attributes of other
extensions are put right.
"""

import functools
import hashlib
import logging
import os
import re
from pathlib import Path

from fontTools import subset
from PIL import Image
from sphinx.errors import ExtensionError

logging.getLogger("fontTools").setLevel(
    logging.ERROR
)  # it finds the icons' font too old

PICTURE = re.compile(r'(<img\b[^>]*?) src="((?:\.\./)*_images/[^"]+)\.png"')
ICON = re.compile(r"\bfa-([a-z-]+)")
REPAIRS = {
    ' data-theme="auto"': ' data-theme="light"',  # until a script asks the reader's system
    ' aria-label="Toggle hidden content"': "",  # the summary says what it opens
    '<meta name="viewport" content="width=device-width, initial-scale=1" />': "",  # a second one
    ' role="list" class="citation-list"': ' class="citation-list"',  # its children are no list items
}
STYLE = re.compile(r'^[ \t]*<link [^>]*rel="stylesheet"[^>]*>\n', re.M)
TOKEN_STYLE = re.compile(
    r'html\[data-theme="(\w+)"\] \.highlight(?: \.(\w+))? \{ ?([^}]*?) ?\}'
)
WIDGETS = {"play", "pause", "stop", "repeat", "sync"}  # drawn by scripts


def mend_pages(app, error):
    """Replace each PNG by a WebP of 96 colours, write its size where it is shown, and make the repairs."""
    if error is not None or app.builder.format != "html":
        return
    sizes = {}

    def webp(path):
        if path not in sizes:
            with Image.open(path) as image:
                clear = image.mode == "RGBA" and image.getextrema()[3][0] < 255
                slim = image.convert("RGBA" if clear else "RGB")
                if not clear:
                    slim = slim.quantize(
                        96, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
                    ).convert("RGB")
                slim.save(
                    path.with_suffix(".webp"), lossless=True, quality=100, method=6
                )
                sizes[path] = image.size
            path.unlink()
        return sizes[path]

    for page in sorted(Path(app.outdir).rglob("*.html")):

        def smaller(match, page=page):
            width, height = webp((page.parent / f"{match[2]}.png").resolve())
            return f'{match[1]} width="{width}" height="{height}" src="{match[2]}.webp"'

        text = PICTURE.sub(smaller, page.read_text("utf-8"))
        for wrong, right in REPAIRS.items():
            text = text.replace(wrong, right)
        page.write_text(text, "utf-8")


def write_font(source, text, target, **options):
    """Write the characters of `text` from the font `source` to `target`, a WOFF file."""
    options = subset.Options(flavor="woff", hinting=False, **options)
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    subset.save_font(font, target, options)


def shrink_icons(app, error):
    """Write icons.woff, the glyphs that pages or the theme name; book.css prefers it to the whole font."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    style = (static / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    used = {
        name
        for page in Path(app.outdir).rglob("*.html")
        for name in ICON.findall(page.read_text("utf-8"))
    }
    glyphs = set(re.findall(r'--pst-icon-[\w-]+:"(.)"', style))
    for names, code in re.findall(
        r'((?:\.fa-[\w-]+:before,?)+){content:"\\([0-9a-f]+)"}', style
    ):
        if {name for name in re.findall(r"\.fa-([\w-]+):", names)} & (used | WIDGETS):
            glyphs.add(chr(int(code, 16)))
    source = static / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.ttf"
    write_font(
        source, "".join(sorted(glyphs)), static / "icons.woff", layout_features=[]
    )


def plain_words(style):
    """A pattern for the words of code that Pygments' `style` shows as it shows code without a class, in each theme."""
    looks = {}
    for theme, name, look in TOKEN_STYLE.findall(style):
        looks.setdefault(name, {})[theme] = re.sub(r"background: [^;]*; ", "", look)
    plain = sorted(name for name in looks if name and looks[name] == looks[""])
    return re.compile(rf'<span class="(?:{"|".join(plain)})">([^<]*)</span>')


@functools.cache
def style_sheet(path, folder):
    """The style sheet at `path` with those that it imports, its addresses as seen from `folder`."""

    def moved(match):
        return f'url("{os.path.relpath(path.parent / match[1], folder)}")'

    text = re.sub(
        r"""url\(["']?(?!data:)([^"')]+)["']?\)""", moved, path.read_text("utf-8")
    )
    text = re.sub(
        r'@import "([^"]+)";',
        lambda name: style_sheet((path.parent / name[1]).resolve(), folder),
        text,
    )
    if "@import" in text:
        raise ExtensionError(
            f"{path.name} imports a style sheet in a way that {__file__} does not know"
        )
    return text


def lighten_styles(app, error):
    """Put all style sheets of a page into one file, for which a browser waits but once; unwrap plain words of code."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static").resolve()
    word = plain_words((static / "pygments.css").read_text("utf-8"))
    for page in Path(app.outdir).rglob("*.html"):
        text = word.sub(r"\1", page.read_text("utf-8"))
        links = STYLE.findall(text)
        if not links or page.resolve().is_relative_to(static):
            continue  # the page at the site's root, which leads to the first one; a template
        paths = [
            (page.parent / re.search(r'href="([^"?]+)', link)[1]).resolve()
            for link in links
        ]
        style = "\n".join(style_sheet(path, static) for path in paths)
        one = static / f"book-{hashlib.sha256(style.encode()).hexdigest()[:12]}.css"
        one.write_text(style, "utf-8")
        href = os.path.relpath(one, page.parent.resolve())
        text = text.replace(
            links[0], f'    <link rel="stylesheet" href="{href}" />\n', 1
        )
        page.write_text(
            STYLE.sub(lambda link, href=href: link[0] if href in link[0] else "", text),
            "utf-8",
        )


def setup(app):
    """Work on the pages when they are written: before the previews copy from them, and when all styles are there."""
    app.connect("build-finished", mend_pages, priority=400)
    app.connect("build-finished", shrink_icons)
    app.connect("build-finished", lighten_styles, priority=600)
    return {"parallel_read_safe": True}

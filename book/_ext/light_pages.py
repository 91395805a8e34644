"""Pages that weigh little and that everyone can read.

Pictures go from PNG to WebP with 96 colours, which no eye tells from the original. Their size in pixels is written
where they are shown, so that nothing moves when they arrive. The font of icons keeps those in use. A few attributes of
other extensions are put right.
"""

import logging
import re
from pathlib import Path

from fontTools import subset
from PIL import Image

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it finds the icons' font too old

PICTURE = re.compile(r'(<img\b[^>]*?) src="((?:\.\./)*_images/[^"]+)\.png"')
ICON = re.compile(r"\bfa-([a-z-]+)")
REPAIRS = {
    ' data-theme="auto"': ' data-theme="light"',  # until a script asks the reader's system
    ' aria-label="Toggle hidden content"': "",  # the summary says what it opens
    ' role="list" class="citation-list"': ' class="citation-list"',  # its children are no list items
}
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
                    slim = slim.quantize(96, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB")
                slim.save(path.with_suffix(".webp"), lossless=True, quality=100, method=6)
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
    used = {name for page in Path(app.outdir).rglob("*.html") for name in ICON.findall(page.read_text("utf-8"))}
    glyphs = set(re.findall(r'--pst-icon-[\w-]+:"(.)"', style))
    for names, code in re.findall(r'((?:\.fa-[\w-]+:before,?)+){content:"\\([0-9a-f]+)"}', style):
        if {name for name in re.findall(r"\.fa-([\w-]+):", names)} & (used | WIDGETS):
            glyphs.add(chr(int(code, 16)))
    source = static / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.ttf"
    write_font(source, "".join(sorted(glyphs)), static / "icons.woff", layout_features=[])


def setup(app):
    """Work on the pages when they are written, before the previews copy from them."""
    app.connect("build-finished", mend_pages, priority=400)
    app.connect("build-finished", shrink_icons)
    return {"parallel_read_safe": True}

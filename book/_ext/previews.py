"""What a reference points at, kept on the page that refers to it: previews.js shows it without a request.

An equation, a theorem, an exercise, a figure, an erratum or a cited work of another page is copied into the page as
text, from which a browser makes nothing until it is asked for; one on the same page needs no copy.
"""

import re
from functools import partial
from pathlib import Path

REFERENCE = re.compile(r'<a class="reference internal" href="([^"#:]+\.html)#([^"]+)"')
TARGET = re.compile(
    r'<(div|figure) class="(?:math|citation|align-\w+|(?:proof|exercise) [^"]*)" id="([^"]+)"'
)

ERRATUM = re.compile(
    r'<span id="(erratum-\d+)"></span>(<h3>.*?</h3>(?:\s*<p>.*?</p>)+)', re.S
)


def element(page, start, tag):
    """The element of `page` that opens at `start` with a `tag`, up to its end."""
    depth = 0
    for match in re.compile(rf"<(/?){tag}\b[^>]*>").finditer(page, start):
        depth += -1 if match[1] else 1
        if depth == 0:
            return page[start : match.end()]
    raise ValueError(f"no end of <{tag}> in {page[start : start + 80]!r}")


def quiet(html):
    """A copy that is only looked at: no anchors, no links, nothing to stop at with the Tab key."""
    html = re.sub(r'<a class="headerlink".*?</a>', "", html, flags=re.S)
    html = re.sub(r' (?:id|tabindex)="[^"]*"', "", html)
    return re.sub(r"<(/?)a\b[^>]*>", r"<\1span>", html)


def shown(page):
    """What a reference to the page may show, as functions that give it, by its anchor."""
    whole = {
        m[2]: partial(element, page, m.start(), m[1]) for m in TARGET.finditer(page)
    }
    return whole | {
        m[1]: partial("<div>{}</div>".format, m[2]) for m in ERRATUM.finditer(page)
    }


def embed(app, error):
    """Write into each page the previews that it needs from others."""
    if error is not None or app.builder.format != "html":
        return
    paths = {
        path.resolve(): path.read_text("utf-8")
        for path in Path(app.outdir).rglob("*.html")
    }
    targets = {path: shown(page) for path, page in paths.items()}
    for path, page in paths.items():
        copies = []
        for file, anchor in dict.fromkeys(REFERENCE.findall(page)):
            other = (path.parent / file).resolve()
            if (
                anchor in targets.get(other, {})
                and f'data-preview="{file}#{anchor}"' not in page
            ):
                copy = quiet(targets[other][anchor]())
                up = "../" * (
                    len(path.relative_to(Path(app.outdir).resolve()).parts) - 1
                )
                copy = re.sub(r'src="(?:\.\./)*_images/', f'src="{up}_images/', copy)
                copies.append(
                    f'<script type="text/html" data-preview="{file}#{anchor}">{copy}</script>'
                )
        if copies:
            path.write_text(
                page.replace("</body>", "\n".join([*copies, "</body>"])), "utf-8"
            )


def setup(app):
    """Embed the previews when every page is written."""
    app.connect("build-finished", embed)
    app.add_js_file("previews.js", loading_method="defer")
    return {"parallel_read_safe": True}

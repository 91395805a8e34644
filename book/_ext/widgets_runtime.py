"""The script that brings stored widgets to life, served by the site itself; myst-nb loads it on pages with widgets.

Of its package only the bundle is needed, so package-lock.json leaves out what the bundle was made from. Beside each
slider stand three of its pictures, for paper and for readers without scripts.
"""

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import unquote

from sphinx.errors import ExtensionError

BUNDLE = (
    Path(__file__).parent
    / "node_modules"
    / "@jupyter-widgets"
    / "html-manager"
    / "dist"
    / "embed.js"
)
CHANGES = {
    # The theme has the icon font; the bundle would load an older one, and put it in the place of the theme's.
    "@font-face{": "@media not all{",
    "Font Awesome 5": "Font Awesome 6",
    # The same type, written in a way that does not warn on the console of every reader.
    '"type":["string","number"]': '"anyOf":[{"type":"string"},{"type":"number"}]',
    # The bundle waits for the page to be loaded; it may come later than that.
    '_embedder=!0,window.addEventListener("load",(()=>{': (
        '_embedder=!0,(e=>"complete"===document.readyState?e():window.addEventListener("load",e))((()=>{'
    ),
}
SCRIPT = re.compile(
    r'<script data-jupyter-widgets-cdn="([^"]*)" defer="defer" src="([^"]*)"></script>'
)
LATER = """<script>requestAnimationFrame(() => setTimeout(() => document.body.append(Object.assign(
  document.createElement("script"), {{src: "{1}"}})))); // after the first frame, which shows the text
document.currentScript.dataset.jupyterWidgetsCdn = "{0}";</script>"""
STATE = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>\n?',
    re.S,
)
VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.S
)
FRAME = re.compile(
    r'<p>(.*?)</p><img (alt="[^"]*") src="data:image/svg\+xml,([^"]*)" width="(\d+)" height="(\d+)"',
    re.S,
)


def copy_bundle(app):
    """Put the bundle where nb_ipywidgets_js of _config.yml looks for it, before its checksum is written into pages."""
    if app.builder.format == "html":
        script = BUNDLE.read_text("utf-8")
        for old, new in CHANGES.items():
            if old not in script:
                raise ExtensionError(
                    f"{BUNDLE.name} no longer contains {old!r}; look at CHANGES in {__file__}"
                )
            script = script.replace(old, new)
        target = Path(app.outdir, "_static", "widgets")
        target.mkdir(parents=True, exist_ok=True)
        (target / BUNDLE.name).write_text(script, "utf-8")


def frame(states, model, part):
    """A picture of a slider, as HTML: the first for part = 0, the last for part = 1, with two sliders of both."""
    state = states[model]["state"]
    if "children" not in state:
        return state["value"]
    at = (
        int(part * (len(state["children"]) - 1)) if "selected_index" in state else -1
    )  # the picture is last
    return frame(states, state["children"][at].removeprefix("IPY_MODEL_"), part)


def add_stills(page, path, states, images):
    """The page with a place kept for each slider, and three pictures after it, written to the folder `images`."""
    up = "../" * (len(path.parts) - 1)

    def stills(view):
        model = json.loads(view[1])["model_id"]
        state = states[model]["state"]
        if "slider-figure" not in state["_dom_classes"]:
            return view[0]
        items = []
        for found in dict.fromkeys(frame(states, model, part) for part in (0, 0.5, 1)):
            line, alt, svg, width, height = FRAME.match(found).groups()
            file = images / f"{hashlib.sha256(svg.encode()).hexdigest()}.svg"
            file.write_text(unquote(svg), "utf-8")
            picture = f'{alt} src="{up}{images.name}/{file.name}" width="{width}" height="{height}"'
            items += [f'<div><p>{line}</p><img loading="lazy" {picture}></div>']
        controls = len(state["children"]) - 1  # the picture is last
        return (
            f'<div class="slider-place" style="--sliders:{controls};--ratio:{width}/{height}">{view[0]}</div>'
            f'<div class="slider-stills"><p>Some pictures of the slider:</p>{"".join(items)}</div>'
        )

    return VIEW.sub(stills, page)


def let_text_come_first(app, error):
    """Move the pictures of the sliders from the head of a page to its end, and the script that shows them after it."""
    if error is None and app.builder.format == "html":
        images = Path(app.outdir, app.builder.imagedir)
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text("utf-8")
            if state := STATE.search(page):
                states = json.loads(state[1])["state"]
                page = add_stills(
                    page.replace(state[0], "", 1),
                    path.relative_to(app.outdir),
                    states,
                    images,
                )
                script = SCRIPT.search(page)
                if script is None:
                    raise ExtensionError(
                        f"{path.name} has sliders, but the script that shows them is not as expected"
                    )
                before, end, after = page.replace(script[0], "", 1).rpartition(
                    "</body>"
                )
                path.write_text(
                    f"{before}{state[0]}{LATER.format(*script.groups())}{end}{after}",
                    "utf-8",
                )


def setup(app):
    """Copy the bundle when the builder is ready, and move what it shows when the pages are written."""
    app.connect("builder-inited", copy_bundle)
    app.connect("build-finished", let_text_come_first)
    return {"parallel_read_safe": True}

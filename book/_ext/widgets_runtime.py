"""The script that brings stored widgets to life, served by the site itself; myst-nb loads it on pages with widgets.

Of its package only the bundle is needed, so package-lock.json leaves out what the bundle was made from.
"""

import re
from pathlib import Path

from sphinx.errors import ExtensionError

BUNDLE = Path(__file__).parent / "node_modules" / "@jupyter-widgets" / "html-manager" / "dist" / "embed.js"
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
SCRIPT = re.compile(r'<script data-jupyter-widgets-cdn="([^"]*)" defer="defer" src="([^"]*)"></script>')
LATER = """<script>requestAnimationFrame(() => setTimeout(() => document.body.append(Object.assign(
  document.createElement("script"), {{src: "{1}"}})))); // after the first frame, which shows the text
document.currentScript.dataset.jupyterWidgetsCdn = "{0}";</script>"""
STATE = re.compile(r'<script type="application/vnd\.jupyter\.widget-state\+json">.*?</script>\n?', re.S)


def copy_bundle(app):
    """Put the bundle where nb_ipywidgets_js of _config.yml looks for it, before its checksum is written into pages."""
    if app.builder.format == "html":
        script = BUNDLE.read_text("utf-8")
        for old, new in CHANGES.items():
            if old not in script:
                raise ExtensionError(f"{BUNDLE.name} no longer contains {old!r}; look at CHANGES in {__file__}")
            script = script.replace(old, new)
        target = Path(app.outdir, "_static", "widgets")
        target.mkdir(parents=True, exist_ok=True)
        (target / BUNDLE.name).write_text(script, "utf-8")


def let_text_come_first(app, error):
    """Move the pictures of the sliders from the head of a page to its end, and the script that shows them after it."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text("utf-8")
            if state := STATE.search(page):
                page = page.replace(state[0], "", 1)
                script = SCRIPT.search(page)
                if script is None:
                    raise ExtensionError(f"{path.name} has sliders, but the script that shows them is not as expected")
                before, end, after = page.replace(script[0], "", 1).rpartition("</body>")
                path.write_text(f"{before}{state[0]}{LATER.format(*script.groups())}{end}{after}", "utf-8")


def setup(app):
    """Copy the bundle when the builder is ready, and move what it shows when the pages are written."""
    app.connect("builder-inited", copy_bundle)
    app.connect("build-finished", let_text_come_first)
    return {"parallel_read_safe": True}

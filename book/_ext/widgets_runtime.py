"""The script that brings stored widgets to life, served by the site itself.

myst-nb loads it on pages with widgets. Of its package only the bundle is needed, so
package-lock.json leaves out what the bundle was made from.
"""

from pathlib import Path

from sphinx.errors import ExtensionError

MANAGER = Path(__file__).parent / "node_modules" / "@jupyter-widgets" / "html-manager"
BUNDLE = MANAGER / "dist" / "embed.js"
LISTENS = '_embedder=!0,window.addEventListener("load",(()=>{'
LISTENS_ALSO_LATER = (
    '_embedder=!0,(e=>"complete"===document.readyState?e()'
    ':window.addEventListener("load",e))((()=>{'
)
CHANGES = {
    # The theme has the icon font; the bundle would load an older one in its place.
    "@font-face{": "@media not all{",
    "Font Awesome 5": "Font Awesome 6",
    # The same type, written in a way that does not warn on each reader's console.
    '"type":["string","number"]': '"anyOf":[{"type":"string"},{"type":"number"}]',
    # The bundle waits for the page to be loaded; it may come later than that.
    LISTENS: LISTENS_ALSO_LATER,
}


def copy_bundle(app):
    """Put the bundle where nb_ipywidgets_js of _config.yml looks for it.

    It must lie there before its checksum is written into pages.
    """
    if app.builder.format != "html":
        return
    script = BUNDLE.read_text("utf-8")
    for old, new in CHANGES.items():
        if old not in script:
            raise ExtensionError(
                f"{BUNDLE.name} no longer contains {old!r};"
                f" look at CHANGES in {__file__}"
            )
        script = script.replace(old, new)
    target = Path(app.outdir, "_static", "widgets")
    target.mkdir(parents=True, exist_ok=True)
    (target / BUNDLE.name).write_text(script, "utf-8")


def setup(app):
    """Copy the bundle when the builder is ready."""
    app.connect("builder-inited", copy_bundle)
    return {"parallel_read_safe": True}

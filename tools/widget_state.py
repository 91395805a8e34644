"""The state of widgets, as the notebooks store it: without scripts and style sheets."""

SCRIPTS = ("_esm", "_css")  # of an anywidget


def drop_scripts(notebook):
    """Take the scripts of anywidgets out of a notebook's metadata, in place.

    They are the library's own files, and a kernel sends them anew; 100 kB of them in
    each notebook would change with every edit.
    """
    for content in notebook.metadata.get("widgets", {}).values():
        for model in content["state"].values():
            for name in SCRIPTS:
                model["state"].pop(name, None)

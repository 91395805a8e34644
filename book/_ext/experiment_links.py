"""Links from a chapter to an experiment of the laboratory.

`[its experiment](laboratory.ipynb#experiment=edge)` opens the notebook in Jupyter, and
on the site the page with the experiment set up. MyST knows the headings of a page as
targets; this adds the experiments. A link to one that is not there is a warning.
"""

from ntklib.figures import EXPERIMENTS

PAGE = "book/laboratory"


def add_targets(app, doctree):
    """Make each experiment a target of the laboratory's page."""
    if app.env.docname == PAGE:
        slugs = app.env.metadata[PAGE].setdefault("myst_slugs", {})
        for name in EXPERIMENTS:
            target = f"experiment={name}"
            slugs[target] = (0, target, name)


def setup(app):
    """Add the targets when the page has been read."""
    app.connect("doctree-read", add_targets)
    return {"parallel_read_safe": True}

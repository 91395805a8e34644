"""Links from each page to a notebook that runs: download, Colab, Binder, source.

The theme has buttons of this kind, but its Colab opens the book's own notebooks, whose
MyST nothing there shows, and its download offers sources with the solutions of the
exercise sets. A link appears only if its place has an address, in _config.yml or in the
environment (see `tools.downloads.places`).
"""

import os
import posixpath
import shutil
from pathlib import Path
from urllib.parse import quote

import nbformat
from flit_core.wheel import make_wheel_in
from sphinx.errors import ExtensionError
from tools.downloads import ROOT, download, places, wheel_name

PDF = "neural-tangent-kernel.pdf"
NUMBERED = {"figure": "Fig.", "exercise": "Exercise"}  # others: Theorem, Lemma …


class Words:
    """What roles refer to, in words, with the numbers of the build."""

    def __init__(self, env, where):
        """Read the numbers of an environment in which everything is numbered."""
        self.env, self.places = env, where
        self.numbers, self.homes = {}, {}
        for page, kinds in env.toc_fignumbers.items():
            for kind, labels in kinds.items():
                for label, number in labels.items():
                    name = label.removeprefix("equation-")
                    self.numbers[name] = kind, ".".join(map(str, number))
                    self.homes[name] = page, label
        proofs = getattr(env, "proof_list", {})
        self.kinds = {label: proof["realtype"] for label, proof in proofs.items()}

    def number(self, kind, label):
        """The number of an equation; the name and number of anything else."""
        if label not in self.numbers:
            raise ExtensionError(f"{label} has no number that a download could show")
        found, number = self.numbers[label]
        if kind == "displaymath":
            return number
        name = NUMBERED.get(found) or self.kinds.get(label, kind).capitalize()
        return f"{name} {number}"

    def role(self, name, title, target, page):
        """The words for a role on a page, as a link where the site has an address."""
        if name == "doc":
            other = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            text = title or self.env.titles[other].astext()
            return self.link(text if title else f"“{text}”", other, "")
        if name == "cite":
            return ", ".join(map(self.citation, target.split(",")))
        if name == "cite:t":  # the authors are part of the sentence
            keys = target.split(",")
            return ", ".join(self.citation(key, "{} ({})") for key in keys)
        if name == "eq":
            return self.link(
                f"({self.number('displaymath', target)})", *self.home(target)
            )
        if name in ("numref", "prf:ref"):
            text = self.number("figure", target)
            if title:
                text = title.replace("%s", text.split()[-1])
            return self.link(text, *self.home(target))
        if name == "ref":
            return self.reference(title, target)
        if name == "py:obj":
            return f"`{title or target}`"
        raise ExtensionError(f"{page} has a role {name!r} that no download can show")

    def reference(self, title, target):
        """The words for {ref}: its own, or the name of what it leads to."""
        labels = self.env.domaindata["std"]
        if target in labels["labels"]:
            page, anchor, text = labels["labels"][target]
        else:
            page, anchor = labels["anonlabels"][target]
            text = target
        if target in self.numbers:
            text = self.number("exercise", target)
        return self.link(title or text, page, anchor)

    def home(self, label):
        """The page and the anchor of something that has a number."""
        if label not in self.homes:
            raise ExtensionError(f"{label} is on no page")
        return self.homes[label]

    def citation(self, key, form="({}, {})"):
        """Authors and year of a source, in this form."""
        for source in self.env.domaindata["cite"]["citations"]:
            if source.key == key.strip():
                people = [
                    " ".join(person.prelast_names + person.last_names)
                    for person in source.entry.persons["author"]
                ]
                names = people[0] if len(people) == 1 else f"{people[0]} et al."
                if len(people) == 2:
                    names = " and ".join(people)
                year = source.entry.fields.get("year", "")
                text = form.format(names, year)
                return self.link(text, source.bibliography_key.docname, "")
        raise ExtensionError(f"no source is called {key!r}")

    def link(self, text, page, anchor):
        """A link to the site, or the text alone while the site has no address."""
        if not self.places.site:
            return text
        end = f"#{anchor}" if anchor else ""
        return f"[{text}]({self.places.site}/{page}.html{end})"


def notebook_of(app, page):
    """Where the site has the notebook of a page; None if the page is no notebook."""
    found = page in app.env.found_docs
    if not found or Path(app.env.doc2path(page)).suffix != ".ipynb":
        return None
    return f"notebooks/{page.removeprefix('book/')}.ipynb"


def write_notebooks(app):
    """Write the notebook of each page, and beside them the library."""
    words = Words(app.env, places(ROOT))
    for page in sorted(app.env.found_docs):
        name = notebook_of(app, page)
        if name is None:
            continue
        target = Path(app.outdir, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        source = Path(app.env.doc2path(page))
        if source.parent.name == "exercises":  # without solutions
            copy = Path(app.srcdir, "_build", "assignment", source.name)
            shutil.copyfile(copy, target)
        else:
            notebook = nbformat.read(source, as_version=4)
            nbformat.write(download(notebook, page, words), target)
    folder = Path(app.outdir, "notebooks")
    if folder.exists():
        make_wheel_in(ROOT / "pyproject.toml", folder)
    return []  # no pages of its own


def buttons(where, page, source, notebook, up="", pdf=False):
    """The links of a page, each as the theme wants it.

    `source` is the page's file in the repository, or None.
    """
    found = []

    def add(label, text, icon, url):
        link = {"type": "link", "text": text, "tooltip": text}
        found.append(link | {"label": label, "icon": icon, "url": url})

    if notebook:
        if where.on_github:
            # The branch to which publishing pushes the notebooks in plain Markdown.
            file = quote(notebook.removeprefix("notebooks/"))
            start = "https://colab.research.google.com/github"
            colab = f"{start}/{where.on_github}/blob/notebooks/{file}"
            add("open-colab", "Open in Colab", "fas fa-rocket", colab)
            if source:
                start = f"https://mybinder.org/v2/gh/{where.on_github}/{where.branch}"
                binder = f"{start}?urlpath=lab/tree/{quote(source)}"
                add("open-binder", "Binder", "fas fa-rocket", binder)
        text = "Download this notebook"
        add("download-notebook", text, "fas fa-download", up + notebook)
        if not (where.site or where.repository):
            wheel = f"{up}notebooks/{wheel_name()}"
            add("download-library", "Download its library", "fas fa-download", wheel)
    if pdf:
        text = "Download the book as PDF"
        add("download-pdf", text, "fas fa-file-pdf", up + PDF)
    if where.repository and source:
        dash = "/-" if "gitlab" in where.repository else ""
        shown = f"{where.repository}{dash}/blob/{where.branch}/{quote(source)}"
        add("view-source", "View source", "fas fa-code", shown)
        key = "issue[title]" if dash else "title"
        issue = f"{where.repository}{dash}/issues/new?{key}={quote(f'On {page}: ')}"
        add("report-issue", "Report an issue", "fas fa-lightbulb", issue)
    return found


def add_buttons(app, pagename, templatename, context, doctree):
    """Put the links of a page into the theme's header."""
    source = None
    if pagename in app.env.found_docs:
        path = Path(app.env.doc2path(pagename))
        source = path.relative_to(app.srcdir).as_posix()
    found = buttons(
        places(ROOT),
        pagename,
        source,
        notebook_of(app, pagename),
        up="../" * pagename.count("/"),
        pdf=os.environ.get("NTK_PDF") == "yes",  # `make site` will put it there
    )
    if found:
        text = "Run, download or report"
        group = {"type": "group", "tooltip": text, "icon": "fas fa-download"}
        group |= {"buttons": found, "label": "page-actions"}
        context.setdefault("header_buttons", []).append(group)


def set_address(app, config):
    """Let the environment name the address of the site."""
    config.html_baseurl = places(ROOT).site


def setup(app):
    """Write the notebooks, and link them."""
    app.connect("config-inited", set_address)
    # After the theme, which begins the list of buttons at 500.
    app.connect("html-page-context", add_buttons, priority=600)
    app.connect("html-collect-pages", write_notebooks)
    return {"parallel_read_safe": False}

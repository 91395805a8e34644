"""Notebooks for a reader without the book: plain Markdown, which any Jupyter shows.

`book/_ext/launch.py` writes one for each chapter while the site is built, since the
numbers of equations, theorems and figures are known only then. The students' copies
of the exercise sets get the same first cell from `tools/assignment.py`.
"""

import ast
import os
import re
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

from book._ext.exercise_sets import solutions_are_shown

ROOT = Path(__file__).parents[1]
DATA = re.compile(r"data/[\w-]+\.csv")
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ ]*(?P<title>.*)$")
OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)$")
ROLE = re.compile(r"\{([\w:]+)\}`(?:([^`<]*[^`<\s])\s*<)?([^`<>]*)>?`")
EQUATION = re.compile(r"\$\$[ ]*\((eq-[\w-]+)\)[ ]*$", re.M)
UNSEEN = re.compile(r"^(?:%.*|\([\w-]+\)=)\n?", re.M)  # comments and anchors
INSTALL = """\
# This notebook uses ntklib, the small library behind the book.
# Where it is missing, this cell installs it; elsewhere the cell does nothing.{where}
try:
    import ntklib
except ModuleNotFoundError:
    get_ipython().run_line_magic("pip", 'install --quiet "{wheel}" {jax}')
"""
WRITE_DATA = '''\
# The data of the chapter, written to a file where it is missing
from pathlib import Path

if not Path("{path}").exists():
    Path("{path}").parent.mkdir(exist_ok=True)
    Path("{path}").write_text("""\\
{text}""")
'''


@dataclass(frozen=True)
class Places:
    """Where the site and its repository are; empty while they are nowhere."""

    site: str
    repository: str
    branch: str

    @property
    def on_github(self):
        """The repository as owner/name, if it is on GitHub."""
        found = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", self.repository)
        return found[1] if found else ""


def places(root=ROOT, environment=os.environ):
    """The addresses of _config.yml; NTK_BASEURL and NTK_REPOSITORY go before them.

    The repository has the solutions: while they are not shown, nothing leads there.
    """
    config = yaml.safe_load((Path(root) / "_config.yml").read_text("utf-8"))
    repository = config.get("repository", {})
    site = environment.get("NTK_BASEURL") or config["html"]["baseurl"]
    address = environment.get("NTK_REPOSITORY") or repository.get("url", "")
    if not solutions_are_shown(environment.get("NTK_SOLUTIONS")):
        address = ""
    branch = repository.get("branch", "main")
    return Places(site.rstrip("/"), address.rstrip("/").removesuffix(".git"), branch)


def version():
    """The library's number, which is the release's tag without the v."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["version"]


def wheel_name():
    """The file of the library, which the site offers beside the notebooks."""
    return f"ntklib-{version()}-py3-none-any.whl"


def install_cell(where):
    """The first cell: it installs the library where it is missing.

    The site's own wheel fits the notebook; without a site it is the release, by its
    tag, and with neither address the file that lies beside the notebook. A wheel has no
    solutions, and no copy of the repository is left behind.

    JAX comes in the book's version. The newest one may want a newer NumPy; pip would
    then exchange the one that Colab has loaded before the first cell runs, and nothing
    would work until the reader restarts the runtime.
    """
    advice = ""
    if where.site:
        wheel = f"ntklib[notebooks] @ {where.site}/notebooks/{wheel_name()}"
    elif where.repository:
        wheel = f"ntklib[notebooks] @ {release(where)}"
    else:
        wheel = f"./{wheel_name()}[notebooks]"
        advice = (
            f"\n# It looks for {wheel_name()} in the folder of this\n"
            "# notebook; the book's site offers it, and the exercises come with it."
        )
    source = INSTALL.format(where=advice, wheel=wheel, jax=pinned("jax")).rstrip()
    return nbformat.v4.new_code_cell(source, id="library")


def pinned(name):
    """A package with the version that the chapters are run with, for pip."""
    lines = (ROOT / "requirements-lab.lock").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}==")]
    return line


def release(where):
    """Where pip gets the release of this version: from GitHub without a need of git."""
    if where.on_github:
        return f"{where.repository}/archive/refs/tags/v{version()}.zip"
    return f"git+{where.repository}@v{version()}"


def data_cell(path):
    """A cell that writes a file of data, named as the chapter names it."""
    text = (ROOT / "book" / path).read_text("utf-8")
    source = WRITE_DATA.format(path=path, text=text).rstrip()
    return nbformat.v4.new_code_cell(source, id=path.replace("/", "-").split(".")[0])


def data_cells(notebook):
    """A cell for each file of data that the notebook reads."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return [data_cell(path) for path in dict.fromkeys(DATA.findall("\n".join(code)))]


def put_before_code(cells, new):
    """The cells with new ones before the first that is code, if there is any."""
    for position, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            return [*cells[:position], *new, *cells[position:]]
    return cells


def download(notebook, page, words):
    """The notebook of a page in plain Markdown; `words` says what a role refers to.

    `words.role(name, title, target, page)` and `words.number(kind, label)` are asked.
    """
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = markdown(cell.source, page, words)
            cells.append(nbformat.v4.new_markdown_cell(text, id=cell.id))
        elif cell.cell_type == "code":
            cells += code(cell, page, words)
    new = [install_cell(words.places), *data_cells(notebook)]
    metadata = {k: notebook.metadata[k] for k in ("kernelspec", "language_info")}
    return nbformat.v4.new_notebook(
        cells=put_before_code(cells, new), metadata=metadata
    )


def code(cell, page, words):
    """A cell of code with its pictures, and the caption of its figure below it.

    Sliders are left out: they come when the cell runs, and would weigh a megabyte.
    """
    view = "application/vnd.jupyter.widget-view+json"
    outputs = [out for out in cell.outputs if view not in out.get("data", {})]
    folded = "hide-input" in cell.metadata.get("tags", [])
    metadata = {"jupyter": {"source_hidden": True}} if folded else {}
    number = cell.execution_count
    found = [
        nbformat.v4.new_code_cell(
            cell.source,
            id=cell.id,
            metadata=metadata,
            outputs=outputs,
            execution_count=number,
        )
    ]
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    if "caption" in figure:
        caption = inline(figure["caption"], page, words)
        name = figure.get("name", "")
        title = words.number("figure", name) if name else "Figure"
        text = f"**{title}.** {caption}"
        found.append(nbformat.v4.new_markdown_cell(text, id=f"{cell.id}-caption"))
    return found


def markdown(text, page, words):
    """A text in MyST as plain Markdown."""
    lines = text.split("\n")
    plain, run = [], []
    while lines:
        line = lines.pop(0)
        start = FENCE.match(line)
        if start is None:
            run.append(line)
            continue
        plain.append(inline("\n".join(run), page, words))
        run = []
        body = take_body(lines, start["fence"])
        plain.append(directive(start["name"], start["title"], body, page, words))
    plain.append(inline("\n".join(run), page, words))
    return "\n".join(part for part in plain if part.strip()).strip()


def take_body(lines, fence):
    """Take the lines up to the closing fence off the front of `lines`."""
    body = []
    while lines:
        line = lines.pop(0)
        bare = line.strip()
        if bare and set(bare) == {fence[0]} and len(bare) >= len(fence):
            return body
        body.append(line)
    raise ValueError(f"the fence {fence} is never closed after {body[:1]}")


def inline(text, page, words):
    """Roles as words, equations with their numbers; no comments and anchors."""
    text = UNSEEN.sub("", text)
    text = EQUATION.sub(
        lambda m: f"\\tag{{{words.number('displaymath', m[1])}}}\n$$", text
    )
    return ROLE.sub(lambda m: words.role(*m.groups(), page), text)


def directive(name, title, body, page, words):
    """A directive as Markdown that any Jupyter shows."""
    options = {}
    while body and (found := OPTION.match(body[0])):
        options[found[1]] = found[2]
        body = body[1:]
    if name == "literalinclude":
        source = source_of(ROOT / "book" / title, options)
        file = (ROOT / "book" / title).resolve().relative_to(ROOT).as_posix()
        return f"\n```python\n# from {file}\n{source}\n```\n"
    inside = markdown("\n".join(body), page, words)
    if name == "math":
        tag = words.number("displaymath", options["label"])
        return f"\n$$\n{inside}\n\\tag{{{tag}}}\n$$\n"
    head = heading(name, title, options, page, words)
    if name == "solution" or "dropdown" in options.get("class", ""):
        summary = head.replace("$", "")  # a summary shows no formulas
        return f"\n<details><summary>{summary}</summary>\n\n{inside}\n\n</details>\n"
    if name in ("admonition", "note", "tip", "warning"):
        box = quoted(f"**{head}**\n\n{inside}")
        return f"\n{box}\n"
    end = "\n\n∎" if name == "prf:proof" else ""
    return f"\n**{head}.** {inside}{end}\n"


def heading(name, title, options, page, words):
    """What stands in bold above a box: Theorem 4.1 (The kernel at the start)."""
    kind = name.removeprefix("prf:")
    title = inline(title, page, words)
    if kind == "solution":
        return f"Solution of {words.number('exercise', title)}"
    if kind == "admonition":
        return title
    label = options.get("label")
    head = words.number(kind, label) if label else kind.capitalize()
    return f"{head} ({title})" if title else head


def quoted(text):
    """A text as a block quote."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def source_of(path, options):
    """The lines of a file that a literalinclude shows."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    if "pyobject" in options:
        for node in ast.parse(text).body:
            if getattr(node, "name", None) == options["pyobject"]:
                above = getattr(node, "decorator_list", [])
                first = min([node.lineno, *(other.lineno for other in above)])
                return "\n".join(lines[first - 1 : node.end_lineno])
        raise ValueError(f"{path.name} has no {options['pyobject']}")
    start, end = options["start-at"].strip('"'), options["end-at"].strip('"')
    first = next(i for i, line in enumerate(lines) if start in line)
    last = next(i for i in range(first, len(lines)) if end in lines[i])
    return textwrap.dedent("\n".join(lines[first : last + 1]))

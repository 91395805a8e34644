"""The way out of Jupyter Book 1: `make escape` builds the site without it.

Jupyter Book 1 gets no new features, and holds Sphinx at 7. Here it writes its settings
once more, from the same _config.yml, and the newest Sphinx, docutils and MyST build
with them, in a copy of the tree and an environment of its own. What they warn of is
counted, and the pages are compared with those of `make book`.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from packaging.utils import canonicalize_name

from tools.checkout import one_sentence
from tools.compare_sites import changes
from tools.execute import ROOT
from tools.trial import (
    BIN,
    copy_tree,
    environment,
    installed,
    needs,
    pins,
    reason,
    report,
    table,
)

# What Jupyter Book brings along, or holds back.
SPHINX = (
    "docutils>=0.22",
    "myst-nb",
    "myst-parser>=5",
    "sphinx>=9",
    "sphinx-book-theme",
    "sphinx-comments",
    "sphinx-copybutton",
    "sphinx-exercise",
    "sphinx-external-toc",
    "sphinx-jupyterbook-latex",
    "sphinx-multitoc-numbering",
    "sphinx-proof",
    "sphinxcontrib-bibtex",
)
NOT_NEEDED = {"jupyter-book", "nbgrader"}  # the students' copies are made outside
SHOWN = ("sphinx", "docutils", "myst-parser", "sphinx-book-theme")
# All that has to change in the settings.
WITHOUT_JUPYTER_BOOK = '\nextensions.remove("jupyter_book")\n'
KIND = re.compile(r"\[([\w.]+)\]$")  # Sphinx names it at the end of a warning
# Behind the place, where there is one: a setting has none.
LEVEL = re.compile(r"(?:^|: )(?:WARNING|ERROR|CRITICAL): ")
INTERRUPTED = "Interrupted; nothing was changed."


def requirements():
    """Newest Sphinx and extensions; everything else that the book needs as locked."""
    pinned = pins(ROOT / "requirements.lock")
    names = {canonicalize_name(need.name) for need in needs("book")}
    free = {re.split("[>=]", text)[0] for text in SPHINX} | NOT_NEEDED
    return [*SPHINX, *(f"{name}=={pinned[name]}" for name in sorted(names - free))]


def build(python, tree):
    """Build the site of a copy of the tree; whether that went well, and what was said.

    Args:
        python: of the environment with the newest Sphinx.
        tree: the copy. Its site is in _build/html afterwards.
    """
    prepare(tree, BIN / "jupyter-book", "config", "sphinx", tree)
    with (tree / "conf.py").open("a", encoding="utf-8") as settings:
        settings.write(WITHOUT_JUPYTER_BOOK)
    prepare(tree, sys.executable, "-m", "tools.assignment")
    sphinx = [python, "-m", "sphinx", "-n", "--keep-going", "--quiet"]
    result = subprocess.run(
        [*sphinx, ".", "_build/html"], cwd=tree, stderr=subprocess.PIPE, text=True
    )
    return result.returncode == 0, result.stderr.strip()


def prepare(tree, *command):
    """Run what the build needs in the copy of the tree; end if it fails."""
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    if result.returncode:
        words = " ".join(map(str, command[:3]))
        sys.exit(
            f"The build did not begin, since {words} failed: {reason(result.stderr)}"
        )


def kinds(said):
    """How often each kind of warning came."""
    lines = [line for line in said.splitlines() if LEVEL.search(line)]
    found = [KIND.search(line) for line in lines]
    return Counter(kind[1] if kind else "of no kind" for kind in found)


def repeated(differences):
    """The lines that came or went, with the number of pages on which each did."""
    return Counter(
        line
        for diff in differences.values()
        for line in dict.fromkeys(diff)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    )


def findings(versions, well, said, pages, differences):
    """The report: versions, warnings, and what differs for a reader."""
    names = ", ".join(f"{name} {versions[name]}" for name in SHOWN)
    warnings = kinds(said)
    parts = [f"## Without Jupyter Book: {names}"]
    if not well:
        error = said[said.find("Traceback") :][-3000:]
        parts.append(f"The build stopped:\n\n```\n{error}\n```")
    parts.append(f"{warnings.total()} warnings; `make book` has none.")
    if warnings:
        parts.append(table(["warnings", "of the kind"], swapped(warnings)))
    parts.append(
        f"{len(differences)} of {pages} pages differ from `make book` in what is read."
    )
    lines = repeated(differences)
    if lines:
        parts.append("Lines that came (+) or went (-), those on most pages first:")
        quoted = [(number, f"`{line[:150]}`") for number, line in swapped(lines)[:40]]
        parts.append(table(["pages", "line"], quoted))
        parts.append(f"{len(lines)} different lines in all.")
    return "\n\n".join(parts)


def swapped(counter):
    """Pairs of a number and what came so often, the most frequent first."""
    return [(number, what) for what, number in counter.most_common()]


def main():
    """Build, compare and report; end with 1 at a warning or a build that stopped."""
    with one_sentence(INTERRUPTED), tempfile.TemporaryDirectory() as folder:
        tree = copy_tree(Path(folder))
        python = environment(Path(folder, "environment"), requirements())
        well, said = build(python, tree)
        old, new = ROOT / "_build" / "html", tree / "_build" / "html"
        pages, differences = changes(old, new) if well else (0, {})
        text = findings(installed(python), well, said, pages, differences)
    report("escape", text)
    sys.exit(0 if well and not kinds(said) else 1)


if __name__ == "__main__":
    main()

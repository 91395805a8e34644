"""The stored outputs of a notebook are the book: refuse what no reader should see.

:func:`faults` serves the build, where each fault becomes a warning (an error with -W),
and the tests.
"""

import re
from pathlib import Path

import nbformat
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Roots of absolute paths; what precedes must not make it a part of an address.
PATH = (
    r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|usr|opt|work|var|private)/|[A-Za-z]:\\)"
    r"[\w.\\/-]+"
)
# An object in memory, a server on this machine, or four numbers of an internet address.
ADDRESS = (
    r"\b0x[0-9a-fA-F]{6,}\b|https?://(?:localhost|\d+\.)|\b\d{1,3}(?:\.\d{1,3}){3}\b"
)
TIMING = (
    r"\b\d+(?:\.\d+)?\s*(?:ns|µs|us|ms|s|secs?|seconds?|minutes?)\b(?! of)"
    r"|\d+(?:\.\d+)?it/s"
)
FORBIDDEN = {
    "a warning": r"\b\w*Warning\b",
    "a path": PATH,
    "an address": ADDRESS,
    "a timing": TIMING,
}


def text(output):
    """Everything in an output that is text, as one string."""
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    texts = []
    for kind, data in output["data"].items():
        if kind.startswith("text/"):
            texts.append("".join(data))
    return "\n".join(texts)


def faults_of_output(output):
    """What is wrong with one output, each fault as the end of a sentence."""
    if output["output_type"] == "error":
        return [f"raised {text(output)}"]
    if output.get("name") == "stderr":
        return [f"wrote to stderr: {text(output)[:80]!r}"]
    found = []
    for kind, pattern in FORBIDDEN.items():
        hit = re.search(pattern, text(output))
        if hit:
            found.append(f"shows {kind}: {hit[0]!r}")
    return found


def faults(notebook):
    """What is wrong with the stored outputs of a parsed notebook, a sentence each."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if not code:
        return ["no code cell"]
    found = []
    for number, cell in enumerate(code, 1):
        first = "".join(cell["source"]).strip().splitlines()[:1] or ["empty"]
        name = f"code cell {number} ({first!r:.60})"
        count = cell.get("execution_count")
        if count != number:
            found.append(
                f"{name} has execution count {count}, not {number}: run `make execute`"
            )
        for output in cell["outputs"]:
            found += [f"{name} {fault}" for fault in faults_of_output(output)]
    return found


def report(app, docname, source):
    """Turn the faults of the notebook being read into warnings."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb":
        for fault in faults(nbformat.read(path, as_version=4)):
            logger.warning(
                "%s: %s", path.name, fault, location=docname, type="stored-output"
            )


def setup(app):
    """Check each notebook as it is read."""
    app.connect("source-read", report)
    return {"parallel_read_safe": True}

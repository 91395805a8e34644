"""The stored outputs of a notebook are the book: refuse those that no reader should see.

:func:`faults` serves the build, where each fault becomes a warning (an error with -W), and the tests.
"""

import json
import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

FORBIDDEN = {
    "a warning": r"\b\w*Warning\b",
    "a path": r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|usr|opt|work|var|private)/|[A-Za-z]:\\)[\w.\\/-]+",
    "an address": r"\b0x[0-9a-fA-F]{6,}\b|https?://(?:localhost|\d+\.)|\b\d{1,3}(?:\.\d{1,3}){3}\b",
    "a timing": r"\b\d+(?:\.\d+)?\s*(?:ns|µs|us|ms|s|secs?|seconds?|minutes?)\b(?! of)|\d+(?:\.\d+)?it/s",
}


def text(output):
    """Everything in an output that is text, as one string."""
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return "\n".join(
        "".join(data)
        for kind, data in output["data"].items()
        if kind.startswith("text/")
    )


def faults(notebook):
    """What is wrong with the stored outputs of a notebook (the parsed JSON), a sentence each."""
    found = []
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, 1):
        name = f"code cell {number} ({''.join(cell['source']).strip().splitlines()[:1] or ['empty']!r:.60})"
        if cell.get("execution_count") != number:
            found.append(
                f"{name} has execution count {cell.get('execution_count')}, not {number}: run `make execute`"
            )
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                found.append(f"{name} raised {text(output)}")
            elif output.get("name") == "stderr":
                found.append(f"{name} wrote to stderr: {text(output)[:80]!r}")
            else:
                hits = (
                    (kind, re.search(pattern, text(output)))
                    for kind, pattern in FORBIDDEN.items()
                )
                found += [
                    f"{name} shows {kind}: {hit[0]!r}" for kind, hit in hits if hit
                ]
    if not code:
        found.append("no code cell")
    return found


def report(app, docname, source):
    """Turn the faults of the notebook being read into warnings."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb":
        for fault in faults(json.loads(path.read_text("utf-8"))):
            logger.warning(
                "%s: %s", path.name, fault, location=docname, type="stored-output"
            )


def setup(app):
    """Check each notebook as it is read."""
    app.connect("source-read", report)
    return {"parallel_read_safe": True}

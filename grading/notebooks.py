"""A notebook as it was handed in: its cells, and what was changed in them.

Notebooks are read as plain JSON. nbformat is made for notebooks in a good state: it
gives copied cells new ids, which would hide that they were copied, and raises whatever
comes.
"""

import json
import os
import re
import stat
import threading
import unicodedata
from dataclasses import dataclass, field

LARGEST_FILE = 20 * 2**20  # bytes
# JSON of this size takes some hundred MB in Python, if it is all lists in lists.
MOST_BRACKETS = 10**6
NO_NOTEBOOK = "is not a notebook (format 4)"

# One notebook at a time: what is read is much larger than what is kept of it.
reading = threading.Lock()


@dataclass
class Cell:
    """A cell of a notebook; `label` is nbgrader's part of its metadata."""

    kind: str
    source: str
    id: str
    label: dict = field(default_factory=dict)
    attachments: dict = field(default_factory=dict)  # pictures, by their names

    @property
    def locked(self):
        """Whether students are told to leave the cell as it is."""
        return self.label.get("locked")


@dataclass
class Notebook:
    """What is kept of a notebook."""

    cells: list
    python: str = ""  # the version that it says it was run with


def read(path):
    """The cells of a notebook; a ValueError says in half a sentence why not."""
    return read_notebook(path).cells


def read_notebook(path):
    """The notebook in a file; a ValueError says in half a sentence why not."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise ValueError("is a link, not a file")
    if stat.S_ISDIR(mode):
        raise ValueError("is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise ValueError("is a device, not a file")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(too_large())
    with reading:
        return _parsed(path.read_bytes())


def too_large():
    """What is said of a file that is larger than a notebook may be."""
    size = f"{LARGEST_FILE >> 20} MB"
    return f"is larger than {size}; clear the outputs and save it again"


def _parsed(data):
    """The notebook in the bytes of a file."""
    if not data.strip():
        raise ValueError("is an empty file")
    if data.count(b"[") + data.count(b"{") > MOST_BRACKETS:
        raise ValueError(
            f"holds more than {MOST_BRACKETS:,} lists; "
            "clear the outputs and save it again"
        )
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        cells = [_cell(cell) for cell in notebook["cells"]]
        return Notebook(cells, _python(notebook))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it again from Jupyter") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(NO_NOTEBOOK) from None


def _cell(cell):
    """A cell out of its JSON; an error of any kind if there is something else."""
    metadata = cell.get("metadata") or {}  # some programs write null for nothing
    label = metadata.get("nbgrader") or {}
    name = label.get("grade_id") or cell.get("id")
    source = "".join(cell["source"]).replace("\r\n", "\n").replace("\r", "\n")
    pictures = cell.get("attachments")
    if not isinstance(pictures, dict):
        pictures = {}
    return Cell(cell["cell_type"], source, str(name), label, pictures)


def _python(notebook):
    """The version of Python in a notebook's metadata, if there is one."""
    language = (notebook.get("metadata") or {}).get("language_info") or {}
    version = language.get("version")
    return version if isinstance(version, str) else ""


def differences(cells, handed_out):
    """A sentence for each kind of change to the labelled cells that were handed out."""
    labelled = [cell for cell in handed_out if cell.label]
    found = {}
    for cell in labelled:
        found[cell.id] = [other for other in cells if other.id == cell.id]
    if not any(found.values()):
        return [
            "the cells have lost their names (ids and metadata); "
            "only what their code computes was looked at"
        ]

    missing = [name for name, copies in found.items() if not copies]
    copied = [name for name, copies in found.items() if len(copies) > 1]
    sentences = [
        _sentence("missing", missing),
        _sentence("there more than once", copied),
        *_altered(labelled, found),
    ]
    order = dict.fromkeys(cell.id for cell in cells if cell.id in found)
    if list(order) != [name for name in found if found[name]]:
        sentences.append("some cells are in another order")
    return [sentence for sentence in sentences if sentence]


def _altered(labelled, found):
    """Sentences about cells that are there, but not as they were handed out."""
    retyped, edited, unlabelled = [], [], []
    for cell in labelled:
        for copy in found[cell.id]:
            if copy.kind != cell.kind:
                retyped.append(cell.id)
            elif cell.locked and _lines(copy) != _lines(cell):
                edited.append(cell.id)
            if not copy.label:
                unlabelled.append(cell.id)
    return [
        _sentence("of another type", retyped),
        _sentence("changed, though locked (it does not matter for the points)", edited),
        _sentence("without nbgrader's metadata", unlabelled),
    ]


def _lines(cell):
    """The lines of a cell without the blanks that editors add and take away."""
    return [line.rstrip() for line in cell.source.strip().splitlines()]


def _sentence(change, names):
    """Which cells a change was made to, each named once; nothing if there are none."""
    return f"cells {change}: {', '.join(dict.fromkeys(names))}" if names else ""


def blank(cells, exercises):
    """Whether a notebook is as it was handed out: no answer and no derivation.

    What says NotImplementedError or YOUR ANSWER HERE stands where an answer has to go,
    unless it was left below an answer.
    """
    names = "|".join(re.escape(name) for name in exercises.points)
    # Blanks of one line alone: thousands of empty lines would take hours otherwise.
    defined = rf"(?:async[ \t]+)?(?:def[ \t]+|class[ \t]+)?(?:{names})[ \t]*[=(:,]"
    unpacked = rf"[^=#(\n]*,[ \t]*(?:{names})[ \t]*="
    imported = rf"(?:from\b[^#\n]*)?\bimport\b[^#\n]*\b(?:{names})\b"
    answer = re.compile(rf"^[ \t]*(?:{defined}|{unpacked}|{imported})", re.M)
    given = re.compile(rf"^[ \t]*(?:{names})[ \t]*=(?!=)|^[ \t]+return\b", re.M)
    for cell in cells:
        if cell.kind == "code":
            stub = "NotImplementedError" in cell.source
            if (given if stub else answer).search(cell.source):
                return False
        elif cell.id.endswith("-derivation"):
            stub = "YOUR ANSWER HERE" in cell.source
            if not stub and cell.source.strip():
                return False
    return True


def shown(text):
    """A name from outside as one printable line, the same on every system."""
    readable = os.fsencode(text).decode("utf-8", "replace")
    composed = unicodedata.normalize("NFC", readable)
    return "".join(c if c.isprintable() else "?" for c in composed)

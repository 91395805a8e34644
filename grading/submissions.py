"""The notebooks that were handed in, what can be read of them, and how they differ from those that were handed out."""

import ast
import json
import os
import stat
from dataclasses import dataclass, field

LARGEST_FILE = 20 * 2**20


@dataclass
class Set:
    """A set of exercises as it was handed out: points by name, cells, and what its own cells import from ntklib."""

    points: dict
    cells: list
    imports: list


@dataclass
class Submission:
    """What one student handed in for one set, and what became of it."""

    student: str
    file: str
    set: str | None = None
    cells: list = field(default_factory=list)
    reason: str = ""  # why nothing could be graded
    remarks: list = field(default_factory=list)
    points: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)


def read(path):
    """The cells of a notebook; a ValueError says in a half sentence why it cannot be read."""
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"is a {'link' if stat.S_ISLNK(mode) else 'folder' if stat.S_ISDIR(mode) else 'device'}, not a file"
        )
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(
            f"is larger than {LARGEST_FILE >> 20} MB; clear the outputs and save it again"
        )
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("is an empty file")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        return [_cell(cell) for cell in notebook["cells"]]
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it again from Jupyter") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("is not a notebook (format 4)") from None


def _cell(cell):
    label = cell.get("metadata", {}).get("nbgrader", {})
    source = "".join(cell["source"])
    return {
        "type": cell["cell_type"],
        "source": source,
        "id": str(label.get("grade_id") or cell.get("id")),
        "label": label,
    }


def differences(cells, handed_out):
    """What was done to the cells that were handed out, a sentence for each kind of change."""
    places = {
        cell["id"]: [c for c in cells if c["id"] == cell["id"]]
        for cell in handed_out
        if cell["label"]
    }
    if not any(places.values()):
        return [
            "the cells have lost their names (ids and metadata); only what their code computes was looked at"
        ]
    first = [c["id"] for c in cells if c["id"] in places]
    kinds = {
        "missing": [i for i, found in places.items() if not found],
        "there more than once": [i for i, found in places.items() if len(found) > 1],
        "of another type": [],
        "changed, though locked (it does not matter for the points)": [],
        "without nbgrader's metadata": [],
        "in another order": list(dict.fromkeys(first))
        != [i for i in places if places[i]]
        and ["some"],
    }
    for cell in handed_out:
        for found in places.get(cell["id"], []):
            if found["type"] != cell["type"]:
                kinds["of another type"].append(cell["id"])
            elif (
                cell["label"].get("locked")
                and found["source"].strip() != cell["source"].strip()
            ):
                kinds[
                    "changed, though locked (it does not matter for the points)"
                ].append(cell["id"])
            if not found["label"]:
                kinds["without nbgrader's metadata"].append(cell["id"])
    return [
        f"cells {kind}: {', '.join(dict.fromkeys(ids))}"
        for kind, ids in kinds.items()
        if ids
    ]


def released(folder):
    """The sets as they are handed out, by name; an exercise's points stand in the metadata of its locked test."""
    sets = {}
    for path in sorted(folder.glob("*.ipynb")):
        cells = read(path)
        tests = [
            cell
            for cell in cells
            if cell["label"].get("grade") and cell["id"].endswith("-test")
        ]
        points = {
            cell["id"].removesuffix("-test"): cell["label"]["points"] for cell in tests
        }
        own = "\n".join(
            cell["source"]
            for cell in cells
            if cell["type"] == "code" and not cell["label"]
        )
        lines = [
            line
            for line in ast.parse(own).body
            if isinstance(line, ast.ImportFrom) and line.module == "ntklib"
        ]
        sets[path.stem] = Set(
            points, cells, [name.name for line in lines for name in line.names]
        )
    return sets


def which(stem, cells, sets):
    """The set that a notebook belongs to: by most of its cells, then by the name of the file."""
    ids, text = (
        {cell["id"] for cell in cells},
        "\n".join(cell["source"] for cell in cells),
    )
    common = {
        name: sum(
            f"{e}-test" in ids or e in ids or f'check("{e}"' in text for e in s.points
        )
        for name, s in sets.items()
    }
    named = next(
        (name for name in sets if stem == name or stem.endswith(f"_{name}")), None
    )
    return (
        max(common, key=lambda name: (common[name], name == named))
        if any(common.values())
        else named
    )


def collect(folder, sets):
    """Every `<student>/<set>.ipynb`, `<student>.ipynb` and `<student>_<set>.ipynb`, read before any of them runs."""
    found = []
    for entry in sorted(
        path for path in folder.iterdir() if not path.name.startswith(".")
    ):
        whole = entry.is_dir() and not entry.is_symlink() and entry.suffix != ".ipynb"
        paths = _within(entry, sets) if whole else [entry]
        if not paths:
            found.append(
                Submission(
                    shown(entry.name), "", reason="there is no notebook in the folder"
                )
            )
        for path in paths:
            suffix = next(
                (f"_{name}" for name in sets if path.stem.endswith(f"_{name}")), ""
            )
            student = shown(
                entry.name if whole else path.stem.removesuffix(suffix) or path.stem
            )
            one = Submission(student, shown(path.name))
            try:
                one.cells = read(path)
                one.set = which(path.stem, one.cells, sets)
                one.reason = (
                    ""
                    if one.set
                    else "belongs to no set of exercises that is known here"
                )
            except (OSError, ValueError) as error:
                one.reason = (
                    str(error)
                    if isinstance(error, ValueError)
                    else f"cannot be read ({error.strerror})"
                )
                one.set = which(path.stem, [], sets)
            if twin := next(
                (
                    o
                    for o in found
                    if one.set and (o.student, o.set) == (one.student, one.set)
                ),
                None,
            ):
                one.set, one.reason = (
                    None,
                    f"is a second notebook of the set {one.set}; {twin.file} was taken",
                )
            found.append(one)
    return found


def _within(folder, sets):
    """The notebooks in a student's folder; of two for one set, the one with its name comes first."""
    try:
        found = [
            p
            for p in folder.rglob("*.ipynb")
            if not any(q.startswith(".") for q in p.relative_to(folder).parts)
        ]
    except (OSError, RecursionError):
        return []
    return sorted(found, key=lambda p: (p.stem not in sets, p))


def shown(text):
    """A name from outside as one printable line."""
    return "".join(
        c if c.isprintable() else "?"
        for c in os.fsencode(text).decode("utf-8", "replace")
    )

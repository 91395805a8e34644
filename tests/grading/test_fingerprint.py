"""Fingerprints: what changes them, and what does not."""

from dataclasses import replace

import nbformat.v4 as nb
import pytest

from grading import fingerprint
from grading.fingerprint import conditions, modules_of_other_sets
from grading.submissions import Submission, released
from tests.grading.conftest import BLANK, RIGHT, TEST, cells, write


@pytest.fixture
def exercises(tmp_path):
    """The tiny set as it is handed out."""
    write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK))
    return released(tmp_path / "sets")["tiny"]


@pytest.fixture
def submission(tmp_path):
    """A notebook that was handed in."""
    path = write(tmp_path / "in" / "ada_tiny.ipynb", cells(RIGHT))
    return Submission("ada", path.name, "tiny", path)


def test_fingerprint_is_of_the_notebook_its_variants_and_the_conditions(submission):
    """It is the same for the same, wherever it lies and whatever its author's name."""
    first = fingerprint.fingerprint(submission, "conditions")
    path = submission.path.rename(submission.path.with_name("renamed.ipynb"))
    moved = replace(submission, path=path, student="Ada Byron", file="renamed.ipynb")
    assert fingerprint.fingerprint(moved, "conditions") == first
    others = [
        fingerprint.fingerprint(moved, "others"),
        fingerprint.fingerprint(replace(moved, variants={"ntk": "b"}), "conditions"),
    ]
    path.write_bytes(path.read_bytes() + b"\n")
    others.append(fingerprint.fingerprint(moved, "conditions"))
    assert len({first, *others}) == 4


def test_fingerprint_opens_no_file_that_is_refused(tmp_path, submission, monkeypatch):
    """Devices, links and huge files have none."""
    link = tmp_path / "link.ipynb"
    link.symlink_to(submission.path)
    assert fingerprint.fingerprint(replace(submission, path=link), "x") is None
    monkeypatch.setattr(fingerprint, "LARGEST_FILE", 10)
    assert fingerprint.fingerprint(submission, "x") is None


def changed(exercises, name, **entries):
    """The same set, but one of its cells has other entries."""
    new = [
        replace(cell, **entries) if cell.id == name else cell
        for cell in exercises.cells
    ]
    return replace(exercises, cells=new)


def test_conditions_change_with_what_decides_the_points(exercises):
    """So do settings, points, imports, and locked cells of an exercise."""
    first = conditions(exercises, 3, 30)
    assert conditions(exercises, 3, 30) == first
    others = [
        conditions(exercises, 4, 30),
        conditions(exercises, 3, 60),
        conditions(replace(exercises, points={"sharp_rate": 1}), 3, 30),
        conditions(replace(exercises, imports=["network"]), 3, 30),
        conditions(
            changed(exercises, "sharp_rate-test", source=TEST.format("ntk")), 3, 30
        ),
    ]
    assert len({first, *others}) == 6


def test_conditions_stay_with_other_texts(exercises):
    """A better text of a task, or a better solution, leaves all grades as they are."""
    first = conditions(exercises, 3)
    text = nb.new_markdown_cell("A hint", id="own")
    path = exercises.cells[0]
    assert conditions(changed(exercises, "setup", source="import numpy"), 3) == first
    assert conditions(changed(exercises, "sharp_rate", source=text.source), 3) == first
    assert conditions(replace(exercises, cells=[path, *exercises.cells]), 3) == first


def test_conditions_change_with_the_programs_of_the_set(
    exercises, tmp_path, monkeypatch
):
    """A mended exercise changes its own set, and no set that does not need it."""
    for name in ("grading", "ntklib", "ntk_answers"):
        write(tmp_path / name / "points.py", b"1")
    kernel = write(tmp_path / "ntklib" / "exercises" / "kernel.py", b"1")
    bounds = write(
        tmp_path / "ntk_answers" / "bounds.py", b"from ntk_answers import kernel"
    )
    report = write(tmp_path / "grading" / "report.py", b"1")
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    sets = {
        "kernel": replace(exercises, points={"ntk": 3}),
        "bounds": replace(exercises, points={"sharp_rate": 2}),
        "dynamics": replace(exercises, points={"stable_step": 2}),
    }

    def changed_sets():
        """The sets whose conditions are others than at the last call."""
        found = {name: conditions(each) for name, each in sets.items()}
        changed = {name for name in sets if found[name] != before.get(name)}
        before.update(found)
        return changed

    before = {}
    assert changed_sets() == set(sets)
    assert changed_sets() == set()
    bounds.write_text("from ntk_answers import answers, kernel")
    assert changed_sets() == {"bounds"}
    kernel.write_text("2")
    assert changed_sets() == {"kernel", "bounds"}
    report.write_text("2")
    assert changed_sets() == set()
    (tmp_path / "grading" / "points.py").write_text("2")
    assert changed_sets() == set(sets)


def test_modules_of_other_sets_are_those_of_no_exercise():
    """A set of one module needs that and what it imports; names unknown need none."""
    assert "dynamics" in modules_of_other_sets(["ntk"])
    assert "kernel" not in modules_of_other_sets(["ntk"])
    mixed = modules_of_other_sets(["ntk", "prediction", "unknown"])
    assert not {"kernel", "dynamics"} & mixed
    assert "regimes" in mixed


def test_programs_are_those_that_decide(exercises):
    """What compares values and runs submissions is among them, what reports is not."""
    found = fingerprint.programs(exercises)
    assert {"grading/points.py", "grading/pool.py", "ntklib/ntk.py"} <= set(found)
    assert "grading/inside/__main__.py" in found
    assert not {"grading/report.py", "grading/__main__.py"} & set(found)

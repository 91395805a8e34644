"""Records: what is kept of a submission comes back as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from grading import records
from grading.out import OutError
from grading.submissions import Submission


@pytest.fixture
def grades(tmp_path):
    """The folder OUT with its folder of records."""
    (tmp_path / "records").mkdir()
    return tmp_path


GRADED = Submission(
    "ada",
    "ada_tiny.ipynb",
    "tiny",
    remarks=["cell 2 failed"],
    points={"ntk": 2, "sharp_rate": 0.5},
    lines={"ntk": "ntk: correct"},
    answers={"ntk": "def ntk():\n    return '\ud800é'"},
    derivations={"ntk": "$K$"},
    seed=2**70,
    graded_at=datetime(2026, 11, 27, 12, tzinfo=UTC),
)


def test_restore_gives_back_what_was_kept(grades):
    """All of it, also texts that are no Unicode; remarks of the collection stay."""
    records.keep(grades, "a", GRADED)
    found = Submission("ada", "ada_tiny.ipynb", "tiny", remarks=["was taken"])
    assert records.restore(grades, "a", found)
    assert found == replace(GRADED, remarks=["was taken", "cell 2 failed"])


def test_restore_has_nothing_for_another_fingerprint(grades):
    """Without a record a submission stays as it is."""
    records.keep(grades, "a", GRADED)
    found = Submission("ada", "ada_tiny.ipynb", "tiny")
    assert not records.restore(grades, "b", found)
    assert found == Submission("ada", "ada_tiny.ipynb", "tiny")


EMPTY = {name: [] for name in records.KEPT}
DAMAGED = [
    b"",
    b"\xff",
    b"[1]",
    b"null",
    json.dumps(EMPTY).encode(),  # without the time
    json.dumps(EMPTY | {"graded_at": "yesterday"}).encode(),
    json.dumps(EMPTY | {"graded_at": 3}).encode(),
    json.dumps(EMPTY | {"graded_at": "2026-01-01", "remarks": None}).encode(),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_restore_takes_no_damaged_record(grades, content):
    """A record that cannot be read is as none at all."""
    (grades / "records" / "a.json").write_bytes(content)
    found = Submission("ada", "ada_tiny.ipynb", "tiny")
    assert not records.restore(grades, "a", found)
    assert found == Submission("ada", "ada_tiny.ipynb", "tiny")


def test_keep_says_where_it_cannot_write(tmp_path):
    """A full or missing disk is named in one sentence."""
    with pytest.raises(OutError, match=f"^{tmp_path} cannot be written: No such file"):
        records.keep(tmp_path, "a", GRADED)


def test_shortened_cuts_a_text_and_says_so():
    """Nobody reads more of a derivation than a book has pages."""
    texts = {"a": "short", "b": "x" * 60_000}
    short = records.shortened(texts)
    assert short["a"] == "short"
    assert short["b"] == "x" * 50_000 + "\n\n[cut here, of 60000 characters]"

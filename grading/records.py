"""The records of a batch: a file for each notebook, written as soon as it is graded.

They lie in `OUT/records`. The name of a record is the digest that `fingerprint` makes
of everything that decides the points. So a command that was interrupted goes on where
it was, and nothing is graded twice unless something about it has changed.
"""

import json
from datetime import datetime

from grading.out import write, writing

# What a record holds of a submission, beside the time.
KEPT = ("reason", "remarks", "points", "lines", "answers", "derivations", "seed")
LONGEST_TEXT = 50_000  # characters of an answer or a derivation


def keep(out, fingerprint, submission):
    """Write the record of a submission that has just been graded."""
    record = {name: getattr(submission, name) for name in KEPT}
    record["graded_at"] = submission.graded_at.isoformat()
    with writing(out):
        write(_path(out, fingerprint), json.dumps(record, indent=1))


def restore(out, fingerprint, submission):
    """Copy its record into a submission; false if there is none that can be read."""
    try:
        record = json.loads(_path(out, fingerprint).read_text("utf-8"))
        kept = {name: record[name] for name in KEPT}
        graded_at = datetime.fromisoformat(record["graded_at"])
        remarks = submission.remarks + kept.pop("remarks")
    except (OSError, ValueError, KeyError, TypeError):
        return False  # not there, or damaged: the notebook is graded again
    for name, value in kept.items():
        setattr(submission, name, value)
    submission.remarks = remarks
    submission.graded_at = graded_at
    return True


def _path(out, fingerprint):
    """The file of a record."""
    return out / "records" / f"{fingerprint}.json"


def shortened(texts):
    """Texts by name, the longest cut with a line that says so."""
    short = {}
    for name, text in texts.items():
        if len(text) > LONGEST_TEXT:
            text = f"{text[:LONGEST_TEXT]}\n\n[cut here, of {len(text)} characters]"
        short[name] = text
    return short

"""The folder OUT of a run: its lock, its seed, and what is temporary."""

import contextlib
import fcntl
import os
import secrets
import tempfile
from pathlib import Path

from grading.sandbox import remove

TEMPORARY = "ntk-grading-"  # begins the name of a run's temporary folder
LONGEST_SEED = 100  # digits
STUDENTS_SEEDS = 5  # from 0: the library that students install has their right values


class OutError(Exception):
    """Why nothing can be written to OUT, in one sentence."""


@contextlib.contextmanager
def opened(out):
    """The folder OUT for one run alone; an OutError says why it cannot be had.

    While it is open, every temporary file is made in one folder, which goes when the
    run ends. A run that was killed leaves its folder to the next.
    """
    with contextlib.ExitStack() as stack:
        with writing(out):
            records = out / "records"
            records.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((records / ".lock").open("w"))
            _lock(lock, out)
            for path in records.glob("*.new"):  # left unfinished by a killed run
                path.unlink()
            stack.enter_context(_temporary(records / "temporary.txt"))
        yield


@contextlib.contextmanager
def writing(out):
    """Turn what the system says about a failed write into an OutError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutError(f"{out} cannot be written: {reason}") from error


def _lock(file, out):
    """Lock a file until it is closed, or until this process is killed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutError(
            f"Another run is grading into {out}; wait until it ends"
        ) from None
    except OSError:
        pass  # some network folders have no locks


@contextlib.contextmanager
def _temporary(note):
    """A folder for all temporary files; its path is noted for the next run."""
    if note.exists():
        left = Path(note.read_text("utf-8"))
        if left.name.startswith(TEMPORARY):
            remove(left)
    before = tempfile.tempdir
    folder = Path(tempfile.gettempdir(), f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        write(note, str(folder))  # first, so that the folder is never without a note
        folder.mkdir(mode=0o700)
        folder.chmod(0o711)  # where nothing is protected, nobody passes through it
        tempfile.tempdir = str(folder)
        yield
    finally:
        tempfile.tempdir = before
        remove(folder)
        note.unlink(missing_ok=True)


def seed(out, given=""):
    """The seed of a run, which is kept: the given one, the last one, or one drawn.

    A ValueError says in one sentence what is wrong with the text of a seed.
    """
    path = out / "seed.txt"
    if given:
        found = parsed_seed(given)
    elif path.exists():
        found = parsed_seed(path.read_text("utf-8", "replace").strip(), f" in {path}")
    else:
        found = STUDENTS_SEEDS + secrets.randbelow(2**31)
    if found < STUDENTS_SEEDS:
        raise ValueError(
            f"The seeds 0 to {STUDENTS_SEEDS - 1} are those of students' own checks; "
            f"take another than {found}"
        )
    with writing(out):
        write(path, f"{found}\n")
    return found


def parsed_seed(text, where=""):
    """The seed that a text gives; a ValueError says in one sentence that it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_SEED):
        raise ValueError(
            f"The seed{where} must be an integer of at least 0, not {text[:30]!r}"
        )
    return int(text)


def write(path, text):
    """Write a file so that it is there as a whole or not at all, whatever happens."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)

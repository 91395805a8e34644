"""The files in a folder that was collected, those in its archives among them.

Nothing in an archive is believed: its files get names of our own on the disk, and what
it says about their sizes is not asked.
"""

import contextlib
import os
import zipfile
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grading.notebooks import LARGEST_FILE, NO_NOTEBOOK, shown, too_large

NOTEBOOKS = (".ipynb.json", ".ipynb.txt", ".ipynb", ".json")  # as browsers rename them
METADATA = "submission_metadata.yml"  # Gradescope's
# What systems and programs leave in folders and archives.
LITTER = {
    *("__macosx", "thumbs.db", "desktop.ini", "__pycache__", "$recycle.bin"),
    *("venv", "node_modules", "site-packages"),
}
DEEPEST_FOLDER = 30
LONGEST_NAME = 255  # characters, more than any file system has
DEEPEST_ARCHIVE = 4  # archives within archives
MOST_FILES = 50_000  # in one archive
LARGEST_ARCHIVE = 10 * LARGEST_FILE  # of one within another, or Gradescope's metadata
# Times as large as an archive is. A notebook is packed to a tenth of its size: this
# lets every one pass, and stops an archive that was made to fill the disk.
MOST_EXPANDED = 100
SMALL = 2**20  # bytes that each file in a download may have beyond that
OTHER_ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".bz2")
# Ways of packing: others unpack as much at once as they like.
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,  # a password of another kind
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class File:
    """A file as it was handed in."""

    parts: tuple  # the names of its folders and archives, and its own
    path: Path  # where it can be read
    changed: float = 0.0  # seconds since 1970
    problem: str = ""  # why it is no notebook, if that is known already
    refused: str = ""  # why the system does not let us look

    @property
    def name(self):
        """Its name, or that of the folder in which there is nothing."""
        return self.parts[-1]

    @property
    def is_notebook(self):
        """Whether it is called like a notebook."""
        return not self.problem and self.name.casefold().endswith(NOTEBOOKS)


class Unpacking:
    """Takes files out of archives, into a folder of our own."""

    def __init__(self, folder):
        """Unpack into this folder."""
        self.folder = folder
        self.count = 0
        self.written = 0  # bytes

    def files(self, path, name, parts=(), depth=1, most_written=None):
        """The files in an archive; those that cannot be read say so.

        `name` is that of the archive, as it was handed in.
        `most_written` is what `written` may be when all is unpacked. Without it each
        member has a limit of its own: they are different people's.
        """
        found = []
        try:
            with zipfile.ZipFile(path) as archive:
                for member, names in _members(archive):
                    inside = (*parts, *names)
                    found += self._of(archive, member, inside, depth, most_written)
        except UNREADABLE as error:
            problem = f"is an archive that {_unreadable(error)}"
            found.append(File((*parts, name), path, problem=problem))
        return found

    def most_written(self, packed, spare):
        """What `written` may be when so many packed bytes are unpacked."""
        return self.written + MOST_EXPANDED * packed + spare

    def _of(self, archive, member, parts, depth, most_written):
        """The file that is a member of an archive, or those in it.

        If it cannot be read the others may be, even those of other people.
        """
        if most_written is None:
            most_written = self.most_written(member.compress_size, SMALL)
        try:
            file = self._unpack(archive, member, parts, most_written)
        except UNREADABLE as error:
            path = Path(archive.filename)
            return [File(parts, path, problem=_unreadable(error))]
        return self._within(file, depth, most_written)

    def _unpack(self, archive, member, parts, most_written):
        """A member of an archive as a file on the disk, if it is one to read."""
        if len(parts) > DEEPEST_FOLDER:
            raise ValueError(f"it lies in folders more than {DEEPEST_FOLDER} deep")
        name = parts[-1].casefold()
        packed = name.endswith(".zip")
        if not packed and not name.endswith((*NOTEBOOKS, METADATA)):
            return _other(parts, Path(archive.filename))
        if member.flag_bits & 1:
            raise ValueError("it has a password")
        if member.header_offset < 0:  # the system's error would not look like damage
            raise ValueError("it begins before its archive")
        if member.compress_type not in PACKED:
            raise ValueError("it is packed in a way that is not read here")
        self.count += 1
        target = self.folder / f"{self.count}{'.zip' if packed else '.ipynb'}"
        largest = LARGEST_FILE if name.endswith(NOTEBOOKS) else LARGEST_ARCHIVE
        most = min(most_written - self.written, largest)
        size = self._copy(archive, member, target, most)
        if self.written > most_written:
            raise ValueError(f"it is more than {MOST_EXPANDED} times as large unpacked")
        problem = too_large() if size > largest else ""
        return File(parts, target, _changed(member), problem)

    def _copy(self, archive, member, target, most):
        """Unpack one file, and stop soon after `most` bytes; return how many came."""
        size = 0
        with archive.open(member) as source, target.open("wb") as file:
            while size <= most and (block := source.read(2**16)):
                file.write(block)
                size += len(block)
                self.written += len(block)  # even if the rest turns out to be damaged
        return size

    def _within(self, file, depth, most_written):
        """The file, or those in it if it is an archive."""
        if file.problem or not file.name.casefold().endswith(".zip"):
            return [file]
        if depth == DEEPEST_ARCHIVE:
            problem = f"is an archive within {DEEPEST_ARCHIVE} others"
            return [replace(file, problem=problem)]
        parts = _without_zip(file.parts)
        return self.files(file.path, file.name, parts, depth + 1, most_written)


def _without_zip(parts):
    """An archive stands for a folder of the same name."""
    return (*parts[:-1], parts[-1][: -len(".zip")])


def _members(archive):
    """The members of an archive that are a person's work, and their names."""
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) > MOST_FILES:
        raise ValueError(f"it holds more than {MOST_FILES:,} files")
    for member in members:
        names = _names(member)
        if names and not _litter(names):
            # More than is read, but not without end
            yield member, (*names[:DEEPEST_FOLDER], *names[DEEPEST_FOLDER:][-1:])


def _unreadable(error):
    """What an error says about an archive or one of its members."""
    return f"cannot be read: {shown(str(error))[:100]}"


def _names(member):
    """The names of a member's folders and its own, none of which leads elsewhere."""
    name = member.filename
    if not member.flag_bits & 0x800:  # macOS writes UTF-8 and does not say so
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    names = name.replace("\\", "/").split("/")
    names = [shown(one)[:LONGEST_NAME] for one in names if one not in ("", ".", "..")]
    return tuple(names)


def _changed(member):
    """When a member of an archive was last changed."""
    try:
        return datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _litter(names):
    """Whether one of these names is not a person's work."""
    hidden = any(name.startswith((".", "~$")) for name in names)
    return hidden or any(name.casefold() in LITTER for name in names)


def _other(parts, path):
    """A file that is neither a notebook nor an archive that is read here."""
    problem = NO_NOTEBOOK
    if parts[-1].casefold().endswith(OTHER_ARCHIVES):
        problem = "is an archive of a kind that is not read here; hand in a .zip"
    return File(parts, path, problem=problem)


def listing(folder, unpacked):
    """Every file in a folder or zip archive; `unpacked` is a folder for archives.

    A folder in which there is nothing is a file without a name.
    """
    unpacking = Unpacking(unpacked)
    if folder.is_file():
        return unpacking.files(folder, shown(folder.name))
    return _inside(folder, (), unpacking)


def _inside(folder, parts, unpacking):
    """The files in a folder and in its folders."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        refused = f"cannot be read ({error.strerror})"
        return [File((*parts, ""), folder, refused=refused)]
    found = []
    for entry in entries:
        if _litter([entry.name]):
            continue
        path = Path(entry.path)
        names = (*parts, shown(entry.name))
        if entry.is_dir(follow_symlinks=False):
            if len(names) < DEEPEST_FOLDER:
                found += _inside(path, names, unpacking)
        else:
            found += _found(path, names, unpacking)
    return found or [File((*parts, ""), folder)]


def _found(path, names, unpacking):
    """A file, or those in it if it is an archive."""
    name = names[-1].casefold()
    if path.is_symlink():
        return [File(names, path, problem="is a link, not a file")]
    if name.endswith(".zip") and path.is_file():
        most = unpacking.most_written(path.stat().st_size, LARGEST_FILE)
        parts = _without_zip(names)
        return unpacking.files(path, names[-1], parts, most_written=most)
    if not name.endswith((*NOTEBOOKS, METADATA)):
        return [_other(names, path)]
    return [File(names, path, path.lstat().st_mtime)]

"""What was collected, file by file: folders, archives, and what is nobody's work."""

import io
import os
import stat
import zipfile

import pytest

from grading import files
from grading.files import listing

NOTEBOOK = b'{"cells": []}'


@pytest.fixture
def found(tmp_path):
    """found(folder) -> the path of each file as collected, with its problem."""
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()

    def listed(folder):
        return {"/".join(one.parts): one.problem for one in listing(folder, unpacked)}

    return listed


def packed(content, **settings):
    """The bytes of a zip archive with these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, **settings) as archive:
        for name, inside in content.items():
            archive.writestr(name, inside)
    return data.getvalue()


def put(folder, content):
    """Write files into a folder."""
    for name, inside in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(inside)
    return folder


def test_listing_leaves_out_what_is_nobodys_work(tmp_path, found):
    """What systems and Jupyter leave behind, in folders and in archives."""
    litter = [
        *("Thumbs.db", "desktop.ini", ".DS_Store", "._kernel.ipynb", "~$notes.docx"),
        *("__MACOSX/._kernel.ipynb", ".ipynb_checkpoints/kernel-checkpoint.ipynb"),
    ]
    content = dict.fromkeys([*litter, "kernel.ipynb"], NOTEBOOK)
    folder = put(tmp_path / "in", {f"ada/{name}": content[name] for name in content})
    put(folder, {"bob.zip": packed(content)})
    assert found(folder) == {"ada/kernel.ipynb": "", "bob/kernel.ipynb": ""}


def test_listing_says_what_is_no_notebook(tmp_path, found):
    """Other files are there, with the reason; a folder of nothing is there too."""
    folder = put(tmp_path / "in", {"a.pdf": b"%PDF", "b.rar": b"Rar!", "c.zip": b"PK"})
    (folder / "empty" / "within").mkdir(parents=True)
    (folder / "link.ipynb").symlink_to(folder / "a.pdf")
    (folder / "loop").symlink_to(folder)
    assert found(folder) == {
        "a.pdf": "is not a notebook (format 4)",
        "b.rar": "is an archive of a kind that is not read here; hand in a .zip",
        "c/c.zip": "is an archive that cannot be read: File is not a zip file",
        "empty/within/": "",
        "link.ipynb": "is a link, not a file",
        "loop": "is a link, not a file",
    }


def test_listing_reads_archives_in_archives(tmp_path, found):
    """An archive stands for a folder, and so does one within it; four are enough."""
    data = packed({"kernel.ipynb": NOTEBOOK})
    for depth in range(5):
        data = packed({f"in{depth}.zip": data, f"own{depth}.ipynb": NOTEBOOK})
    assert found(put(tmp_path / "in", {"ada.ZIP": data})) == {
        "ada/own4.ipynb": "",
        "ada/in4/own3.ipynb": "",
        "ada/in4/in3/own2.ipynb": "",
        "ada/in4/in3/in2/own1.ipynb": "",
        "ada/in4/in3/in2/in1.zip": "is an archive within 4 others",
    }


def test_listing_names_a_bad_archive_as_it_was_handed_in(tmp_path, found):
    """Within another it has a name of ours on the disk, which nobody knows."""
    folder = put(tmp_path / "in", {"ada.zip": packed({"work.ZIP": b"PK"})})
    problem = "is an archive that cannot be read: File is not a zip file"
    assert found(folder) == {"ada/work/work.ZIP": problem}


def test_listing_takes_an_archive_for_the_folder(tmp_path, found):
    """The download itself can be named in place of a folder."""
    path = tmp_path / "submissions.zip"
    path.write_bytes(packed({"ada/kernel.ipynb": NOTEBOOK}))
    assert found(path) == {"ada/kernel.ipynb": ""}


def test_listing_writes_nothing_outside(tmp_path, found):
    """No name in an archive leads out of the folder for what is unpacked."""
    names = ["../out.ipynb", "/out.ipynb", "a\\..\\..\\out.ipynb", "C:/../out.ipynb"]
    folder = put(tmp_path / "in", {"ada.zip": packed(dict.fromkeys(names, NOTEBOOK))})
    before = set(tmp_path.rglob("*"))
    assert set(found(folder)) == {
        "ada/out.ipynb",
        "ada/a/out.ipynb",
        "ada/C:/out.ipynb",
    }
    new = set(tmp_path.rglob("*")) - before
    assert {path.parent for path in new} == {tmp_path / "unpacked"}


def test_listing_writes_a_link_in_an_archive_as_a_file(tmp_path, found):
    """A member that says that it is a link to a system's file stays its text."""
    member = zipfile.ZipInfo("kernel.ipynb")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    assert found(folder) == {"ada/kernel.ipynb": ""}
    [path] = (tmp_path / "unpacked").iterdir()
    assert not path.is_symlink()
    assert path.read_text() == "/etc/passwd"


def test_listing_stops_at_bombs(tmp_path, found, monkeypatch):
    """What grows more than any notebook does is refused before it fills the disk."""
    monkeypatch.setattr(files, "LARGEST_FILE", 2**20)
    many = dict.fromkeys([f"{number}.ipynb" for number in range(200)], b" " * 2**20)
    bomb = packed({"kernel.ipynb": NOTEBOOK, "next.zip": packed(many)})
    folder = put(tmp_path / "in", {"ada.zip": bomb})
    listed = found(folder)
    assert "ada/kernel.ipynb" in listed
    assert listed["ada/next/199.ipynb"] == (
        "cannot be read: it is more than 100 times as large unpacked"
    )
    written = sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir())
    assert written < 100 * len(bomb) + 2 * 2**20


def test_listing_stops_at_bombs_that_are_damaged(tmp_path, found, monkeypatch):
    """What was unpacked before the damage is on the disk, too."""
    monkeypatch.setattr(files, "LARGEST_FILE", 2**20)
    many = dict.fromkeys([f"{number}.ipynb" for number in range(200)], b" " * 2**19)
    bomb = bytearray(packed(many))
    entry = -1
    while (entry := bomb.find(b"PK\1\2", entry + 1)) >= 0:
        bomb[entry + 16] ^= 1  # a bit of its checksum
    listed = found(put(tmp_path / "in", {"ada.zip": bomb}))
    assert len(listed) == 200
    assert all(listed.values())
    written = sum(path.stat().st_size for path in (tmp_path / "unpacked").iterdir())
    assert written < 100 * len(bomb) + 2 * 2**20


def test_listing_reads_the_others_in_a_download(tmp_path, found):
    """One student's bombs, damage and deep folders are no other student's loss."""
    content = {f"eve/{number}.ipynb": b" " * 2**23 for number in range(12)}
    content |= {"eve/" + "a/" * 60 + "kernel.ipynb": NOTEBOOK}
    content |= {"eve/damaged.ipynb": os.urandom(1000), "eve.zip": b"PK"}
    content |= {f"s{number}/kernel.ipynb": NOTEBOOK for number in range(30)}
    data = bytearray(packed(content))
    data[data.index(b"damaged.ipynb") + 500] ^= 1
    path = tmp_path / "submissions.zip"
    path.write_bytes(data)
    listed = found(path)
    large = "cannot be read: it is more than 100 times as large unpacked"
    deep = "cannot be read: it lies in folders more than 30 deep"
    assert {listed[f"eve/{number}.ipynb"] for number in range(12)} == {large}
    assert listed["eve/" + "a/" * 29 + "kernel.ipynb"] == deep
    assert listed["eve/damaged.ipynb"].startswith("cannot be read: Bad CRC-32")
    assert {listed[f"s{number}/kernel.ipynb"] for number in range(30)} == {""}


def test_listing_does_not_believe_sizes(tmp_path, found, monkeypatch):
    """A file that is too large is cut and named; the others are read."""
    monkeypatch.setattr(files, "LARGEST_FILE", 2**20)
    large = os.urandom(2**20 + 1)
    data = packed({"kernel.ipynb": large, "own.ipynb": NOTEBOOK})
    assert found(put(tmp_path / "in", {"ada.zip": data})) == {
        "ada/kernel.ipynb": "is larger than 20 MB; clear the outputs and save it again",
        "ada/own.ipynb": "",
    }


def test_listing_reads_metadata_that_are_larger_than_a_notebook(
    tmp_path, found, monkeypatch
):
    """Gradescope keeps in one file what all tests of all attempts have printed."""
    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    data = packed({"submission_metadata.yml": b"x" * 2000, "kernel.ipynb": b"x" * 2000})
    assert found(put(tmp_path / "in", {"all.zip": data})) == {
        "all/submission_metadata.yml": "",
        "all/kernel.ipynb": "is larger than 20 MB; clear the outputs and save it again",
    }


def test_listing_refuses_what_has_no_end(tmp_path, found, monkeypatch):
    """Too many files, folders too deep, damage and passwords: each is one sentence."""
    monkeypatch.setattr(files, "MOST_FILES", 3)
    damaged = bytearray(packed({"kernel.ipynb": os.urandom(1000)}))
    damaged[500:600] = b"?" * 100
    locked = bytearray(packed({"kernel.ipynb": NOTEBOOK}))
    locked[6] |= 1  # the bit for a password, in both headers
    locked[locked.index(b"PK\1\2") + 8] |= 1
    folder = put(
        tmp_path / "in",
        {
            "a.zip": packed(dict.fromkeys("abcd", b"")),
            "b.zip": packed({"a/" * 40 + "kernel.ipynb": NOTEBOOK}),
            "c.zip": bytes(damaged),
            "d.zip": bytes(locked),
        },
    )
    reasons = [reason.partition(": ")[2] for reason in found(folder).values()]
    assert reasons[0] == "it holds more than 3 files"
    assert reasons[1] == "it lies in folders more than 30 deep"
    assert reasons[2].startswith("Bad CRC-32 for file")
    assert reasons[3] == "it has a password"


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", [0, 1])
def test_listing_refuses_other_ways_of_packing(tmp_path, found, way, damage):
    """Damaged or not; the others in the archive are read."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("kernel.ipynb", os.urandom(1000), way)
        archive.writestr("tiny.ipynb", NOTEBOOK)
    damaged = bytearray(data.getvalue())
    damaged[60] ^= damage
    problem = "cannot be read: it is packed in a way that is not read here"
    assert found(put(tmp_path / "in", {"ada.zip": damaged})) == {
        "ada/kernel.ipynb": problem,
        "ada/tiny.ipynb": "",
    }


def test_listing_survives_members_that_begin_before_their_archive(tmp_path, found):
    """So it is where the directory is said to lie after its true place."""
    data = bytearray(packed({"kernel.ipynb": NOTEBOOK}))
    data[data.index(b"PK\5\6") + 16] += 10
    folder = put(tmp_path / "in", {"ada.zip": data, "bob/kernel.ipynb": NOTEBOOK})
    problem = "cannot be read: it begins before its archive"
    assert found(folder) == {"ada/kernel.ipynb": problem, "bob/kernel.ipynb": ""}


def test_listing_reads_names_that_are_not_said_to_be_utf8(tmp_path, found):
    """Those of macOS are UTF-8 and do not say so; composed or not is the same."""
    data = packed({"xx.ipynb": NOTEBOOK}).replace(b"xx", b"\xc3\xa9")
    folder = put(tmp_path / "in", {"ada.zip": data, "bob/e\u0301.ipynb": NOTEBOOK})
    assert set(found(folder)) == {"ada/\xe9.ipynb", "bob/\xe9.ipynb"}


def test_listing_cuts_names_that_no_system_has(tmp_path, found):
    """An archive can name a file in 60,000 letters."""
    data = packed({"a" * 60_000 + "/kernel.ipynb": NOTEBOOK})
    folder = put(tmp_path / "in", {"ada.zip": data})
    assert set(found(folder)) == {"ada/" + "a" * 255 + "/kernel.ipynb"}


def test_listing_says_which_folder_cannot_be_read(tmp_path, monkeypatch):
    """The system's refusal is not the student's fault."""
    folder = put(tmp_path / "in", {"ada/kernel.ipynb": NOTEBOOK})
    scandir = os.scandir

    def guarded(path):
        if os.fspath(path).endswith("ada"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    [file] = listing(folder, tmp_path)
    assert (file.refused, file.problem) == ("cannot be read (Permission denied)", "")

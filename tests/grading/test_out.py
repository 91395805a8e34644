"""The folder OUT: one run at a time, a seed that is kept, nothing temporary left."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from grading import out, sandbox
from grading.out import OutError
from ntklib.exercises import stored
from tools.execute import ROOT


def test_opened_collects_what_is_temporary(tmp_path, temporary):
    """Temporary files are in one folder, which goes with the run."""
    with out.opened(tmp_path / "grades"):
        made = Path(tempfile.mkdtemp())
        assert made.parent.parent == temporary
        (made / "file").touch()
    assert tempfile.gettempdir() == str(temporary)
    left = [path.name for path in (tmp_path / "grades" / "records").iterdir()]
    assert left == [".lock"]


def test_opened_lets_root_give_up_its_rights(tmp_path, monkeypatch):
    """Whoever runs a notebook without a sandbox, runs it in a grading run as well."""
    with tempfile.TemporaryDirectory(dir="/tmp") as shown:  # pytest's is root's alone
        Path(shown).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", shown)
        with sandbox.unprotected(2**30) as place:
            user = Path(place.folder).stat().st_uid
        with out.opened(tmp_path / "grades"):
            assert Path(tempfile.gettempdir()).stat().st_mode & 0o777 == 0o711
            with sandbox.unprotected(2**30) as place:
                assert Path(place.folder).stat().st_uid == user


def test_opened_removes_what_a_killed_run_left(tmp_path, temporary):
    """The temporary folder, however deep, and the unfinished record of it go."""
    grades = tmp_path / "grades"
    program = (
        "import os, pathlib, sys, tempfile; from grading import out\n"
        "with out.opened(pathlib.Path(sys.argv[1])):\n"
        "    os.chdir(tempfile.mkdtemp())\n"
        "    for depth in range(2000):\n"
        "        os.mkdir('d')\n"
        "        os.chdir('d')\n"
        "    pathlib.Path(sys.argv[1], 'records', 'x.json.new').touch()\n"
        "    os.kill(os.getpid(), 9)"
    )
    environment = {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, grades]
    assert subprocess.run(command, env=environment).returncode == -9
    try:
        assert list(temporary.glob("*/*"))
        assert list(grades.glob("records/*.new"))
        with out.opened(grades):
            assert not list(grades.glob("records/*.new"))
            assert len(list(temporary.iterdir())) == 1
            assert not list(temporary.glob("*/*"))
    finally:  # pytest could not do so
        left = list(temporary.iterdir())
        subprocess.run(["rm", "-rf", *left], check=True)
    assert left == []


def test_opened_notes_the_temporary_folder_before_it_makes_it(
    tmp_path, temporary, monkeypatch
):
    """At whichever moment a run is killed, the next one finds its folder."""
    noted = []

    def note(path, text):
        noted.append((path.name, Path(text).exists()))

    monkeypatch.setattr(out, "write", note)
    with out.opened(tmp_path / "grades"):
        assert noted == [("temporary.txt", False)]
        assert len(list(temporary.iterdir())) == 1


def test_opened_removes_no_folder_but_a_run_s_own(tmp_path, temporary):
    """A note that names some other folder is not followed."""
    precious = tmp_path / "precious"
    precious.mkdir()
    note = tmp_path / "grades" / "records" / "temporary.txt"
    note.parent.mkdir(parents=True)
    note.write_text(str(precious))
    with out.opened(tmp_path / "grades"):
        assert precious.is_dir()


def test_opened_refuses_a_second_run(tmp_path, temporary):
    """Two runs into one folder would undo each other's work."""
    with (
        out.opened(tmp_path),
        pytest.raises(OutError, match=r"^Another run is grading into"),
        out.opened(tmp_path),
    ):
        pass
    with out.opened(tmp_path):
        pass  # afterwards it is free again


def test_opened_refuses_what_is_no_folder(tmp_path, temporary):
    """A file in the place of OUT is said before anything is graded."""
    (tmp_path / "grades").touch()
    for path in (tmp_path / "grades", tmp_path / "grades" / "inner"):
        with (
            pytest.raises(OutError, match=f"^{path} cannot be written: "),
            out.opened(path),
        ):
            pass


def test_opened_leaves_other_errors_alone(tmp_path, temporary):
    """An error of what is done while OUT is open is not one of OUT."""
    with pytest.raises(FileNotFoundError, match="nowhere"), out.opened(tmp_path):
        (tmp_path / "nowhere").read_text()


def test_seed_is_kept_for_the_next_run(tmp_path):
    """A drawn seed is taken again; one that is given takes its place."""
    drawn = out.seed(tmp_path)
    assert out.seed(tmp_path) == drawn
    assert out.seed(tmp_path, "7") == 7
    assert out.seed(tmp_path) == 7
    (tmp_path / "seed.txt").unlink()
    assert out.seed(tmp_path) not in (drawn, 7)


def test_seed_is_none_that_students_have(tmp_path, monkeypatch):
    """Their library has the right values for some seeds; these are never used."""
    assert list(range(out.STUDENTS_SEEDS)) == list(stored.SEEDS)
    monkeypatch.setattr(out.secrets, "randbelow", lambda most: 0)
    assert out.seed(tmp_path) == out.STUDENTS_SEEDS
    for known in stored.SEEDS:
        with pytest.raises(ValueError, match=f"^The seeds 0 to 4 .* than {known}$"):
            out.seed(tmp_path, str(known))
    assert out.seed(tmp_path) == out.STUDENTS_SEEDS


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", "²", "٣", "9" * 5000])
def test_parsed_seed_refuses_what_is_no_seed(text):
    """A seed is a number of at least 0; anything else is named in one sentence."""
    with pytest.raises(ValueError, match=r"^The seed in f must be an integer [^\n]*$"):
        out.parsed_seed(text, " in f")


def test_parsed_seed_reads_a_number():
    """Zeros before it do not matter."""
    assert out.parsed_seed("007") == 7


def test_seed_refuses_a_file_that_holds_none(tmp_path):
    """A file that was spoilt is named, and not overwritten."""
    (tmp_path / "seed.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"seed.txt must be an integer"):
        out.seed(tmp_path)
    assert (tmp_path / "seed.txt").read_bytes() == b"\xff"


def test_seed_says_where_it_cannot_be_kept(tmp_path):
    """Without the folder there is one sentence."""
    with pytest.raises(OutError, match=r"nowhere cannot be written: "):
        out.seed(tmp_path / "nowhere")


def test_write_replaces_a_file_as_a_whole(tmp_path, monkeypatch):
    """If writing fails in the middle, the file is as it was."""
    out.write(tmp_path / "a", "one")
    monkeypatch.setattr(out.os, "fsync", lambda number: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        out.write(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "one"

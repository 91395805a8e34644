"""Submissions from every layout: whose they are, and which of several counts."""

import io
import os
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grading import notebooks
from grading.layouts import collect
from grading.owners import stem
from grading.roster import Roster
from grading.submissions import released
from tests.grading.conftest import BLANK, RIGHT, cells, write

OTHER = {"ntk": "", "erf_limit": ""}
TINY, KERNEL, EMPTY = cells(RIGHT), cells(OTHER), b""
UNTOUCHED = [
    cell if cell["cell_type"] == "code" else {**cell, "source": "YOUR ANSWER HERE"}
    for cell in cells(BLANK)
]
NOON = 1_800_000_000  # seconds


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """What is in archives is unpacked where the test's own files are."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def sets(tmp_path):
    """Two sets, `tiny` and `kernel`."""
    write(tmp_path / "sets" / "tiny.ipynb", cells(BLANK))
    write(tmp_path / "sets" / "kernel.ipynb", KERNEL)
    return released(tmp_path / "sets")


def put(folder, content):
    """Write notebooks, each a minute younger than the one before it."""
    for minutes, (name, made) in enumerate(content.items()):
        path = write(folder / name, made)
        os.utime(path, (NOON, NOON + 60 * minutes))
    return folder


def packed(folder):
    """The bytes of a zip archive of a folder."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return data.getvalue()


def collected(folder, sets, roster=None):
    """What `collect` found: student, file, set and reason of each submission."""
    found = collect(folder, sets, roster)
    return [(one.student, one.file, one.set_name, one.reason) for one in found]


CANVAS = {
    "अंजलि_12350_678908_kernel.ipynb": KERNEL,
    "o'neilcy_LATE_12351_678909_kernel_2_final_12.ipynb": KERNEL,
    "anon_12345_678910_kernel.ipynb": KERNEL,
    "late_12352_678911_kernel.ipynb": KERNEL,
    "leeann_12345_678901_kernel.ipynb": KERNEL,
    "leeann_12345_678902_tiny-1.ipynb": TINY,
    "leeann_12345_678903_photo.png": b"\x89PNG",
    "müllerjörg_LATE_12346_678904_kernel.ipynb": KERNEL,
    "anon_x7Yz1_678905_kernel.ipynb": KERNEL,
    "LATE_anon_p0qRs_678906_kernel.ipynb": KERNEL,
    "doejane_12348_678907_kernel.pdf": b"%PDF",
    "smithbob_12347_text.html": b"<p>I hand in nothing.</p>",
}


def test_collect_reads_names_of_canvas(tmp_path, sets):
    """Name, LATE, number of the person, number of the file, name of the file."""
    found = collect(put(tmp_path / "in", CANVAS), sets)
    by_name = {(one.student, one.set_name): one for one in found}
    assert set(by_name) == {
        ("leeann", "tiny"),
        ("leeann", "kernel"),
        ("müllerjörg", "kernel"),
        ("anon_x7Yz1", "kernel"),
        ("anon_p0qRs", "kernel"),
        ("doejane", None),
        ("smithbob", None),
        ("अंजलि", "kernel"),
        ("o'neilcy", "kernel"),
        ("anon_12345", "kernel"),
        ("late", "kernel"),
    }
    assert by_name["doejane", None].reason == "is not a notebook (format 4)"
    late = "late according to the platform, which does not say by how much"
    assert {one.late for one in found} == {True, False}
    for one in found:
        assert one.late == (one.student in ("anon_p0qRs", "müllerjörg", "o'neilcy"))
        assert one.late == (late in one.remarks)


def test_collect_reads_folders_of_moodle(tmp_path, sets):
    """A folder with name and number for each, an underscore at its end or not."""
    content = {
        "Ann Lee_12345_assignsubmission_file/kernel.ipynb": KERNEL,
        "Ann Lee_12345_assignsubmission_onlinetext/onlinetext.html": b"<p>",
        "Jörg Müller_12346_assignsubmission_file_/mine/my kernel.ipynb": KERNEL,
        "Participant_12347_assignsubmission_file_/kernel.ipynb": KERNEL,
        "Bo Smith_12348_assignsubmission_file_kernel (1).ipynb": KERNEL,
        "Cy Doe_12349_assignsubmission_file/notes.pdf": b"%PDF",
        "Default group_assignsubmission_file/kernel.ipynb": KERNEL,
    }
    assert {one[::2] for one in collected(put(tmp_path / "in", content), sets)} == {
        ("Ann Lee", "kernel"),
        ("Jörg Müller", "kernel"),
        ("Participant 12347", "kernel"),
        ("Bo Smith", "kernel"),
        ("Cy Doe", None),
        ("Default group", "kernel"),
    }


def test_collect_knows_people_of_moodle_in_several_assignments(tmp_path, sets):
    """Their numbers differ between assignments; within one they tell people apart."""
    own = "_assignsubmission_file"
    content = {
        f"NTK-Kernel-7/Ann Lee_71{own}/kernel.ipynb": KERNEL,
        f"NTK-Tiny-8/Ann Lee_81{own}/tiny.ipynb": TINY,
        f"NTK-Kernel-7/Bo Doe_72{own}/kernel.ipynb": KERNEL,
        f"NTK-Kernel-7/Bo Doe_73{own}/kernel.ipynb": KERNEL,
    }
    folder = put(tmp_path / "in", content)
    people = [("Ann Lee", "kernel"), ("Ann Lee", "tiny")]
    people += [("Bo Doe (72)", "kernel"), ("Bo Doe (73)", "kernel")]
    assert sorted(one[::2] for one in collected(folder, sets)) == people
    # one of the two has left the class: nobody knows which
    roster = Roster(Path("class.csv"), b"Name\nAnn Lee\nBo Doe\n")
    found = collect(folder, sets, roster)
    assert sorted((one.student, one.set_name) for one in found) == people
    for one in found:
        assert ("is not in class.csv" in one.remarks) == one.student.startswith("Bo")


def test_collect_gives_no_namesake_the_place_of_a_third(tmp_path, sets):
    """A worksheet of another assignment has the number of one of them for somebody."""
    text = "Identifier,Full name,Grade\nParticipant 501,Ada Byron,\n"
    text += "Participant 502,Jan Li,\n"
    roster = Roster(Path("Grades.csv"), text.encode())
    people = ["Jan Li_501", "Jan Li_502", "Ada Byron_503"]
    paths = [f"{one}_assignsubmission_file/kernel.ipynb" for one in people]
    folder = put(tmp_path / "in", dict.fromkeys(paths, KERNEL))
    found = collected(folder, sets, roster)
    assert {one[1].split("_assign")[0]: one[0] for one in found} == {
        "Jan Li_501": "Jan Li (501)",
        "Jan Li_502": "Jan Li",
        "Ada Byron_503": "Ada Byron",
    }


def test_collect_reads_names_of_blackboard(tmp_path, sets):
    """Assignment, login, time of the attempt, file; and a text for each attempt."""
    attempts = ["2026-09-30-23-11-02", "2026-10-02-08-00-00", "2026-13-01-00-00-00"]
    content = {
        f"Kernel_ann.lee_attempt_{attempts[0]}_kernel_final.ipynb": KERNEL,
        f"Kernel_ann.lee_attempt_{attempts[0]}.txt": b"Name: Ann Lee",
        f"Kernel_bo_doe_attempt_{attempts[1]}_kernel.ipynb": KERNEL,
        f"Kernel_bo_doe_attempt_{attempts[0]}_kernel.ipynb": KERNEL,
        f"Kernel_cy_attempt_{attempts[2]}.txt": b"Name: Cy",
    }
    found = collect(put(tmp_path / "in", content), sets)
    assert [(one.student, one.set_name, one.handed_in) for one in found] == [
        ("ann.lee", "kernel", datetime(2026, 9, 30, 23, 11, 2)),
        ("bo_doe", "kernel", datetime(2026, 10, 2, 8)),
        ("cy", None, None),
    ]


@pytest.mark.parametrize("joint", ["/", " - "])
def test_collect_reads_names_of_brightspace(tmp_path, sets, joint):
    """The numbers are the same for all; the hour may have one digit."""
    names = [
        "397063-2557369 - Mary-Ann O'Lee - Sep 24, 2026 126 PM",
        "397063-2557369 - Mary-Ann O'Lee - Sep 24, 2026 126 AM",
        "397063-2557369 - Bo Doe - September 24, 2026 1159 PM",
    ]
    content = {f"{name}{joint}kernel.ipynb": KERNEL for name in names}
    found = collect(put(tmp_path / "in", {**content, "index.html": b"<"}), sets)
    assert {(one.student, one.handed_in) for one in found} == {
        ("Mary-Ann O'Lee", datetime(2026, 9, 24, 13, 26)),
        ("Bo Doe", datetime(2026, 9, 24, 23, 59)),
    }


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("leeann_1_2_Bo_3_assignsubmission_file_kernel.ipynb", "leeann"),
        ("Bo_3_assignsubmission_file_kernel_1_2_final.ipynb", "Bo"),
        ("x_bo_attempt_2026-09-30-23-11-02_a_1_2_kernel.ipynb", "bo"),
    ],
)
def test_collect_believes_the_platform_that_wrote_first(tmp_path, sets, name, student):
    """What a student calls a file comes after the platform's words."""
    [found] = collected(put(tmp_path / "in", {name: KERNEL}), sets)
    assert found[0] == student


METADATA = """
submission_101:
  :submitters:
  - :name: Ann Lee
    :sid: '3001'
    :email: ann@example.edu
  - :name: Bo Smith
    :sid: '3002'
    :email: bo@example.edu
  :created_at: 2026-10-01 23:58:59.000000000 Z
  :score: 0.0
submission_102:
  :submitters:
  - :name: Cy Doe
    :sid:
    :email: cy@example.edu
  :created_at: 2026-10-02 00:00:01.000000000 Z
"""


def test_collect_reads_an_export_of_gradescope(tmp_path, sets):
    """People and times stand in the metadata; a group has several people."""
    export = "assignment_99_export"
    content = {
        f"{export}/submission_metadata.yml": METADATA.encode(),
        f"{export}/submission_101/kernel.ipynb": KERNEL,
        f"{export}/submission_102/tiny.ipynb": TINY,
    }
    folder = put(tmp_path / "in", content)
    (folder.parent / "export.zip").write_bytes(packed(folder))
    for place in (folder, folder / export, folder.parent / "export.zip"):
        found = collect(place, sets)
        assert [(one.student, one.set_name, one.handed_in) for one in found] == [
            ("Ann Lee", "kernel", datetime(2026, 10, 1, 23, 58, 59, tzinfo=UTC)),
            ("Bo Smith", "kernel", datetime(2026, 10, 1, 23, 58, 59, tzinfo=UTC)),
            ("Cy Doe", "tiny", datetime(2026, 10, 2, 0, 0, 1, tzinfo=UTC)),
        ]


DOWNLOADS = {
    "gradescope.zip": {
        "assignment_99_export/submission_metadata.yml": METADATA.encode(),
        "assignment_99_export/submission_101/my own.ipynb": KERNEL,
    },
    "gradescope (1).zip": {
        "submission_metadata.yml": METADATA.encode(),
        "submission_101/mine.ipynb": TINY,
    },
    "nbgrader.zip": {"submitted/Cy Doe/kernel/kernel.ipynb": KERNEL},
    "NTK-Kernel-7.zip": {"Eve_5_assignsubmission_file/tiny.ipynb": TINY},
    "NTK-Tiny-8.zip": {"Zed_1_assignsubmission_file/kernel.ipynb": KERNEL},
    "brightspace.zip": {
        "1-2 - Di Hu - Sep 24, 2026 126 PM/x.ipynb": KERNEL,
        "index.html": b"<",
    },
}
PEOPLE = ["Ann Lee", "Bo Smith", "Cy Doe", "Di Hu", "Eve", "Zed"]


@pytest.mark.parametrize("roster", [None, b"Name\nAnn Lee\nBo Smith\nEve\n"])
def test_collect_finds_downloads_in_a_folder(tmp_path, sets, roster):
    """Each as it came, with one person or more, on the roster or not."""
    for name, content in DOWNLOADS.items():
        write(tmp_path / "in" / name, packed(put(tmp_path / name, content)))
    known = roster and Roster(Path("class.csv"), roster)
    found = collected(tmp_path / "in", sets, known)
    assert sorted({one[0] for one in found}) == sorted(PEOPLE)
    assert len(found) == len(PEOPLE) + 2  # two of them have handed in two sets


@pytest.mark.parametrize(
    "damage",
    [
        "[",
        "- a",
        "submission_101: 3",
        "\x00",
        "a: b",
        "a:\n  :submitters:\n  - {}",
        "a: 2026-13-99",
        "a: " + "[" * 50_000,
    ],
)
def test_collect_survives_metadata_in_a_bad_state(tmp_path, sets, damage):
    """Without metadata the folders' names are the students'."""
    content = {
        "submission_metadata.yml": damage.encode(),
        "submission_101/kernel.ipynb": KERNEL,
    }
    found = collected(put(tmp_path / "in", content), sets)
    assert found[0][::2] == ("submission_101", "kernel")


def test_collect_reads_of_metadata_what_it_needs(tmp_path, sets):
    """What tests have printed is in there, too, whatever it is; so are empty groups."""
    results = """\
  :results: !ruby/object:Results
    output: "\x07"
  :history:
  - :id: 1
    :created_at: 2026-09-01 00:00:00.000000000 Z
    :submitters: none
"""
    lost = """\
submission_103:
  :submitters: []
submission_104:
  :score: 0.0
"""
    text = METADATA.replace("  :score: 0.0\n", results) + lost
    paths = [f"submission_{number}/kernel.ipynb" for number in range(101, 105)]
    folder = put(tmp_path / "in", dict.fromkeys(paths, KERNEL))
    write(folder / "submission_metadata.yml", text.encode() + b"  :x: \xff\n")
    found = collected(folder, sets)
    names = ["Ann Lee", "Bo Smith", "Cy Doe", "submission_103", "submission_104"]
    assert [one[0] for one in found] == names


def test_collect_reads_of_metadata_nothing_that_grows(tmp_path, sets):
    """A list of lists may be longer than any memory, if it is written out."""
    lists = "x0: &x0 [a, a]\n" + "".join(
        f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 40)
    )
    people = METADATA.replace("Ann Lee", "*x39").replace("cy@example.edu", "*x39")
    paths = [f"submission_{number}/kernel.ipynb" for number in (101, 102)]
    folder = put(tmp_path / "in", dict.fromkeys(paths, KERNEL))
    write(folder / "submission_metadata.yml", (lists + people).encode())
    found = collected(folder, sets)
    assert [one[0] for one in found] == ["3001", "Bo Smith", "Cy Doe"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01 23:58:59.5 Z", datetime(2026, 10, 1, 23, 58, 59, 500000, UTC)),
        ("2026-10-01 23:58:59", datetime(2026, 10, 1, 23, 58, 59, 0, UTC)),
        ("2026-10-01", None),
        ("", None),
        ("[]", None),
    ],
)
def test_collect_reads_times_of_gradescope(tmp_path, sets, text, moment):
    """Without a zone they are as they are with it; what is no time is none."""
    metadata = METADATA.replace("2026-10-02 00:00:01.000000000 Z", text)
    folder = put(tmp_path / "in", {"submission_102/kernel.ipynb": KERNEL})
    write(folder / "submission_metadata.yml", metadata.encode())
    [found] = collect(folder, sets)
    assert found.handed_in == moment


def test_collect_believes_no_metadata_in_a_folder_that_the_roster_lacks(tmp_path, sets):
    """Among folders of students it is a student's, who might name somebody else."""
    metadata = "theirs:\n  :submitters:\n  - :name: Ada\n"
    content = {
        "ada/kernel.ipynb": KERNEL,
        "bob/kernel.ipynb": KERNEL,
        "eve2/submission_metadata.yml": metadata.encode(),
        "eve2/theirs/kernel.ipynb": KERNEL,
    }
    roster = Roster(Path("class.csv"), b"Name\nAda\nBob\nEve\n")
    found = collected(put(tmp_path / "in", content), sets, roster)
    assert [one[:2] for one in found] == [
        ("Ada", "ada/kernel.ipynb"),
        ("Bob", "bob/kernel.ipynb"),
        ("eve2", "eve2/theirs/kernel.ipynb"),
    ]


def test_collect_believes_no_metadata_of_students(tmp_path, sets):
    """What lies in a person's own folder makes nobody else of them."""
    content = {
        "ada/submission_metadata.yml": METADATA.encode(),
        "ada/submission_101/kernel.ipynb": KERNEL,
        "bob/kernel.ipynb": KERNEL,
        "bob/Ann Lee_12_assignsubmission_file/tiny.ipynb": TINY,
        "bob/submitted/eve/tiny/timestamp.txt": b"2020-01-01 00:00:00 UTC",
        "bob/submitted/eve/tiny/tiny.ipynb": TINY,
    }
    found = collect(put(tmp_path / "in", content), sets)
    assert {one.student for one in found} == {"ada", "bob"}
    assert not any(one.handed_in for one in found)


def test_collect_reads_what_nbgrader_collected(tmp_path, sets):
    """Student, set, notebook, and a file with the time, in the folder submitted."""
    content = {
        "submitted/ada/kernel/kernel.ipynb": KERNEL,
        "submitted/ada/kernel/timestamp.txt": b"2026-10-01 23:58:59.500000 UTC\n",
        "submitted/ada/tiny/tiny.ipynb": TINY,
        "submitted/ada/tiny/timestamp.txt": b"yesterday",
        "submitted/bob/kernel/kernel.ipynb": KERNEL,
        "submitted/bob/kernel/timestamp.txt": b"2026-10-02 08:00:00 Europe/Berlin",
    }
    folder = put(tmp_path / "course", content)
    for place in (folder, folder / "submitted"):
        found = collect(place, sets)
        assert [(one.student, one.set_name, one.handed_in) for one in found] == [
            ("ada", "kernel", datetime(2026, 10, 1, 23, 58, 59, 500000, tzinfo=UTC)),
            ("ada", "tiny", None),
            ("bob", "kernel", datetime(2026, 10, 2, 6, tzinfo=UTC)),
        ]


@pytest.mark.parametrize(
    "names",
    [
        ["ada/kernel.ipynb", "bob/kernel.ipynb"],
        ["ada/deeper/kernel.ipynb", "bob/own.ipynb"],
        ["ada/kernel/kernel.ipynb", "bob/kernel/kernel.ipynb"],
        ["kernel/ada.ipynb", "kernel/bob/kernel.ipynb"],
        ["Kernel/ada/x.ipynb", "KERNEL/bob/x.ipynb"],
        ["ada_kernel.ipynb", "kernel-bob.ipynb"],
        ["ada_LATE_kernel.ipynb", "bob Kernel (2).ipynb"],
        ["ada.ipynb", "bob.ipynb"],
        ["Ada_Kernel.ipynb.json", "bob-kernel-1.ipynb.txt"],
        ["section 1/ada/kernel.ipynb", "section 1/bob/kernel.ipynb"],
        ["s1/ada/kernel.ipynb", "s1/cy/kernel.ipynb", "s2/bob/kernel.ipynb"],
        ["s1/kernel/ada/k.ipynb", "s1/kernel/cy/k.ipynb", "s2/kernel/bob/k.ipynb"],
        ["s1/ada/kernel/k.ipynb", "s1/bob/kernel/k.ipynb"],
        ["s1/ada_1_2_kernel.ipynb", "s1/bob_3_4_kernel.ipynb"],
        [
            "s1/ada_1_assignsubmission_file/k.ipynb",
            "bob_2_assignsubmission_file/k.ipynb",
        ],
    ],
)
def test_collect_finds_students_in_any_folders(tmp_path, sets, names):
    """Students in sets or sections, sets in students, or all in one folder."""
    folder = put(tmp_path / "in", dict.fromkeys(names, KERNEL))
    found = {one[0].casefold(): one[2:] for one in collected(folder, sets)}
    assert found.items() >= {"ada": ("kernel", ""), "bob": ("kernel", "")}.items()
    assert found.keys() <= {"ada", "bob", "cy"}
    path = tmp_path / "all.zip"
    path.write_bytes(packed(folder))
    assert found.keys() == {one[0].casefold() for one in collected(path, sets)}


@pytest.mark.parametrize(
    "names",
    [
        ["all/ada_kernel", "all/bob_kernel", "all/kernel_cy (1)"],
        [
            "s1/ada_kernel",
            "s1/bob_kernel",
            "s2/cy_kernel",
            "s2/kernel_di",
            "s3/ed_kernel",
        ],
        ["s1/kernel/ada", "s1/kernel/bob", "s2/kernel/cy", "s2/kernel/di"],
    ],
)
def test_collect_finds_students_by_the_names_of_files_in_a_folder(
    tmp_path, sets, names
):
    """A section, or the folder that an archive of files is unpacked into."""
    content = {f"{name}.ipynb": KERNEL for name in names}
    found = collected(put(tmp_path / "in", content), sets)
    people = ["ada", "bob", "cy", "di", "ed"]
    assert sorted(one[0] for one in found) == people[: len(names)]


@pytest.mark.parametrize(
    "names",
    [
        ["ada/my_kernel.ipynb", "ada/final_kernel.ipynb"],
        ["ada/my_kernel.ipynb", "ada/final_kernel.ipynb", "bob/kernel.ipynb"],
        ["ada/kernel/old.ipynb", "ada/kernel/new.ipynb", "bob/kernel/kernel.ipynb"],
        ["ada/tiny_kernel.ipynb", "ada/kernel_tiny.ipynb", "bob/tiny_kernel.ipynb"],
    ],
)
def test_collect_takes_versions_of_a_file_for_one_persons(tmp_path, sets, names):
    """Not every word before the name of a set is a person."""
    found = collected(put(tmp_path / "in", dict.fromkeys(names, KERNEL)), sets)
    assert {one[0] for one in found} == {name.split("/")[0] for name in names}


def test_collect_lets_no_folder_decide_about_others(tmp_path, sets):
    """One student's folder that looks like a section's makes no section of a class."""
    content = {
        "ada/old/kernel.ipynb": KERNEL,
        "ada/new/kernel.ipynb": KERNEL,
        "bob/kernel/kernel.ipynb": KERNEL,
        "cy/mine/kernel.ipynb": KERNEL,
    }
    found = collected(put(tmp_path / "in", content), sets)
    assert [one[0] for one in found] == ["ada", "bob", "cy"]


def test_collect_tells_people_apart_whose_names_differ_by_a_sign(tmp_path, sets):
    """Each has a row; case and the form of a letter make nobody another person."""
    names = ["jan.e_tiny.ipynb", "jane_tiny.ipynb", "li_na_tiny.ipynb"]
    names += ["lina_tiny.ipynb", "LINA_kernel.ipynb", "li na_kernel.ipynb"]
    content = {name: KERNEL if "kernel" in name else TINY for name in names}
    found = collected(put(tmp_path / "in", content), sets)
    people = sorted(one[0].casefold().replace("_", " ") for one in found)
    assert people == ["jan.e", "jane", "li na", "li na", "lina", "lina"]


def test_collect_takes_a_notebook_in_a_folder_for_the_folders_owner(tmp_path, sets):
    """One folder with a notebook of its own shows that folders are students here."""
    content = {
        "ada/kernel.ipynb": KERNEL,
        "bob/old/kernel.ipynb": KERNEL,
        "bob/new/kernel.ipynb": KERNEL,
        "cy/old/kernel.ipynb": KERNEL,
        "cy/new/kernel.ipynb": KERNEL,
    }
    found = collected(put(tmp_path / "in", content), sets)
    assert [one[0] for one in found] == ["ada", "bob", "cy"]


def test_collect_knows_students_by_the_roster(tmp_path, sets):
    """With a roster its names tell folders of students from folders of sections."""
    text = "Name,Login\nAda Byron,ada\nBo Smith,bo\n"
    roster = Roster(Path("class.csv"), text.encode())
    content = {
        "ada/old/kernel.ipynb": KERNEL,
        "ada/bo_kernel.ipynb": KERNEL,
        "section/bo_tiny.ipynb": TINY,
        "eve/kernel.ipynb": KERNEL,
    }
    found = collect(put(tmp_path / "in", content), sets, roster)
    assert [(one.student, one.key, one.set_name) for one in found] == [
        ("Ada Byron", "ada", "kernel"),
        ("eve", "eve", "kernel"),
        ("Bo Smith", "bo", "tiny"),
    ]
    assert "is not in class.csv" in found[1].remarks
    assert not any("is not in" in remark for remark in found[0].remarks)


def test_collect_asks_the_roster_before_it_takes_a_name_apart(tmp_path, sets):
    """Somebody may be called like a set."""
    names = ["Ann Kernel.ipynb", "Bo_kernel.ipynb", "Maria Copia.ipynb"]
    roster = Roster(Path("class.csv"), b"Name\nAnn Kernel\nBo\nMaria Copia\n")
    folder = put(tmp_path / "in", dict.fromkeys(names, KERNEL))
    people = ["Ann Kernel", "Bo", "Maria Copia"]
    assert [one[0] for one in collected(folder, sets, roster)] == people


def test_collect_says_that_canvas_has_the_name_of_a_group(tmp_path, sets):
    """The number is that of one of the group; the others have handed in nothing."""
    text = '\nStudent,ID,Section\n"Lee, Ann",11,\n"Doe, Bo",12,\n"Hu, Cy",13,\n'
    roster = Roster(Path("class.csv"), text.encode())
    names = ["group3_11_1_kernel.ipynb", "doebo_12_2_kernel.ipynb"]
    folder = put(tmp_path / "in", dict.fromkeys(names, KERNEL))
    remarks = {one.student: one.remarks for one in collect(folder, sets, roster)}
    assert remarks == {
        "Lee, Ann": ["handed in under the name group3: perhaps for a group"],
        "Doe, Bo": [],
    }


def test_collect_finds_sections_of_people_who_are_not_on_the_roster(tmp_path, sets):
    """The roster of another class says nothing about folders."""
    roster = Roster(Path("class.csv"), b"Name\nCy Doe\n")
    names = ["s1/ada/tiny.ipynb", "s1/bob/tiny.ipynb", "s2/eve/tiny.ipynb"]
    folder = put(tmp_path / "in", dict.fromkeys(names, TINY))
    found = collect(folder, sets, roster)
    assert [one.student for one in found] == ["ada", "bob", "eve"]


def test_collect_takes_times_from_the_roster(tmp_path, sets):
    """Moodle's worksheet of a set says when that set was handed in."""
    column, moment = "Last modified (submission)", "Thursday, 1 October 2026, 11:59 PM"
    text = f'Identifier,Full name,Grade,{column}\nParticipant 5,Ann Lee,,"{moment}"\n'
    roster = Roster(Path("Grades-tiny-7.csv"), text.encode())
    own = "Ann Lee_5_assignsubmission_file"
    content = {f"{own}/tiny.ipynb": TINY, f"{own}/kernel.ipynb": KERNEL}
    found = collect(put(tmp_path / "in", content), sets, roster)
    moments = {one.set_name: one.handed_in for one in found}
    assert moments == {"tiny": datetime(2026, 10, 1, 23, 59), "kernel": None}


def test_collect_takes_the_set_from_the_folder(tmp_path, sets):
    """A file in which there is no cell of any set is of the set of its folder."""
    folder = put(
        tmp_path / "in", {"kernel/ada.ipynb": EMPTY, "kernel/bob.ipynb": KERNEL}
    )
    assert collected(folder, sets) == [
        ("ada", "kernel/ada.ipynb", "kernel", "is an empty file"),
        ("bob", "kernel/bob.ipynb", "kernel", ""),
    ]


def test_collect_takes_late_from_the_name_of_a_file(tmp_path, sets):
    """LATE is a mark, and its absence means nothing where no platform wrote names."""
    content = {"ada_LATE_tiny.ipynb": TINY, "bob_tiny.ipynb": TINY}
    found = collect(put(tmp_path / "in", content), sets)
    assert [(one.student, one.late) for one in found] == [("ada", True), ("bob", None)]


def test_collect_tells_apart_people_of_one_name(tmp_path, sets):
    """Two people of the same name have two numbers, which then are in their names."""
    content = {
        "leeann_1_10_kernel.ipynb": KERNEL,
        "leeann_2_11_kernel.ipynb": KERNEL,
        "Leeann_2_12_tiny.ipynb": TINY,
    }
    found = collected(put(tmp_path / "in", content), sets)
    assert {one[0] for one in found} == {"leeann (1)", "Leeann (2)"}
    assert len(found) == 3


def test_collect_takes_composed_and_large_letters_for_the_same(tmp_path, sets):
    """macOS decomposes accents; it and Windows do not tell A from a."""
    content = {"e\u0301va_tiny.ipynb": TINY, "\xc9va_kernel.ipynb": KERNEL}
    found = collected(put(tmp_path / "in", content), sets)
    assert sorted(one[::2] for one in found) == [("éva", "kernel"), ("éva", "tiny")]


@pytest.mark.parametrize(
    ("content", "taken", "remark"),
    [
        (
            {"kernel.ipynb": TINY, "kernel (1).ipynb": TINY},
            "kernel (1).ipynb",
            "kernel.ipynb (not the newest)",
        ),
        (
            {"tiny-Copy1.ipynb": TINY, "tiny.ipynb": UNTOUCHED},
            "tiny-Copy1.ipynb",
            "tiny.ipynb (as it was handed out)",
        ),
        (
            {"mine.ipynb": TINY, "tiny.ipynb": EMPTY},
            "mine.ipynb",
            "tiny.ipynb (is an empty file)",
        ),
        (
            {"tiny.ipynb": UNTOUCHED, "old/tiny.ipynb": UNTOUCHED},
            "old/tiny.ipynb",
            "tiny.ipynb (not the newest)",
        ),
        (
            {"tiny.ipynb": TINY, "plot.png": b"PNG", "data.json": b"{}"},
            "tiny.ipynb",
            "",
        ),
    ],
)
def test_collect_takes_the_newest_that_is_not_blank(
    tmp_path, sets, content, taken, remark
):
    """What cannot be read or was not touched is not taken, and a remark says so."""
    folder = put(tmp_path / "in" / "ada", content).parent
    [found] = collect(folder, sets)
    assert (found.file, found.set_name, found.reason) == (f"ada/{taken}", "tiny", "")
    expected = f"ada/{taken} was taken, not ada/{remark}"
    said = [one for one in found.remarks if "was taken" in one]
    assert said == ([expected] if remark else [])


def test_collect_says_that_nothing_was_filled_in(tmp_path, sets):
    """A person who has only the blank original has a submission, and a remark."""
    folder = put(tmp_path / "in", {"ada_tiny.ipynb": UNTOUCHED})
    [found] = collect(folder, sets)
    assert (found.set_name, found.reason) == ("tiny", "")
    assert found.remarks == ["ada_tiny.ipynb is as it was handed out"]


def test_collect_takes_no_set_that_came_along_untouched(tmp_path, sets):
    """Some hand in the whole folder; what is alone, or a file of its own, counts."""
    content = {
        "ada/tiny.ipynb": UNTOUCHED,
        "ada/mine/kernel.ipynb": KERNEL,
        "bob/tiny.ipynb": UNTOUCHED,
        "di/tiny/tiny.ipynb": UNTOUCHED,
        "di/kernel/kernel.ipynb": KERNEL,
        "cy_1_2_tiny.ipynb": UNTOUCHED,
        "cy_1_3_kernel.ipynb": KERNEL,
    }
    found = collect(put(tmp_path / "in", content), sets)
    remarks = {(one.student, one.set_name): one.remarks for one in found}
    assert remarks == {
        ("ada", "kernel"): ["left: ada/tiny.ipynb (as it was handed out)"],
        ("bob", "tiny"): ["bob/tiny.ipynb is as it was handed out"],
        ("di", "tiny"): ["di/tiny/tiny.ipynb is as it was handed out"],
        ("di", "kernel"): [],
        ("cy", "tiny"): ["cy_1_2_tiny.ipynb is as it was handed out"],
        ("cy", "kernel"): [],
    }


def test_collect_says_that_a_notebook_has_nothing_of_the_set(tmp_path, sets):
    """One of another course that is called like a set is not as it was handed out."""
    other = [{"cell_type": "code", "source": "x = 1", "metadata": {}, "id": "a"}]
    [found] = collect(put(tmp_path / "in", {"ada_kernel.ipynb": other}), sets)
    remark = "ada_kernel.ipynb is without any cell or answer of the set"
    assert (found.set_name, found.remarks) == ("kernel", [remark])


def test_collect_names_all_files_of_a_person_without_a_notebook(tmp_path, sets):
    """An export, a link and an archive of another kind are said, not left out."""
    names = ["ada/a.html", "ada/a.gdoc", "ada/work.7z", "ada/~$a.docx", "bob/b.py"]
    folder = put(tmp_path / "in", dict.fromkeys(names, b"x"))
    (folder / "ada" / "empty").mkdir()
    ada, bob = collect(folder, sets)
    assert (ada.file, ada.remarks) == (
        "ada/work.7z",
        [
            "left: ada/a.gdoc (is not a notebook (format 4)), "
            "ada/a.html (is not a notebook (format 4))"
        ],
    )
    assert (bob.file, bob.remarks) == ("bob/b.py", [])


@pytest.mark.parametrize("start", [NOON, NOON - 2])
def test_collect_orders_copies_by_number_within_a_minute(tmp_path, sets, start):
    """An unpacked archive has one time for all; then the number of the copy counts."""
    names = ["tiny.ipynb", "tiny-Copy2.ipynb", "tiny-Copy1.ipynb", "tiny (10).ipynb"]
    folder = put(tmp_path / "in" / "ada", dict.fromkeys(names, TINY)).parent
    for seconds, name in enumerate(reversed(names)):
        os.utime(folder / "ada" / name, (start, start + seconds))
    old = write(folder / "ada" / "tiny (11).ipynb", TINY)
    os.utime(old, (start, start - 60))
    assert collect(folder, sets)[0].file == "ada/tiny (10).ipynb"


def test_collect_orders_files_of_canvas_by_their_numbers(tmp_path, sets):
    """Canvas numbers files as they come; the times are those of the download."""
    names = ["leeann_1_200_tiny.ipynb", "leeann_1_99_tiny-1.ipynb"]
    folder = put(tmp_path / "in", dict.fromkeys(names, TINY))
    assert collect(folder, sets)[0].file == names[0]


def test_collect_has_a_reason_for_everything_else(tmp_path, sets, monkeypatch):
    """A person whose file cannot be graded stands in the table, with the reason."""
    folder = tmp_path / "in"
    write(folder / "bob_tiny.ipynb", EMPTY)
    write(folder / "cy.pdf", b"%PDF")
    write(folder / "eve_tiny.ipynb", b'{"cells": [')
    write(folder / "di.ipynb", [])
    (folder / "ed").mkdir()
    write(folder / "flo" / "work.rar", b"Rar!")
    (folder / "gus").symlink_to(folder / "ed")
    write(folder / "ida.zip", b"PK")
    assert collected(folder, sets) == [
        ("bob", "bob_tiny.ipynb", "tiny", "is an empty file"),
        ("cy", "cy.pdf", None, "is not a notebook (format 4)"),
        ("di", "di.ipynb", None, "belongs to no set of exercises that is known here"),
        ("eve", "eve_tiny.ipynb", "tiny", "is not a notebook (format 4)"),
        ("gus", "gus", None, "is a link, not a file"),
        ("ed", "ed", None, "there is no notebook in the folder"),
        (
            "flo",
            "flo/work.rar",
            None,
            "is an archive of a kind that is not read here; hand in a .zip",
        ),
        (
            "ida",
            "ida/ida.zip",
            None,
            "is an archive that cannot be read: File is not a zip file",
        ),
    ]


def test_collect_does_not_blame_students_for_what_cannot_be_opened(
    tmp_path, sets, monkeypatch
):
    """A file that the system refuses is not graded, which is not 0 points."""
    folder = put(tmp_path / "in", {"bob_tiny.ipynb": TINY})

    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    [found] = collect(folder, sets)
    assert (found.student, found.reason) == ("bob", "")
    assert found.not_graded == "cannot be read (Permission denied)"


def test_collect_names_what_belongs_to_no_set(tmp_path, sets):
    """A notebook of something else is named in a remark and does no harm."""
    content = {"ada/tiny.ipynb": TINY, "ada/a.ipynb": [], "ada/b.ipynb": b"3"}
    folder = put(tmp_path / "in", content)
    (folder / "ada" / "empty").mkdir()
    [found] = collect(folder, sets)
    assert (found.file, found.reason) == ("ada/tiny.ipynb", "")
    assert found.remarks == [
        "left: ada/b.ipynb (is not a notebook (format 4)), ada/a.ipynb (of no set)"
    ]


def test_collect_looks_at_the_newest_of_too_many(tmp_path, sets, monkeypatch):
    """Nobody keeps the grading busy with a thousand notebooks, and it is said."""
    monkeypatch.setattr("grading.layouts.MOST_FILES", 2)
    content = dict.fromkeys(["ada/a.ipynb", "ada/b.ipynb", "ada/c.ipynb"], TINY)
    content |= {"ada/d.pdf": b"%PDF"}
    [found] = collect(put(tmp_path / "in", content), sets)
    assert found.file == "ada/c.ipynb"
    assert found.remarks == [
        "ada/c.ipynb was taken, not ada/b.ipynb (not the newest)",
        "only the 2 newest of 4 files were looked at",
    ]


def test_collect_leaves_out_tables_of_the_teacher(tmp_path, sets):
    """An export or the settings that lie there too are no student."""
    content = dict.fromkeys(["export.csv", "course.toml", "Class.XLSX"], b"x")
    found = collected(put(tmp_path / "in", {**content, "ada_tiny.ipynb": TINY}), sets)
    assert [one[0] for one in found] == ["ada"]


def test_collect_keeps_no_cells(tmp_path, sets):
    """What it returns is light; the path can be read again, from an archive too."""
    folder = put(tmp_path / "in", {"ada/tiny.ipynb": TINY})
    write(folder / "bob.zip", packed(folder / "ada"))
    for found in collect(folder, sets):
        assert found.cells == []
        assert len(notebooks.read(found.path)) == len(TINY)


@pytest.mark.parametrize(
    ("name", "base", "number"),
    [
        ("kernel.ipynb", "kernel", 0),
        ("kernel (1).ipynb", "kernel", 1),
        ("kernel(12).ipynb", "kernel", 12),
        ("kernel-Copy3.ipynb", "kernel", 3),
        ("kernel - Copy.ipynb", "kernel", 1),
        ("kernel - Copy (2).ipynb", "kernel", 2),
        ("kernel copy 2.ipynb", "kernel", 2),
        ("kernel - Kopie.IPYNB", "kernel", 1),
        ("kernel-1.ipynb", "kernel", 1),
        ("kernel 2.ipynb.txt", "kernel", 2),
        ("ada-1.ipynb", "ada-1", 0),
        ("hardcopy.ipynb", "hardcopy", 0),
        ("kernel (1) (2).ipynb", "kernel", 2),
        ("kernel-Copy1 (3).IPYNB", "kernel", 3),
        ("Copy of kernel.ipynb", "kernel", 1),
        ("Kopie von Copy of kernel (2).ipynb", "kernel", 2),
        ("kernel.ipynb.ipynb", "kernel", 0),
        ("kernel (" + "9" * 5000 + ").ipynb", "kernel", 999999999),
    ],
)
def test_stem_tells_a_copy_from_a_name(name, base, number):
    """The marks of browsers, Jupyter, Windows and macOS; a number may be a name's."""
    assert stem(name, ["kernel"]) == (base, number)

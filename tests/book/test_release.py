"""The files of a release: numbers that agree, what is packed, and no answers."""

import subprocess
import sys
import tarfile
import zipfile

import matplotlib.pyplot as plt
import pytest
from flit_core.sdist import SdistBuilder
from flit_core.wheel import make_wheel_in

from tests.book.test_archive import found_in, leaks
from tools.execute import ROOT
from tools.release import Release, check_title_page, find_release, pack

CHANGES = """# Changelog

## 0.3.0

Not yet.

## 0.2.0 (2026-11-20)

What a reader notices.

- One thing.

## 0.1.0 (2026-10-01)

- Another.
"""
CITATION = "cff-version: 1.2.0\nversion: {}\ndate-released: {}\n"


def checkout(folder, version="0.2.0", cited="0.2.0", released="2026-11-20"):
    """A folder with the files that name a version."""
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CITATION.cff").write_text(CITATION.format(cited, released))
    (folder / "CHANGELOG.md").write_text(CHANGES)
    return folder


def test_find_release_reads_the_section_of_its_version(tmp_path):
    """The notes are what stands below the heading, and end at the next."""
    release = find_release(checkout(tmp_path), tag="v0.2.0")
    notes = "What a reader notices.\n\n- One thing."
    assert release == Release("0.2.0", "2026-11-20", notes)
    assert find_release(tmp_path) == release
    last = find_release(checkout(tmp_path, "0.1.0", "0.1.0", "2026-10-01"))
    assert last.notes == "- Another."


@pytest.mark.parametrize(
    ("named", "tag", "sentence"),
    [
        ({}, "v0.3.0", "expected the tag v0.2.0, as in pyproject.toml; got v0.3.0"),
        ({}, "0.2.0", "expected the tag v0.2.0, as in pyproject.toml; got 0.2.0"),
        ({"cited": "0.1.0"}, "", "one version; pyproject.toml has 0.2.0, CITATION.cff"),
        ({"released": "2026-11-21"}, "", "has 2026-11-20, CITATION.cff 2026-11-21"),
        (
            {"version": "0.3.0", "cited": "0.3.0"},
            "v0.3.0",
            r"expected a section '## 0.3.0 \(year-month-day\)' in CHANGELOG.md",
        ),
    ],
    ids=["tag", "no v", "citation", "date", "no dated section"],
)
def test_find_release_refuses_what_disagrees(tmp_path, named, tag, sentence):
    """One sentence names both places."""
    with pytest.raises(ValueError, match=sentence):
        find_release(checkout(tmp_path, **named), tag)


def test_release_of_another_tag_ends_before_anything_is_built():
    """The program prints the sentence alone, and its exit code says that it failed."""
    command = [sys.executable, "-m", "tools.release", "check", "--tag", "v0.0.0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("; got v0.0.0\n")


def print_page(path, text):
    """A PDF of one page with a text on it."""
    figure = plt.figure()
    figure.text(0.1, 0.5, text)
    with plt.rc_context({"pdf.fonttype": 42}):
        figure.savefig(path)
    plt.close(figure)


def test_check_title_page_wants_version_and_date(tmp_path):
    """The printed book must be of this version; the sentence says what is there."""
    pdf = tmp_path / "book.pdf"
    print_page(pdf, "Version 0.2.0, 2026-11-20")
    check_title_page(pdf, Release("0.2.0", "2026-11-20", ""))
    for other in (
        Release("0.2.1", "2026-11-20", ""),
        Release("0.2.0", "2026-11-21", ""),
    ):
        with pytest.raises(ValueError, match=r"of book.pdf; got 'Version 0.2.0, 2026"):
            check_title_page(pdf, other)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A folder as `make site` leaves it, with two pages in place of the site."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("html/book", "pdf", "assignment", "release/files"):
        (folder / name).mkdir(parents=True)
    (folder / "html" / "index.html").write_text("the root")
    (folder / "html" / "book" / "ntk.html").write_text("a page")
    (folder / "html" / ".built-pdf").write_text("")
    (folder / "assignment" / "ntk-exercises.zip").write_text("an archive")
    (folder / "release" / "files" / "of-an-older-one.whl").write_text("")
    print_page(folder / "pdf" / "neural-tangent-kernel.pdf", "Version 9.9, 2026-11-20")
    return folder


def test_pack_gathers_five_files_and_the_notes(build):
    """Site, PDF, archive, wheel and source, and nothing that lay there before."""
    number = "9.9"
    files = pack(Release(number, "2026-11-20", "New."), build)
    names = [path.name for path in files]
    assert len(names) == 5
    assert {
        f"neural-tangent-kernel-{number}-site.zip",
        f"neural-tangent-kernel-{number}.pdf",
        f"ntk-exercises-{number}.zip",
    } < set(names)
    assert sum(name.endswith(".whl") for name in names) == 1
    assert sum(name.endswith(".tar.gz") for name in names) == 1
    assert (build / "release" / "notes.md").read_text("utf-8") == "New.\n"
    with zipfile.ZipFile(files[0]) as site:
        top = f"neural-tangent-kernel-{number}-site"
        assert site.namelist() == [f"{top}/book/ntk.html", f"{top}/index.html"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The wheel and the source of the library."""
    folder = tmp_path_factory.mktemp("library")
    wheel = make_wheel_in(ROOT / "pyproject.toml", folder).file
    source = SdistBuilder.from_ini_path(ROOT / "pyproject.toml").build(folder)
    return wheel, source


def test_source_of_the_library_holds_no_answers(library, tmp_path):
    """It is the library alone; no line of ntk_answers is in it, and no test."""
    with tarfile.open(library[1]) as packed:
        packed.extractall(tmp_path, filter="data")
    (top,) = tmp_path.iterdir()
    names = {path.name for path in top.iterdir()}
    assert names == {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", "ntklib"}
    assert found_in(top) == set()
    # The chapters' own modules compute some answers; the guide names those.
    assert leaks(top / "ntklib" / "exercises") <= {"for the variance of"}


@pytest.mark.slow
def test_pip_installs_the_same_library_from_wheel_and_source(library, tmp_path):
    """Both install, without a network, and give the same modules."""
    found = []
    for path in library:
        target = tmp_path / path.suffix
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--no-index", "--no-build-isolation", "--target", target, path]
        subprocess.run(command, check=True)
        modules = sorted((target / "ntklib").rglob("*.*"))
        found.append(
            {
                path.relative_to(target): path.read_bytes()
                for path in modules
                if "__pycache__" not in path.parts
            }
        )
    assert len(found[0]) > 80
    assert found[0] == found[1]

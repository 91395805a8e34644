"""The files of a release: `make release`, and release.yml on a tag.

`python -m tools.release check` refuses version numbers that disagree, before anything
is built, and with `--tag v0.10.0` a tag that does not fit them. `python -m
tools.release pack` puts what was built into _build/release.
"""

import argparse
import datetime
import re
import shutil
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pypdf
import yaml
from flit_core.sdist import SdistBuilder
from flit_core.wheel import make_wheel_in

ROOT = Path(__file__).parents[1]
SECTION = re.compile(
    r"^## (?P<version>\S+) \((?P<date>\d{4}-\d\d-\d\d)\)\n(?P<notes>.*?)(?=^## |\Z)",
    re.M | re.S,
)


@dataclass(frozen=True)
class Release:
    """What the change log says of a version."""

    version: str
    date: str
    notes: str


def find_release(root=ROOT, tag=""):
    """The release of this checkout, if all that name its version and date agree.

    Args:
        root: the folder of the checkout.
        tag: the release's tag in git, such as v0.10.0; none is compared if it is empty.

    Raises:
        ValueError: two of the tag, pyproject.toml, CITATION.cff and CHANGELOG.md
            disagree, or the change log has no dated section for the version.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    version = project["version"]
    refuse_other_versions(version, citation, tag)
    release = dated_section((root / "CHANGELOG.md").read_text("utf-8"), version)
    # YAML makes a date of what looks like one.
    released = str(citation.get("date-released", release.date))
    if released != release.date:
        raise ValueError(
            f"expected one date of release; CHANGELOG.md has {release.date},"
            f" CITATION.cff {released}"
        )
    return release


def refuse_other_versions(version, citation, tag):
    """Raise a ValueError if the citation or the tag names another version."""
    cited = str(citation["version"])
    if cited != version:
        raise ValueError(
            f"expected one version; pyproject.toml has {version}, CITATION.cff {cited}"
        )
    if tag and tag != f"v{version}":
        raise ValueError(
            f"expected the tag v{version}, as in pyproject.toml; got {tag}"
        )


def dated_section(changes, version):
    """The section of the change log for this version."""
    for found in SECTION.finditer(changes):
        if found["version"] == version:
            datetime.date.fromisoformat(found["date"])
            return Release(version, found["date"], found["notes"].strip())
    raise ValueError(
        f"expected a section '## {version} (year-month-day)' in CHANGELOG.md; got none"
    )


def check_title_page(pdf, release):
    """Raise a ValueError if the printed book names another version or date."""
    text = " ".join(pypdf.PdfReader(pdf).pages[0].extract_text().split())
    expected = f"Version {release.version}, {release.date}"
    if expected not in text:
        raise ValueError(
            f"expected '{expected}' on the title page of {pdf.name}; got '{text}'"
        )


def pack(release, build, root=ROOT):
    """Put the files of a release, and its notes, into the folder `release` of `build`.

    Args:
        release: what is released.
        build: the folder with the built site, the PDF and the students' archive.
        root: the folder of the checkout, from which the library is packed.

    Returns:
        the paths of the files.
    """
    pdf = build / "pdf" / "neural-tangent-kernel.pdf"
    check_title_page(pdf, release)
    shutil.rmtree(build / "release", ignore_errors=True)
    files = build / "release" / "files"
    files.mkdir(parents=True)
    (build / "release" / "notes.md").write_text(f"{release.notes}\n", "utf-8")
    number = release.version
    pack_site(build / "html", files / f"neural-tangent-kernel-{number}-site.zip")
    shutil.copy(pdf, files / f"neural-tangent-kernel-{number}.pdf")
    archive = build / "assignment" / "ntk-exercises.zip"
    shutil.copy(archive, files / f"ntk-exercises-{number}.zip")
    make_wheel_in(root / "pyproject.toml", files)
    SdistBuilder.from_ini_path(root / "pyproject.toml").build(files)
    return sorted(files.iterdir())


def pack_site(site, target):
    """Write a zip of the site, in one folder, without the marks of make and Sphinx."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(site.rglob("*")):
            name = path.relative_to(site)
            if path.is_file() and not name.name.startswith("."):
                archive.write(path, Path(target.stem, name))


def main():
    """Check the version numbers, and pack the files if that is asked."""
    parser = argparse.ArgumentParser(prog="python -m tools.release")
    parser.add_argument("step", choices=["check", "pack"])
    parser.add_argument("--tag", default="", help="the release's tag in git")
    chosen = parser.parse_args()
    try:
        release = find_release(tag=chosen.tag)
        if chosen.step == "pack":
            for path in pack(release, ROOT / "_build"):
                size = path.stat().st_size / 1e6
                print(f"{size:8.2f} MB  {path.relative_to(ROOT)}")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

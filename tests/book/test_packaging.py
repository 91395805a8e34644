"""The project around the book: pins, environment, hooks, make."""

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.book.checkouts import ALONE
from tools.execute import ROOT
from tools.files import files

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
# The lock of each use: the extras of pyproject.toml in it, and tools that it does
# without.
USES = {
    "lab": (["notebooks", "lab"], {"sphinx", "pytest", "nbgrader", "playwright"}),
    "book": (["notebooks", "book"], {"pytest", "playwright", "pyright"}),
    "grade": (["notebooks", "grading"], {"sphinx", "pytest", "nbgrader", "playwright"}),
}
# The hooks of pre-commit run what the lock has installed, and load nothing.
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))


def requirements():
    """All that pyproject.toml asks for."""
    extras = PROJECT["optional-dependencies"].values()
    wanted = [
        Requirement(text)
        for texts in (PROJECT["dependencies"], *extras)
        for text in texts
    ]
    # An extra may name another of its own.
    return [need for need in wanted if need.name != PROJECT["name"]]


def pins(lines=LOCK):
    """The versions in a lock by the name of the package."""
    return {
        canonicalize_name(name): number
        for name, number in (line.split(" ;")[0].split("==") for line in lines)
    }


def test_lock_pins_every_dependency():
    """A line of the lock is an exact version without an address; none is missing."""
    assert set(PROJECT["optional-dependencies"]) == {
        *("notebooks", "lab", "book"),
        *("test", "grading"),
    }
    for line in LOCK:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+( ; .+)?", line)
    assert len(pins()) == len(LOCK)
    assert {canonicalize_name(wanted.name) for wanted in requirements()} <= set(pins())


def extra(name):
    """What an extra of pyproject.toml asks for."""
    return PROJECT["optional-dependencies"][name]


def lock_of(use):
    """The lines of the lock of a use."""
    return (ROOT / f"requirements-{use}.lock").read_text("utf-8").splitlines()


@pytest.mark.parametrize("use", USES)
def test_lock_of_a_use_is_part_of_the_lock(use):
    """Each use installs the tested versions of what it needs, and no other's tools."""
    extras, foreign = USES[use]
    pinned = pins(lock_of(use))
    assert pinned.items() < pins().items()
    for texts in (PROJECT["dependencies"], *map(extra, extras)):
        names = {Requirement(text).name for text in texts} - {PROJECT["name"]}
        assert {canonicalize_name(name) for name in names} <= set(pinned)
    assert not foreign & set(pinned)


def test_every_lock_belongs_to_a_use():
    """No lock lies about that nothing installs and nothing checks."""
    locks = {path.name for path in ROOT.glob("requirements-*.lock")}
    assert locks == {f"requirements-{use}.lock" for use in USES}


def test_lock_satisfies_the_ranges_and_is_what_is_installed():
    """The pins lie within the ranges of pyproject.toml; these tests run with them."""
    for wanted in requirements():
        pinned = pins()[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(pinned, prereleases=True), wanted
        assert version(wanted.name) == pinned


def test_every_bound_says_why():
    """A line of pyproject.toml with a version names one package, and has a comment."""
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    bounds = [line for line in lines if re.search(r'"\S*[<>=]=?\d[^"]*"', line)]
    assert len(bounds) > len(requirements())
    assert not [line for line in bounds if not re.search(r'",?\]?  # ', line)]


def test_environment_takes_python_from_conda_and_the_rest_from_the_lock():
    """conda gives Python and pip; pip installs the lock of the lab, then ntklib."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    least = PROJECT["requires-python"].removeprefix(">=")
    from_the_lock = {"pip": ["-r requirements-lab.lock", "-e ."]}
    assert environment["dependencies"] == [f"python={least}", "pip", from_the_lock]


def test_backend_is_locked():
    """What builds the package has one version in pyproject.toml and in every lock."""
    (backend,) = PYPROJECT["build-system"]["requires"]
    name, number = backend.split("==")
    for lines in (LOCK, *map(lock_of, USES)):
        assert pins(lines)[canonicalize_name(name)] == number


def test_hooks_load_nothing():
    """Each hook of pre-commit runs a program that requirements.lock has installed."""
    for repository in HOOKS["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] == "system"
            assert hook["entry"].startswith(".venv/bin/")


def test_committed_files_name_no_registry_and_no_machine_path():
    """No committed file holds a registry's address or a path of this machine."""
    texts = {
        name: (ROOT / name).read_bytes().decode("utf-8", "ignore") for name in files()
    }
    # In two pieces, for this file is one of those that are read.
    registries = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org"]
    places = [f"{ROOT}/", f"{Path.home()}/."]
    assert len(texts) > 20
    assert not [
        (name, word)
        for name, text in texts.items()
        for word in registries + places
        if word in text
    ]


TOO_OLD = """#!/bin/sh
[ "$1" = --version ] && echo Python 3.9.1
exit 1
"""
WITHOUT_VENV = """#!/bin/sh
case "$2" in *ensurepip*) exit 1;; esac
"""


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        (TOO_OLD, "needs Python 3.11 or newer, and '{}' is Python 3.9.1"),
        (None, "needs Python 3.11 or newer, and '{}' is not there"),
        (WITHOUT_VENV, "'{}' cannot make virtual environments"),
    ],
    ids=["too old", "missing", "without venv"],
)
def test_make_refuses_a_python_in_one_sentence(tmp_path, python, sentence):
    """make stops with one clear sentence, before anything is made."""
    for name in ("Makefile", "requirements-book.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    program = tmp_path / "a python for test"
    if python:
        program.write_text(python)
        program.chmod(0o755)
    command = ["make", f"PYTHON={program}", ".venv/.book"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=ALONE
    )
    assert result.returncode != 0
    beside = re.compile(r"make(\[\d+\])?:|find:")
    (line,) = [line for line in result.stderr.splitlines() if not beside.match(line)]
    assert sentence.format(program) in line
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_a_second_make_book_has_nothing_to_do():
    """With nothing changed since the site was built, make book finds nothing to do."""
    result = subprocess.run(
        ["make", "--question", "SOLUTIONS=yes", "_build/html/.built"],
        cwd=ROOT,
        env=ALONE,
    )
    assert result.returncode == 0

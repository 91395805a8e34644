"""The targets of make for instructors: what is typed reaches the program unchanged."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.book.checkouts import ALONE
from tools.execute import ROOT

# Stands for Python in the Makefile, and writes down what it was given.
PYTHON = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["LOG"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""
# What the targets need counts as installed.
INSTALLED = [f"--assume-old=.venv/.{use}" for use in ("book", "grade", "test")]
AWKWARD = '../My Drive/Ann\'s "set", 1'


@pytest.fixture
def make(tmp_path):
    """Run a target with variables, and give what Python was called with."""
    program, log = tmp_path / "python", tmp_path / "log"
    program.write_text(PYTHON)
    program.chmod(0o755)

    def run(target, **variables):
        values = [f"{name}={value}" for name, value in variables.items()]
        settings = [f"BIN={tmp_path}", f"PYTHON={program}", *INSTALLED]
        command = ["make", "--silent", *settings, target, *values]
        result = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=ALONE | {"LOG": str(log)},
        )
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in log.read_text().splitlines()]

    return run


def test_grade_passes_paths_as_they_were_typed(make):
    """Spaces, quotes, commas and a ~ arrive, and every variable has its option."""
    (call,) = make(
        "grade",
        SUBMISSIONS=AWKWARD,
        OUT="~/grades of 2026",
        ROSTER="an export.csv",
        COURSE="my course.toml",
        SEED="7",
        WORKERS="3",
        SETS="kernel dynamics",
        UNPROTECTED="yes",
    )
    expected = ["-m", "grading", AWKWARD, "--out", "~/grades of 2026"]
    expected += ["--roster", "an export.csv", "--course", "my course.toml"]
    expected += ["--seed", "7", "--workers", "3", "--sets", "kernel", "dynamics"]
    assert call == [*expected, "--unprotected"]


def test_grade_in_a_container_needs_no_packages_outside(make):
    """CONTAINER=podman starts the program that starts the container."""
    (call,) = make("grade", SUBMISSIONS="returned", CONTAINER="podman")
    assert call == ["-m", "grading.container", "podman", "returned"]


def test_grade_says_what_is_missing():
    """Without SUBMISSIONS there is one sentence."""
    command = ["make", "--silent", *INSTALLED, "grade"]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=ALONE
    )
    assert result.returncode != 0
    assert result.stderr.startswith("Name what was collected: make grade SUBMISSIONS=")


def test_assignment_takes_a_folder_with_spaces(make):
    """COURSE is one argument, also at home."""
    assert make("assignment", COURSE="~/My Drive/x") == [
        ["-m", "tools.assignment", "~/My Drive/x"]
    ]


def test_variants_makes_the_copies_first(make):
    """The students' copies are made, then changed for each student."""
    assert make("variants", ROSTER="a b.csv", COURSE="my course.toml") == [
        ["-m", "tools.assignment"],
        ["-m", "tools.variants", "a b.csv", "--course", "my course.toml"],
    ]


def test_variants_and_grade_need_no_file_of_settings(make):
    """Without COURSE the programs take the settings of course.toml."""
    assert make("variants", ROSTER="a.csv")[-1] == ["-m", "tools.variants", "a.csv"]
    assert make("grade", SUBMISSIONS="in")[-1] == ["-m", "grading", "in"]


def test_mark_and_gradescope_pass_their_variables(make):
    """The two targets with few variables."""
    assert make("mark", OUT="my grades") == [["-m", "grading.marking", "my grades"]]
    call = make("gradescope", SETS="kernel", SEED="5", OUT="my zips")[-1]
    expected = ["-m", "tools.gradescope", "--sets", "kernel", "--seed", "5"]
    assert call == [*expected, "--out", "my zips"]


@pytest.mark.parametrize(
    ("line", "variable", "mark"),
    [
        ('solutions = "yes"  # or "no", or 2026-12-20', "", ""),
        ('solutions="no"', "", "-no"),
        ("  solutions = 'no'", "", "-no"),
        ('solutions = "no"', "yes", ""),
        ('solutions = "yes"', "no", "-no"),
        ("solutions = 2026-12-20", "", "-2026-12-20-on-DAY"),
        ('solutions = "2026-12-20"', "", "-2026-12-20-on-DAY"),
        ("", "", "-course-on-DAY"),
        ('"solutions" = "no"', "", "-course-on-DAY"),
    ],
)
def test_site_has_a_mark_for_each_choice_of_solutions(tmp_path, line, variable, mark):
    """What make cannot read for sure is never taken for a site that is built."""
    (tmp_path / "course.toml").write_text(f'name = "x"\n{line}\n')
    (tmp_path / "book").mkdir()
    for name in ("Makefile", "_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "--print-data-base", "help", f"SOLUTIONS={variable}"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=ALONE
    )
    found = re.search(r"^SITE := _build/html/\.built(.*)$", result.stdout, re.M)[1]
    assert re.sub(r"on-\d{4}-\d\d-\d\d$", "on-DAY", found) == mark


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ('logo = "art/crest.svg"  # ours', True),
        ("logo='art/crest.svg'", True),
        ('logo = "gone.svg"', False),
        ('logo = ""', False),
    ],
)
def test_site_is_built_anew_when_its_logo_changes(tmp_path, line, counts):
    """The picture that course.toml names is one of the site's sources."""
    (tmp_path / "course.toml").write_text(f'name = "x"\n{line}\n')
    for folder in ("art", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "art" / "crest.svg").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    result = subprocess.run(
        ["make", "--print-data-base", "help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=ALONE,
    )
    sources = re.search(r"^SOURCES := (.*)$", result.stdout, re.M)[1].split()
    assert ("art/crest.svg" in sources) == counts
    assert "course.toml" in sources


def test_drift_passes_its_variables(make):
    """One notebook, and the oldest versions in place of the newest."""
    assert make("drift") == [["-m", "tools.drift"]]
    assert make("drift", WHAT="ntk", OLDEST="yes")[-1] == (
        ["-m", "tools.drift", "ntk", "--oldest"]
    )


def test_escape_builds_the_book_first():
    """The other site is compared with this one, so both are of the same sources."""
    command = ["make", "--dry-run", "--always-make", *INSTALLED, "escape"]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=ALONE, check=True
    )
    lines = result.stdout.splitlines()
    (build,) = [i for i, line in enumerate(lines) if "-m tools.build " in line]
    (escape,) = [i for i, line in enumerate(lines) if line.endswith("-m tools.escape")]
    assert build < escape


def test_help_names_every_target():
    """`make` alone prints one list: a line above each target, and no other."""
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split()
    plain = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, env=ALONE, check=True
    )
    named = re.findall(r"^make (\S+) ", plain.stdout, re.M)
    assert sorted(named) == sorted(set(phony) - {"help"})
    assert max(map(len, plain.stdout.splitlines())) <= 100

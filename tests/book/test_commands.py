"""Every command that a page names is run by a test, or is said not to be.

The pages are those that say how to read, run, teach and change the book. A command of
make counts with each of its variables: `make grade CONTAINER=podman` is two.
"""

import ast
import re
import shlex
import shutil
import subprocess

import pytest

from tests.book.checkouts import ALONE
from tools.execute import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(ROOT / "book" / name for name in ("index.md", "instructor.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1`*$", re.M | re.S)
SHELLS = ("bash", "sh", "console")
SPAN = re.compile(r"`([^`\n]+)`")
# In the text, what begins with one of these is a command.
PROGRAMS = (
    "apt-get",
    "cd",
    "conda",
    "devcontainer",
    "docker",
    "git",
    "jupyter",
    "make",
    "micromamba",
    "nbgrader",
    "npm",
    "npx",
    "pip",
    "podman",
    "pre-commit",
    "py",
    "pyright",
    "pytest",
    "python",
    "python3",
    "repo2docker",
    "ruff",
    "source",
    "sudo",
    "uv",
)
SETTING = re.compile(r"^[A-Z_]+=")

MAKE = "tests/book/test_make.py::"
CALLS = "tests/book/test_commands.py::test_target_calls_its_programs"
PATHS = f"{MAKE}test_grade_passes_paths_as_they_were_typed"
FEW = f"{MAKE}test_mark_and_gradescope_pass_their_variables"
FOLLOWED = "tests/book/test_instructor.py::test_page_can_be_followed"
PACKAGING = "tests/book/test_packaging.py::"
NBGRADER = (
    "tests/book/test_nbgrader_course.py"
    "::test_collected_archive_is_graded_without_a_warning"
)
WITHOUT = "tests/book/test_assignment.py::test_site_without_solutions_holds_none"
SYSTEM = "not run: it changes the system; the workflows do the same"
CONDA = "not run: there is no conda here; tests read environment.yml against the locks"
SHELL = "not run: it is for a person's own shell"
HELPER = "not run: it is a help for who writes, and is seen to work when it is used"
REGISTRY = "not run: it asks a registry for packages"
HOURS = "not run: it takes hours"

# What runs each command, or why nothing does.
RUN_BY = {
    "make": f"{MAKE}test_help_names_every_target",
    "make help": f"{MAKE}test_help_names_every_target",
    "make book": (
        "tests/book/test_faults.py"
        "::test_make_book_builds_an_archive_anywhere_without_a_network"
    ),
    "make book PYTHON": f"{PACKAGING}test_make_refuses_a_python_in_one_sentence",
    "make book SOLUTIONS": WITHOUT,
    "make lab": CALLS,
    "make serve": CALLS,
    "make site": CALLS,
    "make pdf": CALLS,
    "make pdf SOLUTIONS": WITHOUT,
    "make check": CALLS,
    "make check WHAT": CALLS,
    "make test": "not run: it is what runs the tests",
    "make execute": CALLS,
    "make execute WHAT": CALLS,
    "make experiments": CALLS,
    "make experiments WHAT": CALLS,
    "make seeds": CALLS,
    "make seeds WHAT": CALLS,
    "make seeds SEEDS": CALLS,
    "make assignment": f"{MAKE}test_assignment_takes_a_folder_with_spaces",
    "make assignment COURSE": NBGRADER,
    "make variants": f"{MAKE}test_variants_makes_the_copies_first",
    "make variants ROSTER": f"{MAKE}test_variants_makes_the_copies_first",
    "make variants COURSE": f"{MAKE}test_variants_makes_the_copies_first",
    "make grade": FOLLOWED,
    "make grade SUBMISSIONS": FOLLOWED,
    "make grade ROSTER": FOLLOWED,
    "make grade OUT": FOLLOWED,
    "make grade UNPROTECTED": PATHS,
    "make grade CONTAINER": (
        f"{MAKE}test_grade_in_a_container_needs_no_packages_outside"
    ),
    "make mark": FEW,
    "make mark OUT": FEW,
    "make gradescope": FEW,
    "make gradescope SETS": FEW,
    "make bench": CALLS,
    "make bench-library": CALLS,
    "make bench-library WHAT": CALLS,
    "make bench-peers": CALLS,
    "make mutants": CALLS,
    "make mutants MODULES": CALLS,
    "make drift": CALLS,
    "make drift WHAT": CALLS,
    "make drift OLDEST": CALLS,
    "make escape": CALLS,
    "make arithmetic": CALLS,
    "make arithmetic WHAT": CALLS,
    "make arithmetic SETTINGS": CALLS,
    "make elsewhere": CALLS,
    "make elsewhere PYTHON": CALLS,
    "make release": CALLS,
    "make release TAG": CALLS,
    "make lock": REGISTRY,
    "make lock UPGRADE": REGISTRY,
    "make clean": CALLS,
    "apt-get install": SYSTEM,
    "sudo sysctl": SYSTEM,
    "cd": SHELL,
    "source": SHELL,
    "conda env": CONDA,
    "conda activate": CONDA,
    "jupyter lab": "not run: it opens a browser, and goes on until it is stopped",
    "devcontainer up": "not run: it needs docker",
    "nbgrader zip_collect": NBGRADER,
    "nbgrader autograde": NBGRADER,
    "nbgrader export": NBGRADER,
    "nbgrader generate_feedback": "not run: it is nbgrader's own",
    "pre-commit install": "not run: it changes the checkout",
    "python -m grading": "tests/grading/test_program.py::test_program_has_help",
    "python -m ntk_answers.store": (
        "tests/exercises/test_stored.py::test_store_writes_what_is_there"
    ),
    "python -m pytest": "not run: it is what runs the tests",
    "python -m tools.execute": (
        "tests/book/test_execute.py::test_execute_interrupted_leaves_the_notebook_whole"
    ),
    "python -m tools.reading_time": (
        "tests/book/test_reading_time.py::test_chapter_states_its_minutes"
    ),
    "python -m tools.compare_sites": HELPER,
    "python -m tools.beyond_memory": HOURS,
    "python -m tools.beyond_one_machine": HOURS,
    "pyright": HELPER,
}

# What a target calls last, as a shell has it: a stub of each program writes it down.
PROGRAMS_OF = {
    "lab": ["jupyter lab book"],
    "serve": ["python -m http.server --bind 127.0.0.1 --directory _build/html 8000"],
    "pdf": ["python -m tools.print_book"],
    "pdf CHROMIUM=/opt/c": ["python -m tools.print_book --browser /opt/c"],
    "site": ["python -m tools.print_book"],
    "release": ["python -m tools.print_book", "python -m tools.release pack"],
    "release TAG=v1": ["python -m tools.print_book", "python -m tools.release pack"],
    "check": ["python -m tools.check "],
    "check WHAT=ntk": ["python -m tools.check ntk"],
    "execute": ["python -m tools.execute"],
    "execute WHAT=ntk": ["python -m tools.execute ntk"],
    "experiments": ["python -m tools.experiments"],
    "experiments WHAT=name": ["python -m tools.experiments name"],
    "seeds": ["python -m tools.seeds"],
    "seeds WHAT=book/x.ipynb SEEDS=2": ["python -m tools.seeds book/x.ipynb --seeds 2"],
    "drift WHAT=book/x.ipynb": ["python -m tools.drift book/x.ipynb"],
    "drift OLDEST=yes": ["python -m tools.drift --oldest"],
    "escape": ["python -m tools.escape"],
    "arithmetic": ["python -m tools.arithmetic"],
    "arithmetic WHAT=book/x.ipynb SETTINGS=threads": [
        "python -m tools.arithmetic book/x.ipynb --settings threads"
    ],
    "elsewhere PYTHON=/opt/python3.12": ["python -m tools.elsewhere /opt/python3.12"],
    "bench": [
        "python -m tools.bench",
        "python -m tools.bench.pages",
        "python -m tools.bench.laboratory",
    ],
    "bench-library": ["python -m tools.bench"],
    "bench-library WHAT=row": ["python -m tools.bench row"],
    "bench-peers": ["python -m tools.bench.peers"],
    "mutants": ["python -m tools.mutants"],
    "mutants MODULES=ntk SAMPLE=3": ["python -m tools.mutants ntk --sample 3"],
    "clean": [],
}
LINTERS = ("ruff", "codespell", "pyright", "actionlint", "zizmor")
STUB = """#!/bin/sh
echo "$(basename "$0")" "$@" >> "$LOG"
"""


def lines(page):
    """The lines in a page's blocks of commands, and the commands in its text."""
    text = page.read_text("utf-8")
    for _, kind, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if kind in SHELLS or (not kind and is_command(line)):
                yield line.removeprefix("$ ")
    for span in SPAN.findall(FENCE.sub("", text)):
        if is_command(span):
            yield span


def is_command(text):
    """Whether a text begins with a program, perhaps after settings for it."""
    words = [word for word in text.split() if not SETTING.match(word)]
    return bool(words) and program(words[0]) in PROGRAMS


def program(path):
    """The name of a program without its folder."""
    return re.split(r"[/\\]", path)[-1]


def commands(line):
    """The keys in RUN_BY for a line: one for a program, more with make's variables."""
    words = shlex.split(line, comments=True)
    settings = [word.partition("=")[0] for word in words if SETTING.match(word)]
    name, *others = [word for word in words if not SETTING.match(word)] or [""]
    name = program(name)
    if name == "make":
        goals = [f"make {goal}" for goal in others] or ["make"]
        return goals + [f"{goal} {each}" for goal in goals for each in settings]
    if name.startswith("python") and others[:1] == ["-m"]:
        return [f"python -m {others[1]}"]
    kind = others[0] if others and re.fullmatch(r"[a-z_-]+", others[0]) else ""
    is_path = name in ("cd", "source") or kind.startswith("-")
    return [name if is_path or not kind else f"{name} {kind}"] if name else []


NAMED = sorted(
    {
        (page.relative_to(ROOT).as_posix(), command)
        for page in PAGES
        for line in lines(page)
        for command in commands(line)
    }
)


@pytest.mark.parametrize(("page", "command"), NAMED)
def test_each_command_is_run_by_a_test(page, command):
    """The list above has every command of every page."""
    assert command in RUN_BY, f"{page} names `{command}`: which test runs it?"


def test_commands_are_read_with_their_variables():
    """Paths, quotes, comments and values are no part of what is looked up."""
    assert commands('make grade SUBMISSIONS="../My Drive/x" OUT=y   # words') == [
        "make grade",
        "make grade SUBMISSIONS",
        "make grade OUT",
    ]
    assert commands("NTK_SEED=1 nbgrader autograde kernel") == ["nbgrader autograde"]
    assert commands(".venv/bin/python -m tools.seeds x") == ["python -m tools.seeds"]
    assert commands("PATH=.venv/bin:$PATH pyright --verifytypes x") == ["pyright"]
    assert commands("cd ../ntk-course") == ["cd"]
    assert len(NAMED) > 50


@pytest.mark.parametrize("place", sorted(set(RUN_BY.values())))
def test_list_names_tests_that_exist(place):
    """A test that runs a command has this name, and stands in this file."""
    if place.startswith("not run: "):
        return
    file, name = place.split("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in [getattr(node, "name", "") for node in tree.body]


def test_make_has_every_target_and_variable():
    """What the pages type is in the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split()
    for _, command in NAMED:
        name, *words = command.split(" ")
        if name == "make":
            assert words[0] in targets if words else True, command
            for variable in words[1:]:
                assert f"$({variable})" in text, command


@pytest.fixture
def copy(tmp_path):
    """A copy of the Makefile; all is built there, and the programs are stubs."""
    for path in (*ROOT.glob("requirements*.lock"), *ROOT.glob("*.toml")):
        shutil.copy(path, tmp_path)
    for name in ("Makefile", "_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("ntklib", "ntk_answers"):
        (tmp_path / folder).mkdir()
    packages = ("book/_ext", "tests/site", "tools/bench")
    for folder in packages:
        write(tmp_path / folder / "package-lock.json", "{}")
    for name in ("python", "jupyter", *LINTERS):
        write(tmp_path / "stubs" / name, STUB).chmod(0o755)
    write(tmp_path / "_build" / "pdf" / "neural-tangent-kernel.pdf", "")
    # In the order in which they are made, so that nothing is newer than what needs it.
    made = [f".venv/.{use}" for use in ("book", "lab", "grade", "test")]
    made += [f"{folder}/node_modules/.installed" for folder in packages]
    made += [f"_build/html/.built{ending}" for ending in ("", "-pdf")]
    for name in made:
        write(tmp_path / name, "")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def write(path, text):
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("typed", PROGRAMS_OF)
def test_target_calls_its_programs(copy, typed):
    """The last programs that make starts are these, with what was typed behind it."""
    stubs, log = copy / "stubs", copy / "log"
    settings = [f"BIN={stubs}", f"PYTHON={stubs / 'python'}", "SOLUTIONS=yes"]
    result = subprocess.run(
        ["make", *settings, *typed.split()],
        cwd=copy,
        capture_output=True,
        text=True,
        env=ALONE | {"LOG": str(log)},
    )
    assert result.returncode == 0, result.stderr
    called = log.read_text().splitlines() if log.exists() else []
    expected = PROGRAMS_OF[typed]
    assert called[len(called) - len(expected) :] == expected
    assert (copy / "_build").exists() == (typed != "clean")
    assert (copy / "_build/html/neural-tangent-kernel.pdf").exists() == (
        typed.startswith(("site", "release"))
    )

"""The shape of the project: imports, tests, equations, cells, packaging; read from the files themselves."""

import ast
import itertools
import json
import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import ntklib
from book._ext.equation_map import LABEL, chapters, equations, functions, rows
from tools.execute import BOOK, ROOT

ORDER = [
    *(
        "_check",
        "_gaussian",
        "_hermite",
        "_closed_forms",
        "network",
        "gradient_flow",
        "ntk",
        "limit_kernel",
    ),
    *(
        "linear_flow",
        "general_loss",
        "rayleigh",
        "gronwall",
        "spectrum",
        "kernel_drift",
        "explore",
        "_diagnosis",
    ),
    *(
        "_references",
        "_mistakes",
        "_slips",
        "_answers",
        "_attempt",
        "exercises",
        "figures",
    ),
]
MODULES = sorted(
    path for path in (ROOT / "ntklib").glob("*.py") if path.stem != "__init__"
)
FUNCTIONS = functions(ROOT)
IN_MODULE = {
    "names",
    "solution",
}  # of ntklib.exercises: words too common to be imported from ntklib itself
WHERE, PROSE = equations(ROOT)
ALONE = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("MAKE", "MFLAGS"))
}
CHAPTERS = [path for path in BOOK if path.parent.name == "book"]
notebook = pytest.mark.parametrize("path", BOOK, ids=lambda path: path.stem)
chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(path):
    """Sources of the code cells of a notebook."""
    return [
        "".join(cell["source"])
        for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_import_only_modules_above(path):
    """A module of ntklib imports only modules that stand before it in the lecture's order."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ntklib":
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "ntklib."
        ):
            imported.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            imported |= {
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("ntklib.")
            }
        assert not (isinstance(node, ast.ImportFrom) and node.level), "relative import"
    assert imported <= set(ORDER[: ORDER.index(path.stem)])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_have_a_test_file_and_stay_short(path):
    """Each module has a file test_<stem>.py; apart from the checks, none is over about 150 lines."""
    assert list((ROOT / "tests").glob(f"*/test_{path.stem.strip('_')}.py"))
    assert len(path.read_text("utf-8").splitlines()) <= (
        245 if path.stem == "_check" else 170
    )


@pytest.mark.parametrize(
    "function", FUNCTIONS.values(), ids=lambda function: function.name
)
def test_public_names_are_tested_used_and_exported(function):
    """Every public function has a test, can be imported from ntklib, is in the API, and is used in the book.

    A module may come before its chapter; from the day on which the chapter exists, each function has to be used.
    """
    assert function.tests
    assert (
        function.name in {*ntklib.__all__, *IN_MODULE} or function.module == "figures"
    )
    assert f".. automodule:: ntklib.{function.module}\n" in (
        ROOT / "book" / "api.md"
    ).read_text("utf-8")
    assert function.module in ORDER
    assert function.cells or function.module not in chapters(ROOT)


def test_exports_are_public_functions():
    """ntklib exports the functions found in its modules and the tuples they return, nothing else."""
    named = {
        function.name for function in FUNCTIONS.values() if function.module != "figures"
    }
    tuples = {"Params", "Flow", "LimitKernel", "LinearComparison", "WidthSlope"}
    assert set(ntklib.__all__) == {*named - IN_MODULE, *tuples}


def test_equations_belong_to_a_function_or_are_prose():
    """Every labelled equation is cited by the docstring of a public function or marked as prose, and never both."""
    cited = {label for function in FUNCTIONS.values() for label in function.equations}
    assert len(WHERE) > 15
    assert cited | PROSE == set(WHERE)
    assert not cited & PROSE


def test_map_has_a_row_for_every_cited_equation():
    """The map on the landing page is complete: each row has a function, and that function a test and a cell."""
    found = {label: owners for label, owners in rows(ROOT) if owners}
    assert set(found) == set(WHERE) - PROSE
    assert all(
        owner.tests and owner.cells for owners in found.values() for owner in owners
    )
    assert "```{equation-map}" in (ROOT / "book" / "index.md").read_text("utf-8")


@chapter
def test_displayed_equations_are_labelled(path):
    """Every displayed equation of a chapter has a label, and no label is used twice."""
    cells = chapters(ROOT)[path.stem]
    text = "\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )
    labels = [a or b for a, b in LABEL.findall(text)]
    assert text.count("$$") == 2 * len(labels)
    assert (
        len(labels)
        == len(set(labels))
        == sum(stem == path.stem for stem in WHERE.values())
    )


def test_equations_are_cited_by_number():
    """Every labelled equation is cited somewhere: in a chapter, the notation table or a docstring."""
    pages = [*BOOK, *(ROOT / "book").glob("*.md"), *MODULES]
    text = "\n".join(path.read_text("utf-8") for path in pages)
    assert set(WHERE) <= set(re.findall(r"[{:]eq[}:]`(eq-[\w-]+)`", text))


@notebook
def test_cells_are_short(path):
    """At most 15 lines a cell, the median at most 8, no def outside the exercises."""
    lengths = sorted(source.count("\n") + 1 for source in code_cells(path))
    assert lengths[-1] <= 15
    assert lengths[len(lengths) // 2] <= 8
    defined = [
        source
        for source in code_cells(path)
        if re.search(r"^\s*(def|class) ", source, re.M)
    ]
    assert not defined or path not in CHAPTERS


@notebook
def test_comparisons_can_fail(path):
    """Each chapter has at least two assertions, and no comparison whose result nobody uses."""
    trees = [ast.parse(source) for source in code_cells(path)]
    asserts = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Assert)]
    asserts += [
        n
        for tree in trees
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and n.attr.startswith("assert_")
    ]
    assert len(asserts) >= 2
    bare = [
        n
        for tree in trees
        for n in ast.walk(tree)
        if isinstance(n, ast.Expr) and "close" in ast.unparse(n.value)
    ]
    assert all("assert_allclose" in ast.unparse(n) for n in bare)


@chapter
def test_figures_have_alt_text_caption_and_name(path):
    """Every cell that shows a picture has alt text, a caption and a name to cite, and folds its code away."""
    shown = 0
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if any(
            "image/png" in output.get("data", {}) for output in cell.get("outputs", [])
        ):
            shown += 1
            settings = cell["metadata"]["mystnb"]
            assert len(settings["image"]["alt"]) > 40
            assert len(settings["figure"]["caption"]) > 40
            assert settings["figure"]["name"].startswith("fig-")
            assert "hide-input" in cell["metadata"]["tags"]
    assert shown


@notebook
def test_sliders_are_light_and_stand_between_words_beside_a_figure(path):
    """A slider is introduced, followed by what to see, folded, light, and never the only picture of its chapter."""
    book = json.loads(path.read_text("utf-8"))
    shown = [
        [*output.get("data", {})]
        for cell in book["cells"]
        for output in cell.get("outputs", [])
    ]
    sliders = 0
    for i, cell in enumerate(book["cells"]):
        views = [
            "application/vnd.jupyter.widget-view+json" in o.get("data", {})
            for o in cell.get("outputs", [])
        ]
        if any(views) and "remove-output" not in cell["metadata"]["tags"]:
            sliders += 1
            before, after = (
                [
                    "".join(other["source"])
                    for other in others
                    if other["cell_type"] == "markdown"
                ]
                for others in (book["cells"][i::-1], book["cells"][i:])
            )
            assert before[0].endswith(":")
            assert "What to see: " in after[0]
            assert "hide-input" in cell["metadata"]["tags"]
    if sliders:
        assert ["image/png", "text/plain"] in map(sorted, shown)
        (stored,) = book["metadata"]["widgets"].values()
        assert len(json.dumps(stored)) < 400_000 * sliders
        modules = {
            state["model_module"].removeprefix("@jupyter-widgets/")
            for state in stored["state"].values()
        }
        assert modules <= {
            "base",
            "controls",
            "output",
        }  # what the site's copy of the runtime holds


def test_chapters_are_the_notebooks():
    """Every notebook under book/ is listed in _toc.yml, so none is left out of the site or of the checks."""
    assert set(chapters(ROOT)) == {path.stem for path in CHAPTERS}
    listed = re.findall(r"- file: (\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in BOOK} <= set(
        listed
    )


def locked():
    """Name and version of every line of the lock."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return [
        re.match(r"^([A-Za-z0-9._-]+)==([^\s;]+)( ; .+)?$", line)
        for line in lines
        if line
    ]


def canonical(name):
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_pins_every_dependency():
    """Every line of the lock is an exact version without an address; it holds all that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {"book", "test", "grading"}
    assert all(locked())
    pins = [canonical(match[1]) for match in locked()]
    assert len(pins) == len(set(pins))
    wanted = [
        *project["dependencies"],
        *(package for extra in extras.values() for package in extra),
    ]
    assert {canonical(re.match(r"[\w.-]+", package)[0]) for package in wanted} <= set(
        pins
    )


def test_lock_satisfies_the_ranges_and_is_what_is_installed():
    """The pinned versions lie within the ranges of pyproject.toml and are the ones these tests run with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pins = {canonical(match[1]): match[2] for match in locked()}
    for package in [
        *project["dependencies"],
        *itertools.chain(*project["optional-dependencies"].values()),
    ]:
        requirement = Requirement(package)
        assert requirement.specifier.contains(
            pins[canonical(requirement.name)], prereleases=True
        ), package
        assert version(requirement.name) == pins[canonical(requirement.name)]


def test_environment_takes_python_from_conda_and_the_rest_from_the_lock():
    """environment.yml: conda gives Python and pip; pip installs exactly requirements.lock, then ntklib itself."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(
        entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)
    )
    assert {re.match(r"\w+", entry)[0] for entry in conda} == {"python", "pip"}
    assert pip == ["-r requirements.lock", "-e ."]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    least = project["project"]["requires-python"].removeprefix(">=")
    assert f"python={least}" in conda


def test_backend_is_locked():
    """What builds the package is pinned to the same version in pyproject.toml and in the lock."""
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
        "build-system"
    ]["requires"]
    name, number = backend.split("==")
    assert (canonical(name), number) in [
        (canonical(match[1]), match[2]) for match in locked()
    ]


def test_workflow_runs_the_same_commands():
    """The workflow runs make test and make book on every change and keeps the site."""
    text = (ROOT / ".github" / "workflows" / "book.yml").read_text("utf-8")
    workflow = yaml.safe_load(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    assert "make test" in commands
    assert "make book" in commands
    assert {"push", "pull_request"} <= set(
        workflow[True]
    )  # YAML reads the key `on` as true
    assert any(step.get("with", {}).get("path") == "_build/html" for step in steps)
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("make test")


def test_committed_files_name_no_registry_and_no_machine_path():
    """No committed file holds a registry's address or a path of the machine it was written on."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name for name in names.stdout.decode().split("\0") if name]
    hosts = [
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "npmjs" + ".org",
        str(ROOT) + "/",
        str(Path.home()) + "/.",
    ]
    text = {
        path: path.read_bytes().decode("utf-8", "ignore")
        for path in files
        if path.is_file()
    }
    assert len(text) > 20
    assert not [
        (path.name, host) for path in text for host in hosts if host in text[path]
    ]


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        (
            '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1',
            "needs Python 3.11 or newer, and '{}' is Python 3.9.1",
        ),
        (None, "needs Python 3.11 or newer, and '{}' is not there"),
        (
            '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac',
            "'{}' cannot make virtual environments",
        ),
    ],
    ids=["too old", "missing", "without venv"],
)
def test_make_refuses_a_python_in_one_sentence(tmp_path, python, sentence):
    """A missing or too old Python, or one without venv, stops make with one clear sentence, before anything is made."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    program = tmp_path / "python-for-test"
    if python:
        program.write_text(python)
        program.chmod(0o755)
    command = ["make", f"PYTHON={program}", ".venv/.installed"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=ALONE
    )
    assert result.returncode != 0
    lines = [
        line
        for line in result.stderr.splitlines()
        if not re.match(r"make(\[\d+\])?:|find:", line)
    ]
    assert len(lines) == 1
    assert sentence.format(program) in lines[0]
    assert not (tmp_path / ".venv").exists()


def test_a_second_make_book_has_nothing_to_do():
    """With nothing changed since the site was built, make book finds nothing to do."""
    result = subprocess.run(
        ["make", "--question", "_build/html/.built"], cwd=ROOT, env=ALONE
    )
    assert result.returncode == 0

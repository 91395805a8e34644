"""Where the book runs but on this machine: another Python, Colab, a dev container."""

import json
import re
import sys
from importlib.metadata import requires

import nbformat
import pytest
from packaging.requirements import Requirement

from grading.container import NESTED, NESTED_IN_DOCKER
from tests.book.conftest import write_notebook
from tools import elsewhere
from tools.downloads import pinned
from tools.execute import ROOT, short_name

DEV = ROOT / ".devcontainer"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# What a notebook on Colab has loaded before its first cell runs; on 19 August 2026, by
# github.com/googlecolab/backend-info.
NUMPY_OF_COLAB = "2.1.3"


def test_run_names_the_cells_that_print_something_else(tmp_path, monkeypatch):
    """The other Python sees nothing of this one; cells that differ are named."""
    monkeypatch.setenv("PYTHONPATH", "/of/this/one")
    path = tmp_path / "two.ipynb"
    write_notebook(path, ["import os, sys\nos.environ.get('PYTHONPATH')", "sys.prefix"])
    notebook = nbformat.read(path, as_version=4)
    stored = {"text/plain": "'elsewhere'"}
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("execute_result", stored, execution_count=2)
    ]
    nbformat.write(notebook, path)
    found = elsewhere.run(path, sys.executable)
    assert (found.error, found.different) == ("", [2])
    assert 10 < found.megabytes < 10_000
    assert elsewhere.line(found).endswith(" MB  other text in cells 2")


def test_compare_counts_what_raises(tmp_path, capsys):
    """A notebook that raises is named with its error, and the number comes back."""
    path = tmp_path / "wrong.ipynb"
    write_notebook(path, ["import there_is_no_such_package"])
    assert elsewhere.compare([path], sys.executable) == 1
    error = "ModuleNotFoundError: No module named 'there_is_no_such_package'"
    assert capsys.readouterr().out == f"{'wrong':.<30} {error}\n"


def test_run_names_a_kernel_that_dies(tmp_path):
    """A crash, as where memory runs out, is told of its notebook and ends no other."""
    path = tmp_path / "crash.ipynb"
    write_notebook(path, ["import os\nos._exit(1)"])
    assert elsewhere.run(path, sys.executable).error.startswith("DeadKernelError: ")


def test_main_refuses_a_python_that_is_not_there(monkeypatch):
    """A mistyped path is one sentence."""
    monkeypatch.setattr(sys, "argv", ["elsewhere", "/nowhere/python3.12"])
    with pytest.raises(SystemExit, match=r"^there is no program /nowhere/python3\.12$"):
        elsewhere.main()


def test_main_says_that_no_environment_can_be_made(tmp_path, monkeypatch):
    """A program that is no Python is one sentence above what uv says of it."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["elsewhere", str(python)])
    with pytest.raises(SystemExit, match=r"^The environment could not be made:\n"):
        elsewhere.main()


def test_python_without_a_kernel_is_refused(tmp_path):
    """With --as-is nothing is installed; what is missing is said in one sentence."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match=f"{python} has no ipykernel"):
        elsewhere.refuse_without_kernel(python)


@pytest.mark.parametrize("words", [[], ["exercises/kernel", "book/ntk.ipynb"]])
def test_main_installs_the_lock_of_the_lab_and_the_library(monkeypatch, words):
    """The sample, or the notebooks that are named, run with all that it installs."""
    asked, ran = [], []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["elsewhere", sys.executable, *words])
    monkeypatch.setattr(elsewhere, "environment", lambda *given: asked.append(given))
    monkeypatch.setattr(elsewhere, "compare", lambda paths, _: ran.extend(paths))
    with pytest.raises(SystemExit) as end:
        elsewhere.main()
    assert not end.value.code
    ((_, packages, python),) = asked
    assert packages == ["-r", ROOT / "requirements-lab.lock", ROOT]
    assert python == sys.executable
    assert [short_name(path) for path in ran] == (
        ["exercises/kernel", "ntk"] if words else list(elsewhere.SAMPLE)
    )


def test_install_cell_leaves_the_numpy_of_colab_alone():
    """Nothing that the first cell of a download installs asks for a newer NumPy."""
    names = ["ntklib", pinned("jax").split("==")[0], "jaxlib", "scipy", "scikit-learn"]
    names += ["diffrax", "equinox", "lineax", "optimistix", "matplotlib"]
    wanted = [Requirement(text) for name in names for text in requires(name) or ()]
    numpy = [need for need in wanted if need.name == "numpy" and need.marker is None]
    assert len(numpy) >= 5
    for need in numpy:
        assert need.specifier.contains(NUMPY_OF_COLAB), (
            f"{need} would exchange the NumPy {NUMPY_OF_COLAB} of a running Colab; "
            "docs/where-it-runs.md says what happens then"
        )


def dev_container():
    """What devcontainer.json says; lines of comments are allowed in it."""
    text = (DEV / "devcontainer.json").read_text("utf-8")
    return json.loads(re.sub(r"^ *//.*$", "", text, flags=re.M))


def test_dev_container_installs_what_ci_installs():
    """Each package that .ci/run installs where it is missing is in the container."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    recipe = (DEV / dev_container()["build"]["dockerfile"]).read_text("utf-8")
    packages = set(re.findall(r"missing\+=\((\S+)\)", script))
    assert len(packages) >= 6
    assert packages <= set(recipe.split())


def test_dev_container_builds_the_book_and_shows_the_port_of_make_serve():
    """What runs at its start is a target of make; the ports are those of make serve."""
    found = dev_container()
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split()
    program, target = found["postCreateCommand"].split()
    assert program == "make"
    assert target in targets
    assert f"html {found['forwardPorts'][0]}\n" in MAKEFILE


def test_dev_container_lets_the_sandbox_of_the_grading_start():
    """Its options are those with which `make grade CONTAINER=docker` starts."""
    assert dev_container()["runArgs"] == [*NESTED, *NESTED_IN_DOCKER]

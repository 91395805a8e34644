"""The notebooks under other seeds."""

import sys

import pytest

from tests.book.conftest import write_notebook
from tools import seeds
from tools.seeds import failures, has_a_seed, with_seed


def test_with_seed_changes_every_seed_and_nothing_else():
    """The numbers of JAX's keys and of NumPy's generators grow; other numbers stay."""
    source = "key = jax.random.key(5)\nrng = np.random.default_rng(3)\nn = 5"
    expected = "key = jax.random.key(105)\nrng = np.random.default_rng(103)\nn = 5"
    assert with_seed(source, 100) == expected
    assert with_seed("key = jax.random.key(n)", 100) == "key = jax.random.key(n)"


def test_failures_names_the_cell_that_holds_for_its_own_seed_alone(tmp_path):
    """A claim about one draw fails under another seed, and its cell is named."""
    path = tmp_path / "luck.ipynb"
    draw = "import numpy as np\nz = np.random.default_rng(5).integers(10**9)"
    write_notebook(path, [draw, "assert z >= 0", "assert z == 670790055, 'luck'"])
    assert has_a_seed(path)
    assert failures(path, 0) == []
    ((name, error),) = failures(path, 1)
    assert name == "cell-2"
    assert "luck" in error


def start(monkeypatch, failures, *words):
    """Run the program with these words, and with this in place of real runs."""
    monkeypatch.setattr(seeds, "failures", failures)
    monkeypatch.setattr(sys, "argv", ["seeds", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        seeds.main()
    return end.value.code


@pytest.fixture
def two_notebooks(tmp_path):
    """Two notebooks with a seed, and one without."""
    draw = "import numpy as np\nrng = np.random.default_rng(5)"
    paths = [tmp_path / f"{name}.ipynb" for name in ("luck", "law", "none")]
    for path, source in zip(paths, [draw, draw, "1 + 1"], strict=True):
        write_notebook(path, [source])
    return paths


def test_main_prints_a_table_of_notebooks_and_seeds(monkeypatch, capsys, two_notebooks):
    """A failing cell is named at once and counted in the table; the run then fails."""

    def failures(path, more):
        return [("cell-2", "AssertionError: luck")] if path.stem == "luck" else []

    assert start(monkeypatch, failures, *two_notebooks, "--seeds", 2) == 1
    printed = capsys.readouterr().out
    assert "luck, seeds + 100: 1 cells fail\n    cell-2: AssertionError" in printed
    rows = [line.split() for line in printed.splitlines()[-5:-2]]
    assert rows == [
        ["cells", "that", "fail", "+100", "+200"],
        ["luck", "1", "1"],
        ["law", "0", "0"],
    ]
    assert printed.endswith("4 of 4 runs made, 2 fail\n")


def test_main_prints_the_table_when_it_is_interrupted(
    monkeypatch, capsys, two_notebooks
):
    """What was found so far is there, each notebook was tried once, and it says why."""

    def failures(path, more):
        if more == 200:
            raise KeyboardInterrupt
        return []

    reason = start(monkeypatch, failures, *two_notebooks, "--seeds", 2)
    assert reason == "luck, seeds + 200: stopped by KeyboardInterrupt"
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-4:-2]]
    assert rows == [["luck", "0", "-"], ["law", "0", "-"]]


def test_main_refuses_to_run_nothing(monkeypatch, capsys):
    """No other seed at all would show nothing, and pass."""
    assert start(monkeypatch, lambda path, more: [], "ntk", "--seeds", 0) == 2
    assert "--seeds must be 1 or more" in capsys.readouterr().err


def test_main_says_that_no_notebook_has_a_seed(monkeypatch, two_notebooks):
    """It does not pass in silence over a notebook that it cannot try."""
    reason = start(monkeypatch, lambda path, more: [], two_notebooks[2])
    assert reason == "No seed was found in the notebooks that were named."

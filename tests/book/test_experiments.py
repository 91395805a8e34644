"""The tables that chapters read: where each comes from, and how to make it again."""

import re

import jax
import numpy as np
import pytest

from tests.book.conftest import CHAPTERS
from tools import experiments
from tools.experiments import DATA, NAMES, experiment, header, read, rows

BYTES = 60_000  # of a table

each_table = pytest.mark.parametrize("name", NAMES)


@each_table
def test_table_says_where_it_comes_from(name):
    """Its first lines name the script, the seed and the columns."""
    module = experiment(name)
    path = DATA / f"{name}.csv"
    lines = path.read_text("utf-8").splitlines()[:2]
    assert [line.removeprefix("# ") for line in lines] == header(
        name, module
    ).splitlines()
    assert path.stat().st_size < BYTES
    assert read(name).shape[1] == len(module.COLUMNS)


@each_table
def test_table_is_complete(name):
    """It has rows for every setting, in their order, and none but those."""
    module = experiment(name)
    found = [tuple(row[: len(module.SETTINGS[0])]) for row in read(name)]
    assert list(dict.fromkeys(found)) == [tuple(s) for s in module.SETTINGS]
    assert set(module.SLICE) <= set(module.SETTINGS)
    assert module.SLICE


@pytest.mark.slow
@each_table
def test_table_can_be_measured_again(name):
    """Measured again, a slice of the table has the stored numbers."""
    module = experiment(name)
    stored = read(name)
    for setting in module.SLICE:
        expected = stored[(stored[:, : len(setting)] == setting).all(axis=1)]
        with jax.enable_x64(True):  # as `make experiments` does
            found = rows(module, setting)
        np.testing.assert_allclose(
            found, expected, rtol=module.RTOL, err_msg=str(setting)
        )


def test_tables_are_those_of_chapters():
    """Every table is read by a chapter, which names the script that made it."""
    texts = {path.stem: path.read_text("utf-8") for path in CHAPTERS}
    for name in NAMES:
        readers = [text for text in texts.values() if f"data/{name}.csv" in text]
        assert readers, f"no chapter reads {name}.csv"
        assert any(re.search(rf"tools.experiments {name}\b", text) for text in readers)


def test_write_replaces_the_table_when_all_is_measured(monkeypatch, tmp_path, capsys):
    """An experiment that fails half-way leaves the old table whole."""

    class Squares:
        """Squares, and a number that cannot be squared."""

        SEED, COLUMNS, SETTINGS = 3, ("z", "square"), [(2,), (3,)]

        @staticmethod
        def measure(z):
            """The square, but not of 3 at first."""
            if z == Squares.refused:
                raise RuntimeError("no")
            return [(z**2,)]

    monkeypatch.setattr(experiments, "DATA", tmp_path)
    monkeypatch.setattr(experiments, "experiment", lambda name: Squares)
    Squares.refused = None
    experiments.write("squares")
    assert read("squares").tolist() == [[2, 4], [3, 9]]
    assert "squares 2/2: (3,)" in capsys.readouterr().out
    before = (tmp_path / "squares.csv").read_text("utf-8")
    assert before.startswith(
        "# python -m tools.experiments squares, seed 3\n# z,square"
    )
    Squares.refused = 3
    with pytest.raises(RuntimeError, match="no"):
        experiments.write("squares")
    assert [path.name for path in tmp_path.iterdir()] == ["squares.csv"]
    assert (tmp_path / "squares.csv").read_text("utf-8") == before

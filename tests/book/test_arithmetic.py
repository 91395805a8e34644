"""The notebooks with another machine's arithmetic."""

import os
import platform
from collections import Counter
from types import SimpleNamespace

import pytest

from tests.book.conftest import write_notebook
from tools.arithmetic import __main__ as program
from tools.arithmetic import settings
from tools.arithmetic.__main__ import differing, table
from tools.arithmetic.settings import (
    FINER,
    OLDER,
    SETTINGS,
    THREADS,
    features_of_numpy,
    kernels_with,
    why_it_does_not_take,
)
from tools.execute import store

FLOWS = """
import jax.numpy as jnp
from ntklib import function_flow
from scipy.integrate import solve_ivp

by_ntklib = function_flow(
    jnp.eye(1), jnp.ones(1), jnp.zeros(1), lambda f, y: f, [1.0], rtol=1e-3
)
by_scipy = solve_ivp(lambda t, r: -r, (0, 1), [1.0]).y
print(f"{by_ntklib[0, 0]:.2f} {by_scipy[0, -1]:.2f}")
"""
THE_SAME = dict.fromkeys(THREADS.changes, "a")


@pytest.fixture(scope="module")
def usual():
    """The bits of the results in a kernel that was told nothing."""
    return settings.bits(dict(os.environ))


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="for x86-64 processors")
@pytest.mark.parametrize("name", ["threads", "together"])
def test_setting_takes_on_this_machine(name, usual):
    """Each result that the setting names comes out with other last digits."""
    with kernels_with(SETTINGS[name]) as environment:
        assert why_it_does_not_take(SETTINGS[name], environment, usual) == ""


def test_together_is_an_older_processor_and_finer_integration():
    """It has what the two settings tell the kernels, and claims what both claim."""
    together = SETTINGS["together"]
    assert together.variables == OLDER.variables
    assert together.start == FINER.start
    assert together.options == FINER.options
    assert together.changes == OLDER.changes + FINER.changes
    assert together.for_x86


def test_kernels_with_takes_a_variable_away(monkeypatch):
    """A processor that the caller's environment names does not reach the kernels."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with kernels_with(THREADS) as environment:
        assert "OPENBLAS_CORETYPE" not in environment
    with kernels_with(FINER) as environment:
        assert environment["OPENBLAS_CORETYPE"] == "Haswell"


def test_features_of_numpy_are_those_it_found(monkeypatch):
    """NumPy is told to leave out what it says to have found, and nothing else."""
    extensions = {"SIMD Extensions": {"baseline": ["A"], "found": ["B", "C"]}}
    monkeypatch.setattr(settings.np, "show_config", lambda mode: extensions)
    assert features_of_numpy() == "B,C"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ("a", f"with it {', '.join(THREADS.changes)} came out as without it"),
        ("b", ""),
    ],
)
def test_setting_that_changes_nothing_is_refused(monkeypatch, found, sentence):
    """Results with the same bits show that the setting did not reach them."""
    monkeypatch.setattr(settings, "bits", lambda _: dict.fromkeys(THE_SAME, found))
    assert why_it_does_not_take(THREADS, {}, THE_SAME) == sentence


def test_setting_for_another_kind_of_processor_is_refused(monkeypatch):
    """An Arm processor has no older x86-64 processor within it."""
    monkeypatch.setattr(settings.platform, "machine", lambda: "arm64")
    assert why_it_does_not_take(OLDER, {}, {}) == (
        "it is made for x86-64 processors, and this one is arm64"
    )


@pytest.mark.slow
def test_run_finds_the_digits_that_finer_integration_changes(tmp_path, monkeypatch):
    """Two digits come out again; all digits do not, of either integrator."""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setattr(program, "why_it_does_not_take", lambda *_: "")
    path = tmp_path / "flows.ipynb"
    write_notebook(path, [FLOWS, "print(by_ntklib)", "print(by_scipy[0, -1])"])
    store(path)
    assert program.run("finer", [path], {}) == {"flows": 2}


def test_run_says_that_a_setting_shows_nothing(monkeypatch, capsys):
    """A run that would prove nothing is none, and says why."""
    monkeypatch.setattr(program, "why_it_does_not_take", lambda *_: "it is too old")
    assert program.run("older", [], {}) is None
    assert "'older' shows nothing on this machine: it is too old." in (
        capsys.readouterr().out
    )


def test_run_that_ended_early_shows_nothing(monkeypatch, capsys):
    """What pytest has not run did not come out the same: its report does not count."""
    ended = SimpleNamespace(returncode=3)
    monkeypatch.setattr(program, "why_it_does_not_take", lambda *_: "")
    monkeypatch.setattr(program.subprocess, "run", lambda *_, **__: ended)
    assert program.run("finer", [], {}) is None
    assert "pytest ended with 3 before all" in capsys.readouterr().out


REPORT = """<testsuites><testsuite>
<testcase file="book/ntk.ipynb" name="Cell 0"/>
<testcase file="book/ntk.ipynb" name="Cell 1"><failure/></testcase>
<testcase file="book/ntk.ipynb" name="Cell 2"><error/></testcase>
<testcase file="book/exercises/drift.ipynb" name="Cell 0"><properties/></testcase>
</testsuite></testsuites>"""


def test_differing_counts_the_cells_that_failed(tmp_path):
    """A failure and an error are counted for their notebook; a sound one has 0."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT, "utf-8")
    assert differing(report) == {"ntk": 2, "exercises/drift": 0}


def test_table_has_a_line_for_each_notebook():
    """The same, how many cells differ, or that a setting was not run."""
    results = {"older": Counter(ntk=0, drift=2), "threads": None}
    lines = [line.split() for line in table(results).splitlines()]
    assert lines == [
        ["older", "threads"],
        ["drift", "2", "differ", "not", "run"],
        ["ntk", "same", "not", "run"],
    ]


@pytest.mark.parametrize(
    ("last", "status"),
    [(Counter(ntk=0), 0), (Counter(ntk=1), 1), (Counter(), 1), (None, 1)],
)
def test_main_ends_as_the_runs_do(monkeypatch, last, status):
    """All settings run; a cell that differs is a failure, and so is no effect."""
    results = {"older": Counter(ntk=0), "threads": last, "finer": Counter(ntk=0)}
    monkeypatch.setattr(program, "bits", lambda environment: {})
    monkeypatch.setattr(program, "run", lambda name, *_: results.pop(name))
    monkeypatch.setattr("sys.argv", ["arithmetic"])
    with pytest.raises(SystemExit) as end:
        program.main()
    assert not results
    assert end.value.code == status


def test_main_shows_what_was_done_before_an_interrupt(monkeypatch):
    """A person who stops it after the first setting reads what that one showed."""

    def run(name, *_):
        if name == "older":
            return Counter(ntk=3)
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "bits", lambda environment: {})
    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr("sys.argv", ["arithmetic"])
    with pytest.raises(SystemExit, match=r"older\nntk +3 differ$"):
        program.main()


def test_main_refuses_a_notebook_that_is_not_there(monkeypatch, capsys):
    """A mistyped name is one sentence, before anything runs."""
    monkeypatch.setattr("sys.argv", ["arithmetic", "book/nkt.ipynb"])
    with pytest.raises(SystemExit):
        program.main()
    assert "there is no notebook book/nkt.ipynb" in capsys.readouterr().err

"""What runs in the process of a submission: its shell, what is missing, the wire."""

import json

import numpy as np
import pytest

from grading.inside import missing
from grading.inside.missing import Missing, NotThere
from grading.inside.wire import LARGEST, pack, unpack
from grading.pool import Limits, Process

WELL = {"error": None, "touched": []}


@pytest.fixture
def run(temporary):
    """run(cell) -> the reply; all cells of a test run in one process."""
    with Process(Limits(30, 2**31)) as process:
        process.start()
        yield lambda source: process.ask({"cell": source}, 30, 120)


def test_missing_refuses_in_one_sentence(monkeypatch):
    """A missing part can be handed on; called or indexed, it is noted and refuses."""
    monkeypatch.setattr(missing, "touched", set())
    part = Missing("ntklib.ntk")
    assert isinstance(part._empirical_ntk, Missing)
    assert not hasattr(part, "__array__")
    sentence = r"^ntklib\.ntk\.{} is not there while your work is graded; "
    with pytest.raises(NotThere, match=sentence.format("_empirical_ntk")):
        part._empirical_ntk(3)
    with pytest.raises(NotThere, match=sentence.format("SOLUTIONS")):
        part.SOLUTIONS["ntk"]
    assert missing.touched == {"ntklib.ntk._empirical_ntk", "ntklib.ntk.SOLUTIONS"}


def test_library_inside_a_process(run):
    """All that is offered works in a process; what is not offered is not reachable."""
    source = """
import ntklib
import jax, jax.numpy as jnp, numpy as np
from ntklib import antisymmetric_params, half_mse, init_params, lambda_min, network
from ntklib import Flow, gradient_flow
from ntklib.network import preactivation
params = antisymmetric_params(jax.random.key(0), 4, 3)
X = jnp.ones((2, 3))
assert preactivation(params, X).shape == (2, 4)
assert float(half_mse(network(params, X, jnp.tanh), jnp.ones(2))) == 0.5
assert lambda_min(np.eye(2)) == 1
assert ntklib.network is network
assert type(init_params(jax.random.key(0), 4, 3)) is ntklib.Params

import ntklib.ntk
from ntklib.ntk import _empirical_ntk, empirical_ntk
from ntklib.exercises import solution
import ntklib.exercises.kernel
from ntklib import *
for part in (ntklib.ntk._empirical_ntk, _empirical_ntk, empirical_ntk, solution,
             ntklib.limit_kernel, ntklib.predict, linear_flow, ntklib.exercises.names,
             ntklib.exercises.kernel.REFERENCE):
    assert type(part).__name__ == "Missing", part
for absent in ("ntklib._gaussian", "ntk_answers", "grading"):
    try:
        __import__(absent)
    except ModuleNotFoundError:
        continue
    assert False, absent"""
    assert run(source) == WELL


def test_check_inside_judges_nothing(run):
    """It is true and says that the exercise will be graded, whatever its options."""
    source = """
from ntklib.exercises import check
result = check("ntk", 3, variants={"ntk": "c"})
assert result and result.right
assert repr(result) == str(result) == result.line == "ntk will be graded\""""
    assert run(source) == WELL


def test_run_goes_on_after_a_missing_part(run):
    """Every statement of the cell runs but those that fail, once a part is missing."""
    source = """
before = 1
theirs = ntklib.predict(
    3,
)
assert theirs == before
@staticmethod
def after(x):
    return x
for i in range(3):
    ntklib.predict.anything[i]
last = 2"""
    assert run("import ntklib") == WELL
    reply = run(source)
    assert reply["touched"] == ["ntklib.predict", "ntklib.predict.anything"]
    assert reply["error"].startswith("NotThere: ntklib.predict is not there while")
    assert run("assert (before, last, after(3)) == (1, 2, 3)") == WELL


def test_run_goes_on_in_the_same_line(run):
    """As after `import theirs as t; import math`, whatever letters stand before."""
    cell = "é = 1; import their_package as t; import math; x = math.pi"
    assert run(cell)["error"].startswith("ModuleNotFoundError: ")
    assert run("assert (é, x) == (1, math.pi)") == WELL


@pytest.mark.parametrize("absent", ["import their_package", "%autosave 60"])
def test_run_goes_on_after_what_only_their_machine_has(run, absent):
    """A package or a magic of the student's own; what comes after it is defined."""
    error = run(f"before = 1\n{absent}\nimport math\nlast = math.pi")["error"]
    assert error.startswith(("ModuleNotFoundError: ", "UsageError: "))
    assert run("assert before < last") == WELL


def test_run_stops_a_cell_at_its_own_error(run):
    """Any other error ends the cell, as in Jupyter, and the next cell runs."""
    assert run("x = 1\n1 / 0\nx = 2")["error"].startswith("ZeroDivisionError")
    assert run("assert x == 1") == WELL
    assert run("def f(:")["error"].startswith("SyntaxError")
    assert run("%nonsense")["error"].startswith("UsageError")


def test_run_lets_a_notebook_write_two_folders_up(run):
    """As one does that changes to the folder of its course."""
    assert run("%cd ../..\nopen('figure.txt', 'w').close()") == WELL


def test_run_keeps_what_jupyter_keeps(run):
    """The last value, the inputs and the outputs have their names."""
    assert run("3 * 4") == WELL
    assert run("assert _ == 12 and Out[1] == 12 and In[1] == '3 * 4'") == WELL
    assert run("import __main__\nassert __main__.Out is Out") == WELL


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        -0.5,
        {"relu", "abs"},
        np.arange(6.0).reshape(2, 3),
        np.array([1, 2], np.float32),
        np.array(2.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pack_and_unpack_keep_plain_data(value):
    """Numbers, names and arrays come back as they were, dtype and shape included."""
    back = unpack(json.loads(json.dumps(pack(value))))
    assert type(back) is type(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(back, value, strict=True)
    else:
        assert back == value


@pytest.mark.parametrize(
    "array", [np.array(1j), np.array("text"), np.zeros(LARGEST + 1)], ids=repr
)
def test_unpack_refuses_what_no_answer_is(array):
    """Complex numbers, texts, and more entries than the largest right answer has."""
    with pytest.raises(ValueError, match="not an array of numbers"):
        unpack(pack(array))


@pytest.mark.parametrize(
    ("forged", "sentence"),
    [
        ({"dtype": "O"}, "not an array of numbers"),
        ({"dtype": "f8," * 9}, "not an array of numbers"),
        ({"dtype": "(9,9)f8"}, "not an array of numbers"),
        ({"shape": [9] * 100_000}, "dimension"),
        ({"names": [str(i) for i in range(101)]}, "not a choice of names"),
    ],
)
def test_unpack_computes_nothing_from_a_forged_reply(forged, sentence):
    """Neither a record is made, nor a product of lengths, which could take minutes."""
    one_zero = {"dtype": "<f8", "shape": [1], "data": "AAAAAAAAAAA="}
    assert unpack(one_zero) == [0]
    with pytest.raises(ValueError, match=sentence):
        unpack({**one_zero, **forged})

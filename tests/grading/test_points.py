"""Points: values compared with the references, for honest notebooks in any state."""

import json
import platform
import re
import sys

import nbformat.v4 as nb
import numpy as np
import pytest

from grading import points
from grading.inside.wire import argument, pack
from grading.notebooks import Cell
from grading.points import inputs, missing_parts, newer_python, verdict
from grading.pool import Ended
from grading.submissions import Submission
from ntk_answers import variants
from ntklib.exercises import names, psis
from tests.grading.conftest import (
    BLANK,
    RIGHT,
    WRONG,
    after,
    answered,
    cells,
)


def without(made, *names):
    """All cells but these."""
    return [cell for cell in made if cell["id"] not in names]


def changed(made, name, **entries):
    """The same cells, one of them with other entries."""
    return [cell | entries if cell["id"] == name else cell for cell in made]


STRIPPED = [
    {"cell_type": cell["cell_type"], "source": cell["source"], "metadata": {}}
    for cell in cells(RIGHT)
]
# By name: the notebook, the points of the three exercises, what the remarks say.
HONEST = {
    "reference": (cells(RIGHT), (2, 2, 2), ""),
    "untouched": (cells(BLANK), (0, 0, 0), ""),
    "one wrong": (answered(WRONG["stable_step"]), (0, 2, 2), ""),
    "syntax error": (
        answered("def stable_step(K) return 3"),
        (0, 2, 2),
        r"^cell 3 \(stable_step\) failed: SyntaxError",
    ),
    "magics": (after("%matplotlib inline\n!pip install torch"), (2, 2, 2), ""),
    "deleted": (
        without(cells(RIGHT), "sharp_rate", "stable_step-test"),
        (2, 2, 0),
        "^cells missing: stable_step-test, sharp_rate$",
    ),
    "duplicated": (
        cells(RIGHT) + cells(RIGHT)[2:3],
        (2, 2, 2),
        "^cells there more than once: stable_step$",
    ),
    "reordered": (cells(RIGHT)[::-1], (2, 2, 2), "some cells are in another order"),
    "retyped": (
        changed(cells(RIGHT), "stable_step", cell_type="markdown"),
        (0, 2, 2),
        "^cells of another type: stable_step$",
    ),
    "stripped": ({"cells": STRIPPED}, (2, 2, 2), "^the cells have lost their names"),
    "edited tests": (
        changed(cells(WRONG), "sharp_rate-test", source="assert True"),
        (0, 0, 0),
        "^cells changed, though locked .*: sharp_rate-test$",
    ),
    "no cells": ({"cells": []}, (0, 0, 0), "^the cells have lost their names"),
}


@pytest.mark.parametrize("name", HONEST)
def test_grade_gives_what_the_code_computes(grade, name):
    """Points are for the values of the answers, whatever the state of the notebook."""
    content, earned, remark = HONEST[name]
    submission = grade(content)
    assert tuple(submission.points.values()) == earned
    remarks = "; ".join(submission.remarks)
    if remark:
        assert re.search(remark, remarks)
    else:
        assert remarks == ""


JAX_SETUP = """
import jax
import jax.numpy as jnp
import numpy as np
from ntklib import Params, half_mse, init_params, network
import ntklib
jax.config.update("jax_enable_x64", True)
params = init_params(jax.random.key(0), 5, 3)"""
BY_AUTODIFF = {
    "ntk": """
def ntk(params, X, psi):
    blocks = jax.tree.leaves(jax.jacobian(network)(params, X, psi))
    return sum(jnp.tensordot(B, B, 2 * [[*range(1, B.ndim)]]) for B in blocks)""",
    "conserved": "conserved = {'relu', 'leaky_relu', 'abs'}",
    "lemma_matrices": "lemma_matrices = 'symmetric'",
    "singular_inputs": """
angles = np.arange(6) * np.pi / 3
singular_inputs = np.c_[np.cos(angles), np.sin(angles)]""",
}


@pytest.mark.slow
def test_grade_accepts_automatic_differentiation(grade):
    """A kernel by automatic differentiation, choices and an array earn their points."""
    blank = cells(dict.fromkeys(BY_AUTODIFF, "raise NotImplementedError()"), JAX_SETUP)
    submission = grade(cells(BY_AUTODIFF, JAX_SETUP), handed_out=blank)
    assert submission.points == dict.fromkeys(BY_AUTODIFF, 3)
    assert submission.remarks == []


def test_grade_refuses_the_kernel_of_the_library(grade):
    """The library's own kernel is an answer, and therefore not there."""
    blank = cells({"ntk": "raise NotImplementedError()"}, JAX_SETUP)
    fetched = "ntk = lambda params, X, psi: ntklib.empirical_ntk(params, X, psi)"
    submission = grade(cells({"ntk": fetched}, JAX_SETUP), handed_out=blank)
    assert submission.points == {"ntk": 0}
    assert submission.remarks[-1] == (
        "ntk asked for ntklib.empirical_ntk: not there in grading"
    )


def test_grade_file_raises_when_no_process_starts(grade, monkeypatch):
    """If the grader's own part of the process fails, nobody is taken for wrong."""

    def no_start(*arguments):
        raise Ended("ended the process that it ran in")

    monkeypatch.setattr(points, "evaluate", no_start)
    with pytest.raises(Ended):
        grade([nb.new_code_cell("")])


def test_grade_file_blames_a_file_that_is_no_notebook(grade):
    """It has a reason, no points, and nothing of it has run."""
    submission = grade(b"{}")
    assert submission.reason == "is not a notebook (format 4)"
    assert submission.points == submission.lines == {}


def test_grade_file_keeps_what_was_written_and_drops_the_cells(grade):
    """Code and derivations stay for the report; the rest of the notebook goes."""
    submission = grade(cells(RIGHT))
    assert submission.answers == RIGHT
    assert submission.derivations == dict.fromkeys(RIGHT, "Your derivation")
    assert submission.cells == []


def test_newer_python_is_said_where_it_matters():
    """Only a version after the grader's has a remark; a version may be anything."""
    here = ".".join(platform.python_version_tuple()[:2])
    (remark,) = newer_python("3.99.1")
    assert remark.startswith(f"written with Python 3.99 and graded with {here}: ")
    (remark,) = newer_python("4.0")
    assert remark.startswith("written with Python 4.0 and ")
    for version in (here, f"{here}.99", "3.2", "2.7.18", "", "new", "3", "9" * 5000):
        assert newer_python(version) == []


def test_verdict_compares_with_the_reference():
    """2 λ/m is right for every case, and λ/m is not."""
    for factor, expected in ((2, True), (1, False)):
        rates = [factor * lam / m for lam, m in inputs("sharp_rate", 5)]
        reply = {"values": [{"value": rate} for rate in rates], "touched": []}
        right, line = verdict("sharp_rate", 5, reply)
        assert right is expected
        assert line.startswith("sharp_rate: ")


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("its evaluation took too long", "its evaluation took too long"),
        (
            {},
            "not answered: nothing is called sharp_rate after the cells have run",
        ),
        (
            {"values": [{"failure": ["unanswered", ""]}] * 3},
            "sharp_rate: not answered yet",
        ),
        (
            {
                "values": [
                    {"value": 1.0},
                    *[{"failure": ["error", "KeyError: 'K'"]}] * 2,
                ]
            },
            "sharp_rate: it raised KeyError: 'K' for lam = ",
        ),
        (
            {"values": [{"failure": [[], {}]}] * 3},
            "sharp_rate: expected real numbers, got {} for lam = ",
        ),
        ({"values": [{"failure": 3}] * 3}, "the answer cannot be compared (TypeError)"),
        ({"values": []}, "its process sent back 0 values, not"),
        ({"values": 3}, "the answer cannot be compared (TypeError)"),
        ({"values": [3, 4]}, "the answer cannot be compared (TypeError)"),
        ({"values": [{}, {}]}, "the answer cannot be compared (KeyError)"),
        (
            {"values": [{"value": {"dtype": "O", "shape": [1], "data": ""}}] * 2},
            "the answer cannot be compared (ValueError)",
        ),
        (
            {"values": [{"value": {"dtype": "<f8", "shape": [10**9], "data": ""}}]},
            "the answer cannot be compared (ValueError)",
        ),
    ],
)
def test_verdict_has_a_line_for_every_reply(reply, line):
    """Whatever comes back, it is worth nothing unless it holds right values."""
    right, found = verdict("sharp_rate", 0, reply)
    assert not right
    assert found.startswith(line)
    assert len(found) <= 400


def test_verdict_takes_the_student_s_own_variant():
    """What is right for one variant is wrong for another, and for the book."""
    first, second, *_ = variants.codes("sharp_rate")
    answer = variants.answers("sharp_rate", first).solution
    values = [{"value": answer(*case)} for case in points.cases("sharp_rate", 5)]
    for code, expected in ((first, True), (second, False), ("", False)):
        right, _ = verdict("sharp_rate", 5, {"values": values}, code)
        assert right is expected


def test_foreign_variants_are_a_remark():
    """A notebook that asks for another student's constants is named."""
    claim = "check = partial(check, variants={'sharp_rate': 'b'})"
    submission = Submission("ada", "a.ipynb", "tiny", cells=[Cell("code", claim, "x")])
    for mine, count in (({"sharp_rate": "c"}, 1), ({"sharp_rate": "b"}, 0), ({}, 0)):
        submission.variants = mine
        assert len(points.foreign_variants(submission)) == count


def test_verdict_raises_an_error_of_the_judge(monkeypatch):
    """If the comparison itself fails, the answer is not wrong: it is not graded."""

    def judge(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(points, "judge", judge)
    values = [{"value": 1.0}] * len(inputs("sharp_rate", 5))
    with pytest.raises(ZeroDivisionError):
        verdict("sharp_rate", 5, {"values": values})


def test_verdict_raises_for_a_machine_without_memory(monkeypatch):
    """A reply is small: whoever has no room for it has none for anything."""

    def unpack(value):
        raise MemoryError

    monkeypatch.setattr(points, "unpack", unpack)
    values = [{"value": 1.0}] * len(inputs("sharp_rate", 5))
    with pytest.raises(MemoryError):
        verdict("sharp_rate", 5, {"values": values})


ODD = [
    None,
    True,
    10**400,
    float("nan"),
    float("inf"),
    "text",
    "",
    {"names": ["a", "b"]},
    *(pack(np.full(shape, 1e200)) for shape in ((), (0,), (3, 0), (1, 1), (2, 2, 2))),
    *(pack(np.full((5, 5), value)) for value in (np.nan, np.inf, 1j, True)),
    pack(np.full((4, 4), -1, "int8")),
    pack(np.full((4, 4), 1e-4, "float16")),
    pack(np.zeros((4, 4), ">f8")),
]


@pytest.mark.parametrize("name", names())
def test_verdict_survives_odd_values(name):
    """Whatever values come back, the comparison ends, and they are worth nothing."""
    count = max(1, len(inputs(name, 5)))
    for value in ODD:
        right, line = verdict(name, 5, {"values": [{"value": value}] * count})
        assert not right, value
        assert line


def test_missing_parts_believes_nothing():
    """Names of missing parts are a remark; anything else in their place is not."""
    remark = "ntk asked for ntklib.predict, 3: not there in grading"
    assert missing_parts("ntk", {"touched": ["ntklib.predict", 3]}) == [remark]
    assert len(missing_parts("ntk", {"touched": ["x" * 999]})[0]) == 300
    for reply in ("text", {}, {"touched": []}, {"touched": 3}, {"touched": "ntklib"}):
        assert missing_parts("ntk", reply) == []


@pytest.fixture
def beside_psis(monkeypatch):
    """The module of activations under the name that it has in the sandbox's zip."""
    monkeypatch.setitem(sys.modules, "psis", psis)


@pytest.mark.usefixtures("beside_psis")
def test_inputs_reach_the_process_unchanged():
    """Networks, activations, arrays and numbers arrive as they were sent."""
    for name in ("kernel_velocity", "prediction", "sharp_rate"):
        for sent, case in zip(inputs(name, 4), points.cases(name, 4), strict=True):
            for packed, value in zip(sent, case, strict=True):
                arrived = argument(packed)
                if callable(value):
                    assert arrived == value
                elif isinstance(value, tuple):
                    assert type(arrived) is type(value)
                    np.testing.assert_array_equal(arrived.W0, value.W0)
                    np.testing.assert_array_equal(arrived.W1, value.W1)
                else:
                    np.testing.assert_array_equal(arrived, value, strict=False)


@pytest.mark.usefixtures("beside_psis")
def test_every_activation_has_a_name():
    """An activation of the cases reaches the process by its name."""
    for name, psi in psis.NAMED.items():
        assert argument(points.packed(psi)) is psi
        assert points.packed(psi)["psi"] == name
    mixture = psis.Mixture(0.1, 0.2, 0.3, 0.4)
    assert argument(json.loads(json.dumps(points.packed(mixture)))) == mixture


def test_inputs_differ_from_seed_to_seed():
    """A seed draws its own inputs, the same each time."""
    assert inputs("sharp_rate", 1) == inputs("sharp_rate", 1)
    assert inputs("sharp_rate", 1) != inputs("sharp_rate", 2)
    assert inputs("conserved", 1) == []
    assert points.packed(np.float64(2)) == 2

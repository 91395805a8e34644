"""Why an answer gave no value, in one sentence that says what to look at."""

import pytest

from ntklib.exercises.cases import cases
from ntklib.exercises.failures import ADVICE, sentence
from ntklib.exercises.plain import SIGNS, Failure
from ntklib.exercises.sets import EXERCISES


@pytest.mark.parametrize(
    ("name", "failure", "line"),
    [
        ("stable_step", Failure("unanswered"), "not answered yet"),
        (
            "stable_step",
            Failure("nothing"),
            "it returned nothing for K (4, 4); a function gives its",
        ),
        (
            "prediction",
            Failure("function", "a float"),
            "expected a function of (K, K_new, f0, f0_new, y, t), got a float",
        ),
        (
            "stable_step",
            Failure("signature", "(K, L)"),
            "it is called as stable_step(K), but takes (K, L)",
        ),
        (
            "ntk",
            Failure("changed", "1"),
            "it changes its argument X in place; work on a copy",
        ),
        (
            "stable_step",
            Failure("late", "30 seconds"),
            "no value after 30 seconds for K (4, 4); does every loop in it end, and",
        ),
        (
            "stable_step",
            Failure("hole"),
            "an entry is None for K (4, 4); does a function",
        ),
        (
            "stable_step",
            Failure("refused", "a function"),
            "expected real numbers, got a function for K (4, 4)",
        ),
        (
            "drift_slope",
            Failure("refused", "a function"),
            "expected a number, got a func",
        ),
        (
            "lemma_matrices",
            Failure("refused", "a dict"),
            "expected a choice from any square, positive definite, ",
        ),
        (
            "stable_step",
            Failure("shapes", "ValueError: matmul: a mismatch"),
            "it raised ValueError: matmul: a mismatch for K (4, 4); print the",
        ),
        (
            "stable_step",
            Failure("library", "NotThere: ntklib.x is not"),
            "ntklib.x is not",
        ),
        (
            "stable_step",
            Failure("error", "KeyError"),
            "it raised KeyError for K (4, 4); ",
        ),
    ],
)
def test_sentence_says_what_came_and_what_to_look_at(name, failure, line):
    """What was expected, what came, for which arguments."""
    case = next(iter(cases(name, 0)), ())
    assert sentence(EXERCISES[name], failure, case).startswith(line)


def test_sentence_has_advice_for_every_error():
    """So that no raw error of NumPy or JAX is all that a reader hears."""
    assert set(ADVICE) | {"library"} == {*SIGNS, "error"}
    for about, advice in ADVICE.items():
        line = sentence(EXERCISES["ntk"], Failure(about, "E: x"), cases("ntk", 0)[0])
        assert line.startswith("it raised E: x for params.W0 (7, 3), ")
        assert line.endswith(advice)


@pytest.mark.parametrize(
    "failure", [Failure("", ""), Failure("changed", "9"), Failure("changed", "x")]
)
def test_sentence_survives_what_a_stranger_sends(failure):
    """A failure of an unknown kind, or of an argument that is not there."""
    assert sentence(EXERCISES["ntk"], failure, cases("ntk", 0)[0])

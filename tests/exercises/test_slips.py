"""The known wrong answers: each has a title, a hint of its own, and is recognised under every seed."""

import numpy as np
import pytest

from ntklib import _answers, _slips, exercises
from ntklib._slips import HINTS, WRONG

ALL = [(name, title) for name, wrong in WRONG.items() for title in wrong]
FROM_THE_LECTURE = {
    "general_loss_velocity": "1/m for 1/m²",
    "sharp_rate": "λ/2m, as in the lecture",
    "lemma_matrices": "fails if indefinite",
    "kernel_velocity": "the residual's index α, as in the lecture",
    "third_order": "the printed Gram factors",
    "drift_slope": "-1/2, as in the lecture",
}


def values(name, wrong, seed):
    """What a wrong answer returns for the cases, or itself."""
    wrong = getattr(wrong, "answer", wrong)
    return [wrong(*case) for case in _answers.cases(name, seed)] or [wrong]


@pytest.mark.parametrize("name", WRONG)
def test_slips_have_hints_of_their_own(name):
    """Every exercise has three known slips or more, and no two of them share a title or a hint."""
    assert list(HINTS[name]) == list(WRONG[name])
    assert len(set(HINTS[name].values())) == len(HINTS[name]) >= 3
    assert all(
        20 < len(hint) < 140 and "\n" not in hint for hint in HINTS[name].values()
    )
    assert FROM_THE_LECTURE.get(name, next(iter(HINTS[name]))) in HINTS[name]


def test_slips_lists_titles_and_hints():
    """slips(name) gives the pairs that the solutions show, and every exercise has its own."""
    assert list(WRONG) == list(HINTS) == exercises.names()
    assert _slips.slips("sharp_rate")[0] == (
        "λ/2m, as in the lecture",
        HINTS["sharp_rate"]["λ/2m, as in the lecture"],
    )


@pytest.mark.parametrize(
    ("name", "title"), ALL, ids=[f"{name}: {title}" for name, title in ALL]
)
def test_slips_are_recognised(name, title):
    """Under several seeds a known wrong answer is rejected with its own hint and no other."""
    for seed in (0, 1, 7, 20, 300)[: 2 if name == "gelu_limit" else 5]:
        result = _answers.judge(name, seed, values(name, WRONG[name][title], seed))
        assert not result
        assert str(result) == f"{name}: {HINTS[name][title]}"


@pytest.mark.parametrize(
    ("name", "title"), [("ntk", "no 1/n"), ("kernel_velocity", "one Hessian only")]
)
def test_slips_are_recognised_in_float32(name, title):
    """The same slip in single precision gets the same hint."""
    found = [np.float32(value) for value in values(name, WRONG[name][title], 3)]
    assert str(_answers.judge(name, 3, found)) == f"{name}: {HINTS[name][title]}"


def test_slips_of_the_lecture_are_caught_only_off_the_diagonal():
    """The printed Gram factors are right where β = γ: a check of such entries alone would accept them."""
    (case, *_), wrong = (
        _answers.cases("third_order", 0),
        WRONG["third_order"]["the printed Gram factors"],
    )
    gap = np.abs(wrong(*case) - _answers.EXERCISES["third_order"].reference(*case))
    same = np.einsum("abb->ab", gap)
    assert same.max() < 1e-12 < 0.1 < gap.max()

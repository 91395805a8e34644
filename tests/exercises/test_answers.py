"""Answers of readers: the right ones pass under every seed, the wrong ones hear why."""

import re

import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib.exercises import check
from ntklib.exercises.cases import cases
from ntklib.exercises.judge import judge
from ntklib.exercises.sets import EXERCISES
from tests.exercises.right_answers import RIGHT_ANSWERS
from tests.exercises.wrong_answers import SIZE, WRONG_ANSWERS

# What a hint would say that names a missing factor, or one too many.
NAMED_FACTOR = (
    r"(1/)?√?[mnλη] (is missing|too many|stands in front|comes with)|K⁻¹ is missing|"
    r"lacks? 1/|factors 1/|once too often|inverse of K too many|take . away"
)

pytestmark = pytest.mark.usefixtures("as_readers_have_it")


SEEDS = range(40)
# Of two exercises the references are quadratures, which take their time.
FEWER_SEEDS = {"erf_limit": range(8), "gelu_limit": range(8)}

RIGHT = [(name, answer) for name, some in RIGHT_ANSWERS.items() for answer in some]
WRONG = [(name, *row) for name, rows in WRONG_ANSWERS.items() for row in rows]
every_wrong_answer = pytest.mark.parametrize(
    ("name", "title", "answer", "hears"),
    WRONG,
    ids=[f"{name}: {title}" for name, title, *_ in WRONG],
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=[a.__name__ for _, a in RIGHT])
def test_check_accepts_every_style(name, answer):
    """Loops, einsum, JAX, automatic differentiation, solvers, under forty seeds."""
    for seed in FEWER_SEEDS.get(name, SEEDS):
        values = [answer(*case) for case in cases(name, seed)]
        assert judge(name, seed, values), judge(name, seed, values)


@every_wrong_answer
def test_check_says_why_an_answer_is_wrong(name, title, answer, hears):
    """Each wrong answer hears what it should, in one line."""
    result = check(name, answer)
    assert not result
    line = str(result).removeprefix(f"{name}: ")
    assert re.search(hears, line)
    assert "\n" not in line


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3"])
@every_wrong_answer
def test_check_says_so_under_other_seeds(name, title, answer, hears, seed, monkeypatch):
    """The words do not hang on the inputs."""
    monkeypatch.setenv("NTK_SEED", seed)
    line = str(check(name, answer)).removeprefix(f"{name}: ")
    assert re.search(hears, line)


def test_hints_do_not_name_a_factor():
    """They say where to look: whoever hears which factor it is need not find it."""
    hints = [slip.hint for answer in ANSWERS.values() for slip in answer.slips]
    assert [hint for hint in hints if re.search(NAMED_FACTOR, hint)] == []


def test_check_rarely_tells_the_size_alone():
    """Of the wrong answers to each exercise, ten or more, and of all together."""
    alone = sum(hears == SIZE for *_, hears in WRONG)
    assert alone < 0.05 * len(WRONG)
    assert {name for name, *_ in WRONG} == set(EXERCISES)
    assert min(map(len, WRONG_ANSWERS.values())) >= 10


@pytest.mark.slow
@np.errstate(all="ignore")
@pytest.mark.parametrize("name", [name for name in EXERCISES if cases(name, 0)])
def test_cases_let_no_wrong_answer_pass_by_luck(name):
    """Under forty seeds none of them is as near as the exercise asks."""
    reference = ANSWERS[name].reference
    for seed in FEWER_SEEDS.get(name, SEEDS):
        tried = cases(name, seed)
        want = [np.asarray(reference(*case)) for case in tried]
        for title, answer, _ in WRONG_ANSWERS[name]:
            got = [answer(*case) for case in tried]
            passes = all(
                np.shape(g) == w.shape
                and np.asarray(g).dtype.kind == "f"
                and np.allclose(
                    np.asarray(g, float), w, rtol=0, atol=3e-7 * np.abs(w).max()
                )
                for g, w in zip(got, want, strict=True)
            )
            assert not passes or "arccos" in title, (title, seed)

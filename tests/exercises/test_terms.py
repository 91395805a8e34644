"""Sums whose terms are missing, doubled or of the wrong sign."""

import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib.exercises.cases import cases, drawn
from ntklib.exercises.known import known
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.terms import wrong_terms

SUMS = [(name, terms) for name, answers in ANSWERS.items() for terms in answers.terms]


@pytest.mark.parametrize(
    ("name", "terms"), SUMS, ids=[f"{name}: {terms.__name__}" for name, terms in SUMS]
)
def test_terms_add_up_to_the_right_answer(name, terms):
    """They are a way of writing the reference as a sum."""
    for case in cases(name, 1):
        total = sum(terms(*case).values())
        np.testing.assert_allclose(total, ANSWERS[name].reference(*case), atol=1e-11)


def told(factors):
    """What is said of the kernel with multiples of its two shares."""
    sizes, ways = EXERCISES["ntk"].sizes, known("ntk", 1).terms
    got = []
    for terms, (m, n, _) in zip(ways[0], sizes, strict=True):
        last, first = terms.values()
        a, b = factors(m, n)
        got.append(a * last + b * first)
    return wrong_terms(ways, got, sizes)


@pytest.mark.parametrize(
    ("factors", "last", "first"),
    [
        (lambda m, n: (1, 0), "right", "missing"),
        (lambda m, n: (0, 1), "missing", "right"),
        (lambda m, n: (-1, 1), "of the wrong sign", "right"),
        (lambda m, n: (1, n), "right", "wrong by a factor"),
        (lambda m, n: (2 / m, 0.3), "wrong by a factor", "wrong by a factor"),
    ],
)
def test_wrong_terms_says_what_became_of_each(factors, last, first):
    """Missing, of the wrong sign, with a factor."""
    one, other = told(factors).split(", ")
    assert one.startswith(f"the last layer's share is {last}")
    assert other.startswith(f"the first layer's share is {first}")


def test_wrong_terms_believes_no_odd_factors():
    """Multiples that no number and no power of a size explains."""
    assert told(lambda m, n: (1, 1.1**m)) is None


def test_wrong_terms_is_silent_about_other_sums():
    """Values that are no sum of multiples of the terms."""
    got = [X @ X.T for _, X, _ in drawn("ntk", 1)]
    assert wrong_terms(known("ntk", 1).terms, got, EXERCISES["ntk"].sizes) is None

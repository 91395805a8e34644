"""Says which terms of a sum are wrong, where an exercise has a sum to find."""

import numpy as np

from ntklib.exercises.difference import agree, factor_in_words, factor_of_ratios
from ntklib.exercises.exercise import COARSE


def wrong_terms(exercise, tried, got):
    """What happened to each term, if the values are a sum of multiples of the terms.

    Args:
        exercise: with its ``terms``, ways of writing the right answer as a sum.
        tried: the arguments of each case.
        got: the values of each case.
    """
    for terms in exercise.terms:
        sums = [terms(*case) for case in tried]
        coefficients = [_coefficients(g, s) for g, s in zip(got, sums, strict=True)]
        explained = [
            sum(c * term for c, term in zip(coefficient, s.values(), strict=True))
            for coefficient, s in zip(coefficients, sums, strict=True)
        ]
        if not agree(explained, got, COARSE):
            continue
        found = [
            _in_words(ratios, exercise.sizes)
            for ratios in zip(*coefficients, strict=True)
        ]
        if None not in found:
            listed = zip(sums[0], found, strict=True)
            return ", ".join(f"{term} is {words}" for term, words in listed)
    return None


def _coefficients(got, terms):
    """The multiples of the terms that add up to the values as well as they can."""
    columns = np.stack([np.ravel(term) for term in terms.values()], axis=1)
    return np.linalg.lstsq(columns, np.ravel(got), rcond=None)[0]


def _in_words(ratios, sizes):
    """What became of a term, whose multiple is known for each case."""
    if np.abs(ratios).max() < COARSE:
        return "missing"
    found = factor_of_ratios(ratios, sizes)
    if found is None:
        return None
    factor = factor_in_words(*found)
    known = {"1": "right", "-1": "of the wrong sign"}
    return known.get(factor, f"{factor} times what it should be")

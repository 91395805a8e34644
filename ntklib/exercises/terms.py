"""Says which terms of a sum are wrong, where an exercise has a sum to find."""

import numpy as np

from ntklib.exercises.difference import agree, factor_of_ratios, is_one
from ntklib.exercises.exercise import COARSE


def wrong_terms(ways, got, sizes):
    """What happened to each term, if the values are a sum of multiples of the terms.

    Args:
        ways: of writing the right values as a sum: for each case the terms by name.
        got: the values of each case.
        sizes: m, n, n0 of each case.
    """
    for sums in ways:
        coefficients = [_coefficients(g, s) for g, s in zip(got, sums, strict=True)]
        explained = [
            sum(c * term for c, term in zip(coefficient, s.values(), strict=True))
            for coefficient, s in zip(coefficients, sums, strict=True)
        ]
        if not agree(explained, got, COARSE):
            continue
        found = [_in_words(ratios, sizes) for ratios in zip(*coefficients, strict=True)]
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
    constant, powers = found
    if is_one(constant, powers):
        return "right"
    return "of the wrong sign" if is_one(-constant, powers) else "wrong by a factor"

"""What is right and what is often wrong, as stored values in place of formulas.

This is what the installed library knows. For a few seeds it has the right values, and
for the first of them those of wrong answers. Nothing here says how to come to them.
``python -m ntk_answers.store`` writes the two files, in a checkout of the book.
"""

import hashlib
import json
from functools import cache
from math import prod
from pathlib import Path

import jax
import numpy as np

from ntklib.exercises import singular
from ntklib.exercises.cases import cases
from ntklib.exercises.known import Known, NothingKnown
from ntklib.exercises.sets import EXERCISES

SEEDS = range(5)  # with right values; the first has those of wrong answers, too
WORDS = Path(__file__).with_name("stored.json")
VALUES = Path(__file__).with_name("stored.npz")


class Stored(Known):
    """What the two files know of an exercise, or a variant of it, for a seed."""

    def __init__(self, name: str, seed: int, variant: str = ""):
        """Read it, and refuse other seeds, variants and random numbers.

        Raises:
            NothingKnown: why, in one sentence.
        """
        self._exercise = EXERCISES[name]
        self._words = _all_words().get(key(name, variant))
        if self._words is None:
            raise NothingKnown(f"the exercise has no variant {variant!r}")
        self.right, self.slips, self.mistaken, self.terms = [], [], [], []
        if self._exercise.kind == "exponent":
            with np.load(VALUES) as values:
                self.right = [values[f"{name}/right"]]
        if self._exercise.arguments:
            _refuse_other_seeds(name, seed)
            self._read_values(key(name, variant), seed)

    def _read_values(self, start, seed):
        with np.load(VALUES) as values:
            self.right = self._split(values[f"{start}/right"][seed])
            if seed != SEEDS[0]:
                return
            self.slips = self._with_words("slips", values[f"{start}/slips"])
            self.mistaken = self._with_words("mistaken", values[f"{start}/mistaken"])
            for number, names in enumerate(self._words["terms"]):
                terms = map(self._split, values[f"{start}/terms/{number}"])
                by_case = zip(*terms, strict=True)
                self.terms.append([dict(zip(names, c, strict=True)) for c in by_case])

    def _with_words(self, kind, rows):
        return list(zip(self._words[kind], map(self._split, rows), strict=True))

    def _split(self, row):
        """The values of all cases, one after the other, as an array for each."""
        shapes = self._words["shapes"]
        ends = np.cumsum([prod(shape) for shape in shapes])
        parts = zip(np.split(row, ends[:-1]), shapes, strict=True)
        # Those of wrong answers may end before the last cases.
        return [np.float64(part).reshape(shape) for part, shape in parts if len(part)]

    def is_right(self, value, short=False):
        """Whether a choice has the stored digest, or points pass their test."""
        if self._exercise.kind == "choice":
            return digest(value) == self._words["right"]
        return singular.is_singular(value, short)

    def hint(self, value):
        """The hint for this choice, these points or this number."""
        if self._exercise.kind == "choice":
            return self._words["hints"].get(digest(value))
        if self._exercise.kind == "points":
            return singular.hint(value)
        for low, high, words in self._words["hints"]:
            if low <= value <= high:
                return words
        return None


@cache
def _all_words():
    return json.loads(WORDS.read_text("utf-8"))


def key(name, variant):
    """How the two files name an exercise or a variant of it."""
    return f"{name}/{variant}" if variant else name


def digest(chosen):
    """A set of names as a string that does not show them."""
    return hashlib.sha256(" ".join(sorted(chosen)).encode()).hexdigest()[:16]


def sums(tried):
    """A sum for every array in the cases, which tells other random numbers apart."""
    numeric = [leaf for leaf in jax.tree.leaves(tried) if not callable(leaf)]
    return np.array([np.sum(leaf) for leaf in numeric])


def _refuse_other_seeds(name, seed):
    if seed not in SEEDS:
        raise NothingKnown(
            f"the installed library can check answers for NTK_SEED from {SEEDS[0]} to "
            f"{SEEDS[-1]}; got {seed}"
        )
    with np.load(VALUES) as values:
        stored = values[f"{name}/sums"][seed]
    if not np.allclose(sums(cases(name, seed)), stored, rtol=1e-9, atol=1e-9):
        raise NothingKnown(
            f"NumPy {np.__version__} draws other random numbers than those for which "
            "the right values are stored; install the versions that come with the set"
        )

"""What is known of an exercise, wherever it comes from: the right values and others.

In a checkout of the book it is computed from the answers in the package
``ntk_answers``. The installed library does not have that package, and stored values
take its place.
"""

import importlib.util
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

import numpy as np

# The values of an answer, one array for each case.
Values = list[np.ndarray]


class NothingKnown(ValueError):
    """For this seed or variant nothing is known; the text is the sentence."""


class Known(ABC):
    """What is known of one exercise and one seed.

    Attributes:
        right: the right values; for a number that is no function, this number alone.
        slips: the values of known wrong answers for the cases drawn at random, each
            with its hint, in the order in which they are looked for.
        mistaken: values that are right for these cases with other arguments, with what
            is changed in words.
        terms: ways of writing the right values as a sum: for each of these cases, the
            terms by their names in words.
    """

    right: Values
    slips: list[tuple[str, Values]]
    mistaken: list[tuple[str, Values]]
    terms: list[list[dict[str, Any]]]

    @abstractmethod
    def is_right(self, value: Any, short: bool = False) -> bool:
        """Whether a choice, or points, with few digits if `short`, are right."""

    @abstractmethod
    def hint(self, value: Any) -> str | None:
        """A hint for a wrong answer that is no function, if there is one."""


def answers_are_here() -> bool:
    """Whether the answers lie beside the library, as in a checkout of the book."""
    return importlib.util.find_spec("ntk_answers") is not None


@lru_cache(maxsize=64)
def known(name: str, seed: int, variant: str = "") -> Known:
    """What is known of an exercise for a seed.

    Args:
        name: of the exercise.
        seed: the one from which the cases are drawn.
        variant: the code of a student's own constant; empty for the book's exercise.

    Raises:
        NothingKnown: the exercise has no such variant, or only other seeds are stored.
    """
    if answers_are_here():
        from ntk_answers.computed import Computed

        return Computed(name, seed, variant)
    from ntklib.exercises.stored import Stored

    return Stored(name, seed, variant)

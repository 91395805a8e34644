"""What is right and what is often wrong for one seed, computed from the answers."""

import contextlib
from functools import cached_property

import numpy as np

from ntk_answers import variants
from ntklib.exercises.arguments import changed_cases
from ntklib.exercises.cases import cases, drawn
from ntklib.exercises.known import Known
from ntklib.exercises.sets import EXERCISES


class Computed(Known):
    """Each part is computed when it is first asked for, and kept."""

    def __init__(self, name: str, seed: int, variant: str = ""):
        """Name an exercise, the seed of its cases, and the code of a variant."""
        self._exercise = EXERCISES[name]
        self._answers = variants.answers(name, variant)
        self._cases = cases(name, seed)
        self._drawn = drawn(name, seed)

    @cached_property
    def right(self):
        """The values of the reference."""
        reference = self._answers.reference
        return [np.asarray(reference(*case)) for case in self._cases or [()]]

    @cached_property
    def slips(self):
        """The values of every known wrong answer."""
        return [
            (slip.hint, [np.asarray(answer(*case)) for case in self._drawn])
            for slip in self._answers.slips
            for answer in (slip.answer, *slip.others)
        ]

    @cached_property
    def mistaken(self):
        """The values of the reference for other arguments, where it has any."""
        reference = self._answers.reference
        found = []
        for words, changed in changed_cases(self._exercise, self._drawn):
            # No ridge is right for a negative time, for example.
            with contextlib.suppress(ValueError, ArithmeticError):
                values = [np.asarray(reference(*case)) for case in changed]
                found.append((words, values))
        return found

    @cached_property
    def terms(self):
        """The terms of every way to write the right answer as a sum."""
        return [[terms(*case) for case in self._drawn] for terms in self._answers.terms]

    def is_right(self, value, short=False):
        """Whether a choice is the reference's, or points pass its test."""
        if self._exercise.kind == "choice":
            return value == self._answers.reference()
        return self._answers.reference(value, short)

    def hint(self, value):
        """The hint of the first slip that fits."""
        for slip in self._answers.slips:
            if slip.between is not None:
                low, high = slip.between
                fits = low <= value <= high
            else:
                fits = slip.fits is not None and slip.fits(value)
            if fits:
                return slip.hint
        return None

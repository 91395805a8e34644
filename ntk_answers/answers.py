"""What is known of an exercise: what is right, and what is often done wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slip:
    """A known wrong answer, and the hint for it.

    A hint says where to look, and leaves the looking to the reader. A function is
    recognised by its values. For an answer that is no function, ``fits`` says which
    answers get the hint. ``others`` are further answers with the same slip, which
    differ because they go on in another way.
    """

    title: str
    answer: Any
    hint: str
    fits: Callable[[Any], bool] | None = None
    others: tuple[Callable[..., Any], ...] = ()


@dataclass(frozen=True)
class Answers:
    """The right answer to one exercise and the wrong ones that readers give.

    Attributes:
        name: of the exercise, as in :mod:`ntklib.exercises`.
        reference: an independent route to the right answer, never the formula that the
            answer has to find. It takes the arguments of the exercise. For points, it
            takes the answer and says whether it is right.
        solution: the model answer.
        slips: known wrong answers. The first that fits an answer is the one named.
        terms: ways of writing the right answer as a sum. Each is a function of the
            arguments that returns the terms by their names in words.
    """

    name: str
    reference: Callable[..., Any]
    solution: Any
    slips: tuple[Slip, ...]
    terms: tuple[Callable[..., dict[str, Any]], ...] = ()

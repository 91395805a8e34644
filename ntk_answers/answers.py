"""What is known of an exercise: what is right, and what is often done wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slip:
    """A known wrong answer, and the hint for it.

    A hint says where to look, and leaves the looking to the reader. A function is
    recognised by its values. ``fits`` says which choices or points get the hint, and
    ``between`` which numbers. ``others`` are further answers with the same slip, which
    differ because they go on in another way.
    """

    title: str
    answer: Any
    hint: str
    fits: Callable[[Any], bool] | None = None
    between: tuple[float, float] | None = None
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
        in_the_book: where a reader can look the answer up: functions of the library
            that compute it, and labels of the chapters that say it.
    """

    name: str
    reference: Callable[..., Any]
    solution: Any
    slips: tuple[Slip, ...]
    terms: tuple[Callable[..., dict[str, Any]], ...] = ()
    in_the_book: tuple[str, ...] = ()

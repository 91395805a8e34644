"""What an exercise consists of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# Tolerances relative to the largest entry. FINE leaves room for central differences in
# float64, and COARSE for sums of a few hundred terms in float32.
FINE = 1e-7
COARSE = 2e-5

# m, n, n0 of the cases on which a function is tried. All three change from case to
# case, so that a factor n is not taken for a number.
SIZES = ((4, 7, 3), (5, 6, 2))


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
class Exercise:
    """One exercise: what is asked, what is right, and what is often done wrong.

    Attributes:
        name: also the name of the variable that holds the answer in the notebook.
        arguments: of the answer, by the names under which :mod:`cases` draws them;
            none if the answer is not a function.
        reference: an independent route to the right answer, never the formula that the
            answer has to find. It takes the same arguments. For points, it takes the
            answer and says whether it is right.
        route: the reference in words, for "checked against ...".
        solution: the model answer.
        slips: known wrong answers. The first that fits an answer is the one named.
        terms: ways of writing the right answer as a sum. Each is a function of the
            arguments that returns the terms by their names in words.
        by_hand: a case that the exercise works out by hand, and its result, in words.
        kind: what an answer is or returns: numbers, an exponent that readers may have
            measured, a choice of names, or the rows of a matrix of points in the plane.
        choices: the names among which to choose.
        tol: how much numbers may deviate, as a share of the largest entry.
        diagonal_tol: the same for each entry of the diagonal, where that asks for more.
        sizes: m, n, n0 of each case.
    """

    name: str
    arguments: tuple[str, ...]
    reference: Callable[..., Any]
    route: str
    solution: Any
    slips: tuple[Slip, ...]
    terms: tuple[Callable[..., dict[str, Any]], ...] = ()
    by_hand: str = ""
    kind: Literal["numbers", "exponent", "choice", "points"] = "numbers"
    choices: tuple[str, ...] = ()
    tol: float = FINE
    diagonal_tol: float | None = None
    sizes: tuple[tuple[int, int, int], ...] = SIZES

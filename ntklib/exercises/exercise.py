"""What an exercise consists of."""

from dataclasses import dataclass
from typing import Literal

# Tolerances relative to the largest entry. FINE leaves room for central differences in
# float64, and COARSE for sums of a few hundred terms in float32.
FINE = 1e-7
COARSE = 2e-5

# m, n, n0 of the cases on which a function is tried. All three change from case to
# case, so that a factor n is not taken for a number.
SIZES = ((4, 7, 3), (5, 6, 2))


@dataclass(frozen=True)
class Exercise:
    """What one exercise asks; what is right and wrong is known by :mod:`known`.

    Attributes:
        name: also the name of the variable that holds the answer in the notebook.
        arguments: of the answer, by the names under which :mod:`cases` draws them;
            none if the answer is not a function.
        route: another way to the right answer, in words, for "checked against ...".
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
    route: str
    by_hand: str = ""
    kind: Literal["numbers", "exponent", "choice", "points"] = "numbers"
    choices: tuple[str, ...] = ()
    tol: float = FINE
    diagonal_tol: float | None = None
    sizes: tuple[tuple[int, int, int], ...] = SIZES

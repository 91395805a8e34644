"""What an exercise consists of."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ntklib.network import Params

# Tolerances relative to the largest entry. FINE leaves room for central differences in
# float64, and COARSE for sums of a few hundred terms in float32.
FINE = 1e-7
COARSE = 2e-5

# m, n, n0 of the cases on which a function is tried. All three change from case to
# case, so that a factor n is not taken for a number.
SIZES = ((4, 7, 3), (5, 6, 2))


def network_of(W0, W1) -> Params:
    """A network with these weights, NumPy arrays as in every case."""
    weights: Any = np.array(W0), np.array(W1)  # Params is annotated for JAX's arrays
    return Params(*weights)


@dataclass(frozen=True)
class Exercise:
    """What one exercise asks; what is right and wrong is known by :mod:`known`.

    Attributes:
        name: also the name of the variable that holds the answer in the notebook.
        arguments: of the answer, by the names under which :mod:`cases` draws them;
            none if the answer is not a function.
        route: another way to the right answer, in words, for "checked against ...".
        by_hand: a case that the exercise works out by hand, and its result, in words.
        example: the arguments of this case; answers are tried on it as well.
        kind: what an answer is or returns: numbers, an exponent that readers may have
            measured, a choice of names, or the rows of a matrix of points in the plane.
        choices: the names among which to choose.
        tol: how much numbers may deviate, as a share of the largest entry.
        entry_tol: how much each entry of a kernel may deviate, as a share of the
            geometric mean of its two entries on the diagonal, where more is asked for.
        sizes: m, n, n0 of each case that is drawn at random.
    """

    name: str
    arguments: tuple[str, ...]
    route: str
    by_hand: str = ""
    example: tuple[Any, ...] = ()
    kind: Literal["numbers", "exponent", "choice", "points"] = "numbers"
    choices: tuple[str, ...] = ()
    tol: float = FINE
    entry_tol: float | None = None
    sizes: tuple[tuple[int, int, int], ...] = SIZES

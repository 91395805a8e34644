"""The kinks of psi, where a quadrature rule has to be split, and how steep psi is."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ntklib import _functions

# A kink on an edge lies inside no cell and would be missed. So the first edges are no
# round numbers, and cells are cut off-centre.
EDGES = np.linspace(-63.7123456789, 64.2987654321, 2049)
CUT = 0.4871

# The nodes and weights of a rule on [-1, 1], and the matrix that takes values at the
# nodes to their Legendre coefficients of degrees 6 and 7, the highest that the rule
# resolves: they are negligible where psi' is smooth.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
TO_TOP_COEFFICIENTS = np.transpose(
    [
        (2 * k + 1) / 2 * WEIGHTS * np.polynomial.legendre.legval(NODES, np.eye(8)[k])
        for k in (6, 7)
    ]
)

# Half-width, in rounding errors of z, below which a cell is not divided further.
FINEST = 32
# Half-width, an eighth of that of the first cells, below which a cell that becomes
# smooth only now means that psi is steep.
NARROW = 2**-8
# With this many cells to look at, psi is rough nearly everywhere: the search ends with
# what it has found. Where psi changes by its own size even in cells of this half-width,
# it has a pole.
MOST_CELLS = 2**14
POLE = 2**-16
# More are of no use: quadrature has a panel between any two of them.
MOST_KINKS = 64


class Kinks(NamedTuple):
    """What a quadrature rule has to know of psi.

    Attributes:
        places: where psi has a kink or is steep, the nearest to 0 first, without 0.
        steepness: the largest |psi'| in the cells that gave a place, in units of the
            size of psi and psi' around; at least 1.
    """

    places: tuple[float, ...]
    steepness: float


class Cells(NamedTuple):
    """Intervals from low to high, and what psi is there."""

    low: Float[np.ndarray, " cells"]
    high: Float[np.ndarray, " cells"]
    ends: Float[np.ndarray, "cells 2"]  # psi at low and at high
    slope: Float[np.ndarray, "cells 8"]  # psi' at the nodes between

    @property
    def middle(self):
        """The point in the middle of each cell."""
        return (self.low + self.high) / 2

    @property
    def half(self):
        """Half the width of each cell."""
        return (self.high - self.low) / 2

    @property
    def magnitude(self):
        """The size of z in each cell, of which rounding errors of z are a part."""
        return np.maximum(1, np.abs(self.high))

    @property
    def highest(self):
        """The largest |psi| at the ends of each cell."""
        return np.abs(self.ends).max(axis=1)

    @property
    def steepest(self):
        """The largest |psi'| in each cell."""
        return np.abs(self.slope).max(axis=1)

    @property
    def increment(self):
        """By how much psi grows from the low end of each cell to the high one."""
        return self.ends[:, 1] - self.ends[:, 0]

    @property
    def gap(self):
        """How far the increment is from the integral of psi'."""
        return np.abs(self.increment - self.half * (self.slope @ WEIGHTS))


class Scale(NamedTuple):
    """Sizes against which errors count.

    Attributes:
        slope: the largest |psi'| for |z| < 2.
        largest: the largest |psi| + |psi'| in each first cell and its neighbours.
    """

    slope: float
    largest: Float[np.ndarray, " first_cells"]

    def around(self, cells: Cells) -> Float[np.ndarray, " cells"]:
        """The largest |psi| + |psi'| around each cell: far away psi may be larger."""
        return self.largest[np.searchsorted(EDGES, cells.middle) - 1]


@np.errstate(all="ignore")  # psi may overflow far out, where it is hardly averaged
def find_kinks(psi: Callable, dtype) -> Kinks:
    """Kinks of psi in [-63.7, 64.2], the 64 nearest to 0; a jump of psi is refused.

    In a smooth cell psi' is a polynomial, and its integral is the increment of psi.
    Rough cells are divided, again and again. Some become smooth only when they are
    narrow: there psi is so steep that it harms a rule as much as a kink would. Some are
    rough to the last: there psi has a kink, or a jump if the increment does not vanish
    with the cell.
    """
    eps = float(jnp.finfo(dtype).eps)
    evaluate = _functions.evaluation(psi)
    low = EDGES[:-1]
    high = EDGES[1:]
    scale = None
    found = []
    steepness = 1.0
    while 0 < len(low) < MOST_CELLS:
        cells = _sample(evaluate, low, high, dtype)
        if cells is None:  # psi depends on a tracer, and has no values yet
            return Kinks((), 1.0)
        if scale is None:
            scale = _scale(cells)
        rough = _rough(cells, scale, eps)
        finest = cells.half < FINEST * eps * cells.magnitude
        _refuse_jumps(cells, rough & finest & _more_than_a_kink(cells, scale, eps))
        # Kinks are rough to the finest; where psi is steep it is smooth, but narrow.
        kept = np.where(rough, finest, cells.half < NARROW)
        found += zip(cells.half[kept], cells.middle[kept], strict=True)
        relative_slope = cells.steepest[kept] / scale.around(cells)[kept]
        steepness = np.fmax.reduce(relative_slope, initial=steepness)
        low, high = _divide(cells, rough & ~finest)
        if len(low) >= MOST_CELLS:
            jumps = (cells.half < POLE) & (cells.gap > cells.highest)
            _refuse_jumps(cells, rough & jumps)
    return Kinks(_merge(found, eps), float(steepness))


def _sample(evaluate, low, high, dtype) -> Cells | None:
    """psi at the ends of cells, psi' at the nodes; None if psi depends on a tracer."""
    middle = (low + high) / 2
    half = (high - low) / 2
    z = middle[:, None] + half[:, None] * np.append(NODES, (-1, 1))
    # Rows are repeated up to a power of 2: JAX compiles psi for each new shape.
    rows = max(16, 2 ** (len(z) - 1).bit_length())
    seen = evaluate(np.resize(z, (rows, z.shape[1])).astype(dtype))
    if seen is None:
        return None
    value, slope = seen
    return Cells(low, high, value[: len(z), -2:], slope[: len(z), :-2])


def _scale(cells: Cells) -> Scale:
    """The sizes of psi and psi'; fmax passes over NaN."""
    near_0 = np.abs(cells.low) < 2
    size = np.pad(cells.steepest + cells.highest, 1, mode="edge")
    largest = np.fmax(np.fmax(size[:-2], size[1:-1]), size[2:])
    return Scale(np.fmax.reduce(cells.steepest[near_0]), largest)


def _rough(cells: Cells, scale: Scale, eps: float) -> Bool[np.ndarray, " cells"]:
    """Where psi' is not a polynomial of degree 5, or its integral not psi's growth."""
    negligible = eps ** (2 / 3) * (cells.steepest + scale.slope)
    top = np.abs(cells.slope @ TO_TOP_COEFFICIENTS).max(axis=1)
    # The increment is a difference: rounding errors of psi and of z remain in it.
    rounding = 8 * eps * (cells.highest + cells.magnitude * cells.steepest)
    return (top > negligible) | (cells.gap > cells.half * negligible + rounding)


def _more_than_a_kink(
    cells: Cells, scale: Scale, eps: float
) -> Bool[np.ndarray, " cells"]:
    """Where the gap, in the finest cells, is more than a kink and rounding explain."""
    negligible = np.sqrt(eps) * (cells.highest + scale.slope)
    rounding = 64 * eps * cells.magnitude * scale.around(cells)
    return cells.gap > negligible + rounding


def _refuse_jumps(cells: Cells, jumps: Bool[np.ndarray, " cells"]):
    """Refuse psi if it jumps in any cell; the error names the jump nearest to 0."""
    if jumps.any():
        distance = np.where(jumps, np.abs(cells.middle), np.inf)
        i = distance.argmin()
        _functions.refuse_jump(cells.increment[i], cells.middle[i])


def _divide(cells: Cells, which: Bool[np.ndarray, " cells"]):
    """Low and high ends of both parts of the cells that are to be divided."""
    low = cells.low[which]
    high = cells.high[which]
    cut = low + CUT * (high - low)
    return np.append(low, cut), np.append(cut, high)


def _merge(found: list[tuple[float, float]], eps: float) -> tuple[float, ...]:
    """One place for each kink, from cells given by half their width and their middle.

    The narrowest cells come first, since they are nearest to kinks. Any rule is
    split at 0 anyway, so places too near 0 are left out.
    """
    places = [0.0]
    for half, z in sorted(found):
        # Places that are closer to each other than this come from one kink.
        apart = max(64 * np.sqrt(eps), 64 * half)
        if min(abs(z - place) for place in places) > apart:
            places.append(float(z))
    nearest_first = sorted(places[1:], key=abs)
    return tuple(nearest_first[:MOST_KINKS])

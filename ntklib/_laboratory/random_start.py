"""The laboratory's random start, so that Python has the network that the page draws.

The same numbers as random.js and initParams in network.js.
"""

import math
from collections.abc import Iterator

import numpy as np

BITS = 2**32 - 1


def uniforms(seed: int) -> Iterator[float]:
    """Draws from [0, 1), multiples of 2^-32: the generator sfc32 of Chris Doty-Humphrey
    (PractRand), after the 15 rounds in which all bits of the seed meet.
    """
    a, b, c, counter = 0x9E3779B9, 0x243F6A88, seed, 1
    drawn = 0
    while True:
        total = (a + b + counter) & BITS
        counter = (counter + 1) & BITS
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & BITS
        c = (((c << 21) & BITS | c >> 11) + total) & BITS
        drawn += 1
        if drawn > 15:
            yield total / 2**32


def normals(seed: int) -> Iterator[float]:
    """Draws from N(0, 1), by Marsaglia's polar method."""
    uniform = uniforms(seed)
    while True:
        u = 2 * next(uniform) - 1
        v = 2 * next(uniform) - 1
        square = u * u + v * v
        if 0 < square < 1:
            scale = math.sqrt(-2 * math.log(square) / square)
            yield u * scale
            yield v * scale


def init_params(
    seed: int, n: int, n0: int, paired: bool
) -> tuple[np.ndarray, np.ndarray]:
    """W0 (n, n0) and W1 (n,), the units one after the other.

    Each unit draws a third hidden weight, which only the constant input needs. In pairs
    the second unit has the first one's W0 and the opposite W1; an odd width leaves one
    unit alone, which starts silent.
    """
    normal = normals(seed)
    W0, W1 = np.empty((n, n0)), np.empty(n)
    for i in range(0, n, 2 if paired else 1):
        W0[i : i + 1 + paired] = [next(normal) for _ in range(3)][:n0]
        W1[i] = next(normal)
        if paired and i + 1 < n:
            W1[i + 1] = -W1[i]
        elif paired:
            W1[i] = 0
    return W0, W1

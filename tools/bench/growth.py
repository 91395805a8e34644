"""How time and memory grow with the sizes, over a decade each."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import empirical_ntk, limit_kernel
from tools.bench.clock import extra_memory, least
from tools.bench.rows import inputs, parameters


class Growing(NamedTuple):
    """A problem whose sizes grow one by one, the others staying as in `sizes`.

    Attributes:
        what: what is measured.
        sizes: the sizes that stay.
        smallest: of each size that grows, the smallest; the largest is ten times that.
        tiny: sizes that are measured in no time, for the tests.
        measure: from sizes to seconds and bytes.
    """

    what: str
    sizes: dict[str, int]
    smallest: dict[str, int]
    tiny: dict[str, int]
    measure: Callable[..., dict[str, float]]


STEPS = 4  # from the smallest size to the largest


def seconds_and_bytes(call):
    """The least time of a call, and its memory at the peak, the result included."""
    memory = extra_memory(call)  # first: what was computed before would hide some
    return {"seconds": least(call), "bytes": memory}


def finite(m, n0, n):
    """The kernel of a network of n hidden units."""
    params, X = parameters(n, n0), inputs(m, n0)
    return seconds_and_bytes(lambda: empirical_ntk(params, X, jnp.tanh))


def closed_form(m, n0):
    """The kernel at infinite width where a closed form is known."""
    X = inputs(m, n0)
    return seconds_and_bytes(lambda: limit_kernel(X, jax.nn.relu))


def without_closed_form(m, n0):
    """The kernel at infinite width where none is known."""
    X = inputs(m, n0)
    return seconds_and_bytes(lambda: limit_kernel(X, jnp.tanh))


GROWING = {
    "finite": Growing(
        "`empirical_ntk` of tanh",
        {"m": 512, "n0": 32, "n": 4096},
        {"m": 256, "n0": 32, "n": 1024},
        {"m": 8, "n0": 2, "n": 4},
        finite,
    ),
    "closed_form": Growing(
        "`limit_kernel` of relu",
        {"m": 1000, "n0": 32},
        {"m": 400, "n0": 80},
        {"m": 8, "n0": 2},
        closed_form,
    ),
    "without_closed_form": Growing(
        "`limit_kernel` of tanh",
        {"m": 500, "n0": 32},
        {"m": 200, "n0": 80},
        {"m": 3, "n0": 2},
        without_closed_form,
    ),
}


def points(name, size):
    """The values of a size over its decade."""
    smallest = GROWING[name].smallest[size]
    return [round(smallest * 10 ** (k / STEPS)) for k in range(STEPS + 1)]


def answered(series):
    """Size, seconds and bytes of each point of a series that was measured."""
    return [
        (size, point["seconds"], point["bytes"])
        for size, point in zip(series["sizes"], series["at"], strict=True)
        if "failed" not in point
    ]


def power_law(sizes, values):
    """p and c of the law c size^p that is nearest to the logarithms of the values."""
    p, log_c = np.polyfit(np.log(sizes), np.log(values), 1)
    return float(p), float(np.exp(log_c))

"""The rows of the table of targets, and what their measurements share.

A row is a function that measures, from a setting to a result: a dictionary with the
number as "value", and with what else is known: "spread", between what values half of
the rounds lie, "seconds", a "note".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from ntklib import Params, init_params

Setting = dict[str, Any]
Result = dict[str, Any]

BOTH = ("eager", "jit")  # as the library has a function, and compiled by its caller
REGISTERED: dict[str, "Row"] = {}  # by the names of the functions


class Row(NamedTuple):
    """A measurement at several settings.

    Attributes:
        what: what is measured.
        unit: what it is divided by, or its unit: "over …" or "in …".
        settings: pairs of a setting and the largest value aimed at, or None.
        tiny: a setting that is measured in no time, for the tests.
        measure: from a setting to a result.
    """

    what: str
    unit: str
    settings: list[tuple[Setting, float | None]]
    tiny: Setting
    measure: Callable[..., Result]


def row(what, unit, settings, tiny):
    """Put a function into the table."""

    def register(measure):
        REGISTERED[measure.__name__] = Row(what, unit, settings, tiny, measure)
        return measure

    return register


def aim(target, **choices):
    """Settings with one target; where a tuple is given, one for each of its values."""
    found = [{}]
    for name, values in choices.items():
        values = values if isinstance(values, tuple) else (values,)
        found = [setting | {name: value} for setting in found for value in values]
    return [(setting, target) for setting in found]


def in_words(setting):
    """A setting as a reader has it: m = 1000, n0 = 784, eager."""
    words = [
        value if isinstance(value, str) else f"{name} = {value:,}"
        for name, value in setting.items()
    ]
    return ", ".join(words)


def inputs(m, n0, dtype="float64"):
    """Inputs of norm about 1, one per row."""
    return jax.random.normal(jax.random.key(1), (m, n0), dtype) / n0**0.5


def parameters(n, n0, dtype="float64"):
    """Parameters of one network."""
    W0, W1 = init_params(jax.random.key(0), n, n0)
    return Params(W0.astype(dtype), W1.astype(dtype))


def called(mode, function):
    """The function as the library has it, or compiled by its caller."""
    return jax.jit(function) if mode == "jit" else function

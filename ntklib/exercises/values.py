"""Reads the value of an answer: real numbers of the right shape, or a choice of names.

Anything else is `Refused` in one sentence. A value is what
:mod:`ntklib.exercises.plain` has made of an answer: an array or a set of names.
"""

from math import prod

import jax.numpy as jnp
import numpy as np


class Refused(Exception):
    """An answer that cannot be compared; the text is the sentence for its author."""


def computes_in_float64():
    """Whether JAX does, here and now."""
    return jnp.result_type(float) == np.float64


def numbers(value):
    """`value` as a NumPy float64 array, and whether it came with fewer digits."""
    if isinstance(value, set):
        came = f"the text {min(value)!r}" if value else "an empty set"
        raise Refused(f"expected numbers, got {came}")
    return value.astype(np.float64), value.dtype != np.float64


def choices(value, allowed):
    """`value` as a set of allowed names."""
    if not isinstance(value, set):
        if value.size:
            raise Refused(f"expected a choice from {_listed(allowed)}, got numbers")
        return set()  # an empty list
    unknown = value - set(allowed)
    if unknown:
        raise Refused(f"{min(unknown)!r} is not one of the choices: {_listed(allowed)}")
    return value


def _listed(names):
    return ", ".join(sorted(names))


def fit(shape, a, where):
    """Refuse a wrong shape, NaN and infinity; `where` says for which arguments."""
    if a.shape != shape:
        expected = f"an array of shape {shape}" if shape else "a number"
        raise Refused(
            f"expected {expected}, got shape {a.shape}{where}{_remedy(shape, a.shape)}"
        )
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        at = f" at index {index}" if index else ""
        raise Refused(f"got {a[index]}{at}{where}; {_cause(a[index])}")


def _cause(value):
    """What may have made a number that is not finite."""
    if np.isnan(value):
        # NumPy stores None as nan in an array of floats.
        return (
            "does it divide 0 by 0, take the root of a negative number, or call a "
            "function that lacks a `return`?"
        )
    return "does it divide by 0, or is something in it far too large?"


def _remedy(expected, got):
    """How to come from one shape to the other, if that is easy to say."""
    if len(_long_axes(got)) > len(_long_axes(expected)) and prod(got) > prod(expected):
        return "; is a sum missing, or does * stand where @ belongs?"
    if len(got) != len(expected) and _long_axes(got) == _long_axes(expected):
        if len(got) > len(expected):
            return "; remove the axes of length 1"
        return "; an axis is missing"
    if got == expected[::-1]:
        return "; it is transposed"
    return ""


def _long_axes(shape):
    return [length for length in shape if length != 1]

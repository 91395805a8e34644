"""Reads the value of an answer: real numbers of the right shape, or a choice of names.

Anything else is refused with a ValueError of one sentence.
"""

from math import prod

import jax.numpy as jnp
import numpy as np

from ntklib._check import shown

UNANSWERED = "not answered yet"
NOTHING = "it returned nothing; a function gives its value by `return`"


def computes_in_float64():
    """Whether JAX does, here and now."""
    return jnp.result_type(float) == np.float64


def refuse_nothing(value):
    """Refuse what stands for no answer."""
    if value is None or value is ... or value is NotImplemented:
        raise ValueError(UNANSWERED)


def numbers(value):
    """`value` as a NumPy float64 array, and whether it came with fewer digits."""
    refuse_nothing(value)
    kind = type(value).__name__
    try:
        a = np.asarray(value)
    except Exception:  # whatever an object's own methods raise
        raise ValueError(
            f"expected numbers, got a {kind} that is not a rectangular array"
        ) from None
    if jnp.issubdtype(a.dtype, jnp.complexfloating):
        raise ValueError("expected real numbers, got complex numbers")
    floating = jnp.issubdtype(a.dtype, jnp.floating)
    integer = jnp.issubdtype(a.dtype, jnp.integer)
    duration = a.dtype.kind == "m"  # which NumPy counts as an integer
    if duration or not (floating or integer):
        raise ValueError(
            f"expected numbers, got a {kind} with entries of type {a.dtype}"
        )
    short = bool(floating) and jnp.finfo(a.dtype).bits < 64
    return a.astype(np.float64), short


def choices(value, allowed):
    """`value` as a set of allowed names; one name alone counts as a set."""
    refuse_nothing(value)
    listed = ", ".join(sorted(allowed))
    if not isinstance(value, str | set | frozenset | list | tuple):
        raise ValueError(
            f"expected a choice from {listed}; got a {type(value).__name__}"
        )
    chosen = [value] if isinstance(value, str) else list(value)
    for name in chosen:
        if not isinstance(name, str) or name not in allowed:
            raise ValueError(f"{shown(name)} is not one of the choices: {listed}")
    return set(chosen)


def fit(shape, a, where):
    """Refuse a wrong shape, NaN and infinity; `where` says for which arguments."""
    if a.shape != shape:
        expected = f"an array of shape {shape}" if shape else "a number"
        raise ValueError(
            f"expected {expected}, got shape {a.shape}{where}{_remedy(shape, a.shape)}"
        )
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        at = f" at index {index}" if index else ""
        raise ValueError(f"got {a[index]}{at}{where}; every value must be finite")


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
    return [length for length in shape if length > 1]

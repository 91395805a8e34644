"""What can be wrong with an answer whatever the exercise: type, shape, sign, factor, order of axes, digits."""

import itertools
import math

import jax.numpy as jnp
import numpy as np

from ntklib._check import shown

UNANSWERED = "not answered yet"
FINE, COARSE = (
    1e-7,
    2e-5,
)  # tolerances in float64 and in float32, relative to the largest entry
POWERS = sorted(
    itertools.product(
        (0, 1, -1, 2, -2), (0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2, -2), (0, 1, -1)
    ),
    key=np.linalg.norm,
)
LETTERS = ("m", "n", "n0")
CONSTANTS = [
    s * c
    for s in (1, -1)
    for c in (1, 2, 0.5, 4, 0.25, math.pi, 1 / math.pi, 2 * math.pi, 0.5 / math.pi)
]


def x64():
    """Whether JAX computes in float64."""
    return jnp.result_type(float) == np.float64


def reject(value):
    """Refuse what stands for no answer."""
    if value is None or value is ... or value is NotImplemented:
        raise ValueError(UNANSWERED)


def numbers(value):
    """`value` as a NumPy float64 array, and whether it came with fewer digits; ValueError if it is something else."""
    reject(value)
    try:
        a = np.asarray(value)
    except Exception:
        raise ValueError(
            f"a {type(value).__name__} came that is not a rectangular array of numbers"
        ) from None
    if jnp.issubdtype(a.dtype, jnp.complexfloating):
        raise ValueError("complex numbers came; everything here is real")
    if a.dtype.kind == "m" or not any(
        jnp.issubdtype(a.dtype, kind) for kind in (jnp.floating, jnp.integer)
    ):
        raise ValueError(
            f"a {type(value).__name__} with entries of type {a.dtype} came; numbers are asked"
        )
    return a.astype(np.float64), bool(
        jnp.issubdtype(a.dtype, jnp.floating) and jnp.finfo(a.dtype).bits < 64
    )


def choices(value, allowed):
    """`value` as a set of names, all of them allowed; one name alone counts as a set; ValueError if it is not."""
    reject(value)
    listed = ", ".join(sorted(allowed))
    if not isinstance(value, str | set | frozenset | list | tuple):
        raise ValueError(
            f"a {type(value).__name__} came; asked is a choice out of {listed}"
        )
    found = [value] if isinstance(value, str) else list(value)
    for name in found:
        if not isinstance(name, str) or name not in allowed:
            raise ValueError(f"{shown(name)} is not among the choices: {listed}")
    return set(found)


def fit(shape, a, where):
    """Refuse a wrong shape, NaN and infinity; `where` says for which arguments."""
    if a.shape != shape:
        text = f"values of shape {shape} are asked, shape {a.shape} came{where}"
        if a.ndim != len(shape) and [k for k in a.shape if k > 1] == [
            k for k in shape if k > 1
        ]:
            text += (
                "; axes of length 1 have to go"
                if a.ndim > len(shape)
                else "; an axis is missing"
            )
        elif a.shape == shape[::-1]:
            text += ": it is transposed"
        raise ValueError(text)
    if not np.isfinite(a).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
        raise ValueError(
            f"{a[index]} came{f' at index {index}' if index else ''}{where}; every value has to be finite"
        )


def error(got, want):
    """Largest deviation as a share of the largest entry."""
    return float(np.abs(got - want).max() / np.abs(want).max())


def agree(got, want, tol):
    """Whether all values lie within the tolerance."""
    return all(
        g.shape == w.shape and error(g, w) <= tol
        for g, w in zip(got, want, strict=True)
    )


def difference(got, want, dims):
    """In words, what distinguishes the values that came from the right ones; `dims` holds m, n and n0 of each case."""
    if agree(got, want, COARSE):
        return size(got, want)
    return (
        factor(got, want, dims)
        or order(got, want)
        or part(got, want)
        or size(got, want)
    )


def factor(got, want, dims):
    """A sign or a factor, if all values differ from the right ones by the same power of m, n and n0."""
    ratios = [
        float(np.sum(g * w) / np.sum(w * w)) for g, w in zip(got, want, strict=True)
    ]
    if not any(np.any(g) for g in got):
        return "every value is 0"
    if not all(
        r and error(g / r, w) < COARSE
        for g, w, r in zip(got, want, ratios, strict=True)
    ):
        return None
    for powers in POWERS:
        scales = [
            math.prod(d[k] ** p for k, p in zip(LETTERS, powers, strict=True))
            for d in dims
        ]
        constants = [ratio / scale for ratio, scale in zip(ratios, scales, strict=True)]
        known = [c for c in CONSTANTS if math.isclose(c, constants[0], rel_tol=COARSE)]
        constant = (known or constants)[0]
        if (known or not any(powers)) and np.allclose(
            constants, constant, rtol=COARSE, atol=0
        ):
            return _multiple(constant, powers)
    return None


def _multiple(constant, powers):
    letters = [
        k if p == 1 else f"{k}^{p:g}" for k, p in zip(LETTERS, powers, strict=True) if p
    ]
    number = (
        []
        if letters and math.isclose(constant, 1, rel_tol=COARSE)
        else [f"{constant:.4g}"]
    )
    text = " ".join(number + letters)
    if text == "-1":
        return "the sign is wrong: every value is the negative of the right one"
    return None if text == "1" else f"every value is {text} times the right one"


def order(got, want):
    """The order of axes, if another order makes all values right."""
    for axes in itertools.permutations(range(want[0].ndim)):
        if agree([g.transpose(axes) for g in got], want, COARSE):
            return "the numbers are right, but the axes stand in another order"
    return None


def part(got, want):
    """What is right already: the digits before the point, one of the cases, or the diagonal."""
    if all(np.array_equal(g, np.trunc(w)) for g, w in zip(got, want, strict=True)):
        return "right up to the point, but the digits after it are cut off: is an array of integers involved?"
    if any(agree([g], [w], COARSE) for g, w in zip(got, want, strict=True)):
        return (
            "right in one case and wrong in another: does it use all of its arguments?"
        )
    if want[0].ndim > 1:
        diagonals = (
            [np.einsum("i" * a.ndim + "->i", a) for a in arrays]
            for arrays in (got, want)
        )
        if agree(*diagonals, tol=COARSE):
            return "where all inputs are the same it is right, for different inputs it is not"
    return None


def size(got, want):
    """How large the error is."""
    worst = max(error(g, w) for g, w in zip(got, want, strict=True))
    if worst < 1e-2:
        return f"close, but off by {worst:.0e} of the largest entry: is something in it approximate?"
    return f"off by {worst:.2g} times the largest entry"

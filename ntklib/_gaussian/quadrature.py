"""Averages of any psi: by series where they reach, pair by pair for the rest."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ntklib import _check
from ntklib._functions import REMEMBERED, Elementwise
from ntklib._gaussian import series
from ntklib._gaussian.averages import DISAGREE, pair_averages, traced_pair_averages
from ntklib._gaussian.kinks import Kinks, find_kinks
from ntklib._gaussian.series import Series
from ntklib._programs import run

Averages = tuple[Float[Array, "m m2"], Float[Array, "m m2"]]


def coefficients(
    psi: Elementwise, s: Float[Array, " m"], s2: Float[Array, " m2"] | None, dtype
) -> tuple[Series, Series]:
    """The series of psi for the norms of both sets of inputs; None for the same set.

    Kinks are sought with psi in this dtype.
    """
    places = _kinks_of(psi, dtype).places
    rows = run(series.coefficients, (psi,), (s,), places=places)
    columns = rows
    if s2 is not None:
        columns = run(series.coefficients, (psi,), (s2,), places=places)
    if _traced(psi, s):
        return rows, columns
    longest = int(max(rows.terms.max(), columns.terms.max()))
    return series.shortened(rows, longest), series.shortened(columns, longest)


def averages(
    psi: Elementwise,
    s: Float[Array, " m"],
    s2: Float[Array, " m2"] | None,
    omega: Float[Array, "m m2"],
    dtype,
) -> Averages:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for all pairs of inputs.

    omega is the angle between inputs. In the same set each pair counts once.
    """
    of_both = coefficients(psi, s, s2, dtype)
    nngp, slope, accurate = run(series.summed_in_strips, (), (*of_both, omega))
    complete = _complete_traced if _traced(psi, omega) else _complete
    kinks = _kinks_of(psi, dtype)
    return complete(psi, s, s2, omega, kinks, (nngp, slope), accurate)


def _traced(psi: Elementwise, array) -> bool:
    """Whether averages depend on a tracer."""
    return not (psi.has_values and _check.concrete(array))


def _kinks_of(psi: Elementwise, dtype) -> Kinks:
    """The kinks of psi, remembered for what does the same."""
    return _remembered_kinks(psi, dtype) if psi.has_values else Kinks((), 1.0)


_remembered_kinks = lru_cache(REMEMBERED)(find_kinks)


def _complete(
    psi: Elementwise,
    s: Float[Array, " m"],
    s2: Float[Array, " m2"] | None,
    omega: Float[Array, "m m2"],
    kinks: Kinks,
    found: Averages,
    accurate: Bool[Array, "m m2"],
) -> Averages:
    """What has been found, with the pairs that are not accurate averaged anew."""
    left = ~np.asarray(accurate)
    if s2 is None:
        left = np.triu(left)
    if not left.any():
        return found
    i, j = np.nonzero(left)
    anew = pair_averages(psi, s[i], (s if s2 is None else s2)[j], omega[i, j], kinks)
    return _put(found, i, j, anew, s2 is None)


def _complete_traced(
    psi: Elementwise,
    s: Float[Array, " m"],
    s2: Float[Array, " m2"] | None,
    omega: Float[Array, "m m2"],
    kinks: Kinks,
    found: Averages,
    accurate: Bool[Array, "m m2"],
) -> Averages:
    """The same inside a caller's program: all pairs averaged anew, if one has to be."""
    if s2 is None:
        i, j = np.triu_indices(len(omega))
    else:
        i, j = np.indices(omega.shape).reshape(2, -1)
    pairs = (s[i], (s if s2 is None else s2)[j], omega[i, j])
    enough = jnp.all(accurate)

    def keep():
        return found, enough

    def replace():
        anew, agreed = traced_pair_averages(psi, *pairs, kinks)
        return _put(found, i, j, anew, s2 is None), agreed

    averages, agreed = jax.lax.cond(enough, keep, replace)
    _check.refuse_unless(agreed, DISAGREE)
    return averages


def _put(found: Averages, i, j, anew: Float[Array, "p 2"], same: bool) -> Averages:
    """What has been found, with the averages of the pairs (i, j) in their places."""

    def put(part, values):
        part = part.at[i, j].set(values)
        return part.at[j, i].set(values) if same else part

    nngp, slope = found
    return put(nngp, anew[:, 0]), put(slope, anew[:, 1])

"""Averages of any psi: by series where they reach, pair by pair for the rest."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ntklib import _check
from ntklib._functions import Elementwise
from ntklib._gaussian import series
from ntklib._gaussian.averages import DISAGREE, pair_averages, traced_pair_averages
from ntklib._gaussian.kinks import find_kinks
from ntklib._programs import run

Averages = tuple[Float[Array, "m m2"], Float[Array, "m m2"]]
Accurate = Bool[Array, "m m2"]


def averages(
    psi: Elementwise,
    s: Float[Array, " m"],
    s2: Float[Array, " m2"],
    omega: Float[Array, "m m2"],
    *,
    same: bool,
    dtype,
) -> Averages:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for all pairs of inputs.

    s and s2 are the norms of the inputs, and omega is the angle between them. In the
    same set of inputs each pair counts once. Kinks are sought with psi in this dtype.
    """
    kinks = find_kinks(psi, dtype)
    traced = not (psi.has_values and _check.concrete(omega))
    found, accurate = _by_series(psi, s, s2, omega, same, kinks, traced)
    complete = _complete_traced if traced else _complete
    return complete(found, accurate, psi, s, s2, omega, same, kinks)


def _by_series(psi, s, s2, omega, same, kinks, traced) -> tuple[Averages, Accurate]:
    """Both averages by series, and where they are accurate."""
    places = kinks.places
    rows = run(series.coefficients, (psi,), (s,), places=places)
    columns = rows if same else run(series.coefficients, (psi,), (s2,), places=places)
    if not traced:
        longest = int(max(rows.terms.max(), columns.terms.max()))
        rows = series.shortened(rows, longest)
        columns = series.shortened(columns, longest)
    nngp, slope, accurate = run(series.summed_in_strips, (), (rows, columns, omega))
    return (nngp, slope), accurate


def _complete(found, accurate, psi, s, s2, omega, same, kinks) -> Averages:
    """What has been found, with the pairs that were not accurate averaged anew."""
    left = ~np.asarray(accurate)
    if same:
        left = np.triu(left)
    if not left.any():
        return found
    i, j = np.nonzero(left)
    averages = pair_averages(psi, s[i], s2[j], omega[i, j], kinks)
    return _put(found, i, j, averages, same)


def _complete_traced(found, accurate, psi, s, s2, omega, same, kinks) -> Averages:
    """The same inside a caller's program: all pairs averaged anew, if one has to be."""
    if same:
        i, j = np.triu_indices(len(omega))
    else:
        i, j = np.indices(omega.shape).reshape(2, -1)
    enough = jnp.all(accurate)

    def keep():
        return found, enough

    def replace():
        averages, agreed = traced_pair_averages(psi, s[i], s2[j], omega[i, j], kinks)
        return _put(found, i, j, averages, same), agreed

    averages, agreed = jax.lax.cond(enough, keep, replace)
    return eqx.error_if(averages, ~(enough | agreed), DISAGREE)


def _put(found, i, j, averages, same) -> Averages:
    """What has been found, with the averages of the pairs (i, j) put in."""
    nngp, slope = (part.at[i, j].set(averages[:, k]) for k, part in enumerate(found))
    if same:
        nngp = nngp.at[j, i].set(averages[:, 0])
        slope = slope.at[j, i].set(averages[:, 1])
    return nngp, slope

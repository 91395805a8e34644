"""Hermite coefficients of a function of a normal variable, by quadrature."""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntklib import _functions
from ntklib._gaussian.kinks import find_kinks

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
PANELS = 8  # for each unit of length; the finer rule has twice as many


def coefficients(
    psi: Callable, k_max: int, norms: Float[np.ndarray, " norms"]
) -> Float[np.ndarray, "norms {k_max}+1"]:
    """Hermite coefficients for each norm, by two rules that have to agree."""
    dtype = jnp.result_type(float)
    places = find_kinks(psi, dtype).places
    coarse = np.array([_rule(psi, k_max, s, places, PANELS) for s in norms])
    fine = np.array([_rule(psi, k_max, s, places, 2 * PANELS) for s in norms])
    # relative to the scale of psi, an entry of fine too: all others may be 0
    error = np.abs(fine - coarse).max() / (fine.max() + 1e-300)
    allowed = float(jnp.finfo(dtype).eps) ** 0.5  # 1.5e-8 in float64
    if not error < allowed:
        raise RuntimeError(
            "the Hermite coefficients of psi did not converge: "
            f"two rules disagree by {error:.1g}"
        )
    return fine[:, :-1]


def _rule(psi, k_max, norm, places, panels) -> Float[np.ndarray, "{k_max}+2"]:
    """The coefficients of psi(norm z), then their scale.

    The scale is the root of E psi(norm z)^2, which no coefficient exceeds.
    """
    z, weight = _nodes(k_max, norm, places, panels)
    # He_k would overflow alone, so half of the exponent of the density goes with it
    half_density = np.exp(-(z**2) / 4)
    value = _functions.finite_values(psi, norm * z) * half_density
    weight = weight / math.sqrt(2 * math.pi)
    He = [np.zeros_like(z), half_density]  # of degree -1 and 0
    for k in range(k_max):
        He.append((z * He[-1] - math.sqrt(k) * He[-2]) / math.sqrt(k + 1))
    mu = np.array(He[1:]) @ (weight * value)
    scale = math.sqrt(weight @ value**2)
    return np.append(mu, scale)


def _nodes(k_max, norm, places, panels):
    """Nodes and weights: so many panels a unit of length, cut where kinks are."""
    far = math.ceil(2 * math.sqrt(k_max)) + 9  # He_k decays beyond 2 sqrt(k)
    grid = np.linspace(-far, far, 2 * far * panels + 1)
    kinks = [place / norm for place in places if abs(place) < far * norm]
    stops = np.unique([*grid, *kinks])
    half = np.diff(stops)[:, None] / 2
    nodes = stops[:-1, None] + half * (NODES + 1)
    weights = half * WEIGHTS
    return nodes.ravel(), weights.ravel()

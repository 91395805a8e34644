"""Averages of psi(h) psi(h') over Gaussian h and h', by quadrature in polar form."""

import math
from collections.abc import Callable
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import roots_sh_legendre

from ntklib import _check, _functions
from ntklib._gaussian.kinks import EDGES, Kinks

# Rules by their numbers of angles and radii in each panel; two are always affordable.
LEVELS = [
    (24, 32),
    (48, 64),
    (96, 128),
    (192, 256),
    (384, 512),
]

# Powers of the rounding error eps by which two rules may differ, as a part of the
# largest value: 1e-9 in float64 and 1e-4 in float32 end the search for a better rule;
# 1e-6 and 2e-3 will do at the largest rule that is affordable.
WANTED = 0.575
ALLOWED = 0.38

# The dearest rule that is tried, in evaluations of psi for one pair and for all pairs.
MOST_NODES = 2e7
MOST_NODES_OF_ALL_PAIRS = 3e10

NODES_AT_A_TIME = 2**20  # 8 MB in float64 for each array of values
PAIRS_AT_A_TIME = 64

DISAGREE = (
    "limit_kernel did not reach its accuracy for this psi and these X: "
    "two quadrature rules disagree"
)


def pair_averages(
    psi: Callable,
    s: Float[Array, " p"],
    s2: Float[Array, " p"],
    omega: Float[Array, " p"],
    kinks: Kinks,
) -> Float[Array, "p 2"]:
    r"""E psi(h) psi(h') and E psi'(h) psi'(h') for p pairs of Gaussians.

    Their standard deviations are s and s2, and omega is the angle between them.
    Larger and larger rules are tried until two agree; under jit two rules have to do.
    """
    dtype = omega.dtype
    eps = float(jnp.finfo(dtype).eps)
    look = _functions.evaluate(psi, EDGES[::16].astype(dtype))
    # A psi whose parameters have changed since may have the hash that it had before:
    # its values tell whether what was compiled for it is still valid.
    key = None if look is None else np.asarray(look).tobytes()

    def rule(level):
        hashable = _functions.hashable(psi)
        return _quadrature(hashable, s, s2, omega, kinks.places, level, key)

    def disagreement(level, coarse, fine):
        """The largest difference as a part of the largest value; 1 if psi is steep."""
        # psi' psi' has the share s s2 in the kernel
        weight = jnp.stack([jnp.ones_like(s), s * s2], axis=1)
        gap = jnp.max(jnp.abs(fine - coarse) * weight, axis=0)
        largest = jnp.max(jnp.abs(fine) * weight, axis=0)
        tiny = jnp.finfo(dtype).tiny  # for averages that are all 0
        # rules too coarse to see psi rise may agree by mistake
        angles, _ = level
        rise = kinks.steepness * jnp.max(jnp.maximum(s, s2))
        return jnp.where(rise < angles**3, jnp.max(gap / (largest + tiny)), 1)

    if look is None or not _check.concrete(omega):
        coarse, fine = (rule(level) for level in LEVELS[1:3])
        error = disagreement(LEVELS[1], coarse, fine)
        return eqx.error_if(fine, ~(error < eps**ALLOWED), DISAGREE)

    error = math.inf
    fine = rule(LEVELS[0])
    for level, finer in pairwise(_affordable(len(omega), kinks.places)):
        coarse = fine
        fine = rule(finer)
        _functions.finite_averages(fine)
        error = disagreement(level, coarse, fine)
        if error < eps**WANTED:
            break
    if error > eps**ALLOWED:
        raise RuntimeError(
            f"{DISAGREE}; "
            f"the last two differ by {float(error):.1g} of the largest value"
        )
    return fine


def _affordable(pairs, places):
    """The levels of rules that may be tried for so many pairs."""
    most = min(MOST_NODES, MOST_NODES_OF_ALL_PAIRS / pairs)
    panels = _panel_count(places)
    dear = [level for level in LEVELS[2:] if panels * math.prod(level) < most]
    return LEVELS[:2] + dear


def _panel_count(places):
    """Panels of angles times panels of radii on each ray."""
    return (4 + len(places) ** 2) * (1 + 2 * len(places))


@eqx.filter_jit
def _quadrature(function, s, s2, omega, places, level, key):
    """Both averages for all pairs, by one rule.

    In polar coordinates h = s r cos(phi) and h' = s2 r cos(phi - omega). `key` is not
    used: what is compiled for one key is not used for another.
    """
    angles, radii = level
    angle_rule = _crowded_at_both_ends(angles, omega.dtype)
    if places:
        radius_rule = _crowded_at_both_ends(radii, omega.dtype)
    else:
        radius_rule = _crowded_at_0(radii, omega.dtype)

    def psi(z):
        return function(z).astype(z.dtype)

    def average(pair):
        s, s2, omega = pair
        return _average(psi, s, s2, omega, places, angle_rule, radius_rule)

    nodes = _panel_count(places) * angles * radii
    at_a_time = min(PAIRS_AT_A_TIME, 1 + NODES_AT_A_TIME // nodes)
    # checkpoint: the backward pass evaluates psi again in place of storing all nodes
    return jax.lax.map(jax.checkpoint(average), (s, s2, omega), batch_size=at_a_time)


def _average(psi, s, s2, omega, places, angle_rule, radius_rule) -> Float[Array, "2"]:
    """The integral over angles, which stops where h or h' is 0 and where kinks meet."""
    right = jnp.pi / 2
    stops = [-right, omega - right, right, omega + right, 3 * right]
    stops += [_meeting(k, k2, s, s2, omega) for k in places for k2 in places]
    stops = jnp.stack([jnp.asarray(stop, omega.dtype) for stop in stops])
    phi, weight = _panels(stops, angle_rule)
    far = _far(psi, s, s2)

    def ray(phi):
        return _along_ray(psi, phi, s, s2, omega, far, places, radius_rule)

    return weight.ravel() / (2 * jnp.pi) @ jax.vmap(ray)(phi.ravel())


def _along_ray(psi, phi, s, s2, omega, far, places, rule) -> Float[Array, "2"]:
    """The integral over radii at one angle, which stops at every kink."""
    slope_h = s * jnp.cos(phi)
    slope_h2 = s2 * jnp.cos(phi - omega)
    stops = [0.0 * phi, 0.0 * phi + far]
    for k in places:
        stops += [_over(k, slope_h, far), _over(k, slope_h2, far)]
    r, weight = _panels(jnp.stack(stops), rule)
    w = weight * r * jnp.exp(-(r**2) / 2)
    psi_h, dpsi_h = _value_and_slope(psi, slope_h * r)
    psi_h2, dpsi_h2 = _value_and_slope(psi, slope_h2 * r)
    return jnp.stack([jnp.sum(w * psi_h * psi_h2), jnp.sum(w * dpsi_h * dpsi_h2)])


def _value_and_slope(psi, z):
    """psi(z) and psi'(z)."""
    return jax.jvp(psi, (z,), (jnp.ones_like(z),))


def _panels(stops, rule):
    """Nodes and weights of a rule on [0, 1] put between the stops, a panel a row."""
    x, w = rule
    stops = jnp.sort(stops)
    width = jnp.diff(stops)[:, None]
    nodes = stops[:-1, None] + width * x[None, :]
    weights = width * w[None, :]
    return nodes, weights


def _crowded_at_0(n, dtype):
    """A Gauss-Legendre rule on [0, 1] for t, taken for x = t^2.

    Nodes crowd where psi is steep: at radius 0, if s is large.
    """
    t, w = roots_sh_legendre(n)
    x = t**2
    dx = 2 * t
    return jnp.asarray(x, dtype), jnp.asarray(w * dx, dtype)


def _crowded_at_both_ends(n, dtype):
    """A Gauss-Legendre rule on [0, 1] for t, taken for x = t^2 (3 - 2t)."""
    t, w = roots_sh_legendre(n)
    x = t**2 * (3 - 2 * t)
    dx = 6 * t * (1 - t)
    return jnp.asarray(x, dtype), jnp.asarray(w * dx, dtype)


def _far(psi, s, s2):
    """The radius beyond which psi(h) psi(h') exp(-r^2/2) is too small to count.

    NaN if it still counts at the end, or if psi overflows before it ceases to count.
    """
    r = jnp.linspace(0, 40, 81, dtype=s.dtype)
    log = -(r**2) / 2
    for slope in (s, s2):
        z = jnp.stack([slope * r, -slope * r])
        value, derivative = _value_and_slope(psi, z)
        size = jnp.max(jnp.abs(value) + jnp.abs(derivative), axis=0)
        log += jnp.log(jax.lax.cummax(size))
    log = jnp.where(
        log < jnp.inf, log, -jnp.inf
    )  # psi may overflow where nothing counts
    counts = log > jnp.max(log) + jnp.log(jnp.finfo(s.dtype).eps)
    last = jnp.append(log[1:] == -jnp.inf, True)
    cut_off = jnp.any(counts & last)
    # at least 6, where most of the weight is left behind, and one step more
    far = jnp.max(jnp.where(counts, r, 6)) + 0.5
    return jax.lax.stop_gradient(jnp.where(cut_off, jnp.nan, far))


def _over(kink, slope, far):
    """The radius at which slope * r = kink, or far if there is none nearer."""
    reached = slope * math.copysign(1, kink) * far > abs(kink)
    return jnp.where(reached, kink / jnp.where(reached, slope, 1), far)


def _meeting(kink, kink2, s, s2, omega):
    """The angle phi in [-pi/2, 3 pi/2] of the point where h = kink and h' = kink2."""
    y = kink2 * s - kink * s2 * jnp.cos(omega)
    x = kink * s2 * jnp.sin(omega)
    apart = jnp.abs(x) + jnp.abs(y) > 0
    phi = jnp.where(apart, jnp.arctan2(y, jnp.where(apart, x, 1)), 0)
    return jnp.where(phi < -jnp.pi / 2, phi + 2 * jnp.pi, phi)

"""Averages of psi(h) psi(h') over Gaussian h and h', by quadrature in polar form.

One integral over two variables for each pair: for the pairs that series do not reach.
"""

import math

import jax
import jax.numpy as jnp
import scipy
from jaxtyping import Array, Bool, Float

from ntklib import _functions
from ntklib._functions import Elementwise
from ntklib._gaussian.kinks import Kinks
from ntklib._programs import run

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

# The nearest kinks at which a rule stops: its cost grows with the cube of their number.
# Others do not count if they are beyond so many standard deviations of h.
MOST_KINKS = 8
REACH = 5

NODES_AT_A_TIME = 2**20  # 8 MB in float64 for each array of values
PAIRS_AT_A_TIME = 64

# The rule that tells how large averages are; it need not be exact.
PANELS = 26
NODES_OF_A_PANEL = 16

DISAGREE = (
    "limit_kernel did not reach its accuracy for this psi and these X: "
    "two quadrature rules disagree"
)
TOO_STEEP = (
    "limit_kernel did not reach its accuracy for this psi and these X: "
    "psi is too steep for its quadrature rules"
)
TOO_MANY_KINKS = (
    "limit_kernel did not reach its accuracy for this psi and these X: "
    "psi has too many kinks for inputs that are nearly parallel"
)


def pair_averages(
    psi: Elementwise,
    s: Float[Array, " p"],
    s2: Float[Array, " p"],
    omega: Float[Array, " p"],
    kinks: Kinks,
) -> Float[Array, "p 2"]:
    r"""E psi(h) psi(h') and E psi'(h) psi'(h') for p pairs of Gaussians.

    Their standard deviations are s and s2, and omega is the angle between them. Larger
    and larger rules are tried until two agree.
    """
    eps = float(jnp.finfo(omega.dtype).eps)
    largest = run(_largest, (psi,), (s, s2))
    _functions.finite_averages(largest)
    places = kinks.places[:MOST_KINKS]
    affordable = _affordable(len(omega), places)
    largest_s = float(jnp.max(jnp.maximum(s, s2)))
    missed = any(abs(k) < REACH * largest_s for k in kinks.places[MOST_KINKS:])
    if missed or len(affordable) < 2:
        raise RuntimeError(TOO_MANY_KINKS)
    # rules too coarse to see psi rise may agree by mistake
    rise = kinks.steepness * largest_s
    levels = [level for level in affordable if rise < level[0] ** 3]
    if len(levels) < 2:
        raise RuntimeError(TOO_STEEP)
    arrays = (s, s2, omega)

    def rule(level):
        averages = run(_quadrature, (psi,), arrays, places=places, level=level)
        _functions.finite_averages(averages)
        return averages

    error = math.inf
    fine = rule(levels[0])
    for level in levels[1:]:
        coarse = fine
        fine = rule(level)
        error = float(run(_disagreement, (), (s * s2, largest, coarse, fine)))
        if error < eps**WANTED:
            break
    if error > eps**ALLOWED:
        raise RuntimeError(
            f"{DISAGREE}; the last two differ by {error:.1g} of the largest value"
        )
    return fine


def traced_pair_averages(
    psi: Elementwise,
    s: Float[Array, " p"],
    s2: Float[Array, " p"],
    omega: Float[Array, " p"],
    kinks: Kinks,
) -> tuple[Float[Array, "p 2"], Bool[Array, ""]]:
    """The same inside a caller's program, by one rule, and whether another agrees."""
    eps = float(jnp.finfo(omega.dtype).eps)
    arrays = (s, s2, omega)
    places = kinks.places[:MOST_KINKS]
    coarse, fine = (
        run(_quadrature, (psi,), arrays, places=places, level=level)
        for level in LEVELS[1:3]
    )
    largest = run(_largest, (psi,), (s, s2))
    error = _disagreement(s * s2, largest, coarse, fine)
    rise = kinks.steepness * jnp.max(jnp.maximum(s, s2))
    angles, _ = LEVELS[1]
    return fine, (rise < angles**3) & (error < eps**ALLOWED)


def _disagreement(ss2, largest, coarse, fine):
    """The largest difference as a part of the largest value that there can be.

    psi' psi' has the share s s2 in the kernel.
    """
    gap = jnp.max(jnp.abs(fine - coarse) * _shares(ss2), axis=0)
    tiny = jnp.finfo(gap.dtype).tiny  # for averages that are all 0
    return jnp.max(gap / (largest + tiny))


def _shares(ss2):
    """The factors that the averages have in the kernel."""
    return jnp.stack([jnp.ones_like(ss2), ss2], axis=1)


def _largest(psi, s, s2) -> Float[Array, "2"]:
    """Roots of the largest E psi(h)^2 E psi(h')^2, and for slopes in the kernel.

    No average exceeds them (Cauchy-Schwarz). They vanish only with psi, while averages
    vanish by symmetry too.
    """

    def root_of_mean_square(s):
        far = far_out(psi, s, s)
        stops = far * jnp.linspace(-1, 1, PANELS + 1, dtype=s.dtype)
        z, weight = panels(stops, gauss(NODES_OF_A_PANEL, s.dtype))
        density = weight * jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        parts = value_and_slope(psi, s * z)
        squares = jnp.stack([jnp.sum(density * part**2) for part in parts])
        size = jnp.sqrt(squares) * jnp.stack([jnp.ones_like(s), s])
        return jnp.where(jnp.isfinite(far + size), size, jnp.inf)

    sizes = [
        jnp.max(jax.lax.map(root_of_mean_square, s, batch_size=PAIRS_AT_A_TIME), axis=0)
        for s in (s, s2)
    ]
    return jax.lax.stop_gradient(sizes[0] * sizes[1])


def _affordable(pairs, places):
    """The levels of rules that may be tried for so many pairs."""
    most = min(MOST_NODES, MOST_NODES_OF_ALL_PAIRS / pairs)
    panels = _panel_count(places)
    return [level for level in LEVELS if panels * math.prod(level) < most]


def _panel_count(places):
    """Panels of angles times panels of radii on each ray."""
    return (4 + len(places) ** 2) * (1 + 2 * len(places))


def _quadrature(psi, s, s2, omega, *, places, level) -> Float[Array, "p 2"]:
    """Both averages for all pairs, by one rule.

    In polar coordinates h = s r cos(phi) and h' = s2 r cos(phi - omega).
    """
    angles, radii = level
    angle_rule = _crowded_at_both_ends(angles, omega.dtype)
    if places:
        radius_rule = _crowded_at_both_ends(radii, omega.dtype)
    else:
        radius_rule = _crowded_at_0(radii, omega.dtype)

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
    phi, weight = panels(stops, angle_rule)
    far = far_out(psi, s, s2)

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
    r, weight = panels(jnp.stack(stops), rule)
    w = weight * r * jnp.exp(-(r**2) / 2)
    psi_h, dpsi_h = value_and_slope(psi, slope_h * r)
    psi_h2, dpsi_h2 = value_and_slope(psi, slope_h2 * r)
    return jnp.stack([jnp.sum(w * psi_h * psi_h2), jnp.sum(w * dpsi_h * dpsi_h2)])


def value_and_slope(psi, z):
    """psi(z) and psi'(z)."""
    return jax.jvp(psi, (z,), (jnp.ones_like(z),))


def panels(stops, rule):
    """Nodes and weights of a rule on [0, 1] put between the stops, a panel a row."""
    x, w = rule
    stops = jnp.sort(stops)
    width = jnp.diff(stops)[:, None]
    nodes = stops[:-1, None] + width * x[None, :]
    weights = width * w[None, :]
    return nodes, weights


def gauss(n, dtype):
    """A Gauss-Legendre rule on [0, 1]."""
    x, w = scipy.special.roots_sh_legendre(n)
    return jnp.asarray(x, dtype), jnp.asarray(w, dtype)


def _crowded_at_0(n, dtype):
    """A Gauss-Legendre rule on [0, 1] for t, taken for x = t^2.

    Nodes crowd where psi is steep: at radius 0, if s is large.
    """
    t, w = scipy.special.roots_sh_legendre(n)
    x = t**2
    dx = 2 * t
    return jnp.asarray(x, dtype), jnp.asarray(w * dx, dtype)


def _crowded_at_both_ends(n, dtype):
    """A Gauss-Legendre rule on [0, 1] for t, taken for x = t^2 (3 - 2t)."""
    t, w = scipy.special.roots_sh_legendre(n)
    x = t**2 * (3 - 2 * t)
    dx = 6 * t * (1 - t)
    return jnp.asarray(x, dtype), jnp.asarray(w * dx, dtype)


def far_out(psi, s, s2, *, digits=1):
    """The radius beyond which psi(h) psi(h') exp(-r^2/2) is too small to count.

    Where less than eps^digits of the largest does not. Infinite if it still counts at
    the end, or if psi overflows before it ceases to count.
    """
    r = jnp.linspace(0, 40, 81, dtype=s.dtype)
    log = -(r**2) / 2
    for slope in (s, s2):
        z = jnp.stack([slope * r, -slope * r])
        value, derivative = value_and_slope(psi, z)
        size = jnp.max(jnp.abs(value) + jnp.abs(derivative), axis=0)
        log += jnp.log(jax.lax.cummax(size))
    log = jnp.where(
        log < jnp.inf, log, -jnp.inf
    )  # psi may overflow where nothing counts
    negligible = jnp.max(log) + digits * jnp.log(jnp.finfo(s.dtype).eps)
    counts = log > negligible
    last = jnp.append(log[1:] == -jnp.inf, True)
    cut_off = jnp.any(counts & last)
    # at least 6, where most of the weight is left behind, and one step more
    far = jnp.max(jnp.where(counts, r, 6)) + 0.5
    return jax.lax.stop_gradient(jnp.where(cut_off, jnp.inf, far))


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

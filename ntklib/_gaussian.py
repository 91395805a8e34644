"""Averages of psi(u) psi(v) over Gaussian u and v, and the kinks at which any quadrature rule has to stop."""

import math
from functools import partial
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import eval_legendre, roots_legendre, roots_sh_legendre

from ntklib import _check, _functions

EDGES = np.linspace(-63.7123456789, 64.2987654321, 2049)  # no round number is an edge
NODES, WEIGHTS = roots_legendre(8)
LAST = np.transpose(
    [(2 * k + 1) / 2 * WEIGHTS * eval_legendre(k, NODES) for k in (6, 7)]
)  # Legendre coefficients
LEVELS = [
    (24, 32),
    (48, 64),
    (96, 128),
    (192, 256),
    (384, 512),
]  # angles and radii a panel
JUMP = "psi must be continuous, or it has no NTK: psi'(h)^2 has no finite average"
DISAGREE = "limit_kernel did not reach its accuracy for this psi and these X: two quadrature rules disagree"


def evaluate(psi, z):
    """psi and psi' at the numbers z as NumPy arrays, also inside jit; None where psi itself depends on a tracer."""
    what = "psi must be a function whose derivative of order 1 jax.jvp"
    values = lambda z: jax.jvp(psi, (z,), (jnp.ones_like(z),))  # noqa: E731
    with jax.ensure_compile_time_eval():
        for function in (
            values,
            jax.jit(values),
        ):  # inside vmap custom_jvp makes a tracer of any number, except in jit
            value, slope = _functions.differentiated(what, function, jnp.asarray(z))
            if _check.concrete(value):
                return np.asarray(value, float), np.asarray(slope, float)
    return None


@np.errstate(
    all="ignore"
)  # psi may overflow far out; what is not finite is refused where it is averaged
def kinks(psi, dtype):
    """Points other than 0 in [-63.7, 64.2] where psi has a kink or is steep, at most 8; a jump of psi is refused.

    Also returned: the largest |psi'| as a multiple of the size of psi and psi' overall. A cell is divided until psi' is
    a polynomial in it with the increment of psi as integral; one that stays rough to the last has a kink or a jump.
    """
    eps = float(jnp.finfo(dtype).eps)
    low, high, scale, size, found, steep = EDGES[:-1], EDGES[1:], None, 1.0, [], 1.0
    while 0 < len(low) < 2**14:
        middle, half = (low + high) / 2, (high - low) / 2
        z = middle[:, None] + half[:, None] * np.append(NODES, (-1, 1))
        seen = evaluate(
            psi,
            np.resize(z, (max(16, 2 ** (len(z) - 1).bit_length()), 10)).astype(dtype),
        )
        if seen is None:
            return (), 1.0
        value, slope = seen[0][: len(z), -2:], seen[1][: len(z), :-2]
        steepest, highest, far = (
            np.abs(slope).max(axis=1),
            np.abs(value).max(axis=1),
            np.maximum(1, np.abs(high)),
        )
        if scale is None:  # fmax passes over NaN
            scale, size = (
                np.fmax.reduce(a)
                for a in (steepest[np.abs(low) < 2], steepest + highest)
            )
        gap = np.abs(value[:, 1] - value[:, 0] - half * (slope @ WEIGHTS))
        small = eps ** (2 / 3) * (steepest + scale)
        rough = (np.abs(slope @ LAST).max(axis=1) > small) | (
            gap > half * small + 8 * eps * (highest + far * steepest)
        )
        last = half < 32 * eps * far
        jumps = np.flatnonzero(
            rough
            & last
            & (gap > np.sqrt(eps) * (highest + scale) + 64 * eps * far * size)
        )
        if jumps.size:
            i = jumps[np.abs(middle[jumps]).argmin()]
            jump, place = value[i, 1] - value[i, 0], round(float(middle[i]), 5) + 0.0
            raise ValueError(f"{JUMP}; got a jump of {jump:.3g} at z = {place:.5g}")
        narrow = np.where(rough, last, half < 2**-8)
        found += zip(half[narrow], middle[narrow], strict=True)
        steep = np.fmax.reduce(steepest[narrow] / size, initial=steep)
        low, high = low[rough & ~last], high[rough & ~last]
        cut = low + 0.4871 * (
            high - low
        )  # never the middle, where a kink would be overlooked
        low, high = np.append(low, cut), np.append(cut, high)
    kept = [0.0]
    for half, z in sorted(found):
        if min(abs(z - k) for k in kept) > max(64 * np.sqrt(eps), 64 * half):
            kept.append(float(z))
    return tuple(sorted(kept[1:], key=abs)[:8]), float(steep)


def averages(psi, s, s2, theta, kinks, steep):
    r"""E psi(u) psi(v) and E psi'(u) psi'(v), shape (p, 2), for p pairs of Gaussians.

    Their standard deviations are s and s2 and the angle between them is theta, each of shape (p,). In polar coordinates
    u = s r cos(phi) and v = s2 r cos(phi - theta). Angles stop at u = 0, at v = 0 and where two kinks meet, radii at
    each kink. Between the stops Gauss-Legendre rules grow until two agree to 1e-9 (1e-4 in float32) of the largest
    value, or to 1e-6 (2e-3) at the largest rule that is affordable; under jit two rules have to do. The second average
    is weighed by s s2, its share in the kernel, and rules too coarse to see psi rise do not count as agreeing.
    """
    seen, eps = (
        evaluate(psi, EDGES[::16].astype(theta.dtype)),
        float(jnp.finfo(theta.dtype).eps),
    )
    traced, panels = (
        seen is None or not _check.concrete(theta),
        (4 + len(kinks) ** 2) * (1 + 2 * len(kinks)),
    )
    dear = [
        level
        for level in LEVELS[2:]
        if panels * math.prod(level) < min(2e7, 3e10 / len(theta))
    ]
    levels, key = (
        LEVELS[1:3] if traced else LEVELS[:2] + dear,
        np.asarray(seen).tobytes(),
    )
    weight, rise = (
        jnp.stack([jnp.ones_like(s), s * s2], axis=1),
        steep * jnp.max(jnp.maximum(s, s2)),
    )
    rules = (
        _quadrature(_functions.hashable(psi), s, s2, theta, kinks, level, key)
        for level in levels
    )
    fine = error = jnp.asarray(jnp.nan)
    for (angles, _), (coarse, fine) in zip(levels, pairwise(rules), strict=False):
        gap, largest = (
            jnp.max(jnp.abs(a) * weight, axis=0) for a in (fine - coarse, fine)
        )
        error = jnp.where(
            rise < angles**3, jnp.max(gap / (largest + jnp.finfo(s.dtype).tiny)), 1
        )
        if not traced and not np.isfinite(fine).all():
            raise ValueError(
                "psi must have finite averages of psi(h)^2 and psi'(h)^2 for these X; got inf or nan"
            )
        if not traced and error < eps**0.575:
            break
    if traced:
        return eqx.error_if(fine, ~(error < eps**0.38), DISAGREE)
    if error > eps**0.38:
        raise RuntimeError(
            f"{DISAGREE}; the last two differ by {float(error):.1g} of the largest value"
        )
    return fine


@eqx.filter_jit
def _quadrature(
    function, s, s2, theta, kinks, level, key
):  # key: what was compiled is not for another psi
    psi = partial(lambda function, z: function(z).astype(z.dtype), function)
    (x, wx), (z, wz) = (
        _graded(n, both, theta.dtype)
        for n, both in zip(level, (True, bool(kinks)), strict=True)
    )

    def ray(phi, s, s2, theta, far):
        slope, slope2 = s * jnp.cos(phi), s2 * jnp.cos(phi - theta)
        stops = [_over(k, c, far) for k in kinks for c in (slope, slope2)]
        stops = jnp.sort(jnp.stack([0.0 * phi, *stops, 0.0 * phi + far]))
        r = stops[:-1, None] + jnp.diff(stops)[:, None] * z[None, :]
        w = jnp.diff(stops)[:, None] * wz[None, :] * r * jnp.exp(-(r**2) / 2)
        (psi_u, dpsi_u), (psi_v, dpsi_v) = (
            jax.jvp(psi, (c * r,), (jnp.ones_like(r),)) for c in (slope, slope2)
        )
        return jnp.stack([jnp.sum(w * psi_u * psi_v), jnp.sum(w * dpsi_u * dpsi_v)])

    def pair(geometry):
        (s, s2, theta), right = geometry, jnp.pi / 2
        stops = [-right, theta - right, right, theta + right, 3 * right]
        stops += [_meeting(k, k2, s, s2, theta) for k in kinks for k2 in kinks]
        stops = jnp.sort(jnp.stack([jnp.asarray(a, theta.dtype) for a in stops]))
        phi = (stops[:-1, None] + jnp.diff(stops)[:, None] * x[None, :]).ravel()
        w = (jnp.diff(stops)[:, None] * wx[None, :]).ravel() / (2 * jnp.pi)
        return w @ jax.vmap(ray, (0, None, None, None, None))(
            phi, s, s2, theta, _far(psi, s, s2)
        )

    nodes = (4 + len(kinks) ** 2) * (1 + 2 * len(kinks)) * len(x) * len(z)
    return jax.lax.map(
        jax.checkpoint(pair), (s, s2, theta), batch_size=min(64, 1 + 2**20 // nodes)
    )


def _graded(n, both, dtype):
    """A Gauss-Legendre rule on [0, 1] whose nodes crowd at 0, or at both ends: there psi is steep where s is large."""
    t, w = roots_sh_legendre(n)
    x, slope = (t**2 * (3 - 2 * t), 6 * t * (1 - t)) if both else (t**2, 2 * t)
    return jnp.asarray(x, dtype), jnp.asarray(w * slope, dtype)


def _far(psi, s, s2):
    """The radius beyond which psi(u) psi(v) exp(-r^2/2) is too small to count; NaN if it still counts at the end."""
    r = jnp.linspace(0, 40, 81, dtype=s.dtype)
    log = -(r**2) / 2
    for z in (jnp.stack([c * r, -c * r]) for c in (s, s2)):
        size = sum(map(jnp.abs, jax.jvp(psi, (z,), (jnp.ones_like(z),))))
        log += jnp.log(jax.lax.cummax(jnp.max(size, axis=0)))
    log = jnp.where(
        log < jnp.inf, log, -jnp.inf
    )  # psi may overflow where it does not count
    counts = log > jnp.max(log) + jnp.log(jnp.finfo(s.dtype).eps)
    cut = jnp.any(counts & jnp.append(log[1:] == -jnp.inf, True))
    return jax.lax.stop_gradient(
        jnp.where(cut, jnp.nan, jnp.max(jnp.where(counts, r, 6)) + 0.5)
    )


def _over(kink, slope, far):
    """The radius at which slope * r = kink, or far if there is none nearer."""
    reached = slope * np.sign(kink) * far > abs(kink)
    return jnp.where(reached, kink / jnp.where(reached, slope, 1), far)


def _meeting(kink, kink2, s, s2, theta):
    """The angle phi in [-pi/2, 3 pi/2] of the point where u = kink and v = kink2."""
    y, x = kink2 * s - kink * s2 * jnp.cos(theta), kink * s2 * jnp.sin(theta)
    apart = jnp.abs(x) + jnp.abs(y) > 0
    phi = jnp.where(apart, jnp.arctan2(y, jnp.where(apart, x, 1)), 0)
    return jnp.where(phi < -jnp.pi / 2, phi + 2 * jnp.pi, phi)

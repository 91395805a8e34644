"""Closed forms of E psi(h) psi(h') and E psi'(h) psi'(h') for Gaussian h and h'.

To add one, write a function of the pairs that returns both averages, with the source in
its docstring, and put `@closed_form(psi in NumPy)` above it.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special

from ntklib import _functions
from ntklib._gaussian.kinks import EDGES

# Where psi is compared with known functions: near 0, around 1, far out, and on a grid
# so fine that no bump that matters is overlooked.
POINTS = np.append(
    np.outer((1, -1), (1e-9, 1e-4, 0.03, 0.2, 0.5, 0.8, 1, 1.3, 1.9, 2.7, 100)), EDGES
)


class Pairs(NamedTuple):
    """All pairs of inputs x and x'; h and h' have variances a and b and covariance c.

    Attributes:
        a: |x|^2
        b: |x'|^2
        c: <x, x'>
        root: |x||x'|, the root of ab
        omega: the angle between x and x'
        S: root sin(omega), so that S^2 = ab - c^2
    """

    a: Float[Array, "m m2"]
    b: Float[Array, "m m2"]
    c: Float[Array, "m m2"]
    root: Float[Array, "m m2"]
    omega: Float[Array, "m m2"]
    S: Float[Array, "m m2"]


class ClosedForm(NamedTuple):
    """An activation in NumPy, and the function of pairs that gives both averages."""

    psi: Callable
    averages: Callable


CLOSED_FORMS = []


def closed_form(psi):
    """Make the decorated function the closed form of psi, which takes NumPy arrays."""

    def register(averages):
        CLOSED_FORMS.append(ClosedForm(psi, averages))
        return averages

    return register


def recognise(psi: Callable, dtype) -> Callable | None:
    """The function of the pairs that gives both averages of psi, if one is known.

    A known activation is one that has the values of psi at all points.
    """
    z = POINTS.astype(dtype)
    seen = _functions.evaluate(psi, z)
    if seen is None:
        return None
    value, _ = seen
    if not np.isfinite(value).all():
        return None
    z = z.astype(float)
    tolerance = 64 * float(jnp.finfo(dtype).eps)
    near = np.abs(z) <= 1
    for known in [*CLOSED_FORMS, _piecewise_linear_through(z, value)]:
        expected = known.psi(z)
        scale = np.abs(expected[near]).max()
        if np.allclose(value, expected, rtol=tolerance, atol=tolerance * scale):
            return known.averages
    return None


def _power(z, k):
    """psi(z) = z^k."""
    return z**k


def _averages_of_power(p, k):
    """E h^k h'^k and k^2 E h^(k-1) h'^(k-1)."""
    return _moment(p, k), k**2 * _moment(p, k - 1)


def _moment(p, k):
    """E h^k h'^k = sum over 2i + j = k of k!^2/(j! i!^2 4^i) (ab)^i c^j (Isserlis)."""
    moment = jnp.zeros_like(p.c)
    for j in range(k % 2, k + 1, 2):
        i = (k - j) // 2
        ways = math.factorial(k) ** 2 / (
            math.factorial(j) * math.factorial(i) ** 2 * 4**i
        )
        moment += ways * p.root ** (2 * i) * p.c**j
    return moment


CLOSED_FORMS += [
    ClosedForm(partial(_power, k=k), partial(_averages_of_power, k=k))
    for k in range(1, 7)
]


def _piecewise_linear_through(z, value):
    """The function with a kink at 0 that has the values of psi at 1 and -1."""
    up = float(value[z == 1][0])
    down = -float(value[z == -1][0])
    return ClosedForm(
        lambda z: np.where(z > 0, up, down) * z,
        partial(_piecewise_linear, up=up, down=down),
    )


def _piecewise_linear(p, up, down):
    """psi(z) = up z for z > 0 and down z for z < 0 (Cho & Saul 2009).

    2 pi E relu(h) relu(h') = S + (pi - omega) c,
    2 pi E relu(h) relu(-h') = S - omega c.
    """
    S = p.S / jnp.pi
    turn = p.omega / jnp.pi  # exactly 0 on the diagonal: no pi is left there
    nngp = (up**2 + down**2) * (S + (1 - turn) * p.c) - 2 * up * down * (S - turn * p.c)
    slope = (up**2 + down**2) * (1 - turn) / 2 + up * down * turn
    return nngp / 2, slope


@closed_form(lambda z: np.maximum(z, 0) ** 2)
def _relu_squared(p):
    """(3 S c + (pi - omega)(ab + 2c^2)) / 2pi (Cho & Saul 2009).

    Its slope is 2 relu, so the other average is 4 E relu(h) relu(h').
    """
    nngp = 3 * p.S * p.c + (jnp.pi - p.omega) * (p.root**2 + 2 * p.c**2)
    relu, _ = _piecewise_linear(p, 1, 0)
    return nngp / (2 * jnp.pi), 4 * relu


@closed_form(special.erf)
def _erf(p):
    """2/pi arcsin(2c / sqrt((1 + 2a)(1 + 2b))) and its derivative by c (Williams 1997).

    The arcsine is arctan2(2c, D) with D^2 = (1 + 2a)(1 + 2b) - 4c^2.
    """
    D = jnp.sqrt(1 + 2 * p.a + 2 * p.b + 4 * p.S**2)
    return 2 / jnp.pi * jnp.arctan2(2 * p.c, D), 4 / (jnp.pi * D)


@closed_form(special.ndtr)
def _normal_cdf(p):
    """From those of erf, because psi(z) = (1 + erf(z / sqrt 2)) / 2."""
    D = _root_determinant(p)
    return 0.25 + jnp.arctan2(p.c, D) / (2 * jnp.pi), 1 / (2 * jnp.pi * D)


@closed_form(lambda z: z * special.ndtr(z))
def _gelu(p):
    """z times the distribution function of N(0, 1) (Tsuchida et al. 2021)."""
    D = _root_determinant(p)
    w = 1 / (1 + p.a) + 1 / (1 + p.b)
    cdf, _ = _normal_cdf(p)
    nngp = p.c * cdf + (p.S**2 + p.c**2 * w) / (2 * jnp.pi * D)
    slope = cdf + (p.c * w / D + p.c / D**3) / (2 * jnp.pi)
    return nngp, slope


@closed_form(np.sin)
def _sin(p):
    """exp(-(a + b)/2) sinh(c) and exp(-(a + b)/2) cosh(c), from E exp(ih + ih')."""
    sign = jnp.where(p.c < 0, -1, 1)
    # sinh and cosh by exp(|c|) and exp(-2|c|): exp(|c|) alone would overflow
    size = jnp.exp(sign * p.c - (p.a + p.b) / 2) / 2
    sinh = -sign * size * jnp.expm1(-2 * sign * p.c)
    cosh = size * (1 + jnp.exp(-2 * sign * p.c))
    return sinh, cosh


@closed_form(np.cos)
def _cos(p):
    """The averages of sin, exchanged."""
    nngp_of_sin, slope_of_sin = _sin(p)
    return slope_of_sin, nngp_of_sin


@closed_form(lambda z: np.exp(-(z**2) / 2))
def _bell(p):
    """1/D and c/D^3 with D^2 = det(I + Sigma): a Gaussian integral."""
    D = _root_determinant(p)
    return 1 / D, p.c / D**3


def _root_determinant(p):
    """sqrt(det(I + Sigma)) for the covariance Sigma = [[a, c], [c, b]] of h, h'."""
    return jnp.sqrt(1 + p.a + p.b + p.S**2)

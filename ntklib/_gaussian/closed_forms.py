"""Closed forms of E psi(h) psi(h') and E psi'(h) psi'(h') for Gaussian h and h'.

To add one, write a function of the pairs that returns both averages, with the source in
its docstring, and put `@closed_form(psi in NumPy)` above it. For a family of functions,
add what finds the one that has the values of psi to `recognise`.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Float

from ntklib import _functions
from ntklib._functions import Elementwise
from ntklib._gaussian.kinks import EDGES

# Where psi is compared with known functions: near 0, around 1, far out, and on a grid
# so fine that no bump that matters is overlooked.
POINTS = np.append(
    np.outer((1, -1), (1e-9, 1e-4, 0.03, 0.2, 0.5, 0.8, 1, 1.3, 1.9, 2.7, 100)), EDGES
)


CENTRE = np.abs(POINTS) == 1e-9

# The lowest and the highest frequency of a wave that is recognised. At a lower one the
# points see less than two waves; at a higher one float32 does not know the phase.
FREQUENCIES = (0.1, 50)


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
    """The averages of an activation.

    Attributes:
        averages: function of the pairs, and of the parameters, that gives both.
        parameters: numbers that tell which function of a family the activation is.
    """

    averages: Callable
    parameters: tuple[float, ...] = ()

    def __call__(self, p: Pairs):
        """Both averages for all pairs."""
        return self.averages(p, *self.parameters)


# The activations in NumPy, and their closed forms.
CLOSED_FORMS = []


def closed_form(psi):
    """Make the decorated function the closed form of psi, which takes NumPy arrays."""

    def register(averages):
        CLOSED_FORMS.append((psi, ClosedForm(averages)))
        return averages

    return register


# Of so many activations the closed form is remembered.
REMEMBERED = 256


def recognised(psi: Elementwise, dtype) -> ClosedForm | None:
    """The closed form of psi, looked for once: a psi that does something else is
    another one.
    """
    return _recognised(psi, dtype) if psi.has_values else None


@lru_cache(REMEMBERED)
def _recognised(psi, dtype):
    """What `recognise` finds."""
    return recognise(psi, dtype)


def recognise(psi: Callable, dtype) -> ClosedForm | None:
    """The closed form of psi, if one is known.

    A known activation is one that has the values of psi at all points.
    """
    z = POINTS.astype(dtype)
    seen = _functions.evaluate(psi, z)
    if seen is None:
        return None
    value, slope = seen
    if not np.isfinite(value).all():
        return None
    z = z.astype(float)
    eps = float(jnp.finfo(dtype).eps)
    near = np.abs(z) <= 1
    for known, form in [*CLOSED_FORMS, _piecewise_linear_through(z, value)]:
        expected = known(z)
        scale = np.abs(expected[near]).max()
        if np.allclose(value, expected, rtol=64 * eps, atol=64 * eps * scale):
            return form
    return _wave_through(z, value, slope, eps)


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
    (partial(_power, k=k), ClosedForm(partial(_averages_of_power, k=k)))
    for k in range(1, 7)
]


def _piecewise_linear_through(z, value):
    """The function with a kink at 0 that has the values of psi at 1 and -1."""
    up = float(value[z == 1][0])
    down = -float(value[z == -1][0])
    return (
        lambda z: np.where(z > 0, up, down) * z,
        ClosedForm(_piecewise_linear, (up, down)),
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


@closed_form(lambda z: scipy.special.erf(z))
def _erf(p):
    """2/pi arcsin(2c / sqrt((1 + 2a)(1 + 2b))) and its derivative by c (Williams 1997).

    The arcsine is arctan2(2c, D) with D^2 = (1 + 2a)(1 + 2b) - 4c^2
    = 1 + 2a + 2b + 4S^2, of which S^2 alone might overflow.
    """
    D = jnp.hypot(jnp.sqrt(1 + 2 * p.a + 2 * p.b), 2 * p.S)
    return 2 / jnp.pi * jnp.arctan2(2 * p.c, D), 4 / (jnp.pi * D)


@closed_form(lambda z: scipy.special.ndtr(z))
def _normal_cdf(p):
    """From those of erf, because psi(z) = (1 + erf(z / sqrt 2)) / 2."""
    D = _root_determinant(p)
    return 0.25 + jnp.arctan2(p.c, D) / (2 * jnp.pi), 1 / (2 * jnp.pi * D)


@closed_form(lambda z: z * scipy.special.ndtr(z))
def _gelu(p):
    """z times the distribution function of N(0, 1) (Tsuchida et al. 2021)."""
    D = _root_determinant(p)
    w = 1 / (1 + p.a) + 1 / (1 + p.b)
    cdf, _ = _normal_cdf(p)
    # products in this order do not overflow where the averages do not
    nngp = p.c * cdf + (p.S * (p.S / D) + p.c * (p.c * w / D)) / (2 * jnp.pi)
    slope = cdf + (p.c / D * w + p.c / D / D / D) / (2 * jnp.pi)
    return nngp, slope


def _wave(p, frequency, of_sin, of_cos):
    """psi(z) = of_sin sin(fz) + of_cos cos(fz).

    E sin(fh) sin(fh') = exp(-f^2 (a + b)/2) sinh(f^2 c) and
    E cos(fh) cos(fh') = exp(-f^2 (a + b)/2) cosh(f^2 c), from E exp(ifh + ifh'); what
    mixes sin and cos is odd in (h, h'), and has average 0.
    """
    sign = jnp.where(p.c < 0, -1, 1)
    # sinh and cosh by exp(f^2 |c|) and exp(-2 f^2 |c|) - 1, which cannot overflow
    large = jnp.exp(frequency**2 * (sign * p.c - (p.a / 2 + p.b / 2))) / 2
    less = jnp.expm1(-2 * frequency**2 * (sign * p.c))
    sinh = -sign * large * less
    cosh = large * (2 + less)
    nngp = of_sin**2 * sinh + of_cos**2 * cosh
    slope = frequency**2 * (of_sin**2 * cosh + of_cos**2 * sinh)
    return nngp, slope


CLOSED_FORMS += [
    (np.sin, ClosedForm(_wave, (1.0, 1.0, 0.0))),
    (np.cos, ClosedForm(_wave, (1.0, 0.0, 1.0))),
]


@np.errstate(all="ignore")  # psi may be anything
def _wave_through(z, value, slope, eps) -> ClosedForm | None:
    """The closed form of the wave that has the values of psi, if there is one.

    The sum of psi^2 and (psi'/f)^2 is the same everywhere; hence the frequency f. The
    phase far out, fz + const = arctan2(psi, psi'/f), gives its last digits.
    """
    i, j = np.argmax(value**2), np.argmin(value**2)
    frequency = np.sqrt(
        (slope[j] ** 2 - slope[i] ** 2) / (value[i] ** 2 - value[j] ** 2)
    )
    lowest, highest = FREQUENCIES
    if not lowest <= frequency <= highest:
        return None
    phase = np.arctan2(value, slope / frequency)
    difference = (phase[z == 100] - phase[z == -100]).item()
    turns = np.round((200 * frequency - difference) / (2 * np.pi))
    frequency = (difference + 2 * np.pi * turns) / 200

    of_sin = slope[CENTRE].mean() / frequency
    of_cos = value[CENTRE].mean()
    expected = of_sin * np.sin(frequency * z) + of_cos * np.cos(frequency * z)
    # psi itself has rounded fz
    tolerance = eps * np.hypot(of_sin, of_cos) * (64 + 4 * frequency * np.abs(z))
    if np.any(~(np.abs(value - expected) <= tolerance)):
        return None
    return ClosedForm(_wave, (float(frequency), float(of_sin), float(of_cos)))


@closed_form(lambda z: np.exp(-(z**2) / 2))
def _bell(p):
    """1/D and c/D^3 with D^2 = det(I + Sigma): a Gaussian integral."""
    D = _root_determinant(p)
    return 1 / D, p.c / D / D / D


def _root_determinant(p):
    """sqrt(det(I + Sigma)) for the covariance Sigma = [[a, c], [c, b]] of h, h'.

    det(I + Sigma) = 1 + a + b + S^2, of which S^2 alone might overflow.
    """
    return jnp.hypot(jnp.sqrt(1 + p.a + p.b), p.S)

"""Averages of psi(h) psi(h') over Gaussian h and h', by series in Hermite polynomials.

With h = s z and h' = s2 z', where z and z' are normal and have the correlation rho,

    E psi(h) psi(h') = sum over k of mu_k(s) mu_k(s2) rho^k,
    mu_k(s) = E psi(s z) He_k(z),

because for the normalised Hermite polynomials E He_k(z) He_l(z') is rho^k for k = l
and 0 otherwise (Mehler). The average of psi'(h) psi'(h') is the same sum for psi'. So
an integral over one variable for each input and degree stands in for two integrals over
two variables for each pair.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ntklib._functions import Elementwise
from ntklib._gaussian.averages import far_out, gauss, panels, value_and_slope

PANELS = 13  # of the quadrature on either side of 0
NORMS_AT_A_TIME = 256


class Size(NamedTuple):
    """How long a series is, and how many nodes its highest degree needs in a panel.

    Degrees are added a few at a time, until what is left is small.
    """

    terms: int
    degrees_at_a_time: int
    nodes: int


SMOOTH = Size(2048, 128, 64)  # enough for tanh at norm 6
KINKED = Size(512, 16, 32)  # slow to converge: for inputs that are not nearly parallel

# A strip of a matrix stays in the cache while terms are summed, by Horner's rule.
ROWS_AT_A_TIME = 16
TERMS_AT_A_TIME = 16

# Powers of the rounding error eps: what a series may leave out, as a part of
# E psi(h)^2, and the error of its coefficients, as a part of the root. 4e-10 in float64
# and 7e-5 in float32 are allowed; with 1e-11 and 1e-5 left no more degrees are added.
ALLOWED = 0.6
WANTED = 0.7


class Series(NamedTuple):
    """The coefficients of psi and psi' for each of m inputs, and what they leave out.

    Attributes:
        norm: s, the standard deviation of h.
        terms: how many coefficients there are; zeros follow.
        value: mu_k, coefficients of psi(s z).
        slope: nu_k, coefficients of psi'(s z).
        value_square: E psi(h)^2, the sum of all mu_k^2.
        slope_square: E psi'(h)^2, the sum of all nu_k^2.
        rest: the part of these squares that the terms leave out, the larger of both.
        accurate: whether coefficients and squares are.
    """

    norm: Float[Array, " m"]
    terms: Int[Array, " m"]
    value: Float[Array, "m terms"]
    slope: Float[Array, "m terms"]
    value_square: Float[Array, " m"]
    slope_square: Float[Array, " m"]
    rest: Float[Array, " m"]
    accurate: Bool[Array, " m"]


def coefficients(
    psi: Elementwise, s: Float[Array, " m"], *, places: tuple[float, ...]
) -> Series:
    """The series for each norm of psi and psi', which has kinks at these places."""
    size = KINKED if places else SMOOTH
    far = jnp.max(jax.vmap(lambda s: far_out(psi, s, s, digits=2))(s))
    far = jnp.where(far < jnp.inf, far, 1)  # no coefficients come out

    def of_some(s):
        return _of_some(psi, s, far, places, size)

    # all have the same nodes, or each its own
    at_a_time = ROWS_AT_A_TIME if places else NORMS_AT_A_TIME
    return _by_parts(jax.checkpoint(of_some), s, at_a_time)


def _by_parts(function, arrays, length):
    """A function of arrays with m rows, of so many rows at a time."""
    m = len(jax.tree.leaves(arrays)[0])
    parts = -(-m // length)

    def split(a):
        """The first rows come again to fill the last part."""
        a = jnp.resize(a, (parts * min(m, length), *a.shape[1:]))
        return a.reshape(parts, -1, *a.shape[1:])

    values = jax.lax.map(function, jax.tree.map(split, arrays))
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:m], values)


def _rule(s, far, places, count):
    """Nodes z up to far, weights times exp(-z^2/4), and exp(-z^2/4).

    Panels end where s z is a kink: a row for each norm. Without kinks one row for all.
    """
    even = far * jnp.linspace(-1, 1, 2 * PANELS + 1, dtype=far.dtype)

    def rule(s):
        reached = [s * far > abs(place) for place in places]
        kinks = [
            jnp.where(on, place / jnp.where(on, s, 1), far)
            for on, place in zip(reached, places, strict=True)
        ]
        stops = jnp.concatenate([even, *[jnp.reshape(kink, (1,)) for kink in kinks]])
        z, weight = panels(stops, gauss(count, far.dtype))
        return z.ravel(), weight.ravel()

    z, weight = jax.vmap(rule)(s if places else s[:1])
    half_density = jnp.exp(-(z**2) / 4)
    return z, weight * half_density / math.sqrt(2 * math.pi), half_density


def _of_some(psi, s, far, places, size) -> Series:
    """The series for a few norms.

    By Parseval, what terms leave out of E psi(h)^2 is the sum of the other mu_k^2.
    Integration by parts makes s nu_k = sqrt(k + 1) mu_(k+1), of which a rule that is
    too coarse, or that does not see psi rise, knows nothing.
    """
    rule = _rule(s, far, places, size.nodes)
    z, weight, half_density = rule
    psi_h, dpsi_h = value_and_slope(psi, s[:, None] * z)
    squares = _squares(psi, s, rule)
    eps = float(jnp.finfo(s.dtype).eps)

    def of_degrees(part, He):
        """Those of psi(h) or psi'(h), of the degrees of He."""
        if places:
            return jnp.einsum("mz,kmz->mk", part * weight, He)
        return jnp.einsum("mz,kz->mk", part * weight, He[:, 0])

    def add_degrees(state, first):
        def added(state):
            last_two, left, mismatch, terms = state
            k = first + jnp.arange(size.degrees_at_a_time, dtype=s.dtype)
            last_two, He = jax.lax.scan(partial(_next_degree, z), last_two, k)
            value = of_degrees(psi_h, He)
            slope = of_degrees(dpsi_h, He)
            left -= jnp.stack([jnp.sum(value**2, axis=1), jnp.sum(slope**2, axis=1)])
            root = jnp.sqrt(k[None, 1:])
            by_parts = s[:, None] * slope[:, :-1] / root - value[:, 1:]
            mismatch += jnp.sum(by_parts**2, axis=1)
            terms += size.degrees_at_a_time
            return (last_two, left, mismatch, terms), (value, slope)

        def ended(state):
            none = 0 * psi_h[:, : size.degrees_at_a_time]
            return state, (none, none)

        _, left, _, _ = state
        enough = jnp.all(left <= eps**WANTED * squares)
        return jax.lax.cond(enough, ended, added, state)

    first_degrees = jnp.arange(0, size.terms, size.degrees_at_a_time, dtype=s.dtype)
    start = ((0 * z, half_density), squares, 0 * s, 0)
    (_, left, mismatch, terms), chunks = jax.lax.scan(
        jax.checkpoint(add_degrees), start, first_degrees
    )
    value, slope = (chunk.swapaxes(0, 1).reshape(len(s), -1) for chunk in chunks)
    rest = jnp.max(jnp.abs(left) / jnp.where(squares > 0, squares, 1), axis=0)
    coarse_rule = _rule(s, far, places, size.nodes // 2)
    difference = jnp.abs(squares - _squares(psi, s, coarse_rule))
    accurate = mismatch <= eps ** (2 * ALLOWED) * squares[0]
    accurate &= jnp.all(difference <= eps**ALLOWED * squares, axis=0)
    return Series(
        norm=s,
        terms=jnp.full(s.shape, terms),
        value=jnp.where(accurate[:, None], value, 0),
        slope=jnp.where(accurate[:, None], slope, 0),
        value_square=jnp.where(accurate, squares[0], 0),
        slope_square=jnp.where(accurate, squares[1], 0),
        rest=jax.lax.stop_gradient(jnp.where(accurate, rest, 1)),
        accurate=accurate,
    )


def _squares(psi, s, rule) -> Float[Array, "2 norms"]:
    """E psi(h)^2 and E psi'(h)^2 for each norm."""
    z, weight, half_density = rule
    density = weight * half_density
    parts = value_and_slope(psi, s[:, None] * z)
    return jnp.stack([jnp.sum(part**2 * density, axis=1) for part in parts])


def _next_degree(z, last_two, k):
    """He_k(z) exp(-z^2/4) from the two before; He_k alone would overflow."""
    before, He = last_two
    after = (z * He - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)
    return (He, after), He


def summed(
    rows: Series, columns: Series, omega: Float[Array, "m m2"]
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"], Bool[Array, "m m2"]]:
    """E psi(h) psi(h'), E psi'(h) psi'(h'), and whether they are accurate.

    omega is the angle between inputs. The sum ends with the shorter of both series;
    what it leaves out is at most |rho|^terms times the roots of what both have from
    there on, of which that of the longer one is at most 1. If that is too much for an
    input and itself, their averages are the squares, and need no sum.
    """
    itself = (omega == 0) & (rows.norm[:, None] == columns.norm[None, :])
    terms, terms2 = rows.terms[:, None], columns.terms[None, :]
    of_shorter = jnp.where(terms < terms2, rows.rest[:, None], columns.rest[None, :])
    rest = jnp.where(
        terms == terms2, _mean(rows.rest, columns.rest), safe_root(of_shorter)
    )
    allowed = float(jnp.finfo(omega.dtype).eps) ** ALLOWED
    by_square = itself & (rest > allowed)
    rho = jnp.where(by_square, 0, jnp.cos(omega))
    nngp, slope = _power_series(rows, columns, rho)
    nngp = jnp.where(by_square, _mean(rows.value_square, columns.value_square), nngp)
    slope = jnp.where(by_square, _mean(rows.slope_square, columns.slope_square), slope)
    left_out = jnp.abs(rho) ** jnp.minimum(terms, terms2).astype(rho.dtype) * rest
    accurate = rows.accurate[:, None] & columns.accurate[None, :]
    return nngp, slope, accurate & (by_square | (left_out <= allowed))


def _mean(a, b):
    """The geometric mean of all pairs; its derivative at 0 counts as 0."""
    return safe_root(a)[:, None] * safe_root(b)[None, :]


def safe_root(x):
    """Square root, with derivative 0 at 0."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)


def _power_series(rows, columns, rho):
    """Both sums by Horner's rule, from the first terms that are not negligible."""
    eps = float(jnp.finfo(rho.dtype).eps)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(rho)))

    def add_terms(sums, chunk):
        k, mu, mu2, nu, nu2 = chunk

        def added(sums):
            nngp, slope = sums
            for i in reversed(range(TERMS_AT_A_TIME)):
                nngp = nngp * rho + mu[:, i, None] * mu2[None, :, i]
                slope = slope * rho + nu[:, i, None] * nu2[None, :, i]
            return nngp, slope

        return jax.lax.cond(largest**k > eps, added, lambda sums: sums, sums), None

    parts = (rows.value, columns.value, rows.slope, columns.slope)
    k = jnp.arange(0, rows.value.shape[1], TERMS_AT_A_TIME, dtype=rho.dtype)
    chunks = (k, *[_in_chunks(part) for part in parts])
    none = (0 * rho, 0 * rho)
    return jax.lax.scan(jax.checkpoint(add_terms), none, chunks, reverse=True)[0]


def _in_chunks(coefficients):
    """(m, terms) as (chunks, m, terms of a chunk)."""
    m, _ = coefficients.shape
    return coefficients.reshape(m, -1, TERMS_AT_A_TIME).swapaxes(0, 1)


def summed_in_strips(rows: Series, columns: Series, omega: Float[Array, "m m2"]):
    """`summed`, a few rows at a time."""

    def strip(rows_and_omega):
        rows, omega = rows_and_omega
        return summed(rows, columns, omega)

    return _by_parts(jax.checkpoint(strip), (rows, omega), ROWS_AT_A_TIME)


def shortened(series: Series, terms: int) -> Series:
    """A series without the zeros beyond so many terms.

    There are few lengths, because programs are made for each.
    """
    length = SMOOTH.degrees_at_a_time
    while length < terms:
        length *= 2
    return series._replace(
        value=series.value[:, :length], slope=series.slope[:, :length]
    )

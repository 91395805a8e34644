"""Averages of psi(h) psi(h') over Gaussian h and h', by series in Hermite polynomials.

With h = s z and h' = s2 z', where z and z' are normal and have the correlation rho,

    E psi(h) psi(h') = sum over k of mu_k(s) mu_k(s2) rho^k,
    mu_k(s) = E psi(s z) He_k(z),

because E He_k(z) He_l(z') is rho^k for k = l and 0 otherwise (Mehler). The average of
psi'(h) psi'(h') is the same sum for psi'. So one integral for each input, and one for
each degree, stand in for two integrals for each pair.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ntklib._functions import Elementwise
from ntklib._gaussian.averages import far_out, gauss, panels, value_and_slope

# The most terms of a series: enough for tanh at norm 6. Degrees are added a few at a
# time, until what is left is small.
TERMS = 2048
DEGREES_AT_A_TIME = 128
NORMS_AT_A_TIME = 256
PANELS = 13  # on either side of 0
NODES = 64  # in each panel: enough for the waves of the highest degree

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


def coefficients(psi: Elementwise, s: Float[Array, " m"]) -> Series:
    """The series of psi and psi' for each norm."""
    far = jnp.max(jax.vmap(lambda s: far_out(psi, s, s, digits=2))(s))
    far = jnp.where(far < jnp.inf, far, 1)  # no coefficients come out
    rule = _rule(far, NODES)
    coarse_rule = _rule(far, NODES // 2)

    def of_some(s):
        return _of_some(psi, s, rule, coarse_rule)

    return _by_parts(jax.checkpoint(of_some), s, NORMS_AT_A_TIME)


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


def _rule(far, count):
    """Nodes z up to far, weights times exp(-z^2/4), and exp(-z^2/4)."""
    stops = far * jnp.linspace(-1, 1, 2 * PANELS + 1, dtype=far.dtype)
    z, weight = panels(stops, gauss(count, far.dtype))
    half_density = jnp.exp(-(z.ravel() ** 2) / 4)
    weight = weight.ravel() * half_density / math.sqrt(2 * math.pi)
    return z.ravel(), weight, half_density


def _of_some(psi, s, rule, coarse_rule) -> Series:
    """The series for a few norms.

    By Parseval, what terms leave out of E psi(h)^2 is the sum of the other mu_k^2.
    Integration by parts makes s nu_k = sqrt(k + 1) mu_(k+1), of which a rule that is
    too coarse, or that does not see psi rise, knows nothing.
    """
    z, weight, half_density = rule
    psi_h, dpsi_h = value_and_slope(psi, s[:, None] * z[None, :])
    squares = _squares(psi, s, rule)
    eps = float(jnp.finfo(s.dtype).eps)

    def add_degrees(state, first):
        def added(state):
            last_two, left, mismatch, terms = state
            k = first + jnp.arange(DEGREES_AT_A_TIME, dtype=s.dtype)
            last_two, He = jax.lax.scan(partial(_next_degree, z), last_two, k)
            weighted = weight[:, None] * He.T
            value = psi_h @ weighted
            slope = dpsi_h @ weighted
            left -= jnp.stack([jnp.sum(value**2, axis=1), jnp.sum(slope**2, axis=1)])
            root = jnp.sqrt(k[None, 1:])
            by_parts = s[:, None] * slope[:, :-1] / root - value[:, 1:]
            mismatch += jnp.sum(by_parts**2, axis=1)
            terms += DEGREES_AT_A_TIME
            return (last_two, left, mismatch, terms), (value, slope)

        def ended(state):
            none = 0 * psi_h[:, :DEGREES_AT_A_TIME]
            return state, (none, none)

        _, left, _, _ = state
        enough = jnp.all(left <= eps**WANTED * squares)
        return jax.lax.cond(enough, ended, added, state)

    first_degrees = jnp.arange(0, TERMS, DEGREES_AT_A_TIME, dtype=s.dtype)
    start = ((0 * z, half_density), squares, 0 * s, 0)
    (_, left, mismatch, terms), chunks = jax.lax.scan(
        jax.checkpoint(add_degrees), start, first_degrees
    )
    value, slope = (chunk.swapaxes(0, 1).reshape(len(s), -1) for chunk in chunks)
    rest = jnp.max(jnp.abs(left) / jnp.where(squares > 0, squares, 1), axis=0)
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
    parts = value_and_slope(psi, s[:, None] * z[None, :])
    return jnp.stack([part**2 @ (weight * half_density) for part in parts])


def _next_degree(z, last_two, k):
    """He_k(z) exp(-z^2/4) from the two before; He_k alone would overflow."""
    before, He = last_two
    after = (z * He - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)
    return (He, after), He


def summed(
    rows: Series, columns: Series, omega: Float[Array, "m m2"]
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"], Bool[Array, "m m2"]]:
    """E psi(h) psi(h'), E psi'(h) psi'(h'), and whether they are accurate.

    omega is the angle between inputs. What the terms leave out is at most |rho|^terms
    times the roots of both rests. An input and itself need no sum.
    """
    itself = (omega == 0) & (rows.norm[:, None] == columns.norm[None, :])
    rho = jnp.where(itself, 0, jnp.cos(omega))
    nngp, slope = _power_series(rows, columns, rho)
    nngp = jnp.where(itself, _mean(rows.value_square, columns.value_square), nngp)
    slope = jnp.where(itself, _mean(rows.slope_square, columns.slope_square), slope)
    left_out = jnp.abs(rho) ** rows.value.shape[1] * _mean(rows.rest, columns.rest)
    allowed = float(jnp.finfo(rho.dtype).eps) ** ALLOWED
    accurate = rows.accurate[:, None] & columns.accurate[None, :]
    return nngp, slope, accurate & (itself | (left_out <= allowed))


def _mean(a, b):
    """The geometric mean of all pairs; its derivative at 0 counts as 0."""
    return _root(a)[:, None] * _root(b)[None, :]


def _root(x):
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
    length = DEGREES_AT_A_TIME
    while length < terms:
        length *= 2
    return series._replace(
        value=series.value[:, :length], slope=series.slope[:, :length]
    )

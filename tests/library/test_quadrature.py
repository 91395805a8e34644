"""Averages of any psi: what series do not reach, what vanishes, and other modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from ntklib import _functions, _programs, limit_kernel
from ntklib._gaussian import quadrature, series
from ntklib._gaussian.averages import TOO_MANY_KINKS
from tests.library.test_averages import expectation


def kernel(psi):
    """limit_kernel of one psi."""
    return lambda X, X2=None: limit_kernel(X, psi, X2)


def soft_sign(z):
    """z / (1 + |z|), whose second derivative has a jump at 0."""
    return z / (1 + np.abs(z))


def slope_of_soft_sign(z):
    """Its derivative."""
    return 1 / (1 + np.abs(z)) ** 2


@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.hard_tanh])
def test_averages_vanish_by_symmetry(psi):
    """Odd functions of orthogonal inputs: K = 0, which no rule can reach relative to
    itself; also where it is all that is asked for.
    """
    one_hot = jnp.eye(3)
    K = limit_kernel(one_hot, psi).ntk
    assert np.abs(K - np.diag(np.diag(K))).max() < 1e-15
    assert abs(limit_kernel(one_hot[:1], psi, one_hot[1:2]).ntk[0, 0]) < 1e-15


@pytest.mark.slow
def test_averages_vanish_by_symmetry_under_jit_and_vmap():
    """Inside a caller's program, too."""
    x, x2 = jnp.eye(2)[:1], jnp.eye(2)[1:]
    batched = jax.jit(jax.vmap(kernel(jax.nn.soft_sign)))(x[None], x2[None])
    assert abs(batched.ntk[0, 0, 0]) < 1e-15


X_NEAR = np.array([[1.0, 0.0], [1.0, 0.01], [0.3, 2.0], [0.0, 0.0], [2.0, 0.02]])


def want(i, j):
    """Both averages of soft sign for two rows of X_NEAR, in Cartesian coordinates."""
    s, s2 = np.linalg.norm(X_NEAR[[i, j]], axis=1)
    angle = np.arctan2(X_NEAR[:, 1], X_NEAR[:, 0])
    omega = abs(angle[i] - angle[j]) if s * s2 > 0 else np.pi / 2
    return expectation(soft_sign, slope_of_soft_sign, s, s2, omega, kinks=(0.0,))


@pytest.mark.slow
def test_averages_of_pairs_that_series_do_not_reach(close):
    """Nearly parallel rows go to the quadrature, and come back to their places.

    Of one set and of two; rows 0 and 1 are near each other, rows 1 and 4 too.
    """
    psi = _functions.activation(jax.nn.soft_sign, X_NEAR)
    of_both = quadrature.coefficients(
        psi, jnp.linalg.norm(X_NEAR, axis=1), None, jnp.float64
    )
    omega = jnp.array(0.01)[None, None]
    first = [jax.tree.map(lambda a: a[:1], one) for one in of_both]
    assert not series.summed_in_strips(*first, omega)[2].any()

    for got, pairs in (
        (limit_kernel(X_NEAR, jax.nn.soft_sign), [(0, 1), (1, 0), (1, 4), (0, 2)]),
        (limit_kernel(X_NEAR[:2], jax.nn.soft_sign, X_NEAR), [(0, 1), (1, 0), (1, 4)]),
    ):
        for i, j in pairs:
            Phi, dPhi = want(i, j)
            close(got.nngp[i, j], Phi, 1e-10)
            close(got.ntk[i, j], Phi + X_NEAR[i] @ X_NEAR[j] * dPhi, 1e-10)


@pytest.mark.slow
def test_averages_under_jit_are_those_of_series_and_quadrature(close):
    """Inside jit, where no pairs can be picked; nearly parallel rows or none."""
    psi = jax.nn.soft_sign
    for X in (X_NEAR, X_NEAR[1:3]):
        close(jax.jit(kernel(psi))(X), limit_kernel(X, psi), 1e-12)


def triangle(z):
    """A triangle wave: a kink at each integer."""
    return jnp.abs(z % 2 - 1)


@pytest.mark.slow
def test_averages_of_a_triangle_wave(close):
    """Many kinks, by series, against both integrals; near parallels are refused."""
    X = np.array([[1.3, 0.0], [0.8, 1.0]])
    s, s2 = np.linalg.norm(X, axis=1)
    omega = np.arctan2(1.0, 0.8)
    kinks = tuple(range(-12, 13))
    Phi, dPhi = expectation(
        lambda z: np.abs(z % 2 - 1),
        lambda z: np.where(z % 2 > 1, 1.0, -1.0),
        s, s2, omega, kinks=kinks, count=4,
    )  # fmt: skip
    got = limit_kernel(X, triangle)
    close(got.nngp[0, 1], Phi, 1e-9)
    close(got.ntk[0, 1], Phi + X[0] @ X[1] * dPhi, 1e-9)
    with pytest.raises(RuntimeError, match=f"^{TOO_MANY_KINKS}$"):
        limit_kernel([[1.3, 0.0], [1.3, 0.01]], triangle)


@pytest.mark.slow
def test_averages_in_shard_map(close):
    """Each device has its rows; JAX checks what differs between devices."""
    psi = jax.nn.hard_tanh
    mesh = jax.make_mesh((2,), ("rows",), axis_types=(AxisType.Auto,))
    rows = PartitionSpec("rows")
    X = np.random.default_rng(0).normal(size=(4, 3))
    each = jax.shard_map(kernel(psi), mesh=mesh, in_specs=rows, out_specs=rows)
    got = jax.jit(each)(X)
    close(
        got,
        jax.tree.map(
            lambda *parts: jnp.concatenate(parts),
            limit_kernel(X[:2], psi),
            limit_kernel(X[2:], psi),
        ),
        1e-12,
    )


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.hard_tanh])
def test_averages_make_no_nan(psi):
    """Under jax.debug_nans, with a zero row and parallel rows; inside jit too."""
    with jax.debug_nans(True):
        got = limit_kernel(X_NEAR, psi)
        inside = jax.jit(kernel(psi))(X_NEAR)
    assert all(np.isfinite(part).all() for part in (*got, *inside))


@pytest.mark.slow
def test_averages_compile_nothing_for_an_equal_psi():
    """A lambda made anew, and other numbers, use the programs of the first call."""
    X = np.random.default_rng(3).normal(size=(7, 2))
    limit_kernel(X, lambda z: jnp.tanh(z) + 0.1 * z)
    before = _programs._program.cache_info().misses
    limit_kernel(2 * X, lambda z: jnp.tanh(z) + 0.1 * z)
    assert _programs._program.cache_info().misses == before

"""How well a kernel fits its targets: y^T K y / (|K|_F |y|^2)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import init_params
from ntklib.lazy_rich import kernel_alignment
from ntklib.ntk import empirical_ntk
from tests.library.conftest import BAD_KERNELS

RNG = np.random.default_rng(12)
J, Y = RNG.normal(size=(6, 9)), RNG.normal(size=6)
K = J @ J.T


def test_kernel_alignment_is_the_cosine_between_k_and_y_y():
    """The cosine of K and y y^T as long vectors, by sums over their entries."""
    target = np.outer(Y, Y)
    inner = sum(K[a, b] * target[a, b] for a in range(6) for b in range(6))
    lengths = [np.sqrt(sum(x**2 for x in M.ravel())) for M in (K, target)]
    found = kernel_alignment(K, Y)
    assert isinstance(found, float)
    np.testing.assert_allclose(found, inner / np.prod(lengths), rtol=1e-13)
    assert kernel_alignment([[2, 1], [1, 2]], [1, 0]) == pytest.approx(
        2 / np.sqrt(10), rel=1e-14
    )


def test_kernel_alignment_weighs_eigenvalues():
    """sum lambda_k <v_k, y>^2 / (|y|^2 |lambda|), also for a matrix of any sign."""
    for M in (K, K - 5 * np.eye(6)):
        lam, V = np.linalg.eigh(M)
        want = lam @ (V.T @ Y) ** 2 / (Y @ Y * np.linalg.norm(lam))
        np.testing.assert_allclose(kernel_alignment(M, Y), want, rtol=1e-11)


def test_kernel_alignment_is_1_for_the_target_and_0_for_what_is_orthogonal():
    """1 for y y^T, -1 for its negative, 0 if K y = 0, 1/sqrt(m) for the identity."""
    across = RNG.normal(size=6)
    across -= (across @ Y) / (Y @ Y) * Y
    assert kernel_alignment(3 * np.outer(Y, Y), Y) == pytest.approx(1, abs=1e-14)
    assert kernel_alignment(-np.outer(Y, Y), Y) == pytest.approx(-1, abs=1e-14)
    assert kernel_alignment(np.outer(across, across), Y) == pytest.approx(0, abs=1e-14)
    assert kernel_alignment(np.eye(6), Y) == pytest.approx(6**-0.5, rel=1e-14)
    assert kernel_alignment([[4.0]], [-3.0]) == 1.0


@pytest.mark.parametrize("scale", [1e-250, 1e-3, 1e250])
def test_kernel_alignment_does_not_depend_on_scales(scale):
    """Neither the length of K nor the length or sign of y matters."""
    want = kernel_alignment(K, Y)
    np.testing.assert_allclose(kernel_alignment(scale * K, Y), want, rtol=1e-13)
    np.testing.assert_allclose(kernel_alignment(K, -scale * Y), want, rtol=1e-13)


def test_kernel_alignment_grows_when_a_kernel_is_made_of_the_target():
    """A kernel of length 1 plus y y^T of length 1: a cosine c becomes
    (c + 1) / sqrt(2 + 2c).
    """
    net = init_params(jax.random.key(4), 32, 3)
    start = np.asarray(empirical_ntk(net, RNG.normal(size=(6, 3)), jnp.tanh))
    start = start / np.linalg.norm(start)
    with_target = start + np.outer(Y, Y) / (Y @ Y)
    low, high = kernel_alignment(start, Y), kernel_alignment(with_target, Y)
    np.testing.assert_allclose(high, (low + 1) / np.sqrt(2 + 2 * low), rtol=1e-13)


@pytest.mark.parametrize(("bad", "y", "message"), BAD_KERNELS)
def test_kernel_alignment_refuses_kernels(bad, y, message, refuses):
    """A matrix that is not square, symmetric, real and finite is refused."""
    refuses(message, kernel_alignment, bad, y)


@pytest.mark.parametrize(
    ("M", "y", "message"),
    [
        (K, np.ones(5), "y has length 5, but K expects m = 6"),
        (K, np.zeros(6), "y must not be zero"),
        (np.zeros((6, 6)), Y, "K must not be zero"),
        (np.full((6, 6), 1e-310), Y, "K must not be zero"),
        (K, np.full(6, np.inf), "y must be finite; got inf at index (0,)"),
        (K, "ones", "y must be a real array of shape (m,)"),
    ],
)
def test_kernel_alignment_refuses_other_arguments(M, y, message, refuses):
    """Zeros have no direction."""
    refuses(message, kernel_alignment, M, y)


def test_kernel_alignment_refuses_tracers(refuses):
    """A host function holds numbers."""
    message = "K must hold numbers, not a JAX tracer; call this function outside jit"
    refuses(message, jax.jit(lambda M: kernel_alignment(M, Y)), K)

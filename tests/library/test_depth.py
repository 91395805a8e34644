"""The limit kernel of several hidden layers, against other ways to the recursion."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ntklib import deep_limit_kernel, depth, limit_kernel

X = np.array([[0.6, 0.8, 0.0], [1.2, -0.4, 0.7], [-0.3, 0.5, 0.9], [0.0, -0.7, 0.2]])
X2 = np.array([[0.1, 0.2, -0.5], [1.2, -0.4, 0.7]])


def relu_averages(a, b, c):
    """E relu(h) relu(h') and E relu'(h) relu'(h') by Cho and Saul's arc-cosines."""
    root = np.sqrt(a * b)
    omega = np.arccos(np.clip(c / root, -1, 1))
    value = root * (np.sin(omega) + (np.pi - omega) * np.cos(omega)) / (2 * np.pi)
    return value, (np.pi - omega) / (2 * np.pi)


def tanh_averages(a, b, c):
    """E tanh(h) tanh(h') and E tanh'(h) tanh'(h') by the trapezoid rule."""
    z = np.linspace(-9, 9, 301)  # exact to rounding for what is so smooth
    weights = np.exp(-(z**2) / 2) / np.sum(np.exp(-(z**2) / 2))
    h = np.sqrt(a) * z[:, None]
    h2 = c / np.sqrt(a) * z[:, None] + np.sqrt(max(b - c**2 / a, 0)) * z[None, :]
    w = weights[:, None] * weights[None, :]
    slopes = (1 - np.tanh(h) ** 2) * (1 - np.tanh(h2) ** 2)
    return np.sum(w * np.tanh(h) * np.tanh(h2)), np.sum(w * slopes)


AVERAGES = {"relu": (jax.nn.relu, relu_averages), "tanh": (jnp.tanh, tanh_averages)}


def by_hand(averages, x, x2, depth, w, b):
    """Sigma and Theta of two inputs, one number at a time."""
    aa, bb, cc = (w**2 * u @ v + b**2 for u, v in [(x, x), (x2, x2), (x, x2)])
    theta = cc
    for _ in range(depth):
        value, slope = averages(aa, bb, cc)
        aa = w**2 * averages(aa, aa, aa)[0] + b**2
        bb = w**2 * averages(bb, bb, bb)[0] + b**2
        cc = w**2 * value + b**2
        theta = cc + w**2 * theta * slope
    return cc, theta


@pytest.mark.slow
@pytest.mark.array_function
@pytest.mark.parametrize("psi", [jax.nn.relu, jnp.tanh], ids=["relu", "tanh"])
def test_deep_limit_kernel_of_one_layer(psi, close):
    """With one hidden layer and no bias it is limit_kernel; with a bias, limit_kernel
    of inputs with a constant coordinate, and the output's own bias.
    """
    plain = deep_limit_kernel(X, psi, 1)
    for found, expected in zip(plain, limit_kernel(X, psi), strict=True):
        close(found, expected, 1e-12)
    between = deep_limit_kernel(X, psi, 1, X2=X2[:1])
    for found, expected in zip(between, limit_kernel(X, psi, X2[:1]), strict=True):
        close(found, expected, 1e-12)
    biased = deep_limit_kernel(X, psi, 1, bias_std=0.4)
    constant = np.hstack([X, np.full((len(X), 1), 0.4)])
    for found, expected in zip(biased, limit_kernel(constant, psi), strict=True):
        close(found, expected + 0.4**2, 1e-12)


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize(
    ("depth", "w", "b"), [(2, 1.0, 0.0), (3, 1.3, 0.5), (5, 0.7, 0.1)]
)
def test_deep_limit_kernel_by_hand(name, depth, w, b):
    """The recursion, eq-deep-kernel, for one pair of inputs after the other."""
    psi, averages = AVERAGES[name]
    square = deep_limit_kernel(X, psi, depth, weight_std=w, bias_std=b)
    wide = deep_limit_kernel(X, psi, depth, weight_std=w, bias_std=b, X2=X2)
    assert wide.ntk.shape == (4, 2)
    np.testing.assert_array_equal(square.ntk, square.ntk.T)
    for found, other in ((square, X), (wide, X2)):
        for i, j in itertools.product(range(len(X)), range(len(other))):
            nngp, ntk = by_hand(averages, X[i], other[j], depth, w, b)
            # the quadrature by Hermite's nodes is the less accurate one
            np.testing.assert_allclose(found.nngp[i, j], nngp, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(found.ntk[i, j], ntk, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("between", [False, True])
def test_deep_limit_kernel_in_blocks_is_all_pairs_at_once(between, close, monkeypatch):
    """Of more inputs than a block has, the closed forms give for each block what the
    recursion gives for all pairs at once.
    """
    rng = np.random.default_rng(1)
    many, few = rng.normal(size=(260, 3)), rng.normal(size=(3, 3))
    options = {"weight_std": 1.3, "bias_std": 0.2, "X2": few if between else None}
    psi = jax.scipy.special.erf
    found = deep_limit_kernel(many, psi, 3, **options)
    monkeypatch.setattr(depth, "recognised", lambda psi, dtype: None)
    close(found, deep_limit_kernel(many, psi, 3, **options), 1e-12)
    if not between:
        np.testing.assert_array_equal(found.ntk, found.ntk.T)


def test_deep_limit_kernel_keeps_few_matrices():
    """What is needed beside the result is no more than the two matrices of it."""
    m = 1000
    kernel = jax.jit(lambda X: deep_limit_kernel(X, jax.nn.relu, 3))
    program = kernel.lower(jax.ShapeDtypeStruct((m, 20), float)).compile()
    assert program.memory_analysis().temp_size_in_bytes <= 2 * m**2 * 8


def deep_network(params, X, psi, w, b):
    """A network with two hidden layers, in the scaling of the recursion."""
    (W0, b0), (W1, b1), (W2, b2) = params
    n = len(W1)
    h = w * X @ W0.T + b * b0[None, :]
    h = w * psi(h) @ W1.T / np.sqrt(n) + b * b1[None, :]
    return w * psi(h) @ W2 / np.sqrt(n) + b * b2


@pytest.mark.slow
@pytest.mark.parametrize("name", AVERAGES)
def test_deep_limit_kernel_is_the_mean_of_wide_networks(name):
    """Means over random networks, of the kernel and of the products of outputs.

    Their difference from the limit halves when the width doubles, so twice the wider
    mean less the narrower one is compared, in units of its standard error.
    """
    psi, w, b, starts = AVERAGES[name][0], 1.2, 0.3, 600

    def kernels(key, n):
        shapes = [(n, 3), n, (n, n), n, n, ()]
        keys = jax.random.split(key, 6)
        draws = [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]
        params = (draws[0:2], draws[2:4], draws[4:6])
        theta, unravel = ravel_pytree(params)

        def outputs(theta):
            return deep_network(unravel(theta), X, psi, w, b)

        J = jax.jacobian(outputs)(theta)
        f = outputs(theta)
        return jnp.stack([jnp.outer(f, f), J @ J.T])

    mean, variance = {}, {}
    for n in (32, 64):
        keys = jax.random.split(jax.random.key(n), starts)
        found = jax.lax.map(lambda key, n=n: kernels(key, n), keys, batch_size=50)
        mean[n] = np.mean(found, axis=0)
        variance[n] = np.var(found, axis=0, ddof=1) / starts
    limit = 2 * mean[64] - mean[32]
    error = np.sqrt(4 * variance[64] + variance[32])
    expected = np.stack(deep_limit_kernel(X, psi, 2, weight_std=w, bias_std=b))
    assert np.max(np.abs(limit - expected) / error) < 4.5
    assert np.max(error[1]) < 0.05 * np.max(expected[1])  # it could have failed


@pytest.mark.slow
@pytest.mark.array_function
@pytest.mark.parametrize("psi", [jax.nn.relu, jnp.sin], ids=["relu", "sin"])
def test_deep_limit_kernel_traces_and_differentiates(psi, close):
    """It is the same under jit, and its gradient is finite where rows are parallel."""
    rows = jnp.array([[1.0, 0.5], [2.0, 1.0], [-1.0, 0.3], [0.0, 0.0]])

    def ntk(rows):
        return deep_limit_kernel(rows, psi, 3, bias_std=0.1).ntk

    apart = rows[1:]  # of parallel rows only half the digits of the angle are known
    close(jax.jit(ntk)(apart), ntk(apart), 1e-12)
    slopes = jax.grad(lambda rows: jnp.sum(ntk(rows)))(rows)
    assert np.isfinite(slopes).all()
    step = 1e-3 if slopes.dtype == jnp.float32 else 1e-6
    ahead = jnp.zeros_like(rows).at[2, 0].set(step)
    slope = (jnp.sum(ntk(rows + ahead)) - jnp.sum(ntk(rows - ahead))) / (2 * step)
    tol = 5e-2 if slopes.dtype == jnp.float32 else 1e-5
    np.testing.assert_allclose(slopes[2, 0], slope, rtol=tol)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth must be a positive integer; got 0"),
        ({"weight_std": 0}, "weight_std must be a number above 0 and below inf; got 0"),
        ({"bias_std": -1}, "bias_std must be a finite number and at least 0; got -1"),
        ({"X2": np.ones((2, 2))}, "X2 has 2 columns, but X expects n0 = 3"),
        ({"X": np.ones(3)}, r"X must be a real array of shape \(m, n0\)"),
        ({"psi": jnp.sign}, "NTK"),
    ],
)
def test_deep_limit_kernel_refuses(change, message):
    """One sentence names the argument, what it must be, and what came."""
    arguments = {"X": X, "psi": jnp.tanh, "depth": 2} | change
    with pytest.raises(ValueError, match=message):
        deep_limit_kernel(
            arguments.pop("X"),
            arguments.pop("psi"),
            arguments.pop("depth"),
            **arguments,
        )

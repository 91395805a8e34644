"""The network f = W1 psi(W0 x) / sqrt(n) and its random start."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from ntklib import Params, init_params, network, preactivation

KEY = jax.random.key(5)


def test_Params_is_a_pytree():
    """theta = {W0, W1}: a tuple with these two names in this order, and a JAX pytree with two leaves."""
    params = Params(jnp.ones((2, 3)), jnp.full(2, 5.0))
    W0, W1 = params
    assert W0 is params.W0
    assert W1 is params.W1
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == [(2, 3), (2,)]
    assert isinstance(jax.tree.map(lambda a: 2 * a, params), Params)


@pytest.mark.parametrize(("x64", "dtype"), [(True, jnp.float64), (False, jnp.float32)])
def test_init_params_shapes(x64, dtype):
    """W0 (n, n0) and W1 (n,), in JAX's default float."""
    with jax.enable_x64(x64):
        params = init_params(jax.random.key(0), 4, 3)
    assert params.W0.shape == (4, 3)
    assert params.W1.shape == (4,)
    assert params.W0.dtype == params.W1.dtype == dtype


@pytest.mark.parametrize(("name", "n", "n0"), [("W0", 200, 100), ("W1", 20000, 1)])
def test_init_params_standard_normal(name, n, n0):
    """W_ij ~ N(0, 1): mean 0, variance 1 and fourth moment 3 within four standard errors, and the whole law."""
    w = np.asarray(getattr(init_params(KEY, n, n0), name)).ravel()
    for power, moment in [(1, 0), (2, 1), (4, 3)]:
        error = np.std(w**power) / math.sqrt(len(w))
        assert abs(np.mean(w**power) - moment) < 4 * error
    assert scipy.stats.kstest(w, "norm").pvalue > 1e-3


def test_init_params_independent():
    """i.i.d.: rows, columns and layers correlate as chance would have it, r ~ N(0, 1/n)."""
    n = 20000
    W0, W1 = (np.asarray(w) for w in init_params(KEY, n, 2))
    for a, b in [(W0[:, 0], W1), (W0[:, 1], W1), (W0[:, 0], W0[:, 1]), (W0[1:, 0], W0[:-1, 0]), (W1[1:], W1[:-1])]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(n)


def test_init_params_follows_the_key():
    """The same key gives the same numbers, typed or raw; another key gives others."""
    params = init_params(jax.random.key(1), 3, 2)
    same, other = init_params(jax.random.PRNGKey(1), 3, 2), init_params(jax.random.key(2), 3, 2)
    for a, b, c in zip(params, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.all(np.asarray(a) != np.asarray(c))


def test_init_params_batches():
    """vmap over keys, under jit, gives what one key after another gives."""
    keys = jax.random.split(KEY, 3)
    batch = jax.jit(jax.vmap(lambda key: init_params(key, 2, 2)))(keys)
    for i in range(3):
        for a, b in zip(batch, init_params(keys[i], 2, 2), strict=True):
            np.testing.assert_array_equal(a[i], b)


@pytest.mark.parametrize("size", [np.int64(2), np.uint8(2), jnp.array(2)], ids=["int64", "uint8", "jax"])
def test_init_params_takes_any_integer(size):
    """n and n0 may be integers of any kind."""
    assert init_params(KEY, size, size).W0.shape == (2, 2)


@pytest.mark.parametrize("size", [0, -1, 2.5, 2.0, True, np.True_, None, "2", [2], np.array([2, 3])])
def test_init_params_refuses_a_size(size, refuses):
    """n and n0 must be positive integers."""
    refuses("n must be a positive integer; got ", init_params, KEY, size, 2)
    refuses("n0 must be a positive integer; got ", init_params, KEY, 2, size)


@pytest.mark.parametrize("key", [0, None, "key", [0, 1], np.zeros(2), jnp.zeros(3, jnp.uint32), jnp.eye(9)])
def test_init_params_refuses_a_key(key, refuses):
    """The key must be a JAX random key."""
    refuses("key must be a JAX random key, such as jax.random.key(0); got ", init_params, key, 2, 2)


def test_preactivation_equals_loops(problem, shape, close):
    """h_i^alpha = sum_j W0_ij x_j^alpha."""
    params, X, _ = problem(*shape)
    m, n, n0 = shape
    h = [[sum(float(params.W0[i, j]) * float(X[a, j]) for j in range(n0)) for i in range(n)] for a in range(m)]
    close(preactivation(params, X), np.array(h), 1e-14)


def test_network_equals_loops(problem, shape, activation, close):
    """f^alpha = sum_i W1_i psi(h_i^alpha) / sqrt(n)."""
    params, X, _ = problem(*shape)
    m, n, n0 = shape
    W0, W1, x = np.asarray(params.W0), np.asarray(params.W1), np.asarray(X)
    f = [sum(W1[i] * activation.value(sum(W0[i, j] * x[a, j] for j in range(n0))) for i in range(n)) for a in range(m)]
    close(network(params, X, activation.psi), np.array(f) / math.sqrt(n), 1e-13)


def test_network_random_start_moments(activation):
    """E f = 0 and Var f = E psi(u)^2 with u ~ N(0, |x|^2), at any width; within four standard errors."""
    x, seeds = np.array([[0.6, -0.9]]), 20000
    keys = jax.random.split(KEY, seeds)
    f = np.asarray(jax.vmap(lambda key: network(init_params(key, 7, 2), x, activation.psi)[0])(keys))
    law = scipy.stats.norm(scale=np.linalg.norm(x))
    lo, hi = law.ppf(1e-15), -law.ppf(1e-15)
    second = scipy.integrate.quad(lambda u: activation.value(u) ** 2 * law.pdf(u), lo, hi, points=[0.0])[0]
    assert abs(np.mean(f)) < 4 * np.std(f) / math.sqrt(seeds)
    assert abs(np.mean(f**2) - second) < 4 * np.std(f**2) / math.sqrt(seeds)


def test_network_gradient(problem, activation, close):
    """df/dW1 = psi(h) / sqrt(n), df/dW0 = W1 psi'(h) x / sqrt(n), under jit."""
    params, X, _ = problem(1, 5, 3)
    grads = jax.jit(jax.grad(lambda p, X: network(p, X, activation.psi)[0]))(params, X)
    W0, W1, x = np.asarray(params.W0), np.asarray(params.W1), np.asarray(X)
    h = W0 @ x[0]
    want = Params(np.outer(W1 * activation.slope(h), x[0]), activation.value(h))
    close(grads, jax.tree.map(lambda g: g / math.sqrt(5), want), 1e-12)


@pytest.mark.parametrize("function", [preactivation, lambda p, X: network(p, X, jnp.tanh)], ids=["h", "f"])
def test_network_traces_and_batches(function, problem, close):
    """jit(vmap(.)) over parameters gives what one network after another gives; so do inputs spread over devices."""
    params, X, _ = problem(4, 5, 3)
    batch = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    close(
        jax.jit(jax.vmap(function, (0, None)))(batch, X)[1], function(jax.tree.map(lambda a: 2 * a, params), X), 1e-14
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs")))
    close(function(params, spread), function(params, X), 1e-14)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_network_keeps_dtype(dtype, problem):
    """The dtype that comes goes out, also when psi holds a float64 constant."""
    params, X, _ = problem(4, 5, 3, dtype=dtype)
    assert preactivation(params, X).dtype == dtype
    assert network(params, X, lambda z: jnp.tanh(z) * jnp.float64(2)).dtype == dtype


def test_network_takes_integers_and_lists():
    """Integers become float: W0 = (1, 2), x = (3, 4) and W1 = 5 make h = 11 and f = 55."""
    params, X = Params([[1, 2]], [5]), [[3, 4]]
    h, f = preactivation(params, X), network(params, X, lambda z: z)
    assert h.dtype == f.dtype == jnp.float64
    assert h.tolist() == [[11.0]]
    assert f.tolist() == [55.0]


def test_network_promotes_to_the_widest_dtype(problem):
    """Where dtypes differ, the widest of W0, W1 and X goes out."""
    (W0, W1), X, _ = problem(4, 5, 3, dtype=jnp.float32)
    for wide in [
        (Params(W0.astype(float), W1), X),
        (Params(W0, W1.astype(float)), X),
        (Params(W0, W1), X.astype(float)),
    ]:
        assert network(*wide, jnp.tanh).dtype == jnp.float64


def test_preactivation_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(message, preactivation, **data)


def test_network_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(message, network, **data, psi=jnp.tanh)


def test_network_refuses_bad_psi(bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    params, X, _ = problem(4, 5, 3)
    psi, message = bad_psi
    refuses(message, network, params, X, psi)


def test_network_refuses_infinite_values(refuses):
    """A psi that is not defined at some preactivation, and finite units whose sum overflows."""
    X = [[1.0], [-1.7e308]]
    refuses("psi(h) must be finite; got nan at index (1, 0)", network, Params([[1.0]], [1.0]), X, jnp.log)
    refuses("f must be finite; got -inf at index (1,)", network, Params([[1.0]] * 2, [1.0] * 2), X, lambda z: z)

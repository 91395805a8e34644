"""The network f = W1 psi(W0 x) / sqrt(n) and its random start."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from ntklib import (
    Params,
    empirical_ntk,
    half_mse,
    init_params,
    linear_flow,
    network,
    preactivation,
)
from ntklib._functions import derivatives
from ntklib.network import antisymmetric_params, linearized_network

KEY = jax.random.key(5)


def test_Params_is_a_pytree():
    """theta = {W0, W1}: a tuple with these two names in this order, and a JAX pytree
    with two leaves.
    """
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
    """W_ij ~ N(0, 1): mean 0, variance 1 and fourth moment 3 within four standard
    errors, and the whole law.
    """
    w = np.asarray(getattr(init_params(KEY, n, n0), name)).ravel()
    for power, moment in [(1, 0), (2, 1), (4, 3)]:
        error = np.std(w**power) / math.sqrt(len(w))
        assert abs(np.mean(w**power) - moment) < 4 * error
    assert scipy.stats.kstest(w, "norm").pvalue > 1e-3


def test_init_params_independent():
    """i.i.d.: rows, columns and layers correlate as chance would have it, r ~ N(0,
    1/n).
    """
    n = 20000
    W0, W1 = (np.asarray(w) for w in init_params(KEY, n, 2))
    for a, b in [
        (W0[:, 0], W1),
        (W0[:, 1], W1),
        (W0[:, 0], W0[:, 1]),
        (W0[1:, 0], W0[:-1, 0]),
        (W1[1:], W1[:-1]),
    ]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(n)


def test_init_params_follows_the_key():
    """The same key gives the same numbers, typed or raw; another key gives others."""
    params = init_params(jax.random.key(1), 3, 2)
    same, other = (
        init_params(jax.random.PRNGKey(1), 3, 2),
        init_params(jax.random.key(2), 3, 2),
    )
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


@pytest.mark.parametrize(
    "size", [np.int64(2), np.uint8(2), jnp.array(2)], ids=["int64", "uint8", "jax"]
)
def test_init_params_takes_any_integer(size):
    """n and n0 may be integers of any kind."""
    assert init_params(KEY, size, size).W0.shape == (2, 2)


@pytest.mark.parametrize(
    "size", [0, -1, 2.5, 2.0, True, np.True_, None, "2", [2], np.array([2, 3])]
)
def test_init_params_refuses_a_size(size, refuses):
    """n and n0 must be positive integers."""
    refuses("n must be a positive integer; got ", init_params, KEY, size, 2)
    refuses("n0 must be a positive integer; got ", init_params, KEY, 2, size)


@pytest.mark.parametrize(
    "key", [0, None, "key", [0, 1], np.zeros(2), jnp.zeros(3, jnp.uint32), jnp.eye(9)]
)
def test_init_params_refuses_a_key(key, refuses):
    """The key must be a JAX random key."""
    refuses(
        "key must be a JAX random key, such as jax.random.key(0); got ",
        init_params,
        key,
        2,
        2,
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 1000])
def test_antisymmetric_params_start_at_zero(n, problem, activation):
    """f_0 = 0 for every activation, up to the rounding of single terms of the sum."""
    X = problem(5, 1, 3)[1]
    params = antisymmetric_params(KEY, n, 3)
    term = np.abs(
        activation.value(np.asarray(X @ params.W0.T)) * np.asarray(params.W1)
    ).max()
    assert np.abs(network(params, X, activation.psi)).max() < 1e-15 * term
    assert (
        np.abs(network(init_params(KEY, n, 3), X, activation.psi)).max() > 0.01 * term
    )


def test_antisymmetric_params_come_in_pairs():
    """Units 2i and 2i + 1 have equal rows of W0 and opposite W1.

    They are the i-th of n/2 independent units.
    """
    (W0, W1), half = antisymmetric_params(KEY, 6, 2), init_params(KEY, 3, 2)
    assert W0.shape == (6, 2)
    assert W1.shape == (6,)
    for start in (0, 1):
        np.testing.assert_array_equal(W0[start::2], half.W0)
        np.testing.assert_array_equal(W1[start::2] * (-1) ** start, half.W1)


@pytest.mark.array_function
def test_antisymmetric_params_keep_the_kernel(problem, activation, close):
    """K^n_0 is even in each W1_i, so it is that of the n/2 independent units."""
    X = problem(4, 1, 3)[1]
    pairs, half = antisymmetric_params(KEY, 8, 3), init_params(KEY, 4, 3)
    kernel = jax.jit(lambda p: empirical_ntk(p, X, activation.psi))
    close(kernel(pairs), kernel(half), 1e-14)


@pytest.mark.slow
def test_antisymmetric_params_standard_normal():
    """Each entry alone is N(0, 1): moments within five standard errors over keys, at
    both places of a pair.
    """
    keys = jax.random.split(KEY, 20000)
    W0, W1 = jax.vmap(lambda key: antisymmetric_params(key, 2, 1))(keys)
    for w in (W0[:, 0, 0], W0[:, 1, 0], W1[:, 0], W1[:, 1]):
        for power, moment in [(1, 0), (2, 1), (4, 3)]:
            assert abs(np.mean(w**power) - moment) < 5 * np.std(w**power) / math.sqrt(
                len(w)
            )
        assert scipy.stats.kstest(np.asarray(w), "norm").pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("x64", "dtype"), [(True, jnp.float64), (False, jnp.float32)])
def test_antisymmetric_params_dtype_and_batches(x64, dtype):
    """JAX's default float; under jit and vmap the same numbers as one key after
    another.
    """
    with jax.enable_x64(x64):
        keys = jax.random.split(jax.random.key(0), 2)
        batch = jax.jit(
            jax.vmap(lambda key: antisymmetric_params(key, np.int64(4), 3))
        )(keys)
        one = antisymmetric_params(keys[1], 4, 3)
    for a, b in zip(batch, one, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_array_equal(a[1], b)


@pytest.mark.parametrize("size", [0, -2, 2.0, True, None, "2", [2]])
def test_antisymmetric_params_refuses_a_size(size, refuses):
    """n and n0 must be positive integers, and n even."""
    refuses(
        f"n must be a positive integer; got {size!r}",
        antisymmetric_params,
        KEY,
        size,
        2,
    )
    refuses(
        f"n0 must be a positive integer; got {size!r}",
        antisymmetric_params,
        KEY,
        2,
        size,
    )


def test_antisymmetric_params_refuses_odd_widths_and_keys(refuses):
    """An odd n leaves one unit alone; the key must be a JAX random key."""
    for n in (1, 7):
        message = f"n must be even, because the units come in pairs; got {n}"
        refuses(message, antisymmetric_params, KEY, n, 2)
    refuses(
        "key must be a JAX random key, such as jax.random.key(0); got 0",
        antisymmetric_params,
        0,
        2,
        2,
    )


@pytest.mark.array_function
def test_preactivation_equals_loops(problem, shape, close):
    """h_i^alpha = sum_j W0_ij x_j^alpha."""
    params, X, _ = problem(*shape)
    m, n, n0 = shape
    h = [
        [
            sum(float(params.W0[i, j]) * float(X[a, j]) for j in range(n0))
            for i in range(n)
        ]
        for a in range(m)
    ]
    close(preactivation(params, X), np.array(h), 1e-14)


@pytest.mark.array_function
def test_network_equals_loops(problem, shape, activation, close):
    """f^alpha = sum_i W1_i psi(h_i^alpha) / sqrt(n)."""
    params, X, _ = problem(*shape)
    m, n, n0 = shape
    W0, W1, x = np.asarray(params.W0), np.asarray(params.W1), np.asarray(X)
    f = [
        sum(
            W1[i] * activation.value(sum(W0[i, j] * x[a, j] for j in range(n0)))
            for i in range(n)
        )
        for a in range(m)
    ]
    close(network(params, X, activation.psi), np.array(f) / math.sqrt(n), 1e-13)


def test_network_random_start_moments(activation):
    """E f = 0 and Var f = E psi(u)^2 with u ~ N(0, |x|^2), at any width.

    Within four standard errors.
    """
    x, seeds = np.array([[0.6, -0.9]]), 20000
    keys = jax.random.split(KEY, seeds)
    f = np.asarray(
        jax.vmap(lambda key: network(init_params(key, 7, 2), x, activation.psi)[0])(
            keys
        )
    )
    law = scipy.stats.norm(scale=np.linalg.norm(x))
    lo, hi = law.ppf(1e-15), -law.ppf(1e-15)
    second = scipy.integrate.quad(
        lambda u: activation.value(u) ** 2 * law.pdf(u), lo, hi, points=[0.0]
    )[0]
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


@pytest.mark.array_function
@pytest.mark.parametrize(
    "function", [preactivation, lambda p, X: network(p, X, jnp.tanh)], ids=["h", "f"]
)
def test_network_traces_and_batches(function, problem, close):
    """jit(vmap(.)) over parameters gives what one network after another gives.

    So do inputs spread over devices.
    """
    params, X, _ = problem(4, 5, 3)
    batch = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    close(
        jax.jit(jax.vmap(function, (0, None)))(batch, X)[1],
        function(jax.tree.map(lambda a: 2 * a, params), X),
        1e-14,
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    close(function(params, spread), function(params, X), 1e-14)


@pytest.mark.slow
@pytest.mark.array_function
def test_network_takes_explicit_meshes(problem, close):
    """Arrays on a mesh with explicit axes, inputs or units, give what they give on one
    device.
    """
    params, X, _ = problem(4, 6, 2)
    mesh = jax.make_mesh(
        (2,),
        ("d",),
        axis_types=(jax.sharding.AxisType.Explicit,),
        devices=jax.devices("cpu")[:2],
    )
    spread = jax.tree.map(
        lambda a: jax.device_put(
            a, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
        ),
        (params, X),
    )
    want = network(params, X, jnp.tanh)
    close(network(*spread, jnp.tanh), want, 1e-14)
    close(jax.jit(lambda p, X: network(p, X, jnp.tanh))(*spread), want, 1e-14)
    close(jax.jit(lambda p: network(p, spread[1], jnp.tanh))(spread[0]), want, 1e-14)
    with jax.set_mesh(mesh):  # JAX's grad asks for it
        got = jax.grad(lambda p: jnp.sum(network(p, spread[1], jnp.tanh)))(spread[0])
    close(got, jax.grad(lambda p: jnp.sum(network(p, X, jnp.tanh)))(params), 1e-14)


class Unconvertible:
    """As a tensor of another library that does not give its numbers away."""

    def __array__(self, *args, **kwargs):
        """Raise in two lines."""
        raise RuntimeError("first\nsecond")


def test_network_refuses_what_does_not_become_an_array(problem, refuses):
    """Whatever the conversion raises, the sentence names the argument."""
    params, _, _ = problem(4, 6, 2)
    for X in (Unconvertible(), [Unconvertible()]):
        kind = type(X).__name__
        message = (
            f"X must be a real array of shape (m, n0); got a {kind} that is "
            "not a rectangular array of numbers"
        )
        refuses(message, network, params, X, jnp.tanh)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64])
def test_network_keeps_dtype(dtype, problem):
    """The dtype that comes goes out, also when psi makes float64 of it."""
    params, X, _ = problem(4, 5, 3, dtype=dtype)
    assert preactivation(params, X).dtype == dtype
    assert (
        network(params, X, lambda z: 2 * jnp.tanh(z).astype(jnp.float64)).dtype == dtype
    )


def test_network_takes_integers_and_lists():
    """Integers become float: W0 = (1, 2), x = (3, 4), W1 = 5 make h = 11 and f = 55."""
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
    """A psi that is not defined at some preactivation, finite units whose sum
    overflows, and a preactivation that overflows where the output is finite.
    """
    X = [[1.0], [-1.7e308]]
    refuses(
        "psi(h) must be finite; got nan at index (1, 0)",
        network,
        Params([[1.0]], [1.0]),
        X,
        jnp.log,
    )
    refuses(
        "f must be finite; got -inf at index (1,)",
        network,
        Params([[1.0]] * 2, [1.0] * 2),
        X,
        lambda z: z,
    )
    refuses(
        "h must be finite; got -inf at index (1, 0)",  # where tanh(h) = -1
        network,
        Params([[10.0]], [1.0]),
        X,
        jnp.tanh,
    )


def moved(problem, *shape):
    """theta, theta_0 and X."""
    return problem(*shape, seed=1)[0], *problem(*shape)[:2]


def gradients(params, X, activation):
    """J of shape (m, n n0 + n): df/dW0 = W1 psi'(h) x/sqrt(n) and df/dW1 =
    psi(h)/sqrt(n), by hand.
    """
    (W0, W1), x = (np.asarray(w) for w in params), np.asarray(X)
    hidden = (activation.slope(x @ W0.T) * W1)[:, :, None] * x[:, None, :]
    return np.hstack(
        [hidden.reshape(len(x), -1), activation.value(x @ W0.T)]
    ) / math.sqrt(len(W1))


def flat(params):
    """All parameters as one vector."""
    return np.concatenate([np.ravel(params.W0), params.W1])


@pytest.mark.array_function
def test_linearized_network_equals_its_gradients(problem, shape, activation, close):
    """f_lin(theta) = f(theta_0) + J (theta - theta_0), with J by hand."""
    params, params0, X = moved(problem, *shape)
    f0, J = (
        np.asarray(network(params0, X, activation.psi)),
        gradients(params0, X, activation),
    )
    close(
        linearized_network(params, params0, X, activation.psi),
        f0 + J @ (flat(params) - flat(params0)),
        1e-12,
    )
    close(linearized_network(params0, params0, X, activation.psi), f0, 1e-15)


def test_linearized_network_agrees_to_second_order(problem, close):
    """f(theta_0 + s d) = f_lin(theta_0 + s d) + s^2/2 d^T Hess f d + O(s^3)."""
    along, params0, X = moved(problem, 4, 5, 3)

    def ahead(s):
        return jax.tree.map(lambda w, d: w + s * d, params0, along)

    curvature = jax.jit(
        jax.jacfwd(jax.jacfwd(lambda s: network(ahead(s), X, jnp.tanh)))
    )(0.0)
    for s in (1e-3, -1e-3):
        gap = network(ahead(s), X, jnp.tanh) - linearized_network(
            ahead(s), params0, X, jnp.tanh
        )
        close(gap / s**2, curvature / 2, 1e-2)


@pytest.mark.array_function
def test_linearized_network_is_affine_with_one_kernel(problem, close):
    """f_lin(s theta + (1 - s) theta_0) = s f_lin(theta) + (1 - s) f(theta_0).

    d f_lin/d theta = J_0 everywhere.
    """
    params, params0, X = moved(problem, 4, 5, 3)
    between = jax.tree.map(lambda a, b: 0.3 * a + 0.7 * b, params, params0)
    f, f0 = (
        linearized_network(params, params0, X, jnp.tanh),
        network(params0, X, jnp.tanh),
    )
    close(linearized_network(between, params0, X, jnp.tanh), 0.3 * f + 0.7 * f0, 1e-14)
    J = jax.jit(jax.jacrev(lambda p: linearized_network(p, params0, X, jnp.tanh)))(
        params
    )
    J = np.hstack([np.reshape(J.W0, (4, -1)), J.W1])
    close(J @ J.T, empirical_ntk(params0, X, jnp.tanh), 1e-13)


def test_linearized_network_trains_as_the_linear_flow(problem, close):
    """Its gradient flow in parameter space, integrated step by step, has the residuals
    exp(-K^n_0 t/m) r(0).
    """
    _, params0, X = moved(problem, 4, 5, 3)
    y, ts = np.asarray(problem(4, 5, 3)[2]), [0.0, 0.7, 5.0]

    def unflat(theta):
        return Params(theta[:15].reshape(5, 3), theta[15:])

    downhill = jax.jit(
        jax.grad(
            lambda theta: (
                -half_mse(linearized_network(unflat(theta), params0, X, jnp.tanh), y)
            )
        )
    )
    start = flat(params0)
    path = scipy.integrate.solve_ivp(
        lambda t, theta: np.asarray(downhill(theta)),
        (0, 5),
        start,
        "DOP853",
        t_eval=ts,
        rtol=1e-11,
        atol=1e-12,
    )
    r = np.array(
        [
            linearized_network(unflat(theta), params0, X, jnp.tanh) - y
            for theta in path.y.T
        ]
    )
    close(
        r,
        linear_flow(
            empirical_ntk(params0, X, jnp.tanh), network(params0, X, jnp.tanh) - y, ts
        ),
        1e-8,
    )


def test_linearized_network_differentiates_in_its_start(problem, close):
    """d f_lin/d theta_0 along d, with theta fixed, is (theta - theta_0)^T Hess f d.

    By a central difference.
    """
    params, params0, X = moved(problem, 4, 5, 3)
    along, step = problem(4, 5, 3, seed=2)[0], 1e-5

    @jax.jit
    def total(p0):
        return linearized_network(params, p0, X, jnp.tanh) @ jnp.arange(1.0, 5.0)

    ahead, behind = (
        jax.tree.map(lambda p, d, s=s: p + s * d, params0, along) for s in (step, -step)
    )
    grads = jax.grad(total)(params0)
    got = jnp.sum(grads.W0 * along.W0) + grads.W1 @ along.W1
    close(got, (total(ahead) - total(behind)) / (2 * step), 1e-7)


@pytest.mark.array_function
def test_linearized_network_traces_and_batches(problem, close):
    """jit(vmap(.)) over parameters gives what one after another gives.

    So do inputs spread over devices.
    """
    params, params0, X = moved(problem, 4, 5, 3)
    batch = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    want = linearized_network(
        jax.tree.map(lambda a: 2 * a, params), params0, X, jnp.tanh
    )
    close(
        jax.jit(jax.vmap(lambda p: linearized_network(p, params0, X, jnp.tanh)))(batch)[
            1
        ],
        want,
        1e-13,
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    want = linearized_network(params, params0, X, jnp.tanh)
    close(linearized_network(params, params0, spread, jnp.tanh), want, 1e-13)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_linearized_network_keeps_dtype(dtype, problem):
    """The dtype that comes goes out; where dtypes differ, the widest of params, params0
    and X.
    """
    params, params0, X = (
        jax.tree.map(lambda a: a.astype(dtype), a) for a in moved(problem, 4, 5, 3)
    )
    assert linearized_network(params, params0, X, jnp.tanh).dtype == dtype
    wide = jax.tree.map(lambda a: a.astype(float), (params, params0, X))
    for i in range(3):
        mixed = [wide[j] if i == j else (params, params0, X)[j] for j in range(3)]
        assert linearized_network(*mixed, jnp.tanh).dtype == jnp.float64


def test_linearized_network_takes_integers_and_lists():
    """W0 = (1, 2), W1 = 5, x = (3, 4), psi = z.

    f_0 = 55; W0 = (2, 2) adds 5 * 3, and W1 = 6 adds 11.
    """
    f = linearized_network(
        Params([[2, 2]], [6]), Params([[1, 2]], [5]), [[3, 4]], lambda z: z
    )
    assert f.dtype == jnp.float64
    assert f.tolist() == [55.0 + 15.0 + 11.0]


def test_linearized_network_refuses_bad_data(bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(
        message,
        linearized_network,
        **data,
        params0=Params(np.ones((5, 3)), np.ones(5)),
        psi=jnp.tanh,
    )


@pytest.mark.parametrize(
    ("W0", "W1", "message"),
    [
        (
            np.ones((4, 3)),
            np.ones(4),
            "params0.W0 has shape (4, 3), but params.W0 has shape (5, 3)",
        ),
        (
            np.ones((5, 2)),
            np.ones(5),
            "params0.W0 has shape (5, 2), but params.W0 has shape (5, 3)",
        ),
        (
            np.ones((5, 3)),
            np.ones(1),
            "params0.W1 has shape (1,), but params.W1 has shape (5,)",
        ),
        (
            np.ones(3),
            np.ones(5),
            "params0.W0 must be a real array of shape (n, n0); got shape (3,)",
        ),
        (
            np.ones((5, 3)),
            np.ones((5, 1)),
            "params0.W1 must be a real array of shape (n,); got shape (5, 1)",
        ),
        (
            np.full((5, 3), np.nan),
            np.ones(5),
            "params0.W0 must be finite; got nan at index (0, 0)",
        ),
        (
            np.ones((5, 3)),
            np.full(5, -np.inf),
            "params0.W1 must be finite; got -inf at index (0,)",
        ),
        (
            np.ones((5, 3)) * 1j,
            np.ones(5),
            "params0.W0 must be a real array of shape (n, n0); got dtype complex128",
        ),
        (
            np.ones((5, 3)),
            "W1",
            "params0.W1 must be a real array of shape (n,); got 'W1'",
        ),
        (
            np.ones((0, 3)),
            np.ones(0),
            (
                "params0.W0 must be a real array of shape (n, n0) and must not be "
                "empty; got "
            ),
        ),
    ],
)
def test_linearized_network_refuses_a_bad_start(W0, W1, message, problem, refuses):
    """A bad params0, or one of other shapes than params, is refused by its own name."""
    params, X, _ = problem(4, 5, 3)
    refuses(message, linearized_network, params, Params(W0, W1), X, jnp.tanh)


def test_linearized_network_refuses_what_is_no_start(problem, refuses):
    """params0 must be a pair."""
    params, X, _ = problem(4, 5, 3)
    for bad, name in [
        (list(params), "list"),
        (None, "NoneType"),
        ((*params, X), "tuple"),
    ]:
        refuses(
            f"params0 must be Params(W0, W1); got {name}",
            linearized_network,
            params,
            bad,
            X,
            jnp.tanh,
        )


def test_linearized_network_refuses_bad_psi(bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    params, X, _ = problem(4, 5, 3)
    psi, message = bad_psi
    refuses(message, linearized_network, params, params, X, psi)


def test_linearized_network_refuses_infinite_values(refuses):
    """A psi that is not defined or has no finite derivative at some preactivation."""
    params = Params([[1.0]], [1.0])
    refuses(
        "psi(h) must be finite; got nan at index (1, 0)",
        linearized_network,
        params,
        params,
        [[1], [-1]],
        jnp.log,
    )
    ahead = Params([[2.0]], [1.0])
    refuses(
        "psi'(h) must be finite; got inf",
        linearized_network,
        ahead,
        Params([[0.0]], [1.0]),
        [[1.0]],
        jnp.sqrt,
    )


def test_derivatives_of_the_second_order(close):
    """psi, psi' and psi'' by nested jvp: sin, cos, -sin."""
    h = jnp.linspace(-3, 3, 7)[None]
    for got, want in zip(
        derivatives(jnp.sin, h, 2), (np.sin(h), np.cos(h), -np.sin(h)), strict=True
    ):
        close(got, want, 1e-14)

"""The tangent kernel of a finite network.

In closed form, by its definition, and what it does to the residuals.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import (
    Params,
    _programs,
    empirical_ntk,
    empirical_ntk_autodiff,
    gradient_flow,
    half_mse,
    init_params,
    limit_kernel,
    network,
    ntk,
    ntk_velocity,
    residual_velocity,
)
from tests.library.conftest import BAD_KERNELS

kernels = pytest.mark.parametrize(
    "kernel", [empirical_ntk, empirical_ntk_autodiff], ids=["closed", "autodiff"]
)
entries = st.floats(-3, 3)
networks = st.builds(
    Params, arrays(float, (7, 3), elements=entries), arrays(float, 7, elements=entries)
)
inputs = arrays(float, (5, 3), elements=entries)


@pytest.mark.array_function
def test_empirical_ntk_equals_autodiff(problem, shape, activation, close):
    """(A A^T + X X^T o E E^T)/n = <grad f, grad f>, on one and between two inputs."""
    params, X, _ = problem(*shape)
    X2 = problem(2, *shape[1:], seed=1)[1]

    @jax.jit
    def both(params, X, X2):
        closed, definition = (
            [kernel(params, X, activation.psi), kernel(params, X, activation.psi, X2)]
            for kernel in (empirical_ntk, empirical_ntk_autodiff)
        )
        return closed, definition

    closed, definition = both(params, X, X2)
    close(closed, definition, 1e-12)


@pytest.mark.array_function
@kernels
def test_empirical_ntk_equals_loops(kernel, problem, activation, close):
    """K(x, x') = sum_i [psi(h_i) psi(h'_i) + a_i^2 psi'(h_i) psi'(h'_i) <x, x'>]/n,
    with psi' by hand.
    """
    (W0, W1), X, _ = problem(4, 5, 3)
    X2 = problem(2, 5, 3, seed=1)[1]
    want = np.zeros((4, 2))
    for a, x in enumerate(np.asarray(X)):
        for b, z in enumerate(np.asarray(X2)):
            for w, v in zip(np.asarray(W0), np.asarray(W1), strict=True):
                gradients = (
                    v**2 * activation.slope(w @ x) * activation.slope(w @ z) * (x @ z)
                )
                want[a, b] += (
                    activation.value(w @ x) * activation.value(w @ z) + gradients
                ) / 5
    got = jax.jit(lambda p: kernel(p, X, activation.psi, X2))(Params(W0, W1))
    close(got, want, 1e-12)


@pytest.fixture
def small_blocks(monkeypatch):
    """Kernels of a few inputs and hidden units need several blocks."""
    monkeypatch.setattr(ntk, "INPUTS", 6)
    monkeypatch.setattr(ntk, "SQUARE", 4)
    monkeypatch.setattr(ntk, "UNITS", 3)


@pytest.mark.array_function
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("n", [3, 7])
def test_empirical_ntk_in_blocks_equals_the_formula(n, problem, close):
    """Blocks of inputs, squares of their products and chunks of hidden units give the
    kernel that the formula gives at once.
    """
    params, X, _ = problem(13, n, 3)
    X2 = problem(8, n, 3, seed=1)[1]

    @jax.jit
    def both(params, X, X2):
        return (
            [ntk._empirical_ntk_in_blocks(jnp.tanh, params, X, Z) for Z in (None, X2)],
            [ntk._empirical_ntk(params, X, jnp.tanh, Z) for Z in (None, X2)],
        )

    by_blocks, at_once = both(params, X, X2)
    close(by_blocks, at_once, 1e-13)
    np.testing.assert_array_equal(by_blocks[0], by_blocks[0].T)


def test_empirical_ntk_in_blocks_differentiates(problem, close, monkeypatch):
    """In reverse mode the blocks have the derivatives of the formula."""
    monkeypatch.setattr(ntk, "INPUTS", 6)
    params, X, _ = problem(13, 7, 3)

    @jax.jit
    def both(params, X):
        return [
            jax.grad(lambda p, kernel=kernel: jnp.sum(jnp.sin(kernel(p, X))))(params)
            for kernel in (
                lambda p, X: ntk._empirical_ntk_in_blocks(jnp.tanh, p, X),
                lambda p, X: ntk._empirical_ntk(p, X, jnp.tanh),
            )
        ]

    close(*both(params, X), 1e-12)


def test_empirical_ntk_needs_no_array_of_all_features():
    """At (m, n0, n) = (1024, 64, 16384) a matrix of m n numbers takes 67 MB in float32,
    and the kernel is made in 40, its gradient in 110.
    """
    params, X = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32),
        (Params((16384, 64), (16384,)), (1024, 64)),
        is_leaf=lambda shape: isinstance(shape, tuple) and isinstance(shape[0], int),
    )

    def kernel(params, X):
        return empirical_ntk(params, X, jnp.tanh)

    def total(params, X):
        return jnp.sum(kernel(params, X) ** 2)

    for function, most in [(kernel, 40e6), (jax.grad(total), 110e6)]:
        memory = jax.jit(function).lower(params, X).compile().memory_analysis()
        assert memory is not None
        assert memory.temp_size_in_bytes < most


@kernels
def test_empirical_ntk_compiles_once(kernel, problem, close):
    """Other numbers and an equal lambda use the program of the first call."""
    for seed in range(3):
        params, X, _ = problem(4, 5, 3, seed=seed)
        K = kernel(params, X, lambda z: jnp.tanh(2 * z))
        twice = Params(2 * params.W0, params.W1)
        close(K, kernel_of_doubled(twice, X), 1e-13)
        if seed == 0:
            made = _programs._program.cache_info().misses
    assert _programs._program.cache_info().misses == made


def kernel_of_doubled(params, X):
    """The kernel of tanh(2z) by the features of tanh at doubled weights."""
    A = np.tanh(X @ params.W0.T)
    E = 2 * (1 - A**2) * params.W1[None, :]
    return (A @ A.T + (X @ X.T) * (E @ E.T)) / len(params.W1)


def test_empirical_ntk_autodiff_equals_differences(problem, close):
    """K = J J^T, with each column of J a central difference of f in one parameter."""
    (W0, W1), X, _ = problem(4, 5, 3)
    theta, step = np.concatenate([np.ravel(W0), W1]), 1e-5

    def f(theta):
        return (
            np.tanh(np.asarray(X) @ theta[:15].reshape(5, 3).T)
            @ theta[15:]
            / np.sqrt(5)
        )

    J = np.array(
        [(f(theta + step * e) - f(theta - step * e)) / (2 * step) for e in np.eye(20)]
    ).T
    close(empirical_ntk_autodiff(Params(W0, W1), X, jnp.tanh), J @ J.T, 1e-9)


@given(params=networks, X=inputs, X2=inputs)
def test_empirical_ntk_symmetric_positive(params, X, X2, close):
    """K = K^T to the last bit, no eigenvalue is negative beyond rounding, K(X, X) =
    K(X), K(X, X2) = K(X2, X)^T.
    """
    K = np.asarray(empirical_ntk(params, X, jnp.tanh))
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] >= -1e-14 * np.trace(K) - 1e-300
    close(empirical_ntk(params, X, jnp.tanh, X), K, 1e-14)
    close(
        empirical_ntk(params, X, jnp.tanh, X2),
        empirical_ntk(params, X2, jnp.tanh, X).T,
        1e-14,
    )


@pytest.mark.parametrize(
    ("X", "ranks"),
    [
        # general position in R^3: each of 1, 2, 3 units adds 4
        (np.random.default_rng(1).normal(size=(16, 3)), [4, 8, 12]),
        # a plane in R^3: each unit adds 3
        (
            np.random.default_rng(2).normal(size=(16, 2)) @ [[1, 0.2, 0.4], [0, 1, -1]],
            [3, 6, 9],
        ),
        # an opposite pair in R^2 costs one of 4, at every width
        ([[1, 0.2], [-1, -0.2], [0.3, 0.9], [0.5, -0.7]], [3, 3, 3]),
    ],
    ids=["general", "plane", "opposite"],
)
def test_empirical_ntk_rank(X, ranks):
    """rank K^n <= min(m, n (rank X + 1)), and one less for each pair of opposite inputs
    if psi is odd.
    """
    X = np.asarray(X, dtype=float)
    for n, rank in zip([1, 2, 3], ranks, strict=True):
        params = init_params(jax.random.key(n), n, X.shape[1])
        eigenvalues = np.linalg.eigvalsh(empirical_ntk(params, X, jnp.tanh))[::-1]
        assert eigenvalues[rank - 1] > 1e-9 * eigenvalues[0]
        assert np.all(eigenvalues[rank:] < 1e-13 * eigenvalues[0])


@pytest.mark.array_function
@kernels
def test_empirical_ntk_permutes(kernel, problem, close):
    """Inputs in another order permute K's rows and columns.

    Hidden units in another order change nothing.
    """
    (W0, W1), X, _ = problem(4, 5, 3)
    rows, units = np.array([2, 0, 3, 1]), np.array([4, 2, 0, 1, 3])
    K = kernel(Params(W0, W1), X, jnp.tanh)
    close(kernel(Params(W0, W1), X[rows], jnp.tanh), K[rows][:, rows], 1e-14)
    close(kernel(Params(W0[units], W1[units]), X, jnp.tanh), K, 1e-14)


@given(params=networks, X=inputs, seed=st.integers(0, 999))
def test_empirical_ntk_rotates(params, X, seed, close):
    """K depends on X and W0 through their inner products.

    X R and W0 R give the same K for orthogonal R.
    """
    R = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    close(
        empirical_ntk(Params(params.W0 @ R, params.W1), X @ R, jnp.tanh),
        empirical_ntk(params, X, jnp.tanh),
        1e-12,
    )


@kernels
@pytest.mark.parametrize(
    ("psi", "slope"), [(jax.nn.relu, 0.0), (lambda z: jnp.maximum(z, 0), 0.5)]
)
def test_empirical_ntk_at_a_kink(kernel, psi, slope, close):
    """At h = 0, with psi(0) = 0, K = a^2 psi'(0)^2 |x|^2 with JAX's own value for
    psi'(0).
    """
    close(
        kernel(Params([[2.0, -1.0]], [3.0]), [[1.0, 2.0]], psi),
        np.array([[9.0 * slope**2 * 5.0]]),
        1e-15,
    )


@kernels
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_empirical_ntk_keeps_dtype(kernel, dtype, problem, close):
    """The dtype that comes goes out, and float32 is accurate to float32."""
    params, X, _ = problem(4, 5, 3, dtype=dtype)
    same, between = jax.jit(
        lambda p, X: (kernel(p, X, jnp.tanh), kernel(p, X, jnp.tanh, X[:2]))
    )(params, X)
    assert same.dtype == between.dtype == dtype
    close(between, kernel(*problem(4, 5, 3)[:2], jnp.tanh)[:, :2], 1e-6)


@kernels
def test_empirical_ntk_takes_integers_and_lists(kernel):
    """Integers become float: W0 = (1, 2), W1 = 5, x = (3, 4), x' = (1, 0) and psi = z
    make K = 11 * 1 + 25 * 3.
    """
    K = kernel(Params([[1, 2]], [5]), [[3, 4]], lambda z: z, [[1, 0]])
    assert K.dtype == jnp.float64
    assert K.tolist() == [[86.0]]


@pytest.mark.slow
@pytest.mark.array_function
@kernels
def test_empirical_ntk_traces_and_batches(kernel, problem, close):
    """jit(vmap(.)) over networks gives what one network after another gives.

    So do inputs spread over devices.
    """
    params, X, _ = problem(4, 5, 3)
    twice = jax.tree.map(lambda a: 2 * a, params)
    batch = jax.tree.map(lambda a, b: jnp.stack([a, b]), params, twice)
    close(
        jax.jit(jax.vmap(lambda p: kernel(p, X, jnp.tanh)))(batch)[1],
        kernel(twice, X, jnp.tanh),
        1e-14,
    )
    mesh = jax.sharding.Mesh(jax.devices("cpu")[:2], ("inputs",))
    spread = jax.device_put(
        X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("inputs"))
    )
    close(kernel(params, spread, jnp.tanh), kernel(params, X, jnp.tanh), 1e-14)


def test_empirical_ntk_needs_forward_derivatives(problem, refuses):
    """A psi that JAX can differentiate in reverse only is refused where its derivative
    is needed.
    """
    psi = jax.custom_vjp(jnp.tanh)
    psi.defvjp(lambda z: (jnp.tanh(z), z), lambda z, g: (g / jnp.cosh(z) ** 2,))
    params, X, y = problem(4, 5, 3)
    message = (
        "psi must be a function whose derivative of order 1 jax.jvp can "
        "take; got TypeError: can't apply forward"
    )
    refuses(message, empirical_ntk, params, X, psi)
    refuses(message, limit_kernel, X, psi)
    message = message.replace("order 1", "order 2").replace(
        "TypeError: can't apply forward", "NotImplementedError: "
    )
    refuses(message, ntk_velocity, params, X, y, psi)


def test_empirical_ntk_autodiff_needs_reverse_derivatives(problem, refuses):
    """A psi that JAX can differentiate forward only is refused where gradients are
    needed, and by name.
    """

    def psi(z):
        return jax.lax.while_loop(
            lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.tanh(s[1])), (0, z)
        )[1]

    params, X, y = problem(4, 5, 3)
    why = "can take; got ValueError: Reverse-mode differentiation "
    refuses(
        f"psi must be a function whose derivative jax.vjp {why}",
        empirical_ntk_autodiff,
        params,
        X,
        psi,
    )
    message = f"psi and loss must be functions whose derivatives jax.grad {why}"
    refuses(message, gradient_flow, params, X, y, psi, [1.0])


@kernels
def test_empirical_ntk_differentiates(kernel, problem, close):
    """The derivative of K along a direction is a central difference, in both modes."""
    params, X, _ = problem(4, 5, 3)
    along, step = problem(4, 5, 3, seed=2)[0], 1e-5
    weights = jnp.arange(16.0).reshape(4, 4)

    def total(p):
        return jnp.sum(kernel(p, X, jnp.tanh) * weights)

    def moved(s):
        return jax.tree.map(lambda p, d: p + s * d, params, along)

    @jax.jit
    def three_ways(params):
        difference = (total(moved(step)) - total(moved(-step))) / (2 * step)
        forward = jax.jvp(total, (params,), (along,))[1]
        grads = jax.grad(total)(params)
        reverse = jnp.sum(grads.W0 * along.W0) + grads.W1 @ along.W1
        return difference, forward, reverse

    difference, forward, reverse = three_ways(params)
    close(forward, difference, 1e-8)
    close(reverse, difference, 1e-8)


@kernels
def test_empirical_ntk_refuses_bad_data(kernel, bad_data, refuses):
    """A bad params or X is refused by name."""
    data, message = bad_data
    refuses(message, kernel, **data, psi=jnp.tanh)


@kernels
def test_empirical_ntk_refuses_bad_psi(kernel, bad_psi, problem, refuses):
    """A psi that is not an elementwise function with real values is refused."""
    params, X, _ = problem(4, 5, 3)
    psi, message = bad_psi
    refuses(message, kernel, params, X, psi)


@kernels
@pytest.mark.parametrize(
    ("X2", "message"),
    [
        (np.ones(3), "X2 must be a real array of shape (m2, n0); got shape (3,)"),
        (np.ones((2, 4)), "X2 has 4 columns, but params.W0 expects n0 = 3"),
        (
            np.ones((0, 3)),
            (
                "X2 must be a real array of shape (m2, n0) and must not be empty; "
                "got shape (0, 3)"
            ),
        ),
        ([[1, np.inf, 2]], "X2 must be finite; got inf at index (0, 1)"),
        ("X", "X2 must be a real array of shape (m2, n0); got 'X'"),
    ],
)
def test_empirical_ntk_refuses_bad_X2(kernel, X2, message, problem, refuses):
    """A bad second set of inputs is refused by its own name."""
    params, X, _ = problem(4, 5, 3)
    refuses(message, kernel, params, X, jnp.tanh, X2)


@pytest.mark.parametrize(
    ("psi", "x", "message", "by_definition"),
    [
        (jnp.log, -1.0, *2 * ["psi(h) must be finite; got nan at index (0, 0)"]),
        (
            lambda z: jnp.sqrt(jnp.abs(z)),
            0.0,
            "psi'(h) must be finite; got ",
            "the kernel must be finite; got ",
        ),
        (
            lambda z: z,
            1e200,
            *2 * ["the kernel must be finite; got inf at index (0, 0)"],
        ),
    ],
    ids=["undefined", "vertical tangent", "overflow"],
)
def test_empirical_ntk_refuses_an_infinite_kernel(
    psi, x, message, by_definition, refuses
):
    """Where psi, psi' or the kernel is not finite, both routes refuse, with X2 or
    without.
    """
    for X2 in (None, [[x]]):
        refuses(message, empirical_ntk, Params([[1.0]], [1.0]), [[x]], psi, X2)
        refuses(
            by_definition,
            empirical_ntk_autodiff,
            Params([[1.0]], [1.0]),
            [[x]],
            psi,
            X2,
        )


@pytest.mark.array_function
def test_residual_velocity_equals_the_jvp_along_the_flow(
    problem, shape, activation, close
):
    """d r/dt = -K r/m is the derivative of f along d theta/dt = -grad L.

    Equation (1) is put into equation (2).
    """
    params, X, y = problem(*shape)

    def f(params):
        return network(params, X, activation.psi)

    @jax.jit
    def both(params):
        K = empirical_ntk_autodiff(params, X, activation.psi)
        downhill = jax.grad(lambda p: -half_mse(f(p), y))(params)
        along = jax.jvp(f, (params,), (downhill,))[1]
        return residual_velocity(K, f(params) - y), along

    close(*both(params), 1e-12)


def test_residual_velocity_is_not_its_misreadings(problem):
    """The sum over beta includes beta = alpha, and 1/m stands before it."""
    params, X, y = problem(4, 5, 3)
    K, r = empirical_ntk(params, X, jnp.tanh), network(params, X, jnp.tanh) - y
    v = residual_velocity(K, r)
    for misread in (-(K - jnp.diag(jnp.diag(K))) @ r / 4, -K @ r):
        assert jnp.abs(misread - v).max() > 0.3 * jnp.abs(v).max()


@pytest.mark.array_function
def test_residual_velocity_equals_loops(close):
    """v_alpha = -(1/m) sum_beta K_alpha,beta r_beta; for m = 1, v = -K r."""
    K, r = [[4.0, 1.0, -2.0], [1.0, 3.0, 0.5], [-2.0, 0.5, 5.0]], [1.0, -2.0, 4.0]
    close(
        residual_velocity(K, r),
        np.array([-sum(K[a][b] * r[b] for b in range(3)) / 3 for a in range(3)]),
        1e-15,
    )
    assert residual_velocity([[2]], [3]).tolist() == [-6.0]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_residual_velocity_traces_and_keeps_dtype(dtype, close):
    """The dtype stays; jit(vmap(.)) gives one after another.

    The derivative in r is -K/m, in K it is symmetric.
    """
    K, r = jnp.array([[2.0, 1.0], [1.0, 3.0]], dtype), jnp.array([1.0, -2.0], dtype)
    assert residual_velocity(K, r).dtype == dtype
    batch = jax.jit(jax.vmap(residual_velocity))(
        jnp.stack([K, 3 * K]), jnp.stack([r, 2 * r])
    )
    assert batch.dtype == dtype
    close(batch[1], 6 * residual_velocity(K, r), 1e-6)
    close(jax.jacobian(residual_velocity, 1)(K, r), -K / 2, 1e-6)
    close(
        jax.grad(lambda K: residual_velocity(K, r)[0])(K),
        np.array([[-0.5, 0.5], [0.5, 0.0]]),
        1e-6,
    )


@pytest.mark.parametrize(
    ("K", "r", "message"),
    [
        *BAD_KERNELS,
        (
            np.eye(0),
            np.ones(0),
            (
                "K must be a real array of shape (m, m) and must not be empty; got "
                "shape (0, 0)"
            ),
        ),
        (np.eye(2), np.ones(3), "r has length 3, but K expects m = 2"),
        (
            np.eye(2),
            np.ones((2, 1)),
            "r must be a real array of shape (m,); got shape (2, 1)",
        ),
        (np.eye(2), [1, np.inf], "r must be finite; got inf at index (1,)"),
        (np.eye(2), "r", "r must be a real array of shape (m,); got 'r'"),
        (
            np.eye(2) * 1e200,
            [1e200, 0],
            "the velocity must be finite; got -inf at index (0,)",
        ),
    ],
)
def test_residual_velocity_refuses(K, r, message, refuses):
    """A bad K or r is refused by name."""
    refuses(message, residual_velocity, K, r)

"""Kernels as linear operators: their products are those of the matrices, and so is what
the linear theory makes of them.
"""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator, eigsh

from ntklib import (
    LimitKernel,
    Params,
    eigenvalue_bounds,
    empirical_ntk,
    empirical_ntk_operator,
    kernel_regression,
    lambda_min,
    largest_stable_step,
    limit_kernel,
    limit_kernel_operator,
    linear_flow,
    network,
    parameter_distance,
    predict,
)
from tests.library.conftest import BAD_DATA

# ntklib.large is this module; ntklib.linear_flow is the function
large = importlib.import_module("ntklib.large")
RNG = np.random.default_rng(2)


def inputs(m, n0, seed=0):
    """Unit vectors, one in each row."""
    X = np.random.default_rng(seed).normal(size=(m, n0))
    return X / np.linalg.norm(X, axis=1)[:, None]


def test_empirical_ntk_operator_equals_the_kernel(activation, shape, problem, close):
    """K v = (A (A^T v) + sum_j X_j o E (E^T (X_j o v))) / n, for one set of inputs and
    for two, for a vector and for a matrix.
    """
    params, X, _ = problem(*shape)
    X2 = problem(6, *shape[1:], seed=1)[1]
    for sets in [(X,), (X, X2)]:
        K = empirical_ntk(params, X, activation.psi, *sets[1:])
        operator = empirical_ntk_operator(params, X, activation.psi, *sets[1:])
        assert isinstance(operator, LinearOperator)
        assert operator.shape == K.shape
        close(operator @ np.eye(K.shape[1]), K, 1e-12)
        v = RNG.normal(size=K.shape[1])
        close(operator @ v, np.asarray(K) @ v, 1e-12)


def test_empirical_ntk_operator_keeps_float32(problem, close):
    """Parameters and inputs in float32 make products in float32."""
    params, X, _ = problem(4, 5, 3, dtype=jnp.float32)
    operator = empirical_ntk_operator(params, X, jnp.tanh)
    assert operator.dtype == np.float32
    Kv = operator @ np.ones(4, np.float32)
    assert Kv.dtype == np.float32
    close(Kv, empirical_ntk(params, X, jnp.tanh).sum(axis=1), 1e-6)


def test_empirical_ntk_operator_makes_no_kernel(problem):
    """A product with m = 512, n = 64, n0 = 3 needs no array of m^2 numbers: its memory
    on the way is that of X o v and of a few vectors.
    """
    params, X, _ = problem(512, 64, 3)
    features = large._unit_features("X", params, X, jnp.tanh)
    v = jnp.ones(512)
    compiled = large._times.lower(features, features, v).compile()
    size = v.dtype.itemsize
    assert compiled.memory_analysis().temp_size_in_bytes < 20 * 512 * 3 * size
    assert f"{512},{512}]" not in compiled.as_text()


def test_limit_kernel_operator_equals_the_kernel(monkeypatch, close):
    """From blocks, of one set of inputs and of two, for a vector and for a matrix."""
    monkeypatch.setattr(large, "ROWS", 3)
    X, X2 = inputs(6, 3), inputs(3, 3, seed=1)
    for sets in [(X,), (X, X2)]:
        kernels = limit_kernel(X, jax.nn.relu, *sets[1:])
        for part in ("ntk", "nngp"):
            K = getattr(kernels, part)
            operator = limit_kernel_operator(X, jax.nn.relu, *sets[1:], part=part)
            assert operator.shape == K.shape
            close(operator @ np.eye(K.shape[1]), K, 1e-12)
            v = RNG.normal(size=K.shape[1])
            close(operator @ v, np.asarray(K) @ v, 1e-12)


def test_limit_kernel_operator_computes_a_block_once(monkeypatch, close):
    """Of one set of inputs three blocks of rows, the last of them smaller, make six of
    nine blocks; two sets make all. Here with products of inputs for a kernel.
    """
    calls = []

    def gram(X, psi, X2=None):
        calls.append((len(X), X2 is None))
        K = X @ (X if X2 is None else X2).T
        return LimitKernel(K, K)

    monkeypatch.setattr(large, "limit_kernel", gram)
    monkeypatch.setattr(large, "ROWS", 3)
    X, X2 = inputs(8, 3), inputs(4, 3, seed=1)
    operator = limit_kernel_operator(X, jax.nn.relu)
    calls.clear()
    close(operator @ np.eye(8)[:, :5], (X @ X.T)[:, :5], 1e-15)
    assert len(calls) == 6
    assert sum(same for _, same in calls) == 3
    operator = limit_kernel_operator(X, jax.nn.relu, X2)
    calls.clear()
    close(operator @ np.eye(4), X @ X2.T, 1e-15)
    assert len(calls) == 6
    assert not any(same for _, same in calls)


def test_limit_kernel_operator_keeps_float32(close):
    """Inputs in float32 make products in float32."""
    X = inputs(4, 3).astype(np.float32)
    operator = limit_kernel_operator(X, jax.nn.relu)
    assert operator.dtype == np.float32
    Kv = operator @ np.ones(4, np.float32)
    assert Kv.dtype == np.float32
    close(Kv, limit_kernel(X, jax.nn.relu).ntk.sum(axis=1), 1e-6)


SIZES = [(1, 3, 2), (40, 2, 2), pytest.param((2000, 64, 20), marks=pytest.mark.slow)]


@pytest.mark.parametrize("sizes", SIZES, ids="m{0[0]}-n{0[1]}-n0{0[2]}".format)
def test_linear_flow_and_the_others_take_an_operator(sizes, problem, close):
    """What products make of a kernel is what its eigenvectors make of it: flow,
    prediction, distance, ridge regression and step, also of a singular kernel (40
    inputs, 2 units).
    """
    m, n, n0 = sizes
    params, _, y = problem(m, n, n0)
    X, X_new = inputs(m, n0), inputs(5, n0, seed=1)
    K = empirical_ntk(params, X, jnp.tanh)
    K_new = empirical_ntk(params, X_new, jnp.tanh, X)
    by_products = empirical_ntk_operator(params, X, jnp.tanh)
    new_by_products = empirical_ntk_operator(params, X_new, jnp.tanh, X)
    f0, f0_new = network(params, X, jnp.tanh), network(params, X_new, jnp.tanh)
    ts = [0.0, 1.0, 100.0]

    flow = linear_flow(K, f0 - y, ts)
    close(linear_flow(by_products, f0 - y, ts), flow, 1e-8)
    way = parameter_distance(K, f0 - y, ts)
    close(parameter_distance(by_products, f0 - y, ts), way, 1e-7)
    f_new = predict(K, K_new, f0, f0_new, y, ts)
    for either in (K_new, new_by_products):
        close(predict(by_products, either, f0, f0_new, y, ts), f_new, 1e-7)
    f_new = kernel_regression(K, K_new, f0, f0_new, y, ridge=0.1)
    for either in (K_new, new_by_products):
        got = kernel_regression(by_products, either, f0, f0_new, y, ridge=0.1)
        close(got, f_new, 1e-7)
    got = kernel_regression(K, new_by_products, f0, f0_new, y, ridge=0.1)
    close(got, f_new, 1e-10)
    close(largest_stable_step(by_products), largest_stable_step(K), 2e-6)


def test_linear_flow_and_the_others_of_a_small_space(problem, close):
    """y in the span of one eigenvector needs one product, whatever the time; what the
    kernel does not see stays, and K_new sees none of it.
    """
    K = np.diag([2.0, 1.0, 0.0])
    operator = aslinearoperator(K)
    late = linear_flow(operator, [0.0, 0.0, 1.0], [0.0, 1e9])
    assert late.tolist() == [[0.0, 0.0, 1.0]] * 2
    assert linear_flow(operator, np.zeros(3), [1.0]).tolist() == [[0.0, 0.0, 0.0]]
    y, none = np.array([1.0, 0.0, 1.0]), np.zeros(3)
    got = predict(operator, operator, none, none, y, [1e9])
    close(got, np.array([[1.0, 0.0, 0.0]]), 1e-12)
    got = kernel_regression(operator, operator, none, none, y)
    close(got, np.array([1.0, 0.0, 0.0]), 1e-12)


@pytest.mark.slow
def test_linear_flow_needs_few_products(problem):
    """At t = 100 the flow of m = 400 inputs is known to 1e-9 from 30 products."""
    params, _, y = problem(400, 64, 10)
    operator = empirical_ntk_operator(params, inputs(400, 10), jnp.tanh)
    calls = []

    def times(v):
        calls.append(1)
        return operator @ v

    counted = LinearOperator(operator.shape, times, dtype=operator.dtype)
    linear_flow(counted, y, [1.0, 100.0])
    assert len(calls) <= 30


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_eigenvalue_bounds_hold_lambda_min(dtype, problem):
    """lambda_min and lambda_max of a kernel, by all eigenvalues and by ARPACK."""
    params, _, _ = problem(150, 40, 5, dtype=jnp.dtype(dtype))
    X = inputs(150, 5).astype(dtype)
    operator = empirical_ntk_operator(params, X, jnp.tanh)
    K = np.asarray(empirical_ntk(params, X, jnp.tanh), float)
    bounds = eigenvalue_bounds(operator, rtol=0.05)
    low, high = bounds.smallest
    assert low <= lambda_min(K) <= high
    rounding = 4 * np.finfo(dtype).eps * bounds.largest[1]
    assert high - low <= max(0.05 * high, 2 * rounding) + 2 * rounding
    low, high = bounds.largest
    assert low <= eigsh(K, 1, return_eigenvectors=False)[0] <= high
    assert high - low < 1e-3 * high


def test_eigenvalue_bounds_take_a_matrix(close):
    """A matrix of any sign, as the products of it do; fewer products, longer intervals
    that are right.
    """
    M = RNG.normal(size=(30, 30))
    M = M + M.T
    lam = np.linalg.eigvalsh(M)
    assert eigenvalue_bounds(M) == eigenvalue_bounds(aslinearoperator(M))
    few = eigenvalue_bounds(M.tolist(), products=5, seed=3)
    assert few.products == 5
    for k, (low, high) in [(0, few.smallest), (-1, few.largest)]:
        assert low <= lam[k] <= high
        assert high - low > 0.01 * abs(lam[k])
    assert eigenvalue_bounds([[2]]).products == 1


BAD_BOUNDS = [
    ("rtol", 0.0, "rtol must be a number above 0 and below 1; got 0.0"),
    ("failure", 1.0, "failure must be a number above 0 and below 1; got 1.0"),
    ("products", 0, "products must be a positive integer; got 0"),
    ("seed", -1, "seed must be an integer, at least 0; got -1"),
    ("K", np.ones((2, 3)), "K must be square; got shape (2, 3)"),
    ("K", [[1.0, 2.0], [0.0, 1.0]], "K must be symmetric; got max|K - K^T| = 2"),
    ("K", aslinearoperator(np.ones((2, 3))), "K must be square; got shape (2, 3)"),
    (
        "K",
        aslinearoperator(np.triu(np.ones((4, 4)))),
        "K must be symmetric; got products that differ by ",
    ),
]


@pytest.mark.parametrize(("name", "bad", "message"), BAD_BOUNDS)
def test_eigenvalue_bounds_refuse(name, bad, message, refuses):
    """One sentence that names the argument."""
    refuses(message, eigenvalue_bounds, **{"K": np.eye(2), name: bad})


@pytest.mark.parametrize(
    ("name", "value", "message"), BAD_DATA.values(), ids=BAD_DATA.keys()
)
def test_empirical_ntk_operator_refuses_what_the_kernel_refuses(
    name, value, message, problem, refuses
):
    """The same sentences."""
    params, X, _ = problem(4, 5, 3)
    arguments = {"params": params, "X": X, name: value}
    refuses(message, empirical_ntk_operator, **arguments, psi=jnp.tanh)


def test_empirical_ntk_operator_refuses_a_psi(bad_psi, problem, refuses):
    """The same sentences for what is no activation."""
    psi, message = bad_psi
    params, X, _ = problem(4, 5, 3)
    refuses(message, empirical_ntk_operator, params, X, psi)


def test_empirical_ntk_operator_refuses_features_that_are_not_finite(refuses):
    """log is not finite at the second inputs; the root has no slope at 0."""
    params, X = Params(np.ones((5, 3)), np.ones(5)), np.ones((4, 3))
    message = "psi(h) of X2 must be finite; got nan"
    refuses(message, empirical_ntk_operator, params, X, jnp.log, -X)
    message = "psi'(h) of X must be finite; got inf"
    refuses(message, empirical_ntk_operator, params, 0 * X, jnp.sqrt)


def test_limit_kernel_operator_refuses(refuses):
    """What limit_kernel refuses, and an unknown part."""
    X = inputs(4, 3)
    for arguments, message in [
        ((X[0], jnp.tanh), "X must be a real array of shape (m, n0); got shape (3,)"),
        ((X, "tanh"), "psi must be an elementwise function"),
        ((X, jnp.tanh, X[:, :2]), "X2 has 2 columns, but X expects n0 = 3"),
        ((X, jnp.sign), "psi must"),
    ]:
        refuses(message, limit_kernel_operator, *arguments)
    message = "part must be 'ntk' or 'nngp'; got 'both'"
    refuses(message, limit_kernel_operator, X, jnp.tanh, part="both")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": aslinearoperator(np.ones((2, 3)))}, "K must be square; got shape"),
        (
            {"K_new": aslinearoperator(np.ones((2, 3)))},
            "K_new has 3 columns, but K expects m = 2",
        ),
        ({"f0": np.ones(3)}, "f0 has length 3, but K expects m = 2"),
        ({"f0_new": np.ones(3)}, "f0_new has length 3, but K_new expects m_new = 2"),
        (
            {"K": aslinearoperator(-np.eye(2))},
            "K must be positive semi-definite, or the flow diverges; got an eigenv",
        ),
        (
            {"K_new": aslinearoperator(np.full((2, 2), np.nan))},
            "a product with K_new must be finite; got nan",
        ),
    ],
)
def test_predict_and_kernel_regression_refuse_an_operator(change, message, refuses):
    """Shapes, signs and products that are not finite."""
    operator = aslinearoperator(np.eye(2))
    good = {"K": operator, "K_new": operator, "f0": [0.0, 0.0], "f0_new": [0.0, 0.0]}
    arguments = good | {"y": [1.0, 2.0]} | change
    refuses(message, predict, **arguments, ts=[1.0])
    refuses(message, kernel_regression, **arguments)

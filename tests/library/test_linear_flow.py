"""The residuals under a constant kernel, r(t) = exp(-K t/m) r(0), and prediction at new
points.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse.linalg import aslinearoperator

from ntklib import (
    empirical_ntk,
    linear_flow,
    network,
    parameter_distance,
    predict,
    trained_distribution,
)
from ntklib._rounding import precision, rounding
from ntklib.linear_flow import kernel_regression, largest_stable_step
from ntklib.network import linearized_network

RNG = np.random.default_rng(3)
B, B_NEW = RNG.normal(size=(5, 7)), RNG.normal(size=(3, 7))
Q = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
R0, TIMES = RNG.normal(size=5), [0.0, 0.3, 0.3, 2.0, 40.0]
KERNELS = {
    "regular": B @ B.T,
    "Gram of rank 2": B[:, :2] @ B[:, :2].T,
    "all ones": np.ones((5, 5)),
    "zero": np.zeros((5, 5)),
    "stiff, diagonal": np.diag([1e-12, 1e-6, 1.0, 1e3, 1e6]),
    "stiff, rotated": Q * [1e-12, 1e-6, 1.0, 1e3, 1e6] @ Q.T,
    "indefinite": Q * [-0.05, 0.0, 0.5, 1.0, 3.0] @ Q.T,
}
kernels = pytest.mark.parametrize("K", KERNELS.values(), ids=KERNELS.keys())


FUNCTIONS = [linear_flow, predict, kernel_regression, largest_stable_step]
functions = pytest.mark.parametrize("function", FUNCTIONS)
GOOD = {
    **{
        "K": B @ B.T,
        "r0": R0,
        "K_new": B_NEW @ B.T,
        "f0": R0,
        "f0_new": np.ones(3),
        "y": R0[::-1],
    },
    "ts": np.array(TIMES),
}
EPS = np.finfo(float).eps


def arguments(function):
    """Good arguments of one of the functions."""
    return {
        name: GOOD[name]
        for name in inspect.signature(function).parameters
        if name in GOOD
    }


@kernels
def test_linear_flow_equals_expm(K, close):
    """r(t) = exp(-K t/m) r(0), by Pade approximation.

    Also for singular and for stiff K.
    """
    K = (K + K.T) / 2
    close(
        linear_flow(K, R0, TIMES),
        np.array([scipy.linalg.expm(-K * t / 5) @ R0 for t in TIMES]),
        1e-10,
    )


@pytest.mark.parametrize(
    ("K", "r0", "t"), [(2.0, 3.0, 0.7), (-1.0, 2.0, 3.0), (0.0, 1.5, 1e300)]
)
def test_linear_flow_one_input(K, r0, t, close):
    """For m = 1: r(t) = exp(-K t) r(0)."""
    close(linear_flow([[K]], [r0], [t]), np.array([[np.exp(-K * t) * r0]]), 1e-15)


def test_linear_flow_modes_decay_alone(close):
    """An eigenvector stays one: r(0) = v_k gives r(t) = exp(-lambda_k t/m) v_k.

    What K does not see is never learnt.
    """
    lam = np.array([0.0, 0.0, 1.0, 2.0, 30.0])
    for k in range(5):
        want = np.exp(-np.outer(TIMES, lam[k]) / 5) * Q[:, k]
        close(linear_flow(Q * lam @ Q.T, Q[:, k], TIMES), want, 1e-12)


@given(
    B=st.integers(1, 6).flatmap(
        lambda m: arrays(float, (m, 3), elements=st.floats(-5, 5))
    ),
    seed=st.integers(0, 99),
    ts=st.lists(st.floats(0, 1e18), min_size=2, max_size=5).map(sorted),
)
def test_linear_flow_never_raises_the_loss(B, seed, ts):
    """K = B B^T is PSD, so exp(-lambda_max t/m) |r(0)| <= |r(t)|, and |r(t)| never
    rises, however late.
    """
    r0 = np.random.default_rng(seed).normal(size=len(B))
    norms = np.linalg.norm(linear_flow(B @ B.T, r0, [0.0, *ts]), axis=1)
    slowest = np.exp(-(np.linalg.norm(B, 2) ** 2) * np.array(ts) / len(B)) * norms[0]
    assert abs(norms[0] / np.linalg.norm(r0) - 1) < 1e-12
    assert np.all(np.diff(norms) <= 1e-12 * norms[0])
    assert np.all(norms[1:] >= slowest - 1e-12 * norms[0])


@given(
    K=arrays(float, (4, 4), elements=st.floats(-2, 2)),
    r0=arrays(float, 4, elements=st.floats(-9, 9)),
    s=st.floats(0, 3),
    t=st.floats(0, 3),
)
def test_linear_flow_composes(K, r0, s, t, close):
    """exp(-K (s + t)/m) r = exp(-K t/m) exp(-K s/m) r for any symmetric K.

    a time does not depend on the others.
    """
    K = K + K.T
    at_s, at_both = linear_flow(K, r0, [s, s + t])
    error = np.abs(linear_flow(K, at_s, [t])[0] - at_both).max()
    assert (
        error
        <= 1e-12 * np.exp(np.linalg.norm(K, 2) * (s + t) / 4) * np.abs(r0).max()
        + 1e-300
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("t", [1e6, 1e12, 1e20, 1e300])
def test_linear_flow_and_predict_of_a_singular_kernel_end(seed, t, close):
    """r(t) tends to the part of r(0) in the null space of K, and f_t(x) to f_0(x) +
    K(x, X) K^+ (y - f_0), and stay.
    """
    rng = np.random.default_rng(seed)
    J, J_new, r0 = rng.normal(size=(6, 3)), rng.normal(size=(2, 3)), rng.normal(size=6)
    close(linear_flow(J @ J.T, r0, [t])[0], r0 - J @ np.linalg.lstsq(J, r0)[0], 1e-12)
    got = predict(J @ J.T, J_new @ J.T, r0, [0.0, 0.0], np.zeros(6), [t])[0]
    close(got, J_new @ np.linalg.lstsq(J, -r0)[0], 1e-11)


def test_linear_flow_at_the_extremes(refuses):
    """A part of r(0) that is 0 stays 0 though its mode diverges.

    What overflows is named.
    """
    assert linear_flow(np.diag([-1.0, 1.0]), [0.0, 1.0], [0.0, 1e300]).tolist() == [
        [0.0, 1.0],
        [0.0, 0.0],
    ]
    np.testing.assert_allclose(
        predict([[1e300]], [[1e300]], [0.0], [0.0], [3.0], [1e-300, 1e300])[1],
        3.0,
        1e-15,
    )
    refuses(
        "the eigenvalues of K must be finite; got inf",
        linear_flow,
        np.full((2, 2), 1e308),
        [1.0, 0.0],
        [1.0],
    )


def test_predict_equals_the_inverse(close):
    """f_t(x) = f_0(x) + K(x, X) K^{-1} (I - exp(-K t/m)) (y - f_0) for a regular K."""
    a = arguments(predict)
    gone = [np.eye(5) - scipy.linalg.expm(-a["K"] * t / 5) for t in TIMES]
    want = [
        a["f0_new"] + a["K_new"] @ np.linalg.inv(a["K"]) @ g @ (a["y"] - a["f0"])
        for g in gone
    ]
    close(predict(**a), np.array(want), 1e-10)


@pytest.mark.parametrize("name", ["Gram of rank 2", "all ones", "zero", "indefinite"])
def test_predict_equals_ode(name, close):
    """d f/dt = -K (f - y)/m and d f(x)/dt = -K(x, X) (f - y)/m, integrated step by
    step, also for singular K.
    """
    a = arguments(predict) | {"K": KERNELS[name]}
    y, both = a["y"], np.vstack([a["K"], a["K_new"]])
    start = np.concatenate([a["f0"], a["f0_new"]])
    ode = scipy.integrate.solve_ivp(
        lambda t, f: -both @ (f[:5] - y) / 5,
        (0, 40),
        start,
        "DOP853",
        t_eval=[0, 0.3, 2, 40],
        rtol=1e-12,
        atol=1e-13,
    )
    close(predict(**a | {"ts": [0, 0.3, 2, 40]}), ode.y[5:].T, 1e-9)


@kernels
def test_predict_at_training_points(K, close):
    """At the training points themselves f_t = y + r(t), the linear flow.

    K itself is known to eps |K| only.
    """
    K, f0, y = (K + K.T) / 2, R0, R0[::-1]
    rounding = np.finfo(float).eps * np.linalg.norm(K) * max(TIMES) / 5
    close(
        predict(K, K, f0, f0, y, TIMES),
        y + linear_flow(K, f0 - y, TIMES),
        1e-13 + 4 * rounding,
    )


def test_predict_ends_in_kernel_regression(close):
    """As t grows, f(x) -> f_0(x) + K(x, X) K^{-1} (y - f_0); the m has dropped out."""
    a = arguments(predict)
    want = a["f0_new"] + a["K_new"] @ np.linalg.solve(a["K"], a["y"] - a["f0"])
    close(predict(**a | {"ts": [1e9]})[0], want, 1e-10)


@pytest.mark.parametrize(
    ("lam", "t"), [(1e-13, 1.0), (1e-300, 1.0), (1e-320, 1e-10), (0.0, 7.0)]
)
def test_predict_small_eigenvalues(lam, t, close):
    """(1 - exp(-lambda t/m))/lambda = t/m (1 - lambda t/2m + ...), to all digits."""
    got = predict(np.diag([lam, 1.0]), [[3.0, 0.0]], [0.0, 0.0], [0.5], [2.0, 0.0], [t])
    close(got, np.array([[0.5 + 3.0 * 2.0 * t / 2 * (1 - lam * t / 4)]]), 1e-15)


@functions
@pytest.mark.parametrize(
    "kind",
    [np.float32, jnp.float32, jnp.float64, list],
    ids=["np32", "jnp32", "jnp64", "list"],
)
@pytest.mark.parametrize("x64", [True, False])
def test_linear_flow_and_the_others_work_in_numpy_float64(function, kind, x64):
    """NumPy float64 in and out, whatever comes and whatever JAX's flag says."""
    numbers = {
        name: np.round(value, 2).astype(np.float32)
        for name, value in arguments(function).items()
    }
    convert = {list: np.ndarray.tolist, np.float32: np.asarray}.get(
        kind, lambda a: jnp.asarray(a, kind)
    )
    come = {name: convert(value) for name, value in numbers.items()}
    with jax.enable_x64(x64):
        got = function(**come)
    assert type(got) is (float if function is largest_stable_step else np.ndarray)
    assert np.asarray(got).dtype == np.float64
    np.testing.assert_array_equal(
        got, function(**{name: value.astype(float) for name, value in numbers.items()})
    )


def test_linear_flow_and_the_others_take_integers():
    """Integers become float: K = 2 and m = 1 make r(1) = 3 exp(-2), and predict tends
    from 0 to y = 3.
    """
    assert largest_stable_step([[2]]) == 1.0
    assert kernel_regression([[2]], [[2], [1]], [0], [0, 5], [3], ridge=2).tolist() == [
        1.5,
        5.75,
    ]
    assert linear_flow([[2]], [3], [0, 1]).tolist() == [[3.0], [3 * np.exp(-2.0)]]
    assert predict([[2]], [[2]], [0], [0], [3], [0, 99]).tolist() == [[0.0], [3.0]]


@functions
@pytest.mark.parametrize(
    "transform",
    [
        lambda f, a: jax.jit(f)(a),
        lambda f, a: jax.vmap(f)(a[None]),
        lambda f, a: jax.grad(f)(a),
    ],
    ids=["jit", "vmap", "grad"],
)
def test_linear_flow_and_the_others_refuse_tracers(function, transform, refuses):
    """A host function holds numbers: inside jit, vmap and grad it says so, whichever
    argument is traced.
    """
    good = arguments(function)
    for name, value in good.items():
        message = (
            f"{name} must hold numbers, not a JAX tracer; call this "
            "function outside jit, vmap and grad"
        )
        refuses(
            message,
            transform,
            lambda v, name=name: function(**good | {name: v}),
            jnp.asarray(value),
        )


@functions
def test_linear_flow_and_the_others_refuse_bad_values(function, refuses):
    """NaN, infinity, complex numbers, text, ragged lists, empty arrays and a wrong rank
    are refused by name.
    """
    good = arguments(function)
    for name, value in good.items():
        what = {
            "K": "(m, m)",
            "K_new": "(m_new, m)",
            "f0_new": "(m_new,)",
            "ts": "(T,)",
        }.get(name, "(m,)")
        first = (0,) * value.ndim
        for bad, message in [
            (value * np.nan, f"{name} must be finite; got nan at index {first}"),
            (
                jnp.full(value.shape, -jnp.inf),
                f"{name} must be finite; got -inf at index {first}",
            ),
            (
                value + 0j,
                f"{name} must be a real array of shape {what}; got dtype complex128",
            ),
            ("text", f"{name} must be a real array of shape {what}; got 'text'"),
            (
                [[1.0], [2.0, 3.0]],
                (
                    f"{name} must be a real array of shape {what}; got a list that is "
                    "not a rect"
                ),
            ),
            (
                value[None],
                (
                    f"{name} must be a real array of shape {what}; got shape "
                    f"{value[None].shape}"
                ),
            ),
            (
                value[:0],
                (
                    f"{name} must be a real array of shape {what} and must not be "
                    f"empty; got shape {(0, *value.shape[1:])}"
                ),
            ),
        ]:
            refuses(message, function, **good | {name: bad})


@pytest.mark.parametrize(
    ("function", "name", "bad", "message"),
    [
        (linear_flow, "r0", np.ones(4), "r0 has length 4, but K expects m = 5"),
        *[
            (f, name, bad, message)
            for f in (predict, kernel_regression)
            for name, bad, message in [
                ("K_new", np.ones((3, 4)), "K_new has 4 columns, but K expects m = 5"),
                ("f0", np.ones(6), "f0 has length 6, but K expects m = 5"),
                (
                    "f0_new",
                    np.ones(5),
                    "f0_new has length 5, but K_new expects m_new = 3",
                ),
                ("y", np.ones(1), "y has length 1, but K expects m = 5"),
            ]
        ],
        *[
            (f, "K", bad, message)
            for f in (kernel_regression, largest_stable_step)
            for bad, message in [
                (np.ones((5, 4)), "K must be square; got shape (5, 4)"),
                (B[:, :5], "K must be symmetric; got max|K - K^T| = "),
            ]
        ],
        *[
            (f, name, bad, message)
            for f in (linear_flow, predict)
            for name, bad, message in [
                ("K", np.ones((5, 4)), "K must be square; got shape (5, 4)"),
                ("K", B[:, :5], "K must be symmetric; got max|K - K^T| = "),
                (
                    "K",
                    KERNELS["regular"] - 99 * np.eye(5),
                    f"{'r' if f is linear_flow else 'f'}(t) must be finite; got ",
                ),
                (
                    "ts",
                    [0.0, -1.0],
                    "ts must be non-decreasing; got ts[0] = 0.0 before ts[1] = -1.0",
                ),
                ("ts", [-1.0, 0.0], "ts must be non-negative; got ts[0] = -1.0"),
            ]
        ],
    ],
)
def test_linear_flow_and_the_others_refuse_a_mismatch(
    function, name, bad, message, refuses
):
    """Lengths, symmetry, times and what overflows.

    The message names the argument and both sides.
    """
    late = {"ts": [0.0, 1e5]} if "ts" in arguments(function) else {}
    refuses(message, function, **arguments(function) | late | {name: bad})


@pytest.mark.parametrize("name", ["regular", "Gram of rank 2", "all ones", "zero"])
def test_kernel_regression_is_where_predict_ends(name, close):
    """f(x) = lim f_t(x); modes with lambda = 0 are left out, as the flow leaves them
    where K_new comes from K.
    """
    K = KERNELS[name]
    a = arguments(kernel_regression) | {"K": K, "K_new": B_NEW[:, :5] @ K}
    close(kernel_regression(**a), predict(**a, ts=[1e6])[0], 1e-8)
    close(
        kernel_regression(**a),
        a["f0_new"] + a["K_new"] @ np.linalg.pinv(K, 1e-13) @ (a["y"] - a["f0"]),
        1e-9,
    )


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 0.3, 70.0])
@pytest.mark.parametrize(("m", "p"), [(1, 1), (2, 7), (5, 7), (7, 3)])
def test_kernel_regression_is_ridge_regression(m, p, ridge, close):
    """For K = B B^T it is f_0 + B_new w; w minimises |f_0 + B w - y|^2 + ridge |w|^2,
    and is shortest for ridge 0.
    """
    rng = np.random.default_rng(m)
    features, new, f0, f0_new, y = (
        rng.normal(size=s) for s in ((m, p), (3, p), m, 3, m)
    )
    augmented = np.vstack([features, np.sqrt(ridge) * np.eye(p)])
    w = np.linalg.lstsq(augmented, np.append(y - f0, np.zeros(p)))[0]
    got = kernel_regression(
        features @ features.T, new @ features.T, f0, f0_new, y, ridge=ridge
    )
    close(got, f0_new + new @ w, 1e-8)
    if ridge == 0:
        np.testing.assert_array_equal(
            got,
            kernel_regression(features @ features.T, new @ features.T, f0, f0_new, y),
        )


@pytest.mark.slow
def test_kernel_regression_is_weight_decay_of_the_linearised_network(problem, close):
    """The theta that minimises |f_lin - y|^2 + ridge |theta - theta_0|^2 has these
    outputs at new inputs.
    """
    params0, X, y = problem(4, 5, 3)
    X_new, rng = problem(6, 5, 3, seed=1)[1], np.random.default_rng(0)
    kernel = [empirical_ntk(params0, x, jnp.tanh, X) for x in (X, X_new)]
    f_new = kernel_regression(
        *kernel, *(network(params0, x, jnp.tanh) for x in (X, X_new)), y, ridge=0.5
    )
    start, shaped = jax.flatten_util.ravel_pytree(params0)

    @jax.jit
    def loss(theta):
        gap = linearized_network(shaped(theta), params0, X, jnp.tanh) - y
        return gap @ gap + 0.5 * (theta - start) @ (theta - start)

    best = start - jnp.linalg.solve(
        jax.hessian(loss)(start), jax.grad(loss)(start)
    )  # exact: the loss is quadratic
    assert all(loss(best + 1e-3 * d) > loss(best) for d in rng.normal(size=(5, 20)))
    close(linearized_network(shaped(best), params0, X_new, jnp.tanh), f_new, 1e-11)


@pytest.mark.parametrize(
    ("lam", "ridge", "want"),
    [
        (4 * EPS, 0, 0.25 / EPS),
        (2 * EPS, 0, 0),
        (EPS, 0, 0),
        (-EPS, 0, 0),
        (0, 4 * EPS, 0.25 / EPS),
        (3 * EPS, EPS, 0.25 / EPS),
        (0, EPS, 0),
        (-EPS, 8 * EPS, 0.125 / EPS),
    ],
)
def test_kernel_regression_leaves_out_what_is_rounding(lam, ridge, want, close):
    """1/(lambda + ridge) where that exceeds m eps lambda_max = 2 eps, and 0 where it
    does not; -eps counts as 0.
    """
    got = kernel_regression(
        np.diag([1.0, lam]), [[0.0, 1.0]], [0.0, 0.0], [0.0], [0.0, 1.0], ridge=ridge
    )
    close(got, np.array([want]), 1e-15)


@pytest.mark.parametrize("ridge", [0.0, 9.0])
def test_kernel_regression_refuses_an_indefinite_kernel(ridge, refuses):
    """A negative eigenvalue beyond rounding makes the flow diverge and is no kernel's,
    whatever the ridge.
    """
    message = (
        "K must be positive semi-definite, or the flow diverges; got an eigenvalue "
    )
    for K, lam in [
        (np.diag([1.0, 1.0, 1.0, 1.0, -1e-14]), "-1e-14"),
        (KERNELS["indefinite"], "-0.05"),
    ]:
        refuses(
            message + lam,
            kernel_regression,
            **arguments(kernel_regression) | {"K": (K + K.T) / 2},
            ridge=ridge,
        )
    refuses(
        message + "-2",
        kernel_regression,
        [[-2.0]],
        [[1.0]],
        [0.0],
        [0.0],
        [1.0],
        ridge=ridge,
    )


@pytest.mark.parametrize("ridge", [-1e-9, np.nan, np.inf, "1", None, 1j, [1.0, 2.0]])
def test_kernel_regression_refuses_a_ridge(ridge, refuses):
    """The ridge must be a finite number, at least 0."""
    message = f"ridge must be a finite number and at least 0; got {ridge!r}"
    refuses(message, kernel_regression, **arguments(kernel_regression), ridge=ridge)


def test_kernel_regression_refuses_what_overflows(refuses):
    """1.7e308 - (-1.7e308) is infinite: one sentence, no warning.

    So is a ridge that takes the kernel there.
    """
    refuses(
        "f must be finite; got ",
        kernel_regression,
        [[1.0]],
        [[1.0]],
        [-1.7e308],
        [0.0],
        [1.7e308],
    )
    assert kernel_regression(
        [[1e308]], [[1.0]], [0.0], [2.0], [1.0], ridge=1.7e308
    ).tolist() == [2.0]


@given(B=arrays(float, (4, 3), elements=st.floats(-5, 5)), shift=st.floats(0, 20))
def test_largest_stable_step_equals_two_m_over_lambda_max(B, shift, close):
    """2m/lambda_max, with lambda_max as the largest value of v^T K v over unit vectors,
    for indefinite K too.
    """
    K = B @ B.T + np.diag([1.0, 0.0, 0.0, 0.0]) - np.diag([0.0, 0.0, 0.0, shift])
    K = (K + K.T) / 2
    close(largest_stable_step(K), 8 / np.linalg.eigvalsh(K)[-1], 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "converges"), [(0.99, True), (1.01, False)])
def test_largest_stable_step_separates_descent_that_converges(factor, converges):
    """r <- (I - eta K/m) r: every mode dies out just below the bound, and just above it
    the fastest one grows.
    """
    K = Q * [0.1, 0.2, 0.5, 1.0, 3.0] @ Q.T
    K, r = (K + K.T) / 2, R0
    for _ in range(2000):
        r = r - factor * largest_stable_step(K) * K @ r / 5
    assert (np.linalg.norm(r) < 1e-9 * np.linalg.norm(R0)) == converges
    assert (np.linalg.norm(r) > 1e9 * np.linalg.norm(R0)) != converges


@pytest.mark.parametrize(("factor", "converges"), [(0.98, True), (1.02, False)])
def test_largest_stable_step_of_the_linearised_network(factor, converges, problem):
    """Descent on its parameters brings the fastest mode of the residual to 0 just below
    the bound, not just above.
    """
    params0, X, y = problem(3, 8, 3)
    K = np.asarray(empirical_ntk(params0, X, jnp.tanh))
    eta, fastest = factor * largest_stable_step(K), np.linalg.eigh(K)[1][:, -1]

    def residual(params):
        return linearized_network(params, params0, X, jnp.tanh) - y

    @jax.jit
    def step(_, params):
        grads = jax.grad(lambda p: residual(p) @ residual(p) / 6)(params)
        return jax.tree.map(lambda w, g: w - eta * g, params, grads)

    shrunk = abs(fastest @ residual(jax.lax.fori_loop(0, 300, step, params0))) / abs(
        fastest @ residual(params0)
    )
    assert (shrunk < 1e-4) == converges
    assert (shrunk > 1e4) != converges


@pytest.mark.parametrize(
    ("K", "largest"),
    [
        (np.zeros((3, 3)), "0"),
        (-np.eye(2), "-1"),
        (-np.ones((2, 2)), ""),
        (np.diag([-1.0, EPS]), "0"),
        (np.diag([-1.0, 2 * EPS]), "0"),
    ],
)
def test_largest_stable_step_refuses_a_kernel_without_positive_eigenvalue(
    K, largest, refuses
):
    """Nothing then converges by descent, or bounds the step.

    What only rounding made positive does not count.
    """
    refuses(f"K must have a positive eigenvalue; got {largest}", largest_stable_step, K)


def test_largest_stable_step_at_the_ends(refuses):
    """A positive eigenvalue just beyond rounding counts.

    a step beyond the largest number is refused.
    """
    assert largest_stable_step(np.diag([-1.0, 4 * EPS])) == 1 / EPS
    assert largest_stable_step(np.diag([-3.0, 1.0])) == 4.0
    refuses("the step must be finite; got inf", largest_stable_step, [[1e-320]])


def of_one_unit(problem, dtype):
    """K, K_new, f0, f0_new and y of 12 inputs and a network of one unit: K has eight
    eigenvalues that are 0, to the rounding of the dtype.
    """
    params, X, y = problem(12, 1, 3, seed=1, dtype=jnp.dtype(dtype))
    X_new = problem(3, 1, 3, seed=4, dtype=jnp.dtype(dtype))[1]
    return (
        empirical_ntk(params, X, jnp.tanh),
        empirical_ntk(params, X_new, jnp.tanh, X),
        np.asarray(network(params, X, jnp.tanh), float),
        np.asarray(network(params, X_new, jnp.tanh), float),
        np.asarray(y, float),
    )


@pytest.mark.parametrize("t", [1.0, 1e3, 1e9, 1e30])
def test_linear_flow_and_predict_know_the_rounding_of_float32(t, problem, close):
    """Of a kernel in float32, JAX's default, they are those in float64 to the roundings
    of float32, however late: what rounding made of 0 neither decays nor grows.
    """
    K, K_new, f0, f0_new, y = of_one_unit(problem, float)
    K32, K_new32, f032, f0_new32, _ = of_one_unit(problem, np.float32)
    got = linear_flow(K32, f032 - y, [t])
    close(got, linear_flow(K, f0 - y, [t]), 1e-5)
    want = predict(K, K_new, f0, f0_new, y, [t])
    for either in (K_new32, K_new):  # the coarser of two precisions counts
        close(predict(K32, either, f032, f0_new32, y, [t]), want, 1e-4)
        close(predict(K, either, f032, f0_new32, y, [t]), want, 1e-4)
    C = np.zeros((15, 15))
    mean = trained_distribution(K32, K_new, C, y, [t]).mean
    close(mean, predict(K, K_new, 0 * f0, 0 * f0_new, y, [t]), 1e-4)
    way = parameter_distance(K, f0 - y, [t])
    close(parameter_distance(K32, f032 - y, [t]), way, 1e-4)


@pytest.mark.parametrize("ridge", [0.0, 1e-7, 1e-6, 1e-5, 1e-3, 10.0])
def test_kernel_regression_knows_the_rounding_of_float32(ridge, problem, close):
    """A ridge that rounding does not reach gives what float64 gives; a smaller one
    leaves out the modes that float32 does not know, as no ridge does.
    """
    single = of_one_unit(problem, np.float32)
    known = ridge > 1e-5
    want = kernel_regression(*of_one_unit(problem, float), ridge=ridge if known else 0)
    close(kernel_regression(*single, ridge=ridge), want, 1e-3)


def test_kernel_regression_takes_no_eigenvectors_for_a_ridge(monkeypatch, close):
    """Two Cholesky decompositions do, a tenth of the work; eigenvectors would be
    (K + ridge)^{-1} = V (lam + ridge)^{-1} V^T.
    """
    a = arguments(kernel_regression)
    lam, V = np.linalg.eigh(a["K"])
    inverse = V / (lam + 0.3) @ V.T
    want = a["f0_new"] + a["K_new"] @ inverse @ (a["y"] - a["f0"])
    monkeypatch.setattr(scipy.linalg, "eigh", None)
    close(kernel_regression(**a, ridge=0.3), want, 1e-13)


@pytest.mark.parametrize(
    ("values", "eps"),
    [
        ((np.eye(2),), EPS),
        (([[1, 0], [0, 1]], np.eye(2, dtype=int)), EPS),
        ((np.eye(2), np.eye(2, dtype=np.float32)), 2**-23),
        ((jnp.eye(2, dtype=jnp.bfloat16), np.eye(2, dtype=np.float32)), 2**-7),
        ((np.eye(2, dtype=np.longdouble),), EPS),
        ((aslinearoperator(np.eye(2, dtype=np.float32)),), 2**-23),
    ],
)
def test_precision_is_that_of_the_coarsest(values, eps):
    """The eps of the arrays, lists and operators that came, at least float64's."""
    assert precision(*values) == eps


def test_rounding_is_that_of_the_entries_in_float32():
    """m eps |lambda|max in float64; at least 4 eps |lambda|max below that."""
    lam = np.array([-2.0, 0.5, 1.0])
    assert rounding(lam) == 6 * EPS
    assert rounding(lam, m=7) == 14 * EPS
    assert rounding(lam, 2**-23) == 8 * 2**-23
    assert rounding(lam, 2 * EPS, m=100) == 200 * EPS

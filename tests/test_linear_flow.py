"""The residuals under a constant kernel, r(t) = exp(-K t/m) r(0), and prediction at new points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntklib import linear_flow, predict

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


functions = pytest.mark.parametrize("function", [linear_flow, predict])


def arguments(function):
    """Good arguments of linear_flow or of predict."""
    flow = {"K": B @ B.T, "r0": R0, "ts": np.array(TIMES)}
    new = {"K": B @ B.T, "K_new": B_NEW @ B.T, "f0": R0, "f0_new": np.ones(3), "y": R0[::-1], "ts": np.array(TIMES)}
    return flow if function is linear_flow else new


@kernels
def test_linear_flow_equals_expm(K, close):
    """r(t) = exp(-K t/m) r(0), by Pade approximation; also for singular and for stiff K."""
    K = (K + K.T) / 2
    close(linear_flow(K, R0, TIMES), np.array([scipy.linalg.expm(-K * t / 5) @ R0 for t in TIMES]), 1e-10)


@pytest.mark.parametrize(("K", "r0", "t"), [(2.0, 3.0, 0.7), (-1.0, 2.0, 3.0), (0.0, 1.5, 1e300)])
def test_linear_flow_one_input(K, r0, t, close):
    """For m = 1: r(t) = exp(-K t) r(0)."""
    close(linear_flow([[K]], [r0], [t]), np.array([[np.exp(-K * t) * r0]]), 1e-15)


def test_linear_flow_modes_decay_alone(close):
    """An eigenvector stays one: r(0) = v_k gives r(t) = exp(-lambda_k t/m) v_k; what K does not see is never learnt."""
    lam = np.array([0.0, 0.0, 1.0, 2.0, 30.0])
    for k in range(5):
        want = np.exp(-np.outer(TIMES, lam[k]) / 5) * Q[:, k]
        close(linear_flow(Q * lam @ Q.T, Q[:, k], TIMES), want, 1e-12)


@given(
    B=st.integers(1, 6).flatmap(lambda m: arrays(float, (m, 3), elements=st.floats(-5, 5))),
    seed=st.integers(0, 99),
    ts=st.lists(st.floats(0, 1e18), min_size=2, max_size=5).map(sorted),
)
def test_linear_flow_never_raises_the_loss(B, seed, ts):
    """K = B B^T is PSD, so exp(-lambda_max t/m) |r(0)| <= |r(t)|, and |r(t)| never rises, however late."""
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
    """exp(-K (s + t)/m) r = exp(-K t/m) exp(-K s/m) r for any symmetric K: a time does not depend on the others."""
    K = K + K.T
    at_s, at_both = linear_flow(K, r0, [s, s + t])
    error = np.abs(linear_flow(K, at_s, [t])[0] - at_both).max()
    assert error <= 1e-12 * np.exp(np.linalg.norm(K, 2) * (s + t) / 4) * np.abs(r0).max() + 1e-300


def test_predict_equals_the_inverse(close):
    """f_t(x) = f_0(x) + K(x, X) K^{-1} (I - exp(-K t/m)) (y - f_0) for a regular K."""
    a = arguments(predict)
    gone = [np.eye(5) - scipy.linalg.expm(-a["K"] * t / 5) for t in TIMES]
    want = [a["f0_new"] + a["K_new"] @ np.linalg.inv(a["K"]) @ g @ (a["y"] - a["f0"]) for g in gone]
    close(predict(**a), np.array(want), 1e-10)


@pytest.mark.parametrize("name", ["Gram of rank 2", "all ones", "zero", "indefinite"])
def test_predict_equals_ode(name, close):
    """d f/dt = -K (f - y)/m and d f(x)/dt = -K(x, X) (f - y)/m, integrated step by step, also for singular K."""
    a = arguments(predict) | {"K": KERNELS[name]}
    y, both = a["y"], np.vstack([a["K"], a["K_new"]])
    start = np.concatenate([a["f0"], a["f0_new"]])
    ode = scipy.integrate.solve_ivp(
        lambda t, f: -both @ (f[:5] - y) / 5, (0, 40), start, "DOP853", t_eval=[0, 0.3, 2, 40], rtol=1e-12, atol=1e-13
    )
    close(predict(**a | {"ts": [0, 0.3, 2, 40]}), ode.y[5:].T, 1e-9)


@kernels
def test_predict_at_training_points(K, close):
    """At the training points themselves f_t = y + r(t), the linear flow; K itself is known to eps |K| only."""
    K, f0, y = (K + K.T) / 2, R0, R0[::-1]
    rounding = np.finfo(float).eps * np.linalg.norm(K) * max(TIMES) / 5
    close(predict(K, K, f0, f0, y, TIMES), y + linear_flow(K, f0 - y, TIMES), 1e-13 + 4 * rounding)


def test_predict_ends_in_kernel_regression(close):
    """As t grows, f(x) -> f_0(x) + K(x, X) K^{-1} (y - f_0); the m has dropped out."""
    a = arguments(predict)
    want = a["f0_new"] + a["K_new"] @ np.linalg.solve(a["K"], a["y"] - a["f0"])
    close(predict(**a | {"ts": [1e9]})[0], want, 1e-10)


@pytest.mark.parametrize(("lam", "t"), [(1e-13, 1.0), (1e-300, 1.0), (1e-320, 1e-10), (0.0, 7.0)])
def test_predict_small_eigenvalues(lam, t, close):
    """(1 - exp(-lambda t/m))/lambda = t/m (1 - lambda t/2m + ...), to full precision."""
    got = predict(np.diag([lam, 1.0]), [[3.0, 0.0]], [0.0, 0.0], [0.5], [2.0, 0.0], [t])
    close(got, np.array([[0.5 + 3.0 * 2.0 * t / 2 * (1 - lam * t / 4)]]), 1e-15)


@functions
@pytest.mark.parametrize("kind", [np.float32, jnp.float32, jnp.float64, list], ids=["np32", "jnp32", "jnp64", "list"])
@pytest.mark.parametrize("x64", [True, False])
def test_linear_flow_and_predict_work_in_numpy_float64(function, kind, x64):
    """NumPy float64 in and out, whatever comes and whatever JAX's flag says."""
    numbers = {name: np.round(value, 2).astype(np.float32) for name, value in arguments(function).items()}
    convert = {list: np.ndarray.tolist, np.float32: np.asarray}.get(kind, lambda a: jnp.asarray(a, kind))
    come = {name: convert(value) for name, value in numbers.items()}
    with jax.enable_x64(x64):
        got = function(**come)
    assert type(got) is np.ndarray
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, function(**{name: value.astype(float) for name, value in numbers.items()}))


def test_linear_flow_and_predict_take_integers():
    """Integers become float: K = 2 and m = 1 make r(1) = 3 exp(-2), and predict tends from 0 to y = 3."""
    assert linear_flow([[2]], [3], [0, 1]).tolist() == [[3.0], [3 * np.exp(-2.0)]]
    assert predict([[2]], [[2]], [0], [0], [3], [0, 99]).tolist() == [[0.0], [3.0]]


@functions
@pytest.mark.parametrize(
    "transform",
    [lambda f, a: jax.jit(f)(a), lambda f, a: jax.vmap(f)(a[None]), lambda f, a: jax.grad(f)(a)],
    ids=["jit", "vmap", "grad"],
)
def test_linear_flow_and_predict_refuse_tracers(function, transform, refuses):
    """A host function holds numbers: inside jit, vmap and grad it says so, whichever argument is traced."""
    good = arguments(function)
    for name, value in good.items():
        message = f"{name} must hold numbers, not a JAX tracer; call this function outside jit, vmap and grad"
        refuses(message, transform, lambda v, name=name: function(**good | {name: v}), jnp.asarray(value))


@functions
def test_linear_flow_and_predict_refuse_bad_values(function, refuses):
    """NaN, infinity, complex numbers, text, ragged lists, empty arrays and a wrong rank are refused by name."""
    good = arguments(function)
    for name, value in good.items():
        what = {"K": "(m, m)", "K_new": "(m_new, m)", "f0_new": "(m_new,)", "ts": "(T,)"}.get(name, "(m,)")
        first = (0,) * value.ndim
        for bad, message in [
            (value * np.nan, f"{name} must be finite; got nan at index {first}"),
            (jnp.full(value.shape, -jnp.inf), f"{name} must be finite; got -inf at index {first}"),
            (value + 0j, f"{name} must be a real array of shape {what}; got dtype complex128"),
            ("text", f"{name} must be a real array of shape {what}; got 'text'"),
            ([[1.0], [2.0, 3.0]], f"{name} must be a real array of shape {what}; got a list that is not a rect"),
            (value[None], f"{name} must be a real array of shape {what}; got shape {value[None].shape}"),
            (
                value[:0],
                f"{name} must be a real array of shape {what} and must not be empty; got shape {(0, *value.shape[1:])}",
            ),
        ]:
            refuses(message, function, **good | {name: bad})


@pytest.mark.parametrize(
    ("function", "name", "bad", "message"),
    [
        (linear_flow, "r0", np.ones(4), "r0 has length 4, but K expects m = 5"),
        (predict, "K_new", np.ones((3, 4)), "K_new has 4 columns, but K expects m = 5"),
        (predict, "f0", np.ones(6), "f0 has length 6, but K expects m = 5"),
        (predict, "f0_new", np.ones(5), "f0_new has length 5, but K_new expects m_new = 3"),
        (predict, "y", np.ones(1), "y has length 1, but K expects m = 5"),
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
                ("ts", [0.0, -1.0], "ts must be non-decreasing; got ts[0] = 0.0 before ts[1] = -1.0"),
                ("ts", [-1.0, 0.0], "ts must be non-negative; got ts[0] = -1.0"),
            ]
        ],
    ],
)
def test_linear_flow_and_predict_refuse_a_mismatch(function, name, bad, message, refuses):
    """Lengths, symmetry, times and what overflows: the message names the argument and both sides."""
    refuses(message, function, **arguments(function) | {"ts": [0.0, 1e5]} | {name: bad})

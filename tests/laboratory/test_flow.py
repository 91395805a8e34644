"""The laboratory's training and linearised model against the library's flows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import (
    empirical_ntk,
    function_flow,
    gradient_flow,
    half_mse,
    lambda_min,
    linear_flow,
)
from tests.laboratory.conftest import ACTIVATIONS, STATE, changed, params_of


def logistic(f, y):
    """(1/m) Σ log(1 + e^{-yf})."""
    return jnp.mean(jnp.logaddexp(0.0, -y * f))


def logistic_slope(f, y):
    """∂_f l of one example."""
    return -y * jax.nn.sigmoid(-y * f)


def problem(state):
    """Inputs, targets and the scale c = n^{1/2 - s}."""
    at = np.array([point["at"] for point in state["points"]])
    y = np.array([point["y"] for point in state["points"]])
    columns = [np.cos(at), np.sin(at)] + [np.ones(len(at))] * state["constant"]
    if state["loss"] == "logistic":
        y = np.where(y < 0, -1.0, 1.0)
    return np.stack(columns, axis=1), y, state["width"] ** (0.5 - state["s"])


def trained(laboratory, state):
    """The trajectory of the laboratory, with arrays."""
    trajectory = laboratory("flow.js", "train", state)
    assert trajectory["done"] == len(trajectory["ts"]), trajectory.get("failed")
    return {k: v if k == "params" else np.array(v) for k, v in trajectory.items()}


CASES = {
    "the book's network": {},
    "wide": {"width": 400, "seed": 8},
    "one unit": {"width": 1, "seed": 1},
    "one point": {"points": STATE["points"][:1], "constant": False},
    "scaled": {"s": 0.8, "width": 50},
    "mean field": {"s": 1.0, "width": 50, "psi": "erf"},
    "paired": {"paired": True, "psi": "gelu"},
    "sin": {"psi": "sin"},
    "softplus": {"psi": "softplus"},
    "typed": {"psi": "tanh(2*z)"},
    "logistic": {"loss": "logistic"},
    "logistic, scaled": {"loss": "logistic", "s": 0.75, "psi": "softplus"},
}


def cases():
    """All of them; the library's flow takes long, so one is quick."""
    for case in CASES:
        slow = case != "the book's network"
        yield pytest.param(case, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("case", [*cases()])
def test_flow_is_that_of_the_library(laboratory, case):
    """θ' = -(1/c²) ∇L(c · network(θ)), and the kernels along it."""
    state = changed(**CASES[case])
    X, y, c = problem(state)
    psi = ACTIVATIONS[state["psi"]]
    ours = trained(laboratory, state)
    of_outputs = half_mse if state["loss"] == "square" else logistic

    def loss(f, y):
        return of_outputs(c * f, y) / c**2

    start = params_of(ours["params"][0])
    flow = gradient_flow(start, X, y, psi, ours["ts"], loss=loss, rtol=1e-9)
    np.testing.assert_allclose(ours["f"], c * np.asarray(flow.f), rtol=1e-4, atol=1e-4)
    for k in (0, 20, -1):
        K = np.asarray(empirical_ntk(params_of(ours["params"][k]), X, psi))
        np.testing.assert_allclose(ours["K"][k], K, rtol=1e-12, atol=1e-12 * K.max())
        expected = lambda_min(K)
        np.testing.assert_allclose(ours["smallest"][k], expected, 1e-9, 1e-12)


def test_mean_loss_is_that_of_the_library(laboratory):
    """‖f - y‖²/2m and (1/m) Σ log(1 + e^{-yf}), also for large f."""
    f, y = np.array([-800.0, -0.3, 2.0, 900.0]), np.array([1.0, 1.0, -1.0, 1.0])
    for name, of_outputs in [("square", half_mse), ("logistic", logistic)]:
        loss = laboratory("flow.js", "meanLoss", name, f, y)
        np.testing.assert_allclose(loss, of_outputs(f, y), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("psi", ["relu", "max(z, 0.1*z)"])
@pytest.mark.parametrize("width", [24])
def test_flow_with_kinks_is_close_to_that_of_the_library(laboratory, psi, width):
    """Units that cross their kink make the flow itself less smooth."""
    state = changed(psi=psi, width=width)
    X, y, _ = problem(state)
    ours = trained(laboratory, state)
    start = params_of(ours["params"][0])
    flow = gradient_flow(start, X, y, ACTIVATIONS[psi], ours["ts"], rtol=1e-7)
    np.testing.assert_allclose(ours["f"], flow.f, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("psi", ["tanh", "relu"])
@pytest.mark.parametrize(("rate", "s"), [(0.5, 0.5), (0.13, 0.7)])
def test_descent_is_a_plain_loop(laboratory, loss, psi, rate, s):
    """θ ← θ - (η/c²) ∇L(c · network(θ)), after ts/η steps."""
    state = changed(rule="descent", loss=loss, psi=psi, rate=rate, s=s)
    X, y, c = problem(state)
    ours = trained(laboratory, state)
    steps = np.round(ours["ts"] / rate).astype(int)
    np.testing.assert_allclose(ours["ts"], steps * rate, rtol=1e-12)
    value = {"tanh": np.tanh, "relu": lambda h: np.maximum(h, 0)}[psi]
    slope = {"tanh": lambda h: 1 - np.tanh(h) ** 2, "relu": lambda h: 1.0 * (h > 0)}
    m, n = len(y), state["width"]
    W0, W1 = params_of(ours["params"][0])
    outputs = []
    for _ in range(steps[-1] + 1):
        h = X @ W0.T
        f = c * value(h) @ W1 / np.sqrt(n)
        outputs.append(f)
        dl = f - y if loss == "square" else -y / (1 + np.exp(y * f))
        push = dl / (m * c * np.sqrt(n))
        gradient = (slope[psi](h) * W1 * push[:, None]).T @ X
        W1 = W1 - rate * value(h).T @ push
        W0 = W0 - rate * gradient
    np.testing.assert_allclose(ours["f"], np.array(outputs)[steps], 1e-4, 1e-4)


def test_descent_beyond_the_edge_fails_in_a_sentence(laboratory):
    """Numbers that grow without bound end the training; what is stored is finite."""
    state = changed(rule="descent", rate=20.0, psi="z^2+z")
    trajectory = laboratory("flow.js", "train", state)
    assert trajectory["failed"].startswith("Training ran away")
    assert trajectory["done"] < len(trajectory["ts"])
    assert np.isfinite(np.array(trajectory["f"], float)).all()


def linearised(laboratory, state, K, f0, y, ts):
    """f_0 + K a(t) at the points."""
    spectrum = laboratory("eigen.js", "eigh", K)
    a = laboratory("flow.js", "linearised", state, K, spectrum, f0, y, ts)
    return f0 + np.array(a, float) @ K


TIMES = [0.0, 0.3, 2.0, 9.0, 100.0]


@pytest.mark.parametrize("m", [1, 4, 16])
@pytest.mark.parametrize("singular", [False, True])
def test_linearised_model_is_the_linear_flow(laboratory, m, singular):
    """f = y + e^{-Kt/m} r_0, also where λ = 0."""
    rng = np.random.default_rng(m)
    B = rng.normal(size=(m, max(1, m // 2) if singular else m))
    K, f0, y = B @ B.T, rng.normal(size=m), rng.normal(size=m)
    f = linearised(laboratory, STATE, K, f0, y, TIMES)
    expected = y + linear_flow(K, f0 - y, TIMES)
    np.testing.assert_allclose(f, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rate", [0.01, 0.5, 3.0])
def test_linearised_model_under_descent_is_a_plain_loop(laboratory, rate):
    """r ← (I - ηK/m) r, below the edge and above it, where signs alternate."""
    rng = np.random.default_rng(1)
    B = rng.normal(size=(4, 4))
    K, f0, y = B @ B.T, rng.normal(size=4), rng.normal(size=4)
    state = changed(rule="descent", rate=rate)
    steps = [0, 1, 2, 7, 30]
    f = linearised(laboratory, state, K, f0, y, np.array(steps) * rate)
    r = [f0 - y]
    for _ in range(30):
        r.append(r[-1] - rate * K @ r[-1] / 4)
    expected = y + np.array(r)[steps]
    np.testing.assert_allclose(f, expected, 1e-9, 1e-9 * np.abs(expected).max())


def test_linearised_model_beyond_the_edge_stays_finite(laboratory):
    """(1 - ηλ/m)^k is clipped where it overflows."""
    state = changed(rule="descent", rate=1.0)
    K, one = np.array([[1e5]]), np.array([1.0])
    f = linearised(laboratory, state, K, 0 * one, one, [0.0, 1.0, 99.0, 100.0])
    assert np.isfinite(f).all()
    assert np.abs(f[-1]) > 1e10


@pytest.mark.slow
@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("rule", ["flow", "descent"])
def test_linearised_model_of_the_logistic_loss(laboratory, m, rule):
    """∂_t f = -K ∂_f l/m (the library's function_flow), and its steps."""
    rng = np.random.default_rng(m)
    B = rng.normal(size=(m, m))
    K, f0, y = B @ B.T, rng.normal(size=m), np.sign(rng.normal(size=m))
    state = changed(loss="logistic", rule=rule, rate=0.1)
    f = linearised(laboratory, state, K, f0, y, TIMES)
    if rule == "flow":
        expected = function_flow(K, f0, y, logistic_slope, TIMES)
    else:
        path = [f0]
        for _ in range(1000):
            path.append(path[-1] - 0.1 * K @ (-y / (1 + np.exp(y * path[-1]))) / m)
        expected = np.array(path)[np.round(np.array(TIMES) / 0.1).astype(int)]
    np.testing.assert_allclose(f, expected, rtol=1e-4, atol=1e-4)

"""The scene: what the views draw, against the library, and what a drag keeps."""

import numpy as np
import pytest

from ntklib import empirical_ntk, gronwall_bound, limit_kernel, network, predict
from tests.laboratory.conftest import ACTIVATIONS, STATE, changed, params_of

GRID = np.linspace(-np.pi, np.pi, 121)


def numbers(scene):
    """The fields of a scene as arrays, where they are lists of numbers."""
    nested = ("state", "training", "params0", "paramsT", "spectrum0", "spectrum")
    return {
        key: value
        if key in nested or isinstance(value, (dict, type(None)))
        else np.array(value, float)
        for key, value in scene.items()
    }


def seen(laboratory, state, trajectory=None):
    """The scene of a state."""
    return numbers(laboratory("scene.js", "scene", state, trajectory, [0, 1]))


def on_circle(at, constant):
    """x = (cos τ, sin τ, 1), or without the 1."""
    return np.stack([np.cos(at), np.sin(at)] + [np.ones(len(at))] * constant, axis=1)


def close(got, expected, tol=1e-10):
    """Equal up to this share of the largest entry."""
    expected = np.asarray(expected)
    assert np.shape(got) == expected.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=tol, atol=tol * scale)


@pytest.mark.parametrize("psi", ["tanh", "relu", "softplus"])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("s", [0.5, 0.9])
def test_scene_is_what_the_library_computes(laboratory, psi, constant, s):
    """Starts, kernels, predictions on the grid, losses, bounds and the edge."""
    state = changed(psi=psi, constant=constant, s=s)
    scene = seen(laboratory, state)
    at = np.array([point["at"] for point in STATE["points"]])
    y = np.array([point["y"] for point in STATE["points"]])
    X, X2 = on_circle(at, constant), on_circle(GRID, constant)
    m, c, t = len(y), 24 ** (0.5 - s), [state["time"]]
    params = params_of(scene["params0"])

    f0, f0_new = (c * np.asarray(network(params, A, ACTIVATIONS[psi])) for A in (X, X2))
    close(scene["start"]["f"], f0)
    close(scene["start"]["grid"], f0_new)
    close(scene["grid"], GRID)

    K0 = np.asarray(empirical_ntk(params, X, ACTIVATIONS[psi]))
    K0_new = empirical_ntk(params, X2, ACTIVATIONS[psi], X)
    K = np.asarray(limit_kernel(X, ACTIVATIONS[psi]).ntk)
    K_new = limit_kernel(X2, ACTIVATIONS[psi], X).ntk
    close(scene["K0"], K0)
    close(scene["K"], K)
    for name, k, k_new in [("linear", K0, K0_new), ("limit", K, K_new)]:
        close(scene[name]["f"], predict(k, k, f0, f0, y, t)[0], 1e-9)
        close(scene[name]["grid"], predict(k, k_new, f0, f0_new, y, t)[0], 1e-9)
        f = predict(k, k, f0, f0, y, scene["ts"])
        losses = np.sum((f - y) ** 2, axis=1) / (2 * m)
        np.testing.assert_allclose(scene[name + "Loss"], losses, 1e-8, 1e-14)

    lam, V = np.linalg.eigh(K0)
    loss0 = np.sum((f0 - y) ** 2) / (2 * m)
    sharp = gronwall_bound(loss0, lam[0], m, scene["ts"])
    np.testing.assert_allclose(scene["sharpBound"], sharp, rtol=1e-9)
    # with the guaranteed λ_min(K_t) ≥ λ/4 in place of λ
    lecture = gronwall_bound(loss0, lam[0] / 4, m, scene["ts"])
    np.testing.assert_allclose(scene["lectureBound"], lecture, rtol=1e-9)
    np.testing.assert_allclose(scene["edge"], 2 * m / lam[-1], rtol=1e-12)
    np.testing.assert_allclose(scene["spectrum0"]["values"], lam[::-1], rtol=1e-10)
    parts = np.abs(V.T @ (f0 - y))[::-1]
    np.testing.assert_allclose(np.abs(scene["modes"]["start"]), parts, rtol=1e-7)
    decay = np.exp(-lam[::-1] * t / m)
    np.testing.assert_allclose(
        scene["modes"]["predicted"], scene["modes"]["start"] * decay, 1e-9, 1e-12
    )


@pytest.mark.parametrize("rule", ["flow", "descent"])
def test_scene_shows_the_trained_network(laboratory, rule):
    """K_t, drift and outputs belong to the parameters at the time shown."""
    state = changed(rule=rule)
    trajectory = laboratory("flow.js", "train", state)
    for time in [0.0, trajectory["ts"][20], 3.3, 100.0]:
        scene = seen(laboratory, {**state, "time": time}, trajectory)
        params = params_of(scene["paramsT"])
        X = on_circle([point["at"] for point in STATE["points"]], True)
        psi = ACTIVATIONS["tanh"]
        close(scene["network"]["f"], network(params, X, psi))
        close(scene["network"]["grid"], network(params, on_circle(GRID, True), psi))
        close(scene["Kt"], empirical_ntk(params, X, psi))
        r = np.array(scene["network"]["f"]) - scene["y"]
        V = np.array(scene["spectrum0"]["vectors"])
        np.testing.assert_allclose(scene["modes"]["measured"], V @ r, atol=1e-12)
    K = np.array(trajectory["K"])
    drift = np.linalg.norm(K - K[0], axis=(1, 2)) / np.linalg.norm(K[0])
    np.testing.assert_allclose(scene["drift"], drift, rtol=1e-10, atol=1e-14)
    assert scene["smallest"].tolist() == trajectory["smallest"]
    losses = np.mean((np.array(trajectory["f"]) - scene["y"]) ** 2, axis=1) / 2
    np.testing.assert_allclose(scene["loss"], losses, rtol=1e-12)
    assert scene["training"] == {"share": 1, "failed": None}


def test_scene_of_descent_shows_theory_after_the_network_s_step(laboratory):
    """Between two stored steps all curves wait at the first: (I - η K_0/m)^k r_0."""
    state = changed(rule="descent", rate=0.5)
    trajectory = laboratory("flow.js", "train", state)
    ts = np.array(trajectory["ts"])
    k = int(np.argmax(np.diff(ts) > 2))  # steps between this one and the next are gone
    scene = seen(laboratory, {**state, "time": ts[k + 1] - 0.5}, trajectory)
    step = np.eye(5) - 0.5 * np.array(scene["K0"]) / 5
    power = np.linalg.matrix_power(step, round(ts[k] / 0.5))
    r0 = np.array(scene["start"]["f"]) - scene["y"]
    close(scene["linear"]["f"], scene["y"] + power @ r0, 1e-9)
    close(scene["network"]["f"], trajectory["f"][k], 1e-9)


def test_scene_between_stored_times_is_on_the_flow(laboratory):
    """Parameters between two stored times are close to those trained to there.

    One time is left out here, so the gap is twice as long as usual and the error of the
    cubic 16 times as large.
    """
    state = changed()
    trajectory = laboratory("flow.js", "train", state)
    k = 37
    middle = trajectory["ts"][k]
    without = {
        **trajectory,
        **{
            name: trajectory[name][:k] + trajectory[name][k + 1 :]
            for name in ("ts", "params", "f", "K", "smallest")
        },
        "done": trajectory["done"] - 1,
    }
    scene = seen(laboratory, {**state, "time": middle}, without)
    np.testing.assert_allclose(scene["network"]["f"], trajectory["f"][k], atol=3e-4)


def test_scene_before_training_has_come_so_far_has_no_network(laboratory):
    """What is not trained yet is null; the theory is there."""
    trajectory = laboratory("flow.js", "train", changed())
    done = 10
    part = {
        **trajectory,
        **{name: trajectory[name][:done] for name in ("params", "f", "K")},
        "done": done,
    }
    scene = seen(laboratory, changed(time=50.0), part)
    assert scene["network"] is None
    assert scene["Kt"] is None
    assert scene["modes"]["measured"] is None
    assert len(scene["loss"]) == len(scene["drift"]) == len(scene["smallest"]) == done
    assert scene["training"]["share"] == done / 60
    early = seen(laboratory, changed(time=part["ts"][4]), part)
    np.testing.assert_allclose(early["network"]["f"], trajectory["f"][4], atol=1e-12)


def test_scene_after_other_scenes_is_that_of_a_fresh_start(laboratory):
    """Whatever is kept from scene to scene never shows in the next."""
    moved = [dict(point) for point in STATE["points"]]
    moved[2]["at"] += 0.1
    changes = [{}, {"points": moved}, {"seed": 4}, {"psi": "z^2"}, {"psi": "erf"}]
    changes += [{"constant": False}, {"width": 7}, {"paired": True}, {"s": 0.7}]
    for change in [*changes, *reversed(changes)]:
        scene = seen(laboratory, changed(**change))
        fresh = laboratory("network.js", "initParams", changed(**change))
        assert scene["params0"] == fresh
        state = scene["state"]
        X = on_circle([p["at"] for p in state["points"]], state["constant"])
        K0 = laboratory("network.js", "empiricalNtk", fresh, X, state["psi"])
        np.testing.assert_allclose(scene["K0"], K0, rtol=1e-12, atol=1e-12)
        K = laboratory("limit_kernel.js", "limitKernel", X, state["psi"])
        np.testing.assert_allclose(scene["K"], K, rtol=1e-12, atol=1e-12)


def finite(value):
    """Whether no number is infinite or NaN (the runner makes text of those)."""
    if isinstance(value, dict):
        return all(finite(v) for k, v in value.items() if k != "state")
    if isinstance(value, list):
        return all(map(finite, value))
    return value not in ("NaN", "Infinity", "-Infinity")


@pytest.mark.parametrize("loss", ["square", "logistic"])
@pytest.mark.parametrize("rule", ["flow", "descent"])
@pytest.mark.parametrize("psi", ["relu", "tanh", "z^2"])
def test_scene_of_degenerate_data_is_finite(laboratory, loss, rule, psi):
    """Equal points with different targets, opposite points, one unit, a huge step."""
    at = [0.5, 0.5, 0.5 - np.pi, np.pi]
    points = [{"at": a, "y": y} for a, y in zip(at, [1, -1, 0, 2], strict=True)]
    for change in [{}, {"width": 1}, {"points": points[:1]}, {"rate": 50.0}]:
        settings = {"points": points, "loss": loss, "rule": rule, "psi": psi, **change}
        state = changed(constant=False, time=100.0, **settings)
        trajectory = laboratory("flow.js", "train", state)
        assert finite(trajectory)
        assert finite(laboratory("scene.js", "scene", state, trajectory, []))

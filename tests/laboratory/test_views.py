"""The pictures of the laboratory: what they draw and say are the scene's numbers."""

import functools
import json
import math
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from book._ext.katex_math import node_program
from ntklib import empirical_ntk, init_params, limit_kernel, linear_flow, network
from ntklib.network import Params

VIEWS = ["function", "kernels", "spectrum", "loss", "drift", "units"]
WIDTHS = [320, 358, 619, 620, 900]
ANGLES = [-2.5, -1.0, 0.4, 0.9, 2.0]
TARGETS = [0.5, -1.0, 0.25, 1.5, 0.0]


def spectrum(K):
    """Eigenvalues, the largest first, with their eigenvectors as rows."""
    values, vectors = np.linalg.eigh(K)
    return {"values": values[::-1], "vectors": vectors.T[::-1]}


def points(angles, constant=True):
    """The inputs at these angles."""
    columns = [np.cos(angles), np.sin(angles), np.ones(len(angles))]
    return np.stack(columns if constant else columns[:2], axis=1)


def scene(angles=ANGLES, targets=TARGETS, *, n=20, constant=True, **changes):
    """What the pictures get; the network at time t is the one at the start, moved."""
    y = np.array(targets)
    m = len(y)
    X = points(angles, constant)
    grid = np.linspace(-np.pi, np.pi, 121)
    params0 = init_params(jax.random.key(3), n, X.shape[1])
    paramsT = Params(1.1 * params0.W0, params0.W1 + 0.2)

    def outputs(params):
        """Outputs of the network at the points and on the grid."""
        f = [network(params, Z, jnp.tanh) for Z in (X, points(grid, constant))]
        return dict(zip(["f", "grid"], f, strict=True))

    start, trained = outputs(params0), outputs(paramsT)
    K0 = np.asarray(empirical_ntk(params0, X, jnp.tanh))
    Kt = np.asarray(empirical_ntk(paramsT, X, jnp.tanh))
    K = np.asarray(limit_kernel(X, jnp.tanh).ntk)
    ts = np.array([0, *np.geomspace(0.1, 100, 16)])
    r0 = np.asarray(start["f"]) - y
    losses = [np.mean(linear_flow(M, r0, ts) ** 2, axis=1) / 2 for M in (K0, K)]
    at = 9
    linear, limit = [y + linear_flow(M, r0, ts)[at] for M in (K0, K)]
    s0 = spectrum(K0)
    smallest = s0["values"][-1]
    drift = np.linalg.norm(Kt - K0) / np.linalg.norm(K0)
    result = {
        "state": {
            "points": [{"at": a, "y": b} for a, b in zip(angles, targets, strict=True)],
            "constant": constant,
            "psi": "tanh",
            "width": n,
            "seed": 3,
            "paired": False,
            "s": 0.5,
            "loss": "square",
            "rule": "flow",
            "rate": 1.0,
            "time": ts[at],
        },
        "m": m,
        "n": n,
        "y": y,
        "grid": grid,
        "start": start,
        "network": trained,
        "linear": {"f": linear, "grid": 0.5 * np.cos(grid)},
        "limit": {"f": limit, "grid": 0.4 * np.cos(grid)},
        "K0": K0,
        "Kt": Kt,
        "K": K,
        "spectrum0": s0,
        "spectrumT": spectrum(Kt),
        "spectrum": spectrum(K),
        "modes": {
            "start": s0["vectors"] @ r0,
            "predicted": s0["vectors"] @ (linear - y),
            "measured": s0["vectors"] @ (np.asarray(trained["f"]) - y),
        },
        "ts": ts,
        "loss": 1.2 * losses[0],
        "linearLoss": losses[0],
        "limitLoss": losses[1],
        "sharpBound": losses[0][0] * np.exp(-2 * smallest * ts / m),
        "lectureBound": losses[0][0] * np.exp(-smallest * ts / (2 * m)),
        "drift": drift * ts / ts[at],
        "smallest": smallest * (1 + ts / 500),
        "edge": 2 * m / s0["values"][0],
        "params0": params0._asdict(),
        "paramsT": paramsT._asdict(),
        "training": {"share": 1, "failed": None},
        "picked": [1, 3],
    }
    state = changes.pop("state", {})
    return {**result, **changes, "state": {**result["state"], **state}}


UNTRAINED = {
    **dict.fromkeys(
        ["network", "Kt", "spectrumT", "loss", "drift", "smallest", "paramsT"]
    ),
    "training": {"share": 0, "failed": None},
}


def untrained(**changes):
    """A scene before the first report of training."""
    whole = scene(**changes)
    return {**whole, **UNTRAINED, "modes": {**whole["modes"], "measured": None}}


def exploding():
    """A scene in which gradient descent has left all numbers behind."""
    whole = scene(state={"rule": "descent", "rate": 30.0})
    growing = whole["loss"][0] * 1e18 ** np.arange(len(whole["ts"]))
    growing[-1] = np.inf
    lost = {"f": np.full(5, np.inf), "grid": np.full(121, np.nan)}
    return {
        **whole,
        "network": lost,
        "linear": {"f": np.full(5, -1e200), "grid": np.linspace(-1e200, 1e200, 121)},
        "Kt": np.full((5, 5), np.inf),
        "spectrumT": {"values": np.full(5, np.nan), "vectors": np.eye(5)},
        "modes": {**whole["modes"], "measured": np.full(5, np.inf)},
        "loss": growing,
        "linearLoss": growing,
        "sharpBound": None,
        "lectureBound": None,
        "drift": growing,
        "smallest": np.full(len(growing), np.nan),
        "paramsT": {"W0": np.full((20, 3), np.inf), "W1": np.full(20, np.nan)},
        "training": {"share": 0.5, "failed": 'Training stopped: 1 < 2 & "more".'},
    }


def without_kernel():
    """A scene in which all kernels are 0, as those of a constant activation."""
    zero = {"values": np.zeros(5), "vectors": np.eye(5)}
    nothing = np.zeros(len(scene()["ts"]))
    return scene(
        **dict.fromkeys(["K0", "Kt", "K"], np.zeros((5, 5))),
        **dict.fromkeys(["spectrum0", "spectrumT", "spectrum"], zero),
        **dict.fromkeys(["loss", "linearLoss", "limitLoss"], nothing),
        smallest=nothing,
        drift=np.full(len(nothing), np.nan),
        edge=np.inf,
        state={"rule": "descent"},
        modes=dict.fromkeys(["start", "predicted", "measured"], np.zeros(5)),
    )


SCENES = {
    "trained": scene,
    "untrained": untrained,
    "one point": lambda: scene([0.3], [1.0], n=1, picked=[0]),
    "one point, untrained": lambda: untrained(angles=[0.3], targets=[1.0], n=1),
    "opposite": lambda: scene(
        [0.5, 0.5 - np.pi], [1.0, 1.0], constant=False, picked=[]
    ),
    "16 points": lambda: scene(np.linspace(-3, 3, 16), np.zeros(16), n=1024),
    "half trained": lambda: untrained(
        state={"loss": "logistic", "rule": "descent", "time": 50.0}
    ),
    "exploding": exploding,
    "no kernel": without_kernel,
}


def plain(value):
    """What JSON can hold; infinities and NaN as the words that JavaScript reads."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if np.ndim(value):
        return [plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN")
    return value


def drawn(scenes, width=358):
    """What the views draw and say for each of the scenes."""
    script = Path(__file__).with_name("draw_views.mjs")
    return json.loads(
        subprocess.run(
            [node_program(), script],
            input=json.dumps([[plain(one), width] for one in scenes]),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )


@functools.cache
def pictures(name, width=358):
    """The scene of this name, and what the views draw and say."""
    one = SCENES[name]()
    return one, drawn([one], width)[0]


def numeral(value):
    """A number as the pictures write it."""
    rounded = float(f"{value:.3g}")
    if rounded and not 1e-3 <= abs(rounded) < 1e4:
        digits, exponent = f"{rounded:.2e}".split("e")
        raised = str(int(exponent)).translate(
            str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        )
        return f"{float(digits):g} × 10{raised}".replace("-", "−")
    return f"{rounded:g}".replace("-", "−")


def paths(svg, look):
    """The points of all curves and marks of this class, after the legend's sample."""
    found = re.findall(rf'<path class="{look}" d="([^"]*)"', svg)
    numbers = [re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path) for path in found]
    return [np.array(path, float) for path in numbers]


def ticks(svg):
    """Labels of ticks with their places."""
    marks = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" class="tick (\w+)">([^<]*)<', svg
    )
    return [(side, label, float(x), float(y)) for x, y, side, label in marks]


def vertical_axis(svg, logarithmic):
    """The function from pixels to values that the tick labels of the first vertical
    axis say.
    """
    values, places = [], []
    for side, label, _, y in ticks(svg):
        if side != "end" or label == "↓" or (logarithmic and label == "0"):
            if values and side != "end":
                break  # the second panel's come after the first's horizontal ticks
            continue
        power = re.fullmatch(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", label)
        if power:
            digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
            values.append(10.0 ** int(power[1].translate(digits)))
        else:
            values.append(float(label.replace("−", "-")))
        places.append(y - 4)  # the line of the tick
    if logarithmic:
        values = np.log10(values)
    slope, offset = np.polyfit(places, values, 1)
    return lambda y: 10 ** (offset + slope * y) if logarithmic else offset + slope * y


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SCENES)
def test_views_draw_numbers_only(name, width):
    """No picture holds a number that is infinite or missing, an id or a colour of its
    own, and each is well-formed and as wide as asked.
    """
    _, result = pictures(name, width)
    assert list(result["views"]) == list(VIEWS)
    for view in result["views"].values():
        svg, sentence = view["svg"], view["sentence"]
        for wrong in ["NaN", "Infinity", "undefined", "null", "[object"]:
            assert wrong not in svg + sentence
        for wrong in [" id=", "style=", "#", "rgb("]:
            assert wrong not in svg
        root = ElementTree.fromstring(svg)
        assert float(root.get("width")) == width
        assert root.get("role") == "img"
        assert sentence in root.get("aria-label")
        assert sentence.endswith(".")


def test_function_place_and_point_at_are_inverse():
    """Handles lie at (τ, y) of their points, and a drag to there gives them back."""
    one, result = pictures("trained")
    for given, found in zip(one["state"]["points"], result["points"], strict=True):
        assert found["at"] == pytest.approx(given["at"], abs=1e-12)
        assert found["y"] == pytest.approx(given["y"], abs=1e-12)


def test_function_draws_the_outputs_of_the_network():
    """The dots of the network lie at its outputs, those of the tick labels' axis."""
    one, result = pictures("trained")
    svg = result["views"]["function"]["svg"]
    value = vertical_axis(svg, logarithmic=False)
    dots = paths(svg, "measured dots")[-1]
    np.testing.assert_allclose(value(dots[:, 1]), one["network"]["f"], atol=0.02)
    np.testing.assert_allclose(
        dots[:, 0], [place["x"] for place in result["places"]], atol=0.06
    )
    curve = paths(svg, "theory wide")[-1]
    assert len(curve) == 121
    np.testing.assert_allclose(value(curve[:, 1]), one["linear"]["grid"], atol=0.02)


def test_function_says_the_distances():
    """Root mean square distances from targets, linear flow and limit stand there."""
    one, result = pictures("trained")
    f = np.asarray(one["network"]["f"])
    sentence = result["views"]["function"]["sentence"]
    for other in [one["y"], one["linear"]["f"], one["limit"]["f"]]:
        assert numeral(np.sqrt(np.mean((f - other) ** 2))) in sentence
    assert f"Input 2 at τ = {numeral(one['state']['points'][1]['at'])}" in sentence


@pytest.mark.parametrize("name", ["trained", "one point", "16 points"])
def test_kernels_draw_one_square_for_each_entry(name):
    """m² squares in each of the four maps; colour is the entry over the largest."""
    one, result = pictures(name)
    svg = result["views"]["kernels"]["svg"]
    m = one["m"]
    entries = re.findall(
        r'data-pair="(\d+),(\d+)"( class="minus")?[^>]*fill-opacity="([\d.]+)"', svg
    )
    assert len(entries) == 4 * m**2
    K0, Kt, K = one["K0"], one["Kt"], one["K"]
    largest = max(np.max(np.abs(M)) for M in (K0, Kt, K))
    maps = [
        K0 / largest,
        Kt / largest,
        (Kt - K0) / np.max(np.abs(Kt - K0)),
        K / largest,
    ]
    seen = np.array(
        [float(share) * (-1 if minus else 1) for *_, minus, share in entries]
    )
    np.testing.assert_allclose(
        seen, np.concatenate([M.ravel() for M in maps]), atol=6e-4
    )
    assert [(int(i), int(j)) for i, j, *_ in entries[: m**2]] == list(np.ndindex(m, m))


def test_kernels_say_the_marked_entry():
    """The values of the marked pair stand in the sentence, and its squares are
    outlined in all maps on both sides of the diagonal.
    """
    one, result = pictures("trained")
    view = result["views"]["kernels"]
    values = [numeral(one[M][1, 3]) for M in ("K0", "Kt", "K")]
    expected = "Inputs 2 and 4: at the start {}, at time t {}, limit {}".format(*values)
    assert expected in view["sentence"]
    assert view["svg"].count('class="picked"') == 8


def test_spectrum_draws_eigenvalues_and_says_zeros():
    """Eigenvalues of K_t lie where the logarithmic axis says; that of an opposite pair
    is 0 up to rounding.
    """
    one, result = pictures("trained")
    view = result["views"]["spectrum"]
    value = vertical_axis(view["svg"], logarithmic=True)
    dots = paths(view["svg"], "measured dots")
    eigenvalues = dots[1]  # after the legend's sample
    np.testing.assert_allclose(
        value(eigenvalues[:, 1]), one["spectrumT"]["values"], rtol=0.02
    )
    assert numeral(one["spectrum0"]["values"][0]) in view["sentence"]
    assert "rounding" not in view["sentence"] + view["svg"]
    _, result = pictures("opposite")
    view = result["views"]["spectrum"]
    assert view["sentence"].count("one is 0 up to rounding") == 3
    assert "zero up to rounding" in view["svg"]


def test_loss_draws_the_loss_and_says_it():
    """The dots lie at the network's losses; the sentence has those at time t."""
    one, result = pictures("trained")
    view = result["views"]["loss"]
    value = vertical_axis(view["svg"], logarithmic=True)
    dots = paths(view["svg"], "measured dots")[-1]
    np.testing.assert_allclose(value(dots[:, 1]), one["loss"], rtol=0.03)
    for name in ["loss", "linearLoss", "limitLoss", "sharpBound"]:
        assert numeral(one[name][9]) in view["sentence"]


@pytest.mark.parametrize(("rate", "where"), [(0.5, "below"), (1.5, "above")])
def test_loss_says_on_which_side_of_the_edge_descent_is(rate, where):
    """η and 2m/λ_max lie on the number line in this order, and the words agree."""
    one = scene()
    rate *= one["edge"]
    one["state"] = {**one["state"], "rule": "descent", "rate": rate}
    view = drawn([one])[0]["views"]["loss"]
    words = f"η = {numeral(rate)} is {where} the edge {numeral(one['edge'])}"
    assert words in view["sentence"]
    assert words in view["svg"]
    eta = paths(view["svg"], "measured dots")[-1][0, 0]
    edge = paths(view["svg"], "bound")[-1][0, 0]
    assert (eta < edge) == (where == "below")
    zero = 48  # the left end of the line
    assert (eta - zero) / (edge - zero) == pytest.approx(rate / one["edge"], abs=2e-3)


def test_drift_draws_the_drift_and_says_it():
    """The dots lie at the drift; the sentence has drift and smallest eigenvalues."""
    one, result = pictures("trained")
    view = result["views"]["drift"]
    value = vertical_axis(view["svg"], logarithmic=False)
    dots = paths(view["svg"], "measured dots")[1]
    np.testing.assert_allclose(
        value(dots[:, 1]), one["drift"], atol=0.01 * max(one["drift"])
    )
    assert f"moved by {numeral(one['drift'][9])} of its norm" in view["sentence"]
    for number in [one["smallest"][9], one["spectrum0"]["values"][-1]]:
        assert numeral(number) in view["sentence"]


def test_units_draw_every_unit_and_the_longest_moves():
    """One dot a unit at (h, W1) of the marked input, now and at the start, and lines
    for the 12 that moved farthest.
    """
    one, result = pictures("trained")
    view = result["views"]["units"]
    x = points(ANGLES)[1]
    value = vertical_axis(view["svg"], logarithmic=False)
    marks = [
        (at, float(label.replace("−", "-")))
        for side, label, at, _ in ticks(view["svg"])
        if side == "middle"
    ]
    across = np.poly1d(np.polyfit(*zip(*marks, strict=True), 1))
    places = []
    for look, params in [("start dots", "params0"), ("measured dots", "paramsT")]:
        dots = paths(view["svg"], look)[-1]
        assert len(dots) == one["n"]
        np.testing.assert_allclose(value(dots[:, 1]), one[params]["W1"], atol=0.04)
        h = one[params]["W0"] @ x
        np.testing.assert_allclose(across(dots[:, 0]), h, atol=0.04)
        places.append(np.stack([h, one[params]["W1"]]))
    moves = np.sort(np.hypot(*(places[1] - places[0])))
    lines = paths(view["svg"], "move")[-1].reshape(-1, 2, 2)
    assert len(lines) == 12
    middle = numeral(moves[(one["n"] - 1) // 2])
    assert (
        f"moved by {middle}, the farthest by {numeral(moves[-1])}" in view["sentence"]
    )


@pytest.mark.parametrize("view", VIEWS)
def test_views_say_that_training_goes_on(view):
    """Before training there are words in the place of the network, in the picture as
    in the sentence; a failure is said with its reason.
    """
    _, result = pictures("untrained")
    assert "training…" in result["views"][view]["svg"]
    assert "still being trained" in result["views"][view]["sentence"]
    one = untrained()
    one["training"] = {"share": 0.3, "failed": "Numbers < 0 became infinite."}
    result = drawn([one])[0]["views"][view]
    assert "training stopped" in result["svg"]
    assert "Numbers < 0 became infinite." in result["sentence"]


@pytest.mark.slow
def test_views_are_light():
    """A picture of 12 points and 1,024 units has few elements besides the entries."""
    one = scene(np.linspace(-3, 3, 12), np.zeros(12), n=1024)
    views = drawn([one])[0]["views"]
    for name, view in views.items():
        elements = view["svg"].count("<") - view["svg"].count("</")
        assert elements < (4 * 12**2 + 100 if name == "kernels" else 100)

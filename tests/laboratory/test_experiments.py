"""The guided experiments: not done at the start, done at the end, and what they say is
true, by the library.
"""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from book._ext.katex_math import node_program
from ntklib import (
    empirical_ntk,
    gradient_flow,
    kernel_drift,
    largest_stable_step,
    limit_kernel,
    network,
)
from tests.laboratory.conftest import params_of
from tools.execute import ROOT

PROGRAM = Path(__file__).parent / "experiments.mjs"
PSI = {"tanh": jnp.tanh, "relu": jax.nn.relu, "erf": erf, "sin": jnp.sin}
SEEDS = range(6)


def points(*pairs):
    """Points of a state, from pairs of an angle and a target."""
    return [{"at": at, "y": y} for at, y in pairs]


def two_at(distance):
    """The inputs of `together`, with the two in the middle at some distance."""
    return points((-distance / 2, 0.5), (distance / 2, 0.8), (2, -0.6))


# What a reader does, a step after the other; after the last the experiment is done.
DONE = {
    "opposite": [{"constant": True}],
    "edge": [{"rate": 2}, {"rate": 5}],
    "limit": [{"width": 64}, {"width": 1024}],
    "waves": [{"time": 100}, {"time": 1}, {"time": 12}],
    "bound": [{"points": points((0.2, 0.7), (1.2, -0.7))}],
    "together": [{"points": two_at(0.08)}, {"psi": "erf"}],
    "width": [{"width": 128}, {"width": 512}],
    "lazy": [{"s": 0.75}, {"s": 1}],
}
# Other ways to the same end, and ways that must not count.
OTHERS = {
    "another psi": ("opposite", [{"psi": "relu"}], True),
    "another odd psi": ("opposite", [{"psi": "sin"}], False),
    "another place": (
        "opposite",
        [{"points": points((0.6, 0.8), (-1.6, 0.8), (1.9, -0.5))}],
        True,
    ),
    "as soon as one wave is learnt": ("waves", [{"time": 4.3}], True),
    "just above the edge": ("edge", [{"rate": 3.46}], False),
    "a flow": ("edge", [{"rate": 5, "rule": "flow"}], False),
    "too early": ("bound", [{"points": points((0, 1), (1, -1)), "time": 0.1}], False),
    "erf at the first distance": ("together", [{"psi": "erf"}], False),
    "equal inputs": ("together", [{"points": two_at(0)}], False),
    "tanh": ("together", [{"points": two_at(0.08), "psi": "tanh"}], False),
    "narrower": ("width", [{"width": 16}], False),
}


@cache
def done_by(requests):
    """What the page says at the start and after each step, for each of the requests."""
    process = subprocess.run(
        [node_program(), PROGRAM],
        input=requests,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return json.loads(process.stdout)


def do(name, steps, seed=None):
    """The reports of one experiment: at the start, and after each step."""
    request = {"name": name, "steps": steps}
    if seed is not None:
        request["seed"] = seed
    return done_by(json.dumps([request]))[0]


def numbers(report):
    """The numbers in the text, as they are read."""
    text = re.sub(r" × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"e\1", report["text"])
    text = text.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def said(report, *values):
    """Whether the text has these numbers, each within its three digits."""
    read = np.array(numbers(report))
    return all(
        np.any(np.abs(read - value) <= 0.0051 * abs(value) + 1e-12) for value in values
    )


def problem(report):
    """Inputs, targets, activation and parameters of a state, for the library."""
    state = report["state"]
    at, y = np.array([(point["at"], point["y"]) for point in state["points"]]).T
    columns = [np.cos(at), np.sin(at)] + [np.ones(len(at))] * state["constant"]
    return np.stack(columns, axis=1), y, PSI[state["psi"]], params_of(report["params"])


def limit_of(report):
    """The limit kernel at the inputs of a state."""
    X, _, psi, _ = problem(report)
    return np.asarray(limit_kernel(X, psi).ntk)


def smallest(K):
    """The smallest eigenvalue."""
    return np.linalg.eigvalsh(K)[0]


@pytest.mark.parametrize("name", DONE)
def test_experiment_is_done_by_what_it_asks(name):
    """Until the last step there is more to do; then there is an answer."""
    *before, last = do(name, DONE[name])
    assert not any(report["done"] for report in before)
    assert all(report["text"] for report in before)
    assert last["done"]
    assert len(set(numbers(last))) >= 2


@pytest.mark.parametrize("case", OTHERS)
def test_experiment_counts_every_way_and_no_other(case):
    """What is done is seen by its numbers, not by the control that was used."""
    name, steps, done = OTHERS[case]
    assert do(name, steps)[-1]["done"] == done


def test_experiments_belong_to_chapters():
    """Names are different and safe in an address; the chapter is there."""
    program = (
        f"import {{ EXPERIMENTS }} from '{ROOT}/ntklib/_laboratory/experiments.js';"
        "console.log(JSON.stringify(EXPERIMENTS))"
    )
    text = subprocess.run(
        [node_program(), "--input-type=module", "-e", program],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    found = json.loads(text)
    assert [one["name"] for one in found] == list(DONE)
    for one in found:
        assert re.fullmatch("[a-z]+", one["name"])
        assert (ROOT / "book" / f"{one['chapter']}.ipynb").exists()
        assert one["title"]
        assert one["task"].endswith(".")
        assert one["question"].endswith("?")


def test_opposite_pair_has_a_singular_kernel_until_it_is_repaired():
    """tanh is odd: two rows of the kernel are opposite, and λ_min = 0."""
    before, after = do("opposite", DONE["opposite"])
    assert smallest(limit_of(before)) == pytest.approx(0, abs=1e-12)
    assert said(after, smallest(limit_of(after)))


@pytest.mark.parametrize(("at", "psi"), [(1.8, "tanh"), (0.6, "tanh"), (1.89, "relu")])
def test_opposite_tells_inputs_that_are_almost_equal(at, psi):
    """One may leave the opposite place for a place beside another input."""
    places = points((0.6, 0.8), (at, 0.8), (1.9, -0.5))
    report = do("opposite", [{"points": places, "psi": psi}])[-1]
    assert "almost equal" in report["text"]
    assert not report["done"]
    assert smallest(limit_of(report)) < 0.01
    assert "almost equal" not in do("opposite", [{"psi": "sin"}])[-1]["text"]


@pytest.mark.parametrize("seed", SEEDS)
def test_edge_is_where_the_loss_begins_to_grow(seed):
    """Below 2m/λ_max it falls, above it grows, whatever the start."""
    rates = do("edge", [{"rate": 1}], seed)
    X, _, psi, params = problem(rates[0])
    step = largest_stable_step(np.asarray(empirical_ntk(params, X, psi)))
    assert rates[0]["edge"] == pytest.approx(step, rel=1e-12)
    below, above = do("edge", [{"rate": 0.9 * step}, {"rate": 1.25 * step}], seed)[1:]
    losses = np.array(below["loss"], float)
    assert losses[-1] < 0.1 * losses[0]
    assert above["done"]
    assert said(above, step, 1.25 * step, 1 - 2 * 1.25)
    assert said(below, losses[0], losses[-1], below["ts"][-1])


@pytest.mark.slow
def test_limit_is_approached_like_one_over_the_root_of_the_width():
    """Root mean square over seeds: from 64 to 1024 units a quarter, within a third."""
    squares = []
    for seed in SEEDS:
        start, *wider = do("limit", [{"width": 64}, {"width": 1024}], seed)
        distance = []
        for report in (start, *wider):
            X, _, psi, params = problem(report)
            K = limit_of(report)
            apart = np.linalg.norm(empirical_ntk(params, X, psi) - K)
            distance.append(apart / np.linalg.norm(K))
        assert said(wider[-1], 100 * distance[0], 100 * distance[2])
        assert said(wider[-1], distance[0] / distance[2])
        squares.append(np.square(distance))
    _, narrow, wide = np.sqrt(np.mean(squares, axis=0))
    assert 4 / 1.5 < narrow / wide < 4 * 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_waves_are_learnt_the_slow_one_first(seed):
    """At t = 12 the slow wave is there, and less than a quarter of the fast one."""
    start, report = do("waves", [{"time": 12}], seed)
    X, y, _, _ = problem(start)
    f = np.array(report["f"])
    slow, fast = ((f @ w) / (y @ w) for w in (X[:, 0], np.cos(3 * np.arccos(X[:, 0]))))
    assert report["done"]
    assert slow > 0.9
    assert fast < 0.25
    assert said(report, 100 * slow, 100 * fast)


@pytest.mark.parametrize("seed", SEEDS)
def test_bound_is_attained_along_the_last_eigenvector_alone(seed):
    """Elsewhere the loss lies far below the bound."""
    beaten, attained = do("bound", DONE["bound"], seed)
    for report, low, high in [(beaten, 0, 0.2), (attained, 0.9, 1.1)]:
        X, y, psi, params = problem(report)
        lam = smallest(empirical_ntk(params, X, psi))
        f = np.array(report["f"])
        f0 = np.asarray(network(params, X, psi))
        bound = np.sum((f0 - y) ** 2) * np.exp(-2 * lam * report["state"]["time"] / 2)
        ratio = np.sum((f - y) ** 2) / bound
        assert low < ratio < high
        equal = "equals the bound" in report["text"]
        assert abs(ratio - 1) < 0.0051 if equal else said(report, ratio)
    assert attained["done"]


@pytest.mark.slow
@pytest.mark.parametrize(("psi", "power"), [("relu", 1), ("erf", 2)])
def test_together_has_the_powers_that_it_names(psi, power):
    """λ_min falls like δ for relu and like δ² for erf, the better the smaller δ."""
    reports = do(
        "together", [{"psi": psi}, *({"points": two_at(d)} for d in (0.1, 0.01))]
    )
    lam = [smallest(limit_of(report)) for report in reports[1:]]
    assert said(reports[2], 4, lam[0] / lam[1])
    assert np.log10(lam[1] / lam[2]) == pytest.approx(power, abs=0.15)


@pytest.mark.slow
def test_width_halves_the_drift():
    """Root mean square over seeds, by the library's flow: like 1/n within a half."""
    squares = []
    for seed in SEEDS:
        reports = do("width", [{"width": 1024}], seed)
        drift = []
        for report in reports:
            X, y, psi, params = problem(report)
            flow = gradient_flow(params, X, y, psi, [0.0, 30.0, 100.0], rtol=1e-6)
            K0 = np.asarray(empirical_ntk(params, X, psi))
            moved = kernel_drift(flow.params, X, psi) / np.linalg.norm(K0)
            assert report["drift"][-1] == pytest.approx(float(moved[-1]), rel=0.01)
            drift.append(max(report["drift"]))
        assert said(reports[1], 100 * drift[0], 100 * drift[1], drift[0] / drift[1])
        squares.append(np.square(drift))
    narrow, wide = np.sqrt(np.mean(squares, axis=0))
    assert 16 / 1.5 < narrow / wide < 16 * 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_lazy_units_move_when_s_is_one(seed):
    """At s = 1 the weights move ten times as far or more, and the kernel drifts."""
    start, report = do("lazy", [{"s": 1}], seed)
    moved, then = numbers(report)[1], numbers(report)[4]
    assert report["done"]
    assert moved > 10 * then > 0
    assert max(report["drift"]) > 20 * max(start["drift"])
    assert said(report, 100 * max(report["drift"]), 100 * max(start["drift"]))

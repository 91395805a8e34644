"""The random cases: fresh for every seed, and such that they hide no mistake."""

import jax
import numpy as np
import pytest

from ntklib.exercises.cases import PSIS, cases, described
from ntklib.exercises.sets import EXERCISES

FUNCTIONS = [name for name, exercise in EXERCISES.items() if exercise.arguments]


def leaves(case):
    """The arrays, numbers and functions in a case."""
    return jax.tree.leaves(case)


def same(case, other):
    """Whether two cases hold the same values."""
    return all(map(np.array_equal, leaves(case), leaves(other)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cases_follow_the_seed(name):
    """The same seed gives the same cases, another one gives others, in float64."""
    first, again, other = cases(name, 4), cases(name, 4), cases(name, 5)
    for one, two, three in zip(first, again, other, strict=True):
        assert same(one, two)
        assert not same(one, three)
        arrays = [a for a in leaves(one) if isinstance(a, np.ndarray)]
        assert all(a.dtype == np.float64 for a in arrays)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cases_hide_no_mistake(name):
    """No size, norm, inner product or residual is special."""
    for case in cases(name, 4):
        given = dict(zip(EXERCISES[name].arguments, case, strict=True))
        if "X" in given:
            X = given["X"]
            norms = np.linalg.norm(X, axis=1)
            assert len(norms) >= 3
            assert np.ptp(norms) > 0.1 * norms.mean()
            assert np.abs(X @ X.T).min() > 1e-4
        if "params" in given:
            W0, W1 = given["params"]
            assert W0.shape[0] >= 4
            assert W0.shape[1] >= 2
            if "y" in given:
                f = given["psi"](given["X"] @ W0.T) @ W1 / np.sqrt(len(W1))
                assert np.ptp(f - given["y"]) > 0.1


@pytest.mark.parametrize(
    "name", [name for name in FUNCTIONS if "psi" in EXERCISES[name].arguments]
)
def test_cases_try_every_activation(name):
    """Each activation has a case."""
    tried = {id(case[-1]) for case in cases(name, 4)}
    assert tried == {id(psi) for psi in PSIS.values()}


def test_cases_never_change_for_a_seed():
    """Grades are reproduced from their seed, so these numbers stay."""
    drawn = {}
    for name in FUNCTIONS:
        drawn |= dict(zip(EXERCISES[name].arguments, cases(name, 7)[0], strict=True))
    assert drawn["psi"] is PSIS["tanh"]
    got = {
        "X": drawn["X"][0, 0],
        "K": drawn["K"][0, 0],
        "y": drawn["y"][0],
        "f0": drawn["f0"][0],
        "dl": drawn["dl"][0],
        "f0_new": drawn["f0_new"][0],
        "W0": drawn["params"].W0[0, 0],
        "W1": drawn["params"].W1[0],
        "K_new": drawn["K_new"][0, 0],
        "t": drawn["t"],
        "lam": drawn["lam"],
        "m": drawn["m"],
        "s": drawn["s"],
    }
    assert got == pytest.approx(
        {
            "X": 0.3122118827382774,
            "K": 2.885161011520425,
            "y": 0.06378177425506196,
            "f0": -1.5471446781284823,
            "dl": 2.000416546342423,
            "f0_new": 0.682910267195206,
            "W0": 0.6672475608343279,
            "W1": -0.25019540051792494,
            "K_new": -1.1140671431510563,
            "t": 1.9664899293406752,
            "lam": 1.5523848557388702,
            "m": 4,
            "s": 0.5600787483207041,
        },
        rel=1e-14,
    )


def test_cases_are_none_for_values():
    """Arrays, numbers and choices are judged as they are."""
    for name in EXERCISES:
        assert bool(cases(name, 0)) == (name in FUNCTIONS)


def test_described_names_shapes():
    """The arguments of a case in words."""
    case, _ = cases("kernel_velocity", 0)
    text = described("kernel_velocity", case)
    assert text.startswith("params.W0 (7, 3), params.W1 (7,), X (4, 3), y (4,), psi ")
    assert PSIS[text.split()[-1]] is case[-1]
    text = described("prediction", cases("prediction", 0)[0])
    start = "K (4, 4), K_new (2, 4), f0 (4,), f0_new (2,), y (4,), t = "
    assert text.startswith(start)
    assert 1 < float(text.removeprefix(start)) < 4

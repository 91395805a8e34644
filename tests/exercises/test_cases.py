"""The random cases: fresh for every seed, and such that they hide no mistake."""

import itertools

import jax
import numpy as np
import pytest

from ntklib.exercises.cases import PSIS, cases, described, drawn, special
from ntklib.exercises.psis import Mixture, activation
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
    first, again, other = drawn(name, 4), drawn(name, 4), drawn(name, 5)
    for one, two, three in zip(first, again, other, strict=True):
        assert same(one, two)
        assert not same(one, three)
        arrays = [a for a in leaves(one) if isinstance(a, np.ndarray)]
        assert all(a.dtype == np.float64 for a in arrays)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cases_hide_no_mistake(name):
    """No size, norm, inner product or residual is special."""
    for case in drawn(name, 4):
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
    """A known one, either of two, then a mixture of its own for every seed."""
    pairs = [[case[-1] for case in drawn(name, seed)] for seed in range(9)]
    assert {id(first) for first, _ in pairs} == {id(activation(psi)) for psi in PSIS}
    assert len({second for _, second in pairs}) == 9
    z = np.linspace(-2, 2, 9)
    for _, psi in pairs:
        assert isinstance(psi, Mixture)
        assert np.abs(psi(z) - np.tanh(z)).max() > 0.1
        assert np.abs(psi(z) - jax.nn.softplus(z)).max() > 0.1


def test_mixtures_and_their_slopes_have_both_signs():
    """An answer that loses a sign is wrong for them, under nearly every seed."""
    one_sign = 0
    for seed in range(200):
        params, X, psi = drawn("ntk", seed)[1]
        h = X @ params.W0.T
        slope = psi.a + psi.b * psi.c * np.cos(psi.c * h + psi.d) + 1 / (1 + np.exp(-h))
        values = np.asarray(psi(h))
        one_sign += abs(np.sign(values).sum()) == h.size
        one_sign += abs(np.sign(slope).sum()) == h.size
    assert one_sign <= 2


def test_cases_never_change_for_a_seed():
    """Grades are reproduced from their seed, so these numbers stay."""
    given = {}
    for name in FUNCTIONS:
        given |= dict(zip(EXERCISES[name].arguments, drawn(name, 7)[0], strict=True))
    assert given["psi"] is activation("tanh")
    got = {
        "X": given["X"][0, 0],
        "K": given["K"][0, 0],
        "y": given["y"][0],
        "f0": given["f0"][0],
        "dl": given["dl"][0],
        "f0_new": given["f0_new"][0],
        "W0": given["params"].W0[0, 0],
        "W1": given["params"].W1[0],
        "K_new": given["K_new"][0, 0],
        "t": given["t"],
        "lam": given["lam"],
        "m": given["m"],
        "s": given["s"],
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


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cases_have_numbers_of_python(name):
    """In grading they come as JSON, and 1 / 0 has to be the same there and here."""
    for argument in itertools.chain(*cases(name, 4)):
        assert not isinstance(argument, np.generic)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_cases_follow_the_drawn_ones(name):
    """The case by hand is among them; the seed decides what is drawn of them."""
    exercise = EXERCISES[name]
    found = [*special(name, 4).values()]
    for one, two in zip(cases(name, 4)[len(exercise.sizes) :], found, strict=True):
        assert same(one, two)
    if exercise.arguments == ("X",):
        rows = {tuple(row) for row in found[-1][0]}
        assert rows >= {tuple(row) for row in exercise.example[0]}
    else:
        assert same(special(name, 4)["the case by hand"], exercise.example)


@pytest.mark.parametrize("name", ["relu_limit", "erf_limit", "gelu_limit"])
def test_special_inputs_are_orthogonal_parallel_and_opposite(name):
    """Where formulas for the infinite limit divide by 0 or lose digits."""
    *_, (X,) = special(name, 0).values()
    U = X / np.linalg.norm(X, axis=1)[:, None]
    cosines = (U @ U.T)[np.triu_indices(len(U), 1)]
    assert (cosines == 0).any()
    assert (np.abs(cosines + 1) < 1e-15).any()
    assert ((cosines > 1 - 1e-12) & (cosines < 1)).any()


@pytest.mark.parametrize("name", ["relu_limit", "erf_limit", "gelu_limit"])
def test_special_inputs_have_many_coordinates_and_may_be_zero(name):
    """For formulas of the plane or of space; the task of relu excludes the input 0."""
    (X,), _ = special(name, 0).values()
    assert X.shape[1] == 5
    assert (not X.any(axis=1).all()) == (name != "relu_limit")


def test_special_K_has_an_eigenvalue_that_repeats():
    """Where eigenvectors of a general solver are not orthogonal."""
    (K,) = special("stable_step", 0)["a K with an eigenvalue that repeats"]
    np.testing.assert_allclose(np.linalg.eigvalsh(K), [1, 1, 1, 5])


def test_cases_are_none_for_values():
    """Arrays, numbers and choices are judged as they are."""
    for name in EXERCISES:
        assert bool(cases(name, 0)) == (name in FUNCTIONS)


def test_described_names_shapes():
    """The arguments of a case in words."""
    case, _ = drawn("kernel_velocity", 0)
    text = described("kernel_velocity", case)
    assert text.startswith("params.W0 (7, 3), params.W1 (7,), X (4, 3), y (4,), psi ")
    assert activation(text.split()[-1]) is case[-1]
    text = described("prediction", cases("prediction", 0)[0])
    start = "K (4, 4), K_new (2, 4), f0 (4,), f0_new (2,), y (4,), t = "
    assert text.startswith(start)
    assert 1 < float(text.removeprefix(start)) < 4

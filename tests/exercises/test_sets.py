"""Every exercise of every set: its solution is accepted, its slips are recognised."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib.exercises import (
    bounds,
    drift,
    dynamics,
    generalization,
    kernel,
    regimes,
)
from ntklib.exercises.cases import cases
from ntklib.exercises.difference import error
from ntklib.exercises.judge import judge
from ntklib.exercises.sets import EXERCISES

KINDS = ("numbers", "exponent")
NUMBERS = [name for name, exercise in EXERCISES.items() if exercise.kind in KINDS]
SLIPS = [(name, slip) for name in ANSWERS for slip in ANSWERS[name].slips]


def seeds(name):
    """Five seeds, or two where the reference is a quadrature for each pair of rows."""
    return (0, 1) if name in ("erf_limit", "gelu_limit") else (0, 1, 7, 20, 300)


def hint_of(result):
    """The line without the numbers and the case by hand."""
    return str(result).split(" Expected ")[0].removesuffix(".")


def values(name, answer, seed):
    """What an answer returns for the cases, or the answer itself."""
    return [answer(*case) for case in cases(name, seed)] or [answer]


def test_sets_are_in_the_order_of_the_book():
    """The lecture's four and the two beyond it; no name is there twice."""
    sets = [kernel, dynamics, bounds, drift, generalization, regimes]
    in_order = [exercise.name for one in sets for exercise in one.EXERCISES]
    assert list(EXERCISES) == list(ANSWERS) == in_order


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_solutions_are_accepted(name):
    """They pass under every seed; the line says against what they were checked."""
    exercise = EXERCISES[name]
    for seed in seeds(name):
        result = judge(name, seed, values(name, ANSWERS[name].solution, seed))
        assert result
        line = f"{name}: correct (checked against {exercise.route})"
        assert str(result) == repr(result) == line


@pytest.mark.parametrize("name", NUMBERS)
def test_solutions_equal_the_reference_to_rounding(name):
    """Two independent routes agree far beyond the tolerance of the judge."""
    answers = ANSWERS[name]
    for case in cases(name, 1) or [()]:
        solution = answers.solution(*case) if case else answers.solution
        want = np.asarray(answers.reference(*case))
        assert np.shape(solution) == want.shape
        assert error(np.asarray(solution), want) < 1e-11


@pytest.mark.parametrize("name", NUMBERS)
def test_solutions_are_accepted_in_other_types(name):
    """Lists and JAX arrays pass, and float32 where 12 digits are not asked."""
    right = values(name, ANSWERS[name].solution, 0)
    assert judge(name, 0, [np.asarray(value).tolist() for value in right])
    assert judge(name, 0, [jnp.asarray(value) for value in right])
    single = judge(name, 0, [np.float32(value) for value in right])
    assert bool(single) == (EXERCISES[name].entry_tol is None)


@pytest.mark.parametrize("name", EXERCISES)
def test_solutions_are_accepted_with_x64_off(name):
    """As JAX is by default."""
    solution = ANSWERS[name].solution
    if "params" in EXERCISES[name].arguments:  # compiled as one program, for speed
        solution = jax.jit(solution, static_argnames="psi")
    with jax.enable_x64(False):
        assert judge(name, 0, values(name, solution, 0))


@pytest.mark.parametrize(
    ("name", "slip"), SLIPS, ids=[f"{name}: {slip.title}" for name, slip in SLIPS]
)
def test_slips_are_recognised(name, slip):
    """Under several seeds a known wrong answer gets its own hint and no other."""
    for seed in seeds(name):
        for answer in (slip.answer, *slip.others):
            with np.errstate(all="ignore"):  # at orthogonal inputs some divide by 0
                found = values(name, answer, seed)
            result = judge(name, seed, found)
            assert not result
            assert hint_of(result) == f"{name}: {slip.hint}"


def slip_of(name, title):
    """A known slip by its title."""
    (slip,) = [slip for slip in ANSWERS[name].slips if slip.title == title]
    return slip


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("ntk", "no 1/n"),
        ("kernel_velocity", "one Hessian only"),
        ("third_order", "the printed Gram factors"),
        ("gelu_limit", "the covariance of the outputs"),
    ],
)
def test_slips_are_recognised_in_float32(name, title):
    """The same slip in single precision gets the same hint, and with x64 off."""
    slip = slip_of(name, title)
    found = [np.float32(value) for value in values(name, slip.answer, 3)]
    assert hint_of(judge(name, 3, found)) == f"{name}: {slip.hint}"
    with jax.enable_x64(False):
        found = values(name, slip.answer, 3)
        assert hint_of(judge(name, 3, found)) == f"{name}: {slip.hint}"


def test_slips_of_the_lecture_are_known():
    """What the lecture notes got wrong has a hint."""
    for name, title in [
        ("general_loss_velocity", "1/m for 1/m²"),
        ("sharp_rate", "λ/2m, as in the lecture"),
        ("lemma_matrices", "fails if indefinite"),
        ("kernel_velocity", "the residual's index α, as in the lecture"),
        ("third_order", "the printed Gram factors"),
        ("drift_slope", "-1/2, as in the lecture"),
    ]:
        assert slip_of(name, title).hint

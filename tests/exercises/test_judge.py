"""Judgement: right answers of any style pass; whatever else comes gets a sentence."""

import itertools
import re

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from ntk_answers import ANSWERS
from ntklib.exercises.cases import cases
from ntklib.exercises.judge import judge
from ntklib.exercises.plain import Failure
from ntklib.exercises.result import Result
from ntklib.exercises.sets import EXERCISES


def solved(name):
    """The right values of an exercise for the cases of seed 0."""
    solution = ANSWERS[name].solution
    return [np.asarray(solution(*case)) for case in cases(name, 0)]


def by_loops(params, X, psi):
    """The kernel, entry by entry."""
    W0, W1 = params
    n = len(W1)
    slope = jax.jit(jax.grad(psi))
    K = np.zeros((len(X), len(X)))
    for a, b, i in itertools.product(range(len(X)), range(len(X)), range(n)):
        h, h2 = W0[i] @ X[a], W0[i] @ X[b]
        last = psi(h) * psi(h2)
        first = X[a] @ X[b] * W1[i] ** 2 * slope(h) * slope(h2)
        K[a, b] += (last + first) / n
    return K


def by_einsum(params, X, psi):
    """The kernel by one sum over units."""
    h = jnp.einsum("ip,ap->ai", params.W0, X)
    A, S = jax.jvp(psi, (h,), (jnp.ones_like(h),))
    first = jnp.einsum("ai,bi,i,ap,bp->ab", S, S, params.W1**2, X, X)
    return (jnp.einsum("ai,bi->ab", A, A) + first) / len(params.W1)


def by_gradients(params, X, psi):
    """The kernel by its definition, under jit."""

    @jax.jit
    def gradients(params, X):
        return jax.jacrev(lambda p: psi(X @ p.W0.T) @ p.W1 / jnp.sqrt(len(p.W1)))(
            params
        )

    J = gradients(params, X)
    return jnp.einsum("aip,bip->ab", J.W0, J.W0) + J.W1 @ J.W1.T


@pytest.mark.slow
@pytest.mark.parametrize("answer", [by_loops, by_einsum, by_gradients])
def test_judge_accepts_other_styles(answer):
    """Loops, einsum and the definition of the kernel."""
    assert judge("ntk", 0, [answer(*case) for case in cases("ntk", 0)])


def by_finite_differences(params, X, y, psi):
    """The outputs' velocity by central differences along the flow."""
    W0, W1 = params
    m, n = len(X), len(W1)
    A, S = map(np.asarray, jax.jvp(psi, (X @ W0.T,), (np.ones((m, n)),)))
    r = A @ W1 / np.sqrt(n) - y
    dW0 = -((S * W1).T * r) @ X / (m * np.sqrt(n))
    dW1 = -A.T @ r / (m * np.sqrt(n))

    def f(t):
        return psi(X @ (W0 + t * dW0).T) @ (W1 + t * dW1) / np.sqrt(n)

    return (f(1e-4) - f(-1e-4)) / 2e-4


def test_judge_accepts_finite_differences():
    """Velocities by central differences are good enough."""
    name = "output_velocity"
    assert judge(name, 0, [by_finite_differences(*case) for case in cases(name, 0)])


@pytest.mark.parametrize(
    ("error", "dtype", "x64", "accepted"),
    [
        (3e-6, np.float32, True, True),
        (3e-6, np.float64, True, False),
        (3e-6, np.float64, False, True),
        (3e-5, np.float32, False, False),
        (1e-8, np.float64, True, True),
        (3e-7, np.float64, True, False),
    ],
)
def test_judge_asks_as_many_digits_as_the_type_has(error, dtype, x64, accepted):
    """1e-7 of the largest entry in float64, 2e-5 in float32 or with JAX's x64 off."""
    values = [
        np.asarray(K + error * np.max(K) * np.eye(len(K)), dtype) for K in solved("ntk")
    ]
    with jax.enable_x64(x64):
        assert bool(judge("ntk", 0, values)) == accepted


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("ntk", [np.eye(4)], "ntk: expected 3 values, got 1"),
        ("drift_slope", [-1, -1], "drift_slope: expected 1 values, got 2"),
        (
            "ntk",
            [np.eye(4)] * 3,
            "ntk: expected an array of shape (5, 5), got shape (4, 4) for params.W0 (6",
        ),
        (
            "ntk",
            [np.eye(4), Failure("nothing"), np.eye(2)],
            "ntk: it returned nothing for params.W0 (6, 2), params.W1 (6,), X (5, 2), ",
        ),
        ("lazy_exponent", [np.nan, 1, 1], "lazy_exponent: got nan for s = 0."),
        ("conserved", [{"sin"}], "conserved: 'sin' is not one of the choices"),
        ("conserved", ["relu"], "conserved: these are right, but not all"),
        ("lemma_matrices", [set()], "lemma_matrices: name one class, the largest"),
        (
            "singular_inputs",
            [np.ones(2)],
            "singular_inputs: expected an array of shape (m, 2), one input in each of "
            "m >= 1 rows; got shape (2,)",
        ),
        (
            "singular_inputs",
            [np.ones((501, 2))],
            "singular_inputs: got 501 inputs; a handful is enough",
        ),
        (
            "singular_inputs",
            [np.ones((500, 2))],
            "singular_inputs: an input appears twice",
        ),
        (
            "singular_inputs",
            [5],
            "singular_inputs: expected an array of shape (m, 2), one input in each of",
        ),
        ("drift_slope", ["-1"], "drift_slope: expected numbers, got the text '-1'"),
        (
            "drift_slope",
            [-0.8],
            "drift_slope: another number is right; measure it at several widths",
        ),
        ("stable_step", [1.0, 1.1, 1.2, 1, 1], "stable_step: off by"),
        ("drift_slope", [abs], "drift_slope: expected a number, got a function"),
        ("drift_slope", [-0.94], "drift_slope: a good measurement: at finite widths"),
    ],
)
def test_judge_says_what_is_wrong(name, values, line):
    """Too few values, a wrong shape, NaN, no answer, no choice: each has a sentence."""
    result = judge(name, 0, values)
    assert not result
    assert str(result).startswith(line)


def test_judge_says_on_what_a_factor_depends():
    """The sizes of the cases tell a power of n from a number."""
    K1, K2, *special = solved("ntk")
    wrong = [K1 * 7**2, K2 * 6**2, *special]
    line = str(judge("ntk", 0, wrong))
    assert line.startswith("ntk: right but for a factor that depends on n: count what")
    assert line.endswith(f". By hand: {EXERCISES['ntk'].by_hand}")


@pytest.mark.parametrize("miss", [5e-4, 3e-8, 1e-10])
def test_judge_wants_opposite_rows_exactly(miss):
    """Three pairs that miss the opposite direction, even by little, are not enough."""
    X = ANSWERS["singular_inputs"].solution.copy()
    X[3:] += miss * X[3:, ::-1] * [1, -1]
    line = "nearly right, but opposite inputs must be exactly opposite"
    for x64 in (True, False):  # without JAX, NumPy has all digits
        assert str(judge("singular_inputs", 0, [X], x64=x64)).endswith(line)


@pytest.mark.parametrize(("dtype", "x64"), [(np.float32, True), (float, False)])
def test_judge_takes_opposite_rows_with_few_digits(dtype, x64):
    """Where numbers have float32's digits, rows are as opposite as those can be."""
    X = ANSWERS["singular_inputs"].solution.copy()
    X[3:] += 1e-7 * X[3:, ::-1] * [1, -1]
    computed = X.astype(np.float32).astype(dtype)
    assert judge("singular_inputs", 0, [computed], x64=x64)


@pytest.mark.parametrize("slope", [-1, -1.0, np.float32(-1.02), jnp.asarray(-0.97)])
def test_judge_accepts_a_measured_slope(slope):
    """An exponent comes from a measurement: five per cent are allowed."""
    assert judge("drift_slope", 0, [slope])


def test_judge_wants_twelve_digits_on_the_diagonal_of_relu():
    """An error of 1e-11 gets the hint on arccos; float32 is told why it fails."""
    right = solved("relu_limit")
    blurred = [K * (1 + 1e-11 * np.eye(len(K))) for K in right]
    hint = ANSWERS["relu_limit"].slips[0].hint
    assert str(judge("relu_limit", 0, blurred)) == f"relu_limit: {hint}"
    single = judge("relu_limit", 0, [np.float32(K) for K in right])
    assert "float32's 7 digits" in str(single)
    rounded = [K * (1 + 1e-13 * np.eye(len(K))) for K in right]
    assert judge("relu_limit", 0, rounded)


JUNK = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(), st.lists(st.integers(), max_size=2)), max_size=5),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    hnp.arrays(
        st.sampled_from([float, np.float32, int, bool, complex, object, "U3"]),
        hnp.array_shapes(min_side=0),
    ),
)
# Without the two whose reference takes long.
QUICK = [name for name in EXERCISES if name not in ("gelu_limit", "erf_limit")]


@settings(max_examples=60)
@given(st.sampled_from(QUICK), JUNK, JUNK)
def test_judge_never_raises(name, first, second):
    """Whatever came back gets one line."""
    rest = [second] * (len(cases(name, 0)) - 1)
    values = [first, *rest] if EXERCISES[name].arguments else [first]
    result = judge(name, 0, values)
    assert isinstance(result, Result)
    assert "\n" not in str(result)


def test_judge_asks_for_every_digit_of_special_inputs():
    """Twelve digits for inputs drawn at random are not enough elsewhere."""
    values = [ANSWERS["relu_limit"].solution(*case) for case in cases("relu_limit", 0)]
    values[-1] = values[-1] * (1 + 1e-10)
    line = str(judge("relu_limit", 0, values))
    assert re.search(r"but not for .*: an entry is right to \d+ digits", line), line


def test_judge_names_the_special_inputs_that_are_wrong():
    """An answer that is right for inputs drawn at random hears for which it is not."""
    values = [ANSWERS["relu_limit"].solution(*case) for case in cases("relu_limit", 0)]
    values[-1] = values[-1] * 1.5
    line = str(judge("relu_limit", 0, values))
    assert "right for inputs drawn at random, but not for" in line, line
    assert "digits" not in line

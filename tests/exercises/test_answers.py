"""Cases and judgement: right answers of any style pass, under every seed, and whatever else comes gets a sentence."""

import itertools

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from ntklib import _answers, exercises
from ntklib._slips import HINTS

SEEDS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)
NAMES = exercises.names()
FUNCTIONS = [name for name in NAMES if _answers.EXERCISES[name].arguments]


def judged(name, answer, seed=0, convert=lambda value: value):
    """The judgement of an answer that is called without any guard."""
    values = [convert(answer(*case)) for case in _answers.cases(name, seed)] or [answer]
    return _answers.judge(name, seed, values)


@pytest.mark.parametrize("name", NAMES)
def test_judge_accepts_solutions(name):
    """The reference answers pass under ten seeds, and the line says by what they were judged."""
    for seed in SEEDS:
        result = judged(name, exercises.solution(name), seed)
        assert result
        assert (
            str(result)
            == repr(result)
            == f"{name}: right, says {_answers.EXERCISES[name].route}"
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_judge_accepts_other_types(name):
    """Nested lists and JAX arrays are as good as NumPy's, and float32 where twelve digits are not asked."""
    right = exercises.solution(name)
    assert judged(name, right, convert=lambda value: np.asarray(value).tolist())
    assert judged(name, right, convert=jnp.asarray)
    assert bool(judged(name, right, convert=np.float32)) == (name != "relu_limit")


def test_judge_asks_as_many_digits_as_the_type_has():
    """An error of 3e-6 passes in float32, and in float64 only if JAX has no more digits; 3e-5 never does."""
    right = [exercises.solution("ntk")(*case) for case in _answers.cases("ntk", 0)]
    for error, dtype, x64, accepted in [
        (3e-6, np.float32, True, True),
        (3e-6, np.float64, True, False),
        (3e-6, np.float64, False, True),
        (3e-5, np.float32, False, False),
        (1e-8, np.float64, True, True),
    ]:
        values = [
            np.asarray(K + error * np.max(K) * np.eye(len(K)), dtype)
            for K in map(np.asarray, right)
        ]
        with jax.enable_x64(x64):
            assert bool(_answers.judge("ntk", 0, values)) == accepted


def by_loops(params, X, psi):
    """The kernel, entry by entry."""
    W0, W1 = params
    slope, n = jax.grad(psi), len(W1)
    K = np.zeros((len(X), len(X)))
    for a, b, i in itertools.product(range(len(X)), range(len(X)), range(n)):
        h, h2 = W0[i] @ X[a], W0[i] @ X[b]
        K[a, b] += (
            psi(h) * psi(h2) + X[a] @ X[b] * W1[i] ** 2 * slope(h) * slope(h2)
        ) / n
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


@pytest.mark.parametrize("answer", [by_loops, by_einsum, by_gradients])
def test_judge_accepts_other_styles(answer):
    """Loops, einsum and the definition of the kernel."""
    assert judged("ntk", answer)


def test_judge_accepts_finite_differences():
    """Velocities by central differences along the flow are good enough."""

    def velocity(params, X, y, psi):
        W0, W1 = params
        h, n = X @ W0.T, len(W1)
        A, S = (np.asarray(a) for a in jax.jvp(psi, (h,), (np.ones_like(h),)))
        r = A @ W1 / np.sqrt(n) - y
        step = 1e-4 / len(X) / np.sqrt(n)
        up, down = (
            np.asarray(psi(X @ (W0 - s * ((S * W1).T * r) @ X).T)) @ (W1 - s * A.T @ r)
            for s in (step, -step)
        )
        return (up - down) / 2e-4 / np.sqrt(n)

    assert judged("output_velocity", velocity)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cases_suit_the_exercise(name):
    """Fresh for every seed, the same for the same one; no size, norm, product or residual hides a mistake."""
    first, again, other = (_answers.cases(name, seed) for seed in (4, 4, 5))
    for one, two, three in zip(first, again, other, strict=True):
        leaves = [jax.tree.leaves(case) for case in (one, two, three)]
        assert all(
            np.array_equal(a, b) for a, b in zip(leaves[0], leaves[1], strict=True)
        )
        assert any(
            not np.array_equal(a, b) for a, b in zip(leaves[0], leaves[2], strict=True)
        )
        assert all(
            a.dtype == np.float64 for a in leaves[0] if isinstance(a, np.ndarray)
        )
        given = dict(zip(_answers.EXERCISES[name].arguments.split(), one, strict=True))
        if "X" in given:
            norms, G = np.linalg.norm(given["X"], axis=1), given["X"] @ given["X"].T
            assert len(norms) >= 3
            assert np.ptp(norms) > 0.1 * norms.mean()
            assert np.abs(G).min() > 1e-4
        if "params" in given:
            assert np.shape(given["params"].W0)[0] >= 4
            assert np.shape(given["params"].W0)[1] >= 2
        if "y" in given and "params" in given:
            f = given["psi"](given["X"] @ given["params"].W0.T) @ given["params"].W1
            assert np.ptp(f / np.sqrt(len(given["params"].W1)) - given["y"]) > 0.1
    if "psi" in _answers.EXERCISES[name].arguments:
        assert {id(case[-1]) for case in first} == {
            id(psi) for psi in _answers.PSIS.values()
        }


def test_cases_are_none_for_values():
    """Arrays, numbers and choices are judged as they are."""
    assert [name for name in NAMES if not _answers.cases(name, 0)] == [
        n for n in NAMES if n not in FUNCTIONS
    ]


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("ntk", [np.eye(4)], "ntk: 2 values are asked, 1 came"),
        (
            "ntk",
            [np.eye(4), np.eye(4)],
            "ntk: values of shape (5, 5) are asked, shape (4, 4) came for params.W0 (6, 2)",
        ),
        ("ntk", [np.eye(4), None], "ntk: not answered yet"),
        ("lazy_exponent", [np.nan, 1], "lazy_exponent: nan came for s = 0."),
        ("conserved", [{"sin"}], "conserved: 'sin' is not among the choices"),
        ("conserved", ["relu"], "conserved: these are right, but not all"),
        ("lemma_matrices", [set()], "lemma_matrices: another choice is right"),
        (
            "singular_inputs",
            [np.ones(2)],
            "singular_inputs: values of shape (2, 2) are asked, shape (2,) came",
        ),
        (
            "singular_inputs",
            [np.ones((501, 2))],
            "singular_inputs: 501 inputs came; a handful is enough",
        ),
        (
            "singular_inputs",
            [5],
            "singular_inputs: values of shape (1, 2) are asked, shape () came",
        ),
        ("drift_slope", ["-1"], "drift_slope: a str with entries of type <U2 came"),
        (
            "drift_slope",
            [-0.8],
            "drift_slope: another number is right; measure it at several widths",
        ),
    ],
)
def test_judge_says_what_is_wrong(name, values, line):
    """Too few values, a wrong shape, NaN, no answer, no choice: each has its sentence."""
    result = _answers.judge(name, 0, values)
    assert not result
    assert str(result).startswith(line)


def test_judge_wants_opposite_rows_exactly():
    """Three pairs that miss the opposite direction by 0.03 degrees are nearly singular only."""
    X = exercises.solution("singular_inputs")
    X[3:] += 5e-4 * X[3:, ::-1] * [1, -1]
    assert str(_answers.judge("singular_inputs", 0, [X])).endswith(
        "nearly, but opposite has to be exactly so"
    )


@pytest.mark.parametrize("slope", [-1, -1.0, np.float32(-1.02), jnp.asarray(-0.97)])
def test_judge_accepts_a_measured_slope(slope):
    """An exponent comes from a measurement: five per cent are allowed."""
    assert _answers.judge("drift_slope", 0, [slope])


def test_judge_wants_twelve_digits_on_the_diagonal_of_relu():
    """An error of 1e-11 on the diagonal is named as the loss by arccos; float32 is told why it cannot do."""
    right = [
        exercises.solution("relu_limit")(*case)
        for case in _answers.cases("relu_limit", 0)
    ]
    blurred = [K * (1 + 1e-11 * np.eye(len(K))) for K in right]
    assert (
        str(_answers.judge("relu_limit", 0, blurred))
        == f"relu_limit: {HINTS['relu_limit']['arccos with clip']}"
    )
    assert "float32's 7 digits" in str(
        _answers.judge("relu_limit", 0, [np.float32(K) for K in right])
    )
    assert _answers.judge(
        "relu_limit", 0, [K * (1 + 1e-13 * np.eye(len(K))) for K in right]
    )


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


@settings(max_examples=60)
@given(
    st.sampled_from([n for n in NAMES if n not in ("gelu_limit", "erf_limit")]),
    JUNK,
    JUNK,
)
def test_judge_never_raises(name, first, second):
    """Whatever came back gets one line."""
    result = _answers.judge(name, 0, [first, second] if name in FUNCTIONS else [first])
    assert isinstance(result, _answers.Result)
    assert "\n" not in str(result)


def test_described_names_shapes():
    """The arguments of a case in words."""
    (case, _), (other, _) = (
        _answers.cases("kernel_velocity", 0),
        _answers.cases("prediction", 0),
    )
    text = _answers.described("kernel_velocity", case)
    assert text.startswith("params.W0 (7, 3), params.W1 (7,), X (4, 3), y (4,), psi ")
    assert text.split()[-1] in _answers.PSIS
    assert _answers.described("prediction", other).startswith(
        "K (4, 4), K_new (2, 4), f0 (4,), f0_new (2,), y (4,), t = "
    )

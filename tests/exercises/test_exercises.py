"""The exercises as the reader meets them: names, solutions, and one line an answer."""

import threading
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import ANSWERS
from ntklib import check, exercises
from ntklib.exercises import names, solution
from ntklib.exercises.sets import EXERCISES


def test_names_are_in_the_books_order():
    """From the first exercise of the first set to the last."""
    assert names() == list(EXERCISES)
    assert names()[0] == "ntk"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_check_accepts_the_solution(name):
    """check(name, solution(name)) is true, and its line begins with the name."""
    result = check(name, solution(name))
    assert result
    assert str(result).startswith(f"{name}: correct (")


def test_solution_is_the_readers_own():
    """An array or a set that is changed changes nothing here."""
    solution("singular_inputs")[:] = 0
    solution("conserved").clear()
    assert check("singular_inputs", solution("singular_inputs"))
    assert check("conserved", solution("conserved"))


@pytest.mark.parametrize(
    ("name", "near"),
    [("third_ordr", "third_order"), ("NTK", None), (3, None), (["ntk"], "ntk")],
)
def test_solution_refuses_unknown_names(name, near):
    """An unknown name is a ValueError, with the nearest name and all the others."""
    question = f"; did you mean {near!r}\\?" if near else r"\."
    message = f"^there is no exercise .*{question} The exercises are ntk, relu_limit, "
    with pytest.raises(ValueError, match=message) as caught:
        solution(name)
    assert str(caught.value).endswith(", ".join(EXERCISES))


@pytest.mark.parametrize(
    "name", ["third_ordr", "", None, 3, ["ntk"], {"ntk"}, np.ones(3)]
)
def test_check_refuses_unknown_names(name):
    """The same sentence as a false result, whatever the name is."""
    result = check(name, 3)
    assert not result
    assert str(result).startswith("there is no exercise ")
    assert "\n" not in str(result)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda K: 2 / np.linalg.norm(K, 2), "the number of inputs has no effect"),
        (lambda K: K, "expected a number, got shape (4, 4)"),
        (lambda K: 1 / 0, "it raised ZeroDivisionError: division"),
        (None, "not answered yet"),
        (..., "not answered yet"),
        (lambda K: None, "it returned nothing for K (4, 4); a function gives"),
        (lambda K: ..., "not answered yet"),
    ],
)
def test_check_says_what_is_wrong(answer, line):
    """The hint for a known slip, the shape, an exception, no answer: one line each."""
    assert str(check("stable_step", answer)).startswith(f"stable_step: {line}")


def test_check_says_that_a_value_is_missing():
    """So it is with an answer that is no function."""
    assert str(check("drift_slope", None)) == "drift_slope: not answered yet"


def test_check_prints_no_warning():
    """What NumPy has to say about an answer does not bury the hint."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vector = check("stable_step", lambda K: np.log(-1.0) + np.ones(1) / 0)
        nan = check("stable_step", lambda K: np.float64(0) / 0)
    assert "expected a number" in str(vector)
    assert "got nan" in str(nan)
    assert not caught


def test_check_draws_from_the_seed(monkeypatch):
    """NTK_SEED chooses the inputs; without it, or empty, the seed is 0."""
    seen = []

    def answer(lam, m):
        seen.append(lam)
        return 2 * lam / m

    for seed in ("0", "", None, "17"):
        if seed is None:
            monkeypatch.delenv("NTK_SEED")
        else:
            monkeypatch.setenv("NTK_SEED", seed)
        assert check("sharp_rate", answer)
    assert seen[:3] == seen[3:6] == seen[6:9] != seen[9:]


@pytest.mark.parametrize("seed", ["-1", "1.5", "soon"])
def test_check_refuses_a_bad_seed(monkeypatch, seed):
    """A seed that is no natural number is named; nothing is raised."""
    monkeypatch.setenv("NTK_SEED", seed)
    line = f"NTK_SEED must be an integer of at least 0; got {seed!r}"
    assert str(check("ntk", None)) == line


def test_check_raises_when_strict(monkeypatch):
    """With NTK_STRICT=1 the line comes as an AssertionError; right answers pass."""
    monkeypatch.setenv("NTK_STRICT", "1")
    assert check("lemma_matrices", "symmetric")
    message = r"^lemma_matrices: try it on diag\(1, 0\)"
    with pytest.raises(AssertionError, match=message):
        check("lemma_matrices", "positive definite")
    with pytest.raises(AssertionError, match=r"^there is no exercise 'x'"):
        check("x", 1)
    monkeypatch.setenv("NTK_STRICT", "0")
    assert not check("x", 1)


def test_check_works_with_x64_off():
    """As JAX is by default; where relu's diagonal asks for more, it says so."""
    with jax.enable_x64(False):
        right = solution("relu_limit")
        relu = check("relu_limit", lambda X: jnp.asarray(right(X)))
        assert check("ntk", jax.jit(solution("ntk"), static_argnames="psi"))
        (no_width, *_) = ANSWERS["ntk"].slips
        assert str(check("ntk", no_width.answer)).startswith(f"ntk: {no_width.hint}")
        assert not jax.config.jax_enable_x64
    start = "relu_limit: right to float32's 7 digits, but 12 are asked for: use NumPy's"
    assert str(relu).startswith(start)


def test_check_leaves_no_thread_behind():
    """After a check nothing runs any more."""
    before = threading.active_count()
    assert check("sharp_rate", solution("sharp_rate"))
    assert threading.active_count() == before
    assert exercises.names()


class Hostile(list):
    """A list that cannot be looked at."""

    def __iter__(self):
        """Raise."""
        raise RuntimeError("no items")


class Named(str):
    """A name without a hash."""

    def __hash__(self):
        """Raise."""
        raise RuntimeError("no hash")


class Evasive:
    """Not a function in any way that Python can tell, but it can be called."""

    def __getattr__(self, name):
        """Raise."""
        raise RuntimeError("no attributes")

    def __call__(self, *args):
        """Some number."""
        return 1


class Quitting:
    """An answer that ends the program when it is made an array."""

    def __array__(self, *args, **kwargs):
        """End the program."""
        raise SystemExit


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ntk", Evasive()),
        ("ntk", lambda params, X, psi: Quitting()),
        ("drift_slope", Quitting()),
        ("drift_slope", np.timedelta64(-1, "s")),
        ("conserved", Hostile()),
        ("conserved", [Named("relu")]),
        (Named("ntk"), 1),
        (Quitting(), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_check_judges_whatever_comes(name, answer):
    """Objects whose own methods raise are wrong answers; nothing is raised."""
    result = check(name, answer)
    assert not result
    assert "\n" not in str(result)

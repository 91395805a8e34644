"""The exercises as the reader meets them: names, reference answers, and one line for every answer."""

import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from ntklib import check, exercises
from ntklib.exercises import names, solution

SIGNATURES = {
    **{"ntk": "params X psi", "relu_limit": "X", "erf_limit": "X", "gelu_limit": "X"},
    **{
        "output_velocity": "params X y psi",
        "general_loss_velocity": "K dl",
        "stable_step": "K",
    },
    **{
        "prediction": "K K_new f0 f0_new y t",
        "sharp_rate": "lam m",
        "lazy_exponent": "s",
    },
    **{"kernel_velocity": "params X y psi", "third_order": "params X psi"},
}
ORDER = [
    *(
        "ntk",
        "relu_limit",
        "erf_limit",
        "gelu_limit",
        "output_velocity",
        "general_loss_velocity",
        "prediction",
    ),
    *(
        "stable_step",
        "conserved",
        "sharp_rate",
        "lemma_matrices",
        "singular_inputs",
        "kernel_velocity",
    ),
    *("third_order", "drift_slope", "lazy_exponent"),
]


def test_names_are_in_the_books_order():
    """Sixteen exercises in four sets: kernel, dynamics, bounds, drift."""
    assert names() == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_check_accepts_the_solution(name):
    """check(name, solution(name)) is true, and says so in a line that begins with the name."""
    result = check(name, solution(name))
    assert result
    assert str(result).startswith(f"{name}: right")
    assert callable(solution(name)) == (name in SIGNATURES)


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
    with pytest.raises(
        ValueError,
        match=r"^there is no exercise .* There are ntk, relu_limit, .*, lazy_exponent$",
    ) as e:
        solution(name)
    assert ("is it" in str(e.value)) == (near is not None)
    assert near is None or f"is it {near!r}?" in str(e.value)


@pytest.mark.parametrize(
    "name", ["third_ordr", "", None, 3, ["ntk"], {"ntk"}, np.ones(3)]
)
def test_check_refuses_unknown_names(name):
    """The same sentence as a false result, whatever the name is."""
    result = check(name, 3)
    assert not result
    assert str(result).startswith("there is no exercise ")
    assert "\n" not in str(result)


def test_check_says_what_is_wrong():
    """The hint for a known slip, a sentence about the shape, an exception, no answer: one line each."""
    assert str(check("stable_step", lambda K: 2 / np.linalg.norm(K, 2))).startswith(
        "stable_step: m is missing"
    )
    assert str(check("stable_step", lambda K: K)).startswith(
        "stable_step: values of shape () are asked, shape (4, 4)"
    )
    assert str(check("stable_step", lambda K: 1 / 0)).startswith(
        "stable_step: it raised ZeroDivisionError: division"
    )
    for nothing in (None, ..., lambda K: None, lambda K: ...):
        assert str(check("stable_step", nothing)) == "stable_step: not answered yet"
    assert str(check("drift_slope", None)) == "drift_slope: not answered yet"


def test_check_prints_no_warning():
    """What NumPy has to say about an answer does not bury the hint."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert str(
            check("stable_step", lambda K: np.log(-1.0) + np.ones(1) / 0)
        ).startswith("stable_step: values of")
        assert "nan came" in str(check("stable_step", lambda K: np.float64(0) / 0))
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
    assert seen[:2] == seen[2:4] == seen[4:6] != seen[6:]


@pytest.mark.parametrize("seed", ["-1", "1.5", "soon"])
def test_check_refuses_a_bad_seed(monkeypatch, seed):
    """A seed that is no natural number is named; nothing is raised."""
    monkeypatch.setenv("NTK_SEED", seed)
    assert (
        str(check("ntk", None))
        == f"NTK_SEED must be an integer of at least 0; got {seed!r}"
    )


def test_check_raises_when_strict(monkeypatch):
    """With NTK_STRICT=1 the same line comes as an AssertionError; right answers pass."""
    monkeypatch.setenv("NTK_STRICT", "1")
    assert check("lemma_matrices", "symmetric")
    with pytest.raises(
        AssertionError, match=r"^lemma_matrices: try it on diag\(1, 0\)"
    ):
        check("lemma_matrices", "positive definite")
    with pytest.raises(AssertionError, match=r"^there is no exercise 'x'"):
        check("x", 1)
    monkeypatch.setenv("NTK_STRICT", "0")
    assert not check("x", 1)


IN_FLOAT32 = """
import jax, jax.numpy as jnp, numpy as np
from ntklib import check, exercises, limit_kernel
from ntklib._slips import HINTS, WRONG
assert jnp.ones(1).dtype == jnp.float32
for name in exercises.names():
    assert check(name, exercises.solution(name)), name
for name, title in [("ntk", "no 1/n"), ("third_order", "the printed Gram factors"), ("relu_limit", "arccos with clip")]:
    assert str(check(name, WRONG[name][title])) == f"{name}: {HINTS[name][title]}", check(name, WRONG[name][title])
assert not check("gelu_limit", WRONG["gelu_limit"]["the approximation by tanh"])
assert check("erf_limit", lambda X: limit_kernel(X, jax.scipy.special.erf).ntk)
print(check("relu_limit", lambda X: limit_kernel(X, jax.nn.relu).ntk))
assert jnp.ones(1).dtype == jnp.float32
"""


def test_check_works_in_float32():
    """With JAX's x64 off, as it is by default: solutions pass, slips do not, and relu's diagonal asks for more."""
    env = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"}
    done = subprocess.run(
        [sys.executable, "-c", IN_FLOAT32], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "relu_limit: right to float32's 7 digits, the diagonal needs 12: use NumPy's float64"
    )
    assert not done.stderr


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
    """Objects whose own methods raise are wrong answers, or no exercises; nothing is raised."""
    result = check(name, answer)
    assert not result
    assert "\n" not in str(result)

"""`check` and the grading judge alike: the same answers, the same lines."""

import re

import jax
import pytest

from grading.notebooks import Cell
from grading.points import inputs, verdict
from grading.pool import Limits, evaluate
from ntklib import check, exercises
from tests.grading.test_pool import handed_in

# Answers that are odd in one way each, by the exercise that they answer.
NUMBERS = """
import fractions, decimal
import numpy as np
import sympy
import jax
import jax.numpy as jnp

stable_step = lambda K: fractions.Fraction(2 * len(K) / np.linalg.eigvalsh(K)[-1])
sharp_rate = lambda lam, m: sympy.Rational(2, m) * lam
general_loss_velocity = lambda K, dl: decimal.Decimal(-(dl @ K @ dl) / len(dl) ** 2)
random_targets = lambda K: sum(1 / (np.linalg.eigvals(K) + 0j))
noise_floor = lambda lam, eta, variance: np.array([eta * variance / lam])
conserved = np.array(["relu", "leaky_relu", "abs"])
lemma_matrices = np.str_("symmetric")
drift_slope = fractions.Fraction(-1)
lazy_exponent = lambda s: None
margin_time = lambda lam, m, margin: [None]
matching_ridge = lambda lam, m, t: 1j * t
captured_share = lambda m, d: missing + m
spread = lambda K, K_new, Phi: K @ K_new
travelled = lambda K, f0, y: 0.0
catapult_step = [1.0, 2.0]


def prediction(K, K_new, f0, f0_new, y, t):
    f0 *= 2
    return f0_new
"""
OTHERS = """
import warnings
import numpy as np
import jax.numpy as jnp

warnings.simplefilter("error")

stable_step = lambda K: 2.0 * K.shape[0] / jnp.linalg.eigvalsh(jnp.asarray(K))[-1]
general_loss_velocity = lambda K, dl: jnp.float16(dl @ K @ dl)
random_targets = ...
noise_floor = lambda lam, eta, variance: {"a": 1}
conserved = {"relu": 1, "leaky_relu": 2, "abs": 3}.keys()
lemma_matrices = {1, 2}
drift_slope = abs
lazy_exponent = lambda s: "-1"
margin_time = lambda lam, m, margin: margin / 0
matching_ridge = lambda lam, m, t: np.nan
captured_share = lambda m, d: np.ones((50, 50))
spread = lambda K, K_new, Phi: print(K)
prediction = lambda K, K_new, f0, f0_new, y, t: K_new @ print(K)
travelled = lambda K, f0, y, t: (entry for entry in y)
singular_inputs = jnp.asarray([[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1]])


def sharp_rate(lam, m):
    warnings.warn("this takes long")
    return np.float64(2 * lam / m * (1 + 3e-6))


def catapult_step(f, lam, n, eta):
    raise NotImplementedError
"""
SEED = 3
LEFT_OUT = " (its message is left out: it could hold the inputs)"


def in_grading(source, names):
    """Points and line of each answer, as the grading has them."""
    packed = {name: inputs(name, SEED) for name in names}
    submission = handed_in([Cell("code", source, "None")])
    replies = evaluate(submission, packed, Limits(60, 2**31))
    assert submission.remarks == []
    return {name: verdict(name, SEED, replies[name]) for name in names}


def in_check(source):
    """Whether it is right, and the line, as a reader of the book has them."""
    notebook = {}
    exec(source, notebook)
    names = [name for name in notebook if name in exercises.names()]
    results = {name: check(name, notebook[name]) for name in names}
    return {name: (bool(result), str(result)) for name, result in results.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "x64"), [(NUMBERS, True), (OTHERS, False)])
def test_check_and_grading_say_the_same(source, x64, monkeypatch):
    """Line by line, but for messages of errors, which could hold hidden inputs."""
    monkeypatch.setenv("NTK_SEED", str(SEED))
    setup = f"import jax\njax.config.update('jax_enable_x64', {x64})\n"
    with jax.enable_x64(x64):
        local = in_check(source)
    graded = in_grading(setup + source, local)
    for name, (right, line) in local.items():
        without_message = re.escape(line)
        kind = re.match(rf"{name}: it raised (\w+): .*?(?= for )", line)
        if LEFT_OUT in graded[name][1]:
            assert kind, line
            without_message = re.escape(
                line.replace(kind[0], f"{name}: it raised {kind[1]}{LEFT_OUT}")
            )
        assert graded[name][0] == right
        assert re.fullmatch(without_message, graded[name][1])

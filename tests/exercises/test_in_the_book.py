"""Where a reader can look answers up: the guide says it of each, and rightly."""

import importlib
import inspect
import pkgutil
import re

import jax
import numpy as np
import pytest

import ntklib
from book._ext.equation_map import chapters
from ntk_answers import ANSWERS
from ntklib import (
    empirical_ntk,
    exercises,
    gronwall_bound,
    largest_stable_step,
    limit_kernel,
    loss_velocity,
    network,
    ntk_velocity,
    parameter_distance,
    predict,
    residual_velocity,
    trained_distribution,
    triple_product,
)
from ntklib.exercises.cases import cases
from ntklib.exercises.judge import judge
from ntklib.exercises.known import known
from ntklib.exercises.sets import EXERCISES
from tests.exercises.activations import gelu
from tools.execute import ROOT

SEED = 11
FUNCTIONS = [name for name, exercise in EXERCISES.items() if exercise.arguments]


def output_velocity(params, X, y, psi):
    """The library's kernel and residuals in its own equation."""
    r = network(params, X, psi) - y
    return residual_velocity(empirical_ntk(params, X, psi), r)


def prediction(K, K_new, f0, f0_new, y, t):
    """At one time."""
    return predict(K, K_new, f0, f0_new, y, [t])[0]


def sharp_rate(lam, m):
    """The rate at which the sharp bound falls."""
    return -np.log(gronwall_bound(1.0, lam, m, [1.0])[0])


def travelled(K, f0, y, t):
    """The square of the distance."""
    return parameter_distance(K, f0 - y, [t])[0] ** 2


def spread(K, K_new, Phi):
    """The covariance long after the start."""
    return trained_distribution(K, K_new, Phi, np.zeros(len(K)), [1e6]).covariance[0]


# Answers that leave the work to the functions that the guide names.
LOOKED_UP = {
    "ntk": empirical_ntk,
    "relu_limit": lambda X: limit_kernel(X, jax.nn.relu).ntk,
    "erf_limit": lambda X: limit_kernel(X, jax.scipy.special.erf).ntk,
    "gelu_limit": lambda X: limit_kernel(X, gelu).ntk,
    "output_velocity": output_velocity,
    "general_loss_velocity": loss_velocity,
    "prediction": prediction,
    "stable_step": largest_stable_step,
    "sharp_rate": sharp_rate,
    "kernel_velocity": ntk_velocity,
    "third_order": triple_product,
    "travelled": travelled,
    "spread": spread,
}


def functions_named(name):
    """The functions of the library that the guide names for an exercise."""
    return {one for one in ANSWERS[name].in_the_book if one in ntklib.__all__}


def used_by(answer):
    """The names of what an answer calls, its own among them."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    return {answer.__name__, *(code.co_names if code else ())}


def gives_the_right_values(name, function):
    """Whether a function has the right values for the first case, or nearly."""
    try:
        value = np.asarray(function(*cases(name, SEED)[0]), float)
        right = known(name, SEED).right[0]
        return value.shape == right.shape and np.allclose(value, right, rtol=1e-5)
    except Exception:
        return False


@pytest.mark.parametrize("name", LOOKED_UP)
def test_functions_in_the_book_answer_the_exercise(name):
    """An answer that calls the function that the guide names is right."""
    assert used_by(LOOKED_UP[name]) & functions_named(name)
    values = [LOOKED_UP[name](*case) for case in cases(name, SEED)]
    assert judge(name, SEED, values)


def test_functions_in_the_book_are_all_shown_to_answer():
    """Every exercise for which the guide names a function has such an answer above."""
    assert set(LOOKED_UP) == {name for name in ANSWERS if functions_named(name)}


def test_labels_in_the_book_are_in_the_chapters():
    """What is not a function is the label of an equation, a theorem or a figure."""
    text = "\n".join(str(cell) for cells in chapters(ROOT).values() for cell in cells)
    for name, answers in ANSWERS.items():
        for label in set(answers.in_the_book) - functions_named(name):
            assert re.search(rf"\b{label}\b", text), label


def functions_of(module):
    """The functions that a module defines, private ones among them."""
    return [
        one
        for one in vars(module).values()
        if callable(one) and getattr(one, "__module__", "") == module.__name__
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_guide_names_every_function_that_answers(name):
    """No other function of the library, called with the arguments, is right."""
    public = [getattr(ntklib, one) for one in ntklib.__all__]
    answering = {
        function.__name__
        for function in filter(callable, public)
        if gives_the_right_values(name, function)
    }
    assert answering - {"empirical_ntk_autodiff"} <= functions_named(name)


@pytest.mark.slow
def test_package_of_exercises_has_no_function_that_answers():
    """Nothing in it has the name of an exercise, and nothing returns its values."""
    for found in pkgutil.iter_modules(exercises.__path__, "ntklib.exercises."):
        module = importlib.import_module(found.name)
        assert not set(EXERCISES) & set(vars(module))
        for function in functions_of(module):
            right = [
                name for name in FUNCTIONS if gives_the_right_values(name, function)
            ]
            assert not right, (function, right)


FORMULA = re.compile(r" [-+=·*/] |\(|\)|exp|√")


@pytest.mark.parametrize("name", [n for n, a in ANSWERS.items() if not a.in_the_book])
def test_hints_write_out_no_formula_that_the_book_does_not_have(name):
    """They are installed with the library, where everybody can read all of them."""
    for slip in ANSWERS[name].slips:
        assert not FORMULA.search(slip.hint), slip.hint

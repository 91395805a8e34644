"""The exercises: their names, their reference answers, and the check of an answer."""

import copy
import difflib
import os
import warnings
from typing import Any

import numpy as np

from ntklib import _answers, _attempt
from ntklib._check import shown, trouble
from ntklib.general_loss import loss_velocity
from ntklib.kernel_drift import ntk_velocity, triple_product
from ntklib.linear_flow import largest_stable_step, predict
from ntklib.network import network
from ntklib.ntk import empirical_ntk, residual_velocity


def _relu_limit(X):
    U, norms = X / np.linalg.norm(X, axis=1)[:, None], np.linalg.norm(X, axis=1)
    theta = 2 * np.arctan2(
        *(np.linalg.norm(U[:, None] + sign * U, axis=2) for sign in (-1, 1))
    )
    root = np.outer(norms, norms)
    nngp = root * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    return nngp + root * np.cos(theta) * (np.pi - theta) / (2 * np.pi)


def _erf_limit(X):
    c, q = X @ X.T, 1 + 2 * np.sum(X**2, axis=1)
    Q = np.outer(q, q)
    return 2 / np.pi * np.arcsin(2 * c / np.sqrt(Q)) + c * 4 / np.pi / np.sqrt(
        Q - 4 * c**2
    )


def _gelu_limit(X):
    c, a = X @ X.T, np.sum(X**2, axis=1)
    P, w = np.outer(1 + a, 1 + a), 1 / (1 + a[:, None]) + 1 / (1 + a)
    D = P - c**2
    cdf = 0.25 + np.arcsin(c / np.sqrt(P)) / (2 * np.pi)
    nngp = c * cdf + (np.outer(a, a) + c**2 * (w - 1)) / (2 * np.pi * np.sqrt(D))
    return nngp + c * (
        cdf + c * w / (2 * np.pi * np.sqrt(D)) + c / (2 * np.pi * D**1.5)
    )


def _output_velocity(params, X, y, psi):
    return residual_velocity(empirical_ntk(params, X, psi), network(params, X, psi) - y)


HEXAGON = np.pi / 3 * np.arange(6)
SOLUTIONS = {
    "ntk": lambda params, X, psi: empirical_ntk(params, X, psi),
    "relu_limit": _relu_limit,
    "erf_limit": _erf_limit,
    "gelu_limit": _gelu_limit,
    "output_velocity": _output_velocity,
    "general_loss_velocity": lambda K, dl: loss_velocity(K, dl),
    "prediction": lambda K, K_new, f0, f0_new, y, t: predict(
        K, K_new, f0, f0_new, y, np.array([t])
    )[0],
    "stable_step": lambda K: largest_stable_step(K),
    "conserved": {"relu", "leaky_relu", "abs"},
    "sharp_rate": lambda lam, m: 2 * lam / m,
    "lemma_matrices": "symmetric",
    "singular_inputs": np.stack([np.cos(HEXAGON), np.sin(HEXAGON)], axis=1),
    "kernel_velocity": lambda params, X, y, psi: ntk_velocity(params, X, y, psi),
    "third_order": lambda params, X, psi: triple_product(params, X, psi),
    "drift_slope": -1,
    "lazy_exponent": lambda s: -2 * (1 - s),
}


def names() -> list[str]:
    """Names of the exercises, in the order of the book."""
    return list(SOLUTIONS)


def solution(name: str) -> Any:
    """Reference answer of an exercise: a function, an array, a number or a choice.

    Args:
        name: one of :func:`names`.

    Returns:
        An answer that :func:`check` accepts.

    Raises:
        ValueError: there is no such exercise; the message has the names that there are.
    """
    if not _known(name):
        raise ValueError(_unknown(name))
    return copy.deepcopy(SOLUTIONS[name])


def check(name: str, answer: Any) -> _answers.Result:
    """Judge an answer to an exercise, and say in one line what is wrong with it.

    A function is tried on random inputs (NumPy float64 arrays) and compared with another route to the same values, such
    as automatic differentiation. Its signature is part of the exercise; any way of computing is fine. With JAX's x64
    off, float32's digits are enough wherever the exercise does not ask for more.

    Two environment variables matter: ``NTK_SEED``, an integer of at least 0, draws other inputs; with ``NTK_STRICT=1``
    an answer that is not right raises an ``AssertionError`` with the same line, as automatic checks want it.

    Args:
        name: one of :func:`names`.
        answer: the answer, a function, an array, a number or a choice, as the exercise says.

    Returns:
        A result that prints itself, true if the answer is right, false if it is wrong or there is no such exercise.
    """
    result = _judged(name, answer)
    if not result and os.environ.get("NTK_STRICT") == "1":
        raise AssertionError(str(result))
    return result


def _judged(name, answer):
    if not _known(name):
        return _answers.Result(False, _unknown(name))
    seed = os.environ.get("NTK_SEED") or "0"
    if not seed.isdecimal():
        return _answers.Result(
            False, f"NTK_SEED must be an integer of at least 0; got {seed!r}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the answer's own, such as a division by zero, would only bury the hint
        try:
            tried = _answers.cases(name, int(seed))
            values = _attempt.values(name, answer, tried) if tried else [answer]
        except ValueError as error:
            return _answers.Result(False, f"{name}: {error}")
        try:
            return _answers.judge(name, int(seed), values)
        except (
            Exception,
            SystemExit,
        ) as error:  # from methods of the answer, a list of a class of its own for example
            return _answers.Result(
                False,
                f"{name}: the answer cannot be looked at; it raised {trouble(error)}",
            )


def _known(name):
    return type(name) in (str, np.str_) and name in SOLUTIONS


def _unknown(name):
    near = difflib.get_close_matches(shown(name), SOLUTIONS, 1)
    return f"there is no exercise {shown(name)}{f'; is it {near[0]!r}?' if near else '.'} There are {', '.join(SOLUTIONS)}"

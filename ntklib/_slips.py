"""Known wrong answers to the exercises, each under its title; the hints for them stand in slips.toml.

A hint says where to look, and leaves the looking to the reader. The first slip that fits an answer is the one named.
"""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ntklib import _mistakes as bad


class Kind(NamedTuple):
    """A wrong answer that is no function, and a test of which answers are of this kind."""

    answer: Any
    fits: Callable[[Any], bool]


def _gaps(X):
    """Distances between the directions of the rows, with 9 on the diagonal."""
    U = X / np.linalg.norm(X, axis=1)[:, None]
    return np.linalg.norm(U[:, None] - U, axis=2) + 9 * np.eye(len(X))


def _pairs(X):
    """How many pairs of rows point in opposite directions."""
    return int(np.sum(_gaps(X) > 2 - 1e-6) - len(X)) // 2


TRIANGLE = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.4, -0.8]])
WRONG = {
    "ntk": {
        "no 1/n": partial(bad.ntk, width=0),
        "W₁ for W₁²": partial(bad.ntk, power=1),
        "no ⟨x, x'⟩": partial(bad.ntk, gram=False),
        "the last layer alone": partial(bad.ntk, first=0),
        "the first layer alone": partial(bad.ntk, last=0),
    },
    "relu_limit": {
        "arccos with clip": bad.relu,
        "a factor 1/n₀": lambda X: bad.relu(X) / X.shape[1],
        "the covariance of the outputs": partial(bad.relu, scale=0),
        "no ⟨x, x'⟩ before E ψ'(u)ψ'(v)": partial(bad.relu, scale=1),
        "twice the average": lambda X: 2 * bad.relu(X),
    },
    "erf_limit": {
        "Williams' form with a bias": partial(bad.erf, bias=1),
        "the covariance of the outputs": partial(bad.erf, scale=0),
        "no ⟨x, x'⟩ before E ψ'(u)ψ'(v)": partial(bad.erf, scale=1),
        "erf(z/√2)": partial(bad.erf, inside=1),
        "2/π before the root": partial(bad.erf, square=2),
    },
    "gelu_limit": {
        "the approximation by tanh": partial(bad.gelu, approximate=True),
        "the covariance of the outputs": partial(bad.gelu, share=0),
        "one term of the product rule": partial(bad.gelu, nngp=0),
        "no c before ∂Φ/∂c": partial(bad.gelu, scaled=False),
    },
    "output_velocity": {
        "β = α only": partial(bad.output_velocity, mixed=False),
        "no 1/m": partial(bad.output_velocity, count=0),
        "uphill": lambda *case: -bad.output_velocity(*case),
        "f for f - y": partial(bad.output_velocity, target=0),
        "W₀ at rest": partial(bad.output_velocity, first=0),
    },
    "general_loss_velocity": {
        "1/m for 1/m²": lambda K, dl: -dl @ K @ dl / len(dl),
        "no 1/m at all": lambda K, dl: -dl @ K @ dl,
        "the diagonal only": lambda K, dl: -np.diag(K) @ dl**2 / len(dl) ** 2,
        "a loss that grows": lambda K, dl: dl @ K @ dl / len(dl) ** 2,
        "the bound of Lemma 2": lambda K, dl: (
            -np.linalg.eigvalsh(K)[0] * dl @ dl / len(dl) ** 2
        ),
    },
    "prediction": {
        "no 1/m in the exponent": partial(bad.prediction, per=False),
        "f₀ at the new points dropped": partial(bad.prediction, start_new=0),
        "f₀ at the training points dropped": partial(bad.prediction, start=0),
        "the end for t → ∞": partial(bad.prediction, decay=np.ones_like),
        "what is left for what is learnt": partial(bad.prediction, decay=lambda e: e),
    },
    "stable_step": {
        "2/λ_max": lambda K: 2 / np.linalg.eigvalsh(K)[-1],
        "m/λ_max": lambda K: len(K) / np.linalg.eigvalsh(K)[-1],
        "2m/λ_min": lambda K: 2 * len(K) / np.linalg.eigvalsh(K)[0],
        "2m/trace": lambda K: 2 * len(K) / np.trace(K),
    },
    "conserved": {
        "claiming it for tanh or erf": Kind(
            {"relu", "leaky_relu", "abs", "tanh"},
            lambda names: bool(names & {"tanh", "erf"}),
        ),
        "softplus for relu": Kind(
            {"relu", "leaky_relu", "abs", "softplus"}, lambda names: "softplus" in names
        ),
        "none": Kind(set(), lambda names: not names),
        "relu only": Kind(
            {"relu"}, lambda names: names < {"relu", "leaky_relu", "abs"}
        ),
    },
    "sharp_rate": {
        "λ/2m, as in the lecture": lambda lam, m: lam / (2 * m),
        "λ/m": lambda lam, m: lam / m,
        "no 1/m": lambda lam, m: 2 * lam,
        "1/m² kept": lambda lam, m: 2 * lam / m**2,
    },
    "lemma_matrices": {
        "fails if indefinite": Kind(
            "positive semidefinite", lambda names: names == {"positive semidefinite"}
        ),
        "needs λ_min > 0": Kind(
            "positive definite", lambda names: names == {"positive definite"}
        ),
        "any square matrix": Kind("any square", lambda names: names == {"any square"}),
        "several classes at once": Kind(
            {"positive definite", "symmetric"}, lambda names: len(names) > 1
        ),
    },
    "singular_inputs": {
        "a zero row": Kind(
            np.array([[0.0, 0.0], [1.0, 2.0]]), lambda X: not X.any(axis=1).all()
        ),
        "the same input twice": Kind(
            np.array([[1.0, 2.0], [1.0, 2.0]]),
            lambda X: bool(
                np.min(np.abs(X[:, None] - X).max(axis=2) + 9 * np.eye(len(X))) < 1e-12
            ),
        ),
        "a positive multiple": Kind(
            np.array([[1.0, 2.0], [2.0, 4.0]]), lambda X: bool(_gaps(X).min() <= 1e-3)
        ),
        "no opposite directions": Kind(TRIANGLE, lambda X: _pairs(X) == 0),
        "one opposite pair": Kind(
            np.array([[1.0, 2.0], [-1.0, -2.0]]), lambda X: _pairs(X) == 1
        ),
        "two opposite pairs": Kind(
            np.array([[1.0, 2.0], [-1.0, -2.0], [2.0, -1.0], [-2.0, 1.0]]),
            lambda X: _pairs(X) == 2,
        ),
    },
    "kernel_velocity": {
        "the residual's index α, as in the lecture": partial(
            bad.kernel_velocity, index="a"
        ),
        "one Hessian only": partial(bad.kernel_velocity, both=0),
        "no 1/m": partial(bad.kernel_velocity, count=0),
        "uphill": lambda *case: -bad.kernel_velocity(*case),
        "the printed Gram factors": partial(
            bad.kernel_velocity, first="ab", third="ab"
        ),
    },
    "third_order": {
        "the printed Gram factors": partial(bad.third_order, first="ab", third="ab"),
        "only the first term put right": partial(bad.third_order, third="ab"),
        "only the third term put right": partial(bad.third_order, first="ab"),
        "the Hessian of another input": lambda *case: bad.third_order(*case).swapaxes(
            0, 1
        ),
        "no ψ''": partial(bad.third_order, bend=0),
        "1/n for the whole": partial(bad.third_order, width=-1),
    },
    "drift_slope": {
        "-1/2, as in the lecture": -0.5,
        "relu's slope": -0.7,
        "a drift that grows": 1.0,
        "a power too many": -1.5,
    },
    "lazy_exponent": {
        "1 - s": lambda s: 1 - s,
        "-(1 - s)": lambda s: s - 1,
        "2(1 - s)": lambda s: 2 * (1 - s),
        "the exponent of the learning rate": lambda s: 2 * s - 1,
        "the same for every s": lambda s: -1.0,
    },
}
HINTS = tomllib.loads(Path(__file__).with_name("slips.toml").read_text("utf-8"))


def slips(name):
    """Titles and hints of the known wrong answers to one exercise."""
    return list(HINTS[name].items())

"""The set "bounds": from a smallest eigenvalue to a rate of training."""

import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip
from ntklib.exercises import singular

# --- sharp_rate ----------------------------------------------------------------------


def sharp_rate_by_flow(lam, m):
    """The rate of a loss that attains the bound: r is the slowest eigenvector."""
    K = np.diag(lam * np.arange(1.0, m + 1))
    r0 = np.eye(m)[0]
    r = scipy.linalg.expm(-K / m) @ r0  # at t = 1
    return -np.log(r @ r / (r0 @ r0))


def sharp_rate(lam, m):
    """Model answer."""
    return 2 * lam / m


def _rate_of_lecture(lam, m):
    return lam / (2 * m)


def _rate_of_residuals(lam, m):
    return lam / m


def _rate_without_count(lam, m):
    return 2 * lam


def _rate_with_count_twice(lam, m):
    return 2 * lam / m**2


def _factor_at_time_one(lam, m):
    return np.exp(-2 * lam / m)


def _loss_lost_at_time_one(lam, m):
    return 1 - np.exp(-2 * lam / m)


SHARP_RATE = Answers(
    name="sharp_rate",
    reference=sharp_rate_by_flow,
    solution=sharp_rate,
    slips=(
        Slip(
            "λ/2m, as in the lecture",
            _rate_of_lecture,
            "this is the lecture's rate: its last inequality throws away a factor; "
            "stop before it",
        ),
        Slip(
            "λ/m",
            _rate_of_residuals,
            "this is the rate of the residuals; the loss is their square",
        ),
        Slip(
            "no 1/m",
            _rate_without_count,
            "the number of inputs has no effect: what does the loss bring into the "
            "equation of the residuals?",
        ),
        Slip(
            "1/m² kept",
            _rate_with_count_twice,
            "‖f - y‖² is not the loss itself: what happens in a rate to the factor "
            "between them?",
        ),
        Slip(
            "exp(-c)",
            _factor_at_time_one,
            "this is exp(-c), the factor at t = 1; the exercise asks for c",
        ),
        Slip(
            "1 - exp(-c)",
            _loss_lost_at_time_one,
            "this is 1 - exp(-c), the share lost by t = 1; the exercise asks for c",
        ),
    ),
    in_the_book=("gronwall_bound", "eq-bound"),
)

# --- lemma_matrices ------------------------------------------------------------------

_B = np.random.default_rng(0).normal(size=(20, 3, 3))
_B_transposed = _B.swapaxes(1, 2)

# Twenty members of each class, the larger classes first.
MATRICES = {
    "any square": _B,
    "symmetric": _B + _B_transposed,
    "positive semidefinite": _B[:, :, :2] @ _B_transposed[:, :2, :],
    "positive definite": _B @ _B_transposed,
}


def largest_class_without_counterexample():
    """The largest class all of whose members satisfy <u, Mu> >= lambda_min |u|^2."""
    u = np.random.default_rng(1).normal(size=(100, 3))

    def holds(M):
        forms = np.einsum("ki,ij,kj->k", u, M, u)
        lambda_min = np.linalg.eigvals(M).real.min()
        return np.all(forms >= lambda_min * np.sum(u**2, axis=1) - 1e-9)

    without = [name for name, some in MATRICES.items() if all(map(holds, some))]
    return {without[0]}


LEMMA_MATRICES = Answers(
    name="lemma_matrices",
    reference=largest_class_without_counterexample,
    solution="symmetric",
    slips=(
        Slip(
            "fails if indefinite",
            "positive semidefinite",
            "try it on diag(1, -1): is the smallest eigenvalue times |u|² ever above "
            "the form?",
            fits=lambda chosen: chosen == {"positive semidefinite"},
        ),
        Slip(
            "needs λ_min > 0",
            "positive definite",
            "try it on diag(1, 0): where does the proof divide by an eigenvalue or "
            "need its sign?",
            fits=lambda chosen: chosen == {"positive definite"},
        ),
        Slip(
            "any square matrix",
            "any square",
            "try the matrix with rows (1, -4) and (0, 1), and u = (1, 1): both "
            "eigenvalues are 1",
            fits=lambda chosen: chosen == {"any square"},
        ),
        Slip(
            "several classes at once",
            {"positive definite", "symmetric"},
            "name one class, the largest one for which the lemma holds",
            fits=lambda chosen: len(chosen) != 1,
        ),
    ),
    in_the_book=("lem-rayleigh",),
)

# --- singular_inputs -----------------------------------------------------------------


HEXAGON = np.pi / 3 * np.arange(6)

# Inputs for each hint of `singular`, in its order.
NOT_SINGULAR = {
    "a zero row": [[0.0, 0.0], [1.0, 2.0]],
    "the same input twice": [[1.0, 2.0], [1.0, 2.0]],
    "a positive multiple": [[1.0, 2.0], [2.0, 4.0]],
    "no opposite directions": [[1.0, 0.0], [-0.5, 0.9], [-0.4, -0.8]],
    "one opposite pair": [[1.0, 2.0], [-1.0, -2.0]],
    "two opposite pairs": [[1.0, 2.0], [-1.0, -2.0], [2.0, -1.0], [-2.0, 1.0]],
}

SINGULAR_INPUTS = Answers(
    name="singular_inputs",
    reference=singular.is_singular,
    solution=np.stack([np.cos(HEXAGON), np.sin(HEXAGON)], axis=1),
    slips=tuple(
        Slip(title, np.array(X), hint, fits=fits)
        for (title, X), (fits, hint) in zip(
            NOT_SINGULAR.items(), singular.HINTS, strict=True
        )
    ),
    in_the_book=("thm-antipodal",),
)

ANSWERS = (SHARP_RATE, LEMMA_MATRICES, SINGULAR_INPUTS)

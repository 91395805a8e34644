"""The set "bounds": from a smallest eigenvalue to a rate of training."""

import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip
from ntk_answers.kernel import relu_limit_by_quadrature

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
            "m is missing: the residuals obey ∂r/∂t = -Kr/m",
        ),
        Slip(
            "1/m² kept",
            _rate_with_count_twice,
            "one m too many: ‖f - y‖² is not the loss but 2m times the loss",
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
)

# --- singular_inputs -----------------------------------------------------------------


def _directions(X):
    return X / np.linalg.norm(X, axis=1)[:, None]


def _gaps(X):
    """Distances between the directions of the rows; 9 on the diagonal, out of reach."""
    U = _directions(X)
    return np.linalg.norm(U[:, None] - U, axis=2) + 9 * np.eye(len(U))


def is_singular(X):
    """Whether relu's limit kernel is singular, though no row excuses it.

    Excused are a row of zeros and two rows that point the same way.
    """
    if not np.linalg.norm(X, axis=1).all():
        return False
    if _has_same_direction_twice(X):
        return False
    # The kernel of the directions is that of X with rows and columns divided by norms.
    lambda_min = np.linalg.eigvalsh(relu_limit_by_quadrature(_directions(X)))[0]
    return lambda_min < 1e-7


def _has_zero_row(X):
    return not X.any(axis=1).all()


def _has_row_twice(X):
    differences = np.abs(X[:, None] - X).max(axis=2)
    return (differences + 9 * np.eye(len(X))).min() < 1e-12


def _has_same_direction_twice(X):
    return _gaps(X).min() <= 1e-3


def _opposite_pairs(X):
    """How many pairs of rows point in opposite directions."""
    opposite = np.abs(_gaps(X) - 2) < 1e-6
    return opposite.sum() // 2


HEXAGON = np.pi / 3 * np.arange(6)

SINGULAR_INPUTS = Answers(
    name="singular_inputs",
    reference=is_singular,
    solution=np.stack([np.cos(HEXAGON), np.sin(HEXAGON)], axis=1),
    slips=(
        Slip(
            "a zero row",
            np.array([[0.0, 0.0], [1.0, 2.0]]),
            "a row is zero: its row of the kernel is zero too, but that is excluded",
            fits=_has_zero_row,
        ),
        Slip(
            "the same input twice",
            np.array([[1.0, 2.0], [1.0, 2.0]]),
            "an input appears twice: that makes any kernel singular and is excluded",
            fits=_has_row_twice,
        ),
        Slip(
            "a positive multiple",
            np.array([[1.0, 2.0], [2.0, 4.0]]),
            "two rows point the same way (or nearly): relu only scales with the "
            "length, so that is excluded",
            fits=_has_same_direction_twice,
        ),
        Slip(
            "no opposite directions",
            np.array([[1.0, 0.0], [-0.5, 0.9], [-0.4, -0.8]]),
            "no two rows point in opposite directions; use that "
            "relu(h) - relu(-h) = h is linear",
            fits=lambda X: _opposite_pairs(X) == 0,
        ),
        Slip(
            "one opposite pair",
            np.array([[1.0, 2.0], [-1.0, -2.0]]),
            "an opposite pair gives one combination that is linear in x; count how "
            "many of them a plane can hold",
            fits=lambda X: _opposite_pairs(X) == 1,
        ),
        Slip(
            "two opposite pairs",
            np.array([[1.0, 2.0], [-1.0, -2.0], [2.0, -1.0], [-2.0, 1.0]]),
            "two opposite pairs give two linear functions, and a plane has room for "
            "two independent ones",
            fits=lambda X: _opposite_pairs(X) == 2,
        ),
    ),
)

ANSWERS = (SHARP_RATE, LEMMA_MATRICES, SINGULAR_INPUTS)

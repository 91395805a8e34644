"""The set "dynamics": outputs, losses and weights through training."""

from functools import partial

import jax
import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip
from ntk_answers.autodiff import activations, flat_network, weight_velocity
from ntklib.general_loss import loss_velocity
from ntklib.linear_flow import largest_stable_step, predict
from ntklib.network import network
from ntklib.ntk import empirical_ntk, residual_velocity

# --- output_velocity -----------------------------------------------------------------


@partial(jax.jit, static_argnames="psi")
def output_velocity_by_autodiff(params, X, y, psi):
    """The outputs' derivative in the direction in which the weights move, (m,)."""
    theta, f = flat_network(params, X, psi)
    return jax.jvp(f, (theta,), (weight_velocity(f, theta, y),))[1]


def output_velocity(params, X, y, psi):
    """Model answer."""
    r = network(params, X, psi) - y
    return residual_velocity(empirical_ntk(params, X, psi), r)


def _shares_and_outputs(params, X, psi):
    """The kernel's share of each layer, and the outputs."""
    A, S, _ = activations(params, X, psi)
    n = len(params.W1)
    E = params.W1 * S
    last = A @ A.T / n
    first = X @ X.T * (E @ E.T) / n
    f = A @ params.W1 / np.sqrt(n)
    return last, first, f


def _output_velocity_by_own_residual(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return -np.diag(last + first) * (f - y) / len(y)


def _output_velocity_without_count(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return -(last + first) @ (f - y)


def _output_velocity_uphill(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return (last + first) @ (f - y) / len(y)


def _output_velocity_without_targets(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return -(last + first) @ f / len(y)


def _output_velocity_of_last_layer(params, X, y, psi):
    last, _, f = _shares_and_outputs(params, X, psi)
    return -last @ (f - y) / len(y)


def _output_velocity_of_first_layer(params, X, y, psi):
    _, first, f = _shares_and_outputs(params, X, psi)
    return -first @ (f - y) / len(y)


def _output_velocity_of_other_residuals(params, X, y, psi):
    own = _output_velocity_by_own_residual(params, X, y, psi)
    return output_velocity(params, X, y, psi) - own


def _output_velocity_of_targets(params, X, y, psi):
    last, first, _ = _shares_and_outputs(params, X, psi)
    return (last + first) @ y / len(y)


def _output_velocity_by_residuals(params, X, y, psi):
    return {
        "the part with the own residual": _output_velocity_by_own_residual(
            params, X, y, psi
        ),
        "the part with the other residuals": _output_velocity_of_other_residuals(
            params, X, y, psi
        ),
    }


def _output_velocity_by_layers(params, X, y, psi):
    return {
        "what W₁ moves": _output_velocity_of_last_layer(params, X, y, psi),
        "what W₀ moves": _output_velocity_of_first_layer(params, X, y, psi),
    }


def _output_velocity_by_targets(params, X, y, psi):
    return {
        "the part with f": _output_velocity_without_targets(params, X, y, psi),
        "the part with y": _output_velocity_of_targets(params, X, y, psi),
    }


def _output_velocity_without_root(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return -(last + first) @ (np.sqrt(len(params.W1)) * f - y) / len(y)


def _output_velocity_without_W1(params, X, y, psi):
    _, S, _ = activations(params, X, psi)
    last, _, f = _shares_and_outputs(params, X, psi)
    first = X @ X.T * (S @ S.T) / len(params.W1)
    return -(last + first) @ (f - y) / len(y)


def _output_velocity_without_gram(params, X, y, psi):
    _, S, _ = activations(params, X, psi)
    last, _, f = _shares_and_outputs(params, X, psi)
    E = params.W1 * S
    return -(last + E @ E.T / len(params.W1)) @ (f - y) / len(y)


def _output_velocity_with_psi_for_slope(params, X, y, psi):
    A, _, _ = activations(params, X, psi)
    last, _, f = _shares_and_outputs(params, X, psi)
    E = params.W1 * A
    first = X @ X.T * (E @ E.T) / len(params.W1)
    return -(last + first) @ (f - y) / len(y)


def _output_velocity_of_row_sums(params, X, y, psi):
    last, first, f = _shares_and_outputs(params, X, psi)
    return -(last + first).sum(axis=1) * (f - y) / len(y)


def _output_velocity_without_kernel(params, X, y, psi):
    _, _, f = _shares_and_outputs(params, X, psi)
    return -(f - y) / len(y)


OUTPUT_VELOCITY = Answers(
    name="output_velocity",
    reference=output_velocity_by_autodiff,
    solution=output_velocity,
    slips=(
        Slip(
            "β = α only",
            _output_velocity_by_own_residual,
            "each output moves by its own residual only; the weights are shared, so "
            "every input pulls at it",
        ),
        Slip(
            "no 1/m",
            _output_velocity_without_count,
            "the number of inputs has no effect: what of the loss ‖f - y‖²/2m is left"
            " in its gradient?",
        ),
        Slip(
            "uphill",
            _output_velocity_uphill,
            "with this sign the loss grows: which way does a gradient flow go, and is "
            "the residual f - y or y - f?",
        ),
        Slip(
            "f for f - y",
            _output_velocity_without_targets,
            "the targets have no effect: a gradient of the loss contains f - y, not f",
        ),
        Slip(
            "W₀ at rest",
            _output_velocity_of_last_layer,
            "this is the velocity when W₁ alone moves; W₀ moves too",
        ),
        Slip(
            "W₁ at rest",
            _output_velocity_of_first_layer,
            "this is the velocity when W₀ alone moves; W₁ moves too",
        ),
        Slip(
            "the other residuals only",
            _output_velocity_of_other_residuals,
            "each output moves by the other residuals only; its own pulls at it, too",
        ),
        Slip(
            "no 1/√n in f",
            _output_velocity_without_root,
            "in the residual the outputs have another size than f: what stands in "
            "front of the network's sum?",
        ),
        Slip(
            "no W₁",
            _output_velocity_without_W1,
            "W₁ is missing in the gradient with respect to W₀",
        ),
        Slip(
            "no ⟨x, x'⟩",
            _output_velocity_without_gram,
            "the gradients with respect to W₀ lack a factor: what is the derivative of "
            "h = W₀x?",
        ),
        Slip(
            "ψ for ψ'",
            _output_velocity_with_psi_for_slope,
            "ψ stands where ψ' belongs in the gradient with respect to W₀",
        ),
        Slip(
            "row sums",
            _output_velocity_of_row_sums,
            "every entry of a row is multiplied with the same residual: * multiplies "
            "entry by entry; a matrix times a vector is @",
        ),
        Slip(
            "no kernel",
            _output_velocity_without_kernel,
            "the outputs do not move freely: they move because the weights do, so "
            "gradients come in",
        ),
    ),
    terms=(
        _output_velocity_by_residuals,
        _output_velocity_by_layers,
        _output_velocity_by_targets,
    ),
    in_the_book=("residual_velocity", "eq-residual"),
)

# --- general_loss_velocity -----------------------------------------------------------


def general_loss_velocity_by_gradient(K, dl):
    """Minus the squared norm of the gradient, for a model with the kernel K.

    K = J J^T makes J a Jacobian of such a model.
    """
    J = np.linalg.cholesky(K)
    m = len(dl)
    gradient = J.T @ dl / m
    return -np.sum(gradient**2)


def _general_loss_velocity_with_one_count(K, dl):
    return -dl @ K @ dl / len(dl)


def _general_loss_velocity_without_count(K, dl):
    return -dl @ K @ dl


def _general_loss_velocity_of_diagonal(K, dl):
    return -np.diag(K) @ dl**2 / len(dl) ** 2


def _general_loss_velocity_uphill(K, dl):
    return dl @ K @ dl / len(dl) ** 2


def _general_loss_velocity_bound(K, dl):
    lambda_min = np.linalg.eigvalsh(K)[0]
    return -lambda_min * dl @ dl / len(dl) ** 2


def _general_loss_velocity_off_diagonal(K, dl):
    return -dl @ (K - np.diag(np.diag(K))) @ dl / len(dl) ** 2


def _general_loss_velocity_of_fastest_mode(K, dl):
    lambda_max = np.linalg.eigvalsh(K)[-1]
    return -lambda_max * dl @ dl / len(dl) ** 2


def _general_loss_velocity_with_one_dl(K, dl):
    return -np.sum(K @ dl) / len(dl) ** 2


def _general_loss_velocity_of_entries(K, dl):
    return -np.sum(K * dl**2) / len(dl) ** 2


GENERAL_LOSS_VELOCITY = Answers(
    name="general_loss_velocity",
    reference=general_loss_velocity_by_gradient,
    solution=loss_velocity,
    slips=(
        Slip(
            "1/m for 1/m²",
            _general_loss_velocity_with_one_count,
            "the loss brings a factor with m; does the velocity of f bring another?",
        ),
        Slip(
            "no 1/m at all",
            _general_loss_velocity_without_count,
            "the number of inputs has no effect: where does it enter the loss, and "
            "where the velocity of f?",
        ),
        Slip(
            "the diagonal only",
            _general_loss_velocity_of_diagonal,
            "only the terms with β = α are there; the double sum runs over all pairs "
            "of inputs",
        ),
        Slip(
            "a loss that grows",
            _general_loss_velocity_uphill,
            "the sign says that the loss grows along its own gradient flow",
        ),
        Slip(
            "the bound of Lemma 2",
            _general_loss_velocity_bound,
            "this is the bound with the smallest eigenvalue, which comes one step "
            "later; the exercise asks for the equality before it",
        ),
        Slip(
            "the largest eigenvalue",
            _general_loss_velocity_of_fastest_mode,
            "the largest eigenvalue bounds the velocity; the exercise asks for an "
            "equality",
        ),
        Slip(
            "the diagonal left out",
            _general_loss_velocity_off_diagonal,
            "the terms with β = α are missing; the double sum runs over all pairs of "
            "inputs",
        ),
        Slip(
            "∂l once",
            _general_loss_velocity_with_one_dl,
            "dl is there once; one comes with the chain rule, and which one with the "
            "flow?",
        ),
        Slip(
            "(∂l)² for a double sum",
            _general_loss_velocity_of_entries,
            "both factors dl have the same index; the double sum has one for each "
            "index of K",
        ),
    ),
    in_the_book=("loss_velocity", "eq-general-velocity"),
)

# --- prediction ----------------------------------------------------------------------


def prediction_by_expm(K, K_new, f0, f0_new, y, t):
    """The linear equation for r and f_new together, by one matrix exponential."""
    m = len(K)
    both = np.vstack([K, K_new])
    at_new_points = np.zeros((len(both), len(both) - m))  # nothing depends on f_new
    A = -np.hstack([both, at_new_points]) / m
    start = np.append(f0 - y, f0_new)
    return (scipy.linalg.expm(A * t) @ start)[m:]


def prediction(K, K_new, f0, f0_new, y, t):
    """Model answer."""
    return predict(K, K_new, f0, f0_new, y, np.array([t]))[0]


def _share_learnt(K, rate):
    """I - exp(-K rate): the share of the residuals that is learnt so far."""
    return np.eye(len(K)) - scipy.linalg.expm(-K * rate)


def _learnt(K, rate):
    """K^-1 (I - exp(-K rate)): what is learnt so far, in terms of the targets."""
    return np.linalg.solve(K, _share_learnt(K, rate))


def _prediction_without_count(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ _learnt(K, t) @ (y - f0)


def _prediction_from_zero_at_new_points(K, K_new, f0, f0_new, y, t):
    return K_new @ _learnt(K, t / len(K)) @ (y - f0)


def _prediction_from_zero_at_training_points(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ _learnt(K, t / len(K)) @ y


def _prediction_at_the_end(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ np.linalg.solve(K, y - f0)


def _prediction_of_what_is_left(K, K_new, f0, f0_new, y, t):
    left = scipy.linalg.expm(-K * t / len(K)) @ (y - f0)
    return f0_new + K_new @ np.linalg.solve(K, left)


def _prediction_by_terms(K, K_new, f0, f0_new, y, t):
    learnt = _prediction_from_zero_at_new_points(K, K_new, f0, f0_new, y, t)
    return {"the start f0_new": f0_new, "what is learnt": learnt}


def _prediction_with_m_in_front(K, K_new, f0, f0_new, y, t):
    m = len(K)
    return f0_new + m * K_new @ _learnt(K, t / m) @ (y - f0)


def _prediction_by_entries(K, K_new, f0, f0_new, y, t):
    share = np.eye(len(K)) - np.exp(-K * t / len(K))
    return f0_new + K_new @ np.linalg.solve(K, share) @ (y - f0)


def _prediction_by_entries_from_one(K, K_new, f0, f0_new, y, t):
    share = 1 - np.exp(-K * t / len(K))
    return f0_new + K_new @ np.linalg.solve(K, share) @ (y - f0)


def _prediction_from_one(K, K_new, f0, f0_new, y, t):
    share = 1 - scipy.linalg.expm(-K * t / len(K))
    return f0_new + K_new @ np.linalg.solve(K, share) @ (y - f0)


def _prediction_without_inverse(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ _share_learnt(K, t / len(K)) @ (y - f0)


def _prediction_of_what_is_left_without_inverse(K, K_new, f0, f0_new, y, t):
    left = scipy.linalg.expm(-K * t / len(K)) @ (y - f0)
    return f0_new + K_new @ left


def _end_from_zero_at_new_points(K, K_new, f0, f0_new, y, t):
    return K_new @ np.linalg.solve(K, y - f0)


def _end_from_zero_at_training_points(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ np.linalg.solve(K, y)


def _end_from_zero(K, K_new, f0, f0_new, y, t):
    return K_new @ np.linalg.solve(K, y)


def _prediction_with_kernel_for_inverse(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ K @ _share_learnt(K, t / len(K)) @ (y - f0)


def _prediction_with_reciprocals(K, K_new, f0, f0_new, y, t):
    return f0_new + K_new @ (1 / K) @ _share_learnt(K, t / len(K)) @ (y - f0)


def _prediction_with_eigenvectors_transposed(K, K_new, f0, f0_new, y, t):
    lam, V = np.linalg.eigh(K)
    gain = (1 - np.exp(-lam * t / len(K))) / lam
    return f0_new + K_new @ (V.T @ (gain * (V @ (y - f0))))


def _velocity_of_prediction(K, K_new, f0, f0_new, y, t):
    return K_new @ scipy.linalg.expm(-K * t / len(K)) @ (y - f0) / len(K)


def _prediction_with_velocity_at_the_end(K, K_new, f0, f0_new, y, t):
    return f0_new + t * _velocity_of_prediction(K, K_new, f0, f0_new, y, t)


def _prediction_by_one_step(K, K_new, f0, f0_new, y, t):
    return f0_new + t * K_new @ (y - f0) / len(K)


PREDICTION = Answers(
    name="prediction",
    reference=prediction_by_expm,
    solution=prediction,
    slips=(
        Slip(
            "no 1/m in the exponent",
            _prediction_without_count,
            "the exponent lacks a factor: at which rate do the residuals decay when "
            "the loss is ‖f - y‖²/2m?",
        ),
        Slip(
            "f₀ at the new points dropped",
            _prediction_from_zero_at_new_points,
            "the prediction has to start somewhere: what is it at t = 0?",
        ),
        Slip(
            "f₀ at the training points dropped",
            _prediction_from_zero_at_training_points,
            "what is left to learn at t = 0 is not y: the network has an output before "
            "training",
        ),
        Slip(
            "the end for t → ∞",
            _prediction_at_the_end,
            "this is where the prediction ends; t has no effect yet",
        ),
        Slip(
            "what is left for what is learnt",
            _prediction_of_what_is_left,
            "exp(-Kt/m) is the share that is still to learn; which share has been "
            "learnt by time t?",
        ),
        Slip(
            "the end, from zero",
            _end_from_zero,
            "this is where the prediction ends if the network starts at 0; t has no "
            "effect yet",
            others=(_end_from_zero_at_new_points, _end_from_zero_at_training_points),
        ),
        Slip(
            "what is left, without K⁻¹",
            _prediction_of_what_is_left_without_inverse,
            "exp(-Kt/m) is the share that is still to learn, and it has to be "
            "integrated",
        ),
        Slip(
            "m in front",
            _prediction_with_m_in_front,
            "m is left in front of what is learnt: the integral brings m, and what "
            "stands before the integral?",
        ),
        Slip(
            "exp entry by entry",
            _prediction_by_entries,
            "np.exp works entry by entry; the exponential of a matrix is another one, "
            "expm",
        ),
        Slip(
            "exp entry by entry, from 1",
            _prediction_by_entries_from_one,
            "np.exp works entry by entry; the exponential of a matrix is another one, "
            "expm, and it is the unit matrix at t = 0",
        ),
        Slip(
            "1 - expm",
            _prediction_from_one,
            "1 minus a matrix subtracts every entry from 1; it has to be the unit "
            "matrix",
        ),
        Slip(
            "no K⁻¹",
            _prediction_without_inverse,
            "a factor is missing in what is learnt: what is the integral of "
            "exp(-Kt'/m) from 0 to t?",
        ),
        Slip(
            "K for K⁻¹",
            _prediction_with_kernel_for_inverse,
            "K multiplies what is learnt: what is the integral of exp(-Kt'/m) from 0 "
            "to t?",
        ),
        Slip(
            "1/K for K⁻¹",
            _prediction_with_reciprocals,
            "1/K takes the reciprocal of every entry; the inverse of a matrix is "
            "np.linalg.inv, or better np.linalg.solve",
        ),
        Slip(
            "V and its transpose exchanged",
            _prediction_with_eigenvectors_transposed,
            "V and its transpose have changed places: the eigenvectors are the columns "
            "of V",
        ),
        Slip(
            "the velocity",
            _velocity_of_prediction,
            "this is the velocity at time t; integrate it from 0 to t",
        ),
        Slip(
            "the velocity times t",
            _prediction_with_velocity_at_the_end,
            "this is the velocity at time t, times t; but the velocity changes on the "
            "way, so integrate it",
        ),
        Slip(
            "the first velocity times t",
            _prediction_by_one_step,
            "this is the velocity at the start, times t; but the residuals decay on "
            "the way",
        ),
    ),
    terms=(_prediction_by_terms,),
    in_the_book=("predict", "eq-predict"),
)

# --- stable_step ---------------------------------------------------------------------


def stable_step_by_norm(K):
    """2m over the spectral norm."""
    return 2 * len(K) / np.linalg.norm(K, 2)


def _stable_step_without_count(K):
    return 2 / np.linalg.eigvalsh(K)[-1]


def _step_that_learns_at_once(K):
    return len(K) / np.linalg.eigvalsh(K)[-1]


def _stable_step_of_slowest_mode(K):
    return 2 * len(K) / np.linalg.eigvalsh(K)[0]


def _stable_step_by_trace(K):
    return 2 * len(K) / np.trace(K)


def _stable_step_by_first_eigenvalue(K):
    return 2 * len(K) / np.linalg.eigvals(K)[0]


def _stable_step_by_last_eigenvalue(K):
    return 2 * len(K) / np.linalg.eigvals(K)[-1]


def _stable_step_by_frobenius_norm(K):
    return 2 * len(K) / np.linalg.norm(K)


def _stable_step_by_largest_entry(K):
    return 2 * len(K) / K.max()


def _stable_step_by_row_sums(K):
    return 2 * len(K) / np.abs(K).sum(axis=1).max()


def _stable_step_by_determinant(K):
    return 2 * len(K) / np.linalg.det(K)


def _fastest_step(K):
    lam = np.linalg.eigvalsh(K)
    return 2 * len(K) / (lam[0] + lam[-1])


def _stable_step_by_square(K):
    return 2 * len(K) / np.linalg.eigvalsh(K)[-1] ** 2


STABLE_STEP = Answers(
    name="stable_step",
    reference=stable_step_by_norm,
    solution=largest_stable_step,
    slips=(
        Slip(
            "2/λ_max",
            _stable_step_without_count,
            "the number of inputs has no effect: how does one step of descent on ‖f -"
            " y‖²/2m change the residual of a mode?",
        ),
        Slip(
            "m/λ_max",
            _step_that_learns_at_once,
            "with this step the fastest mode is learnt at once; a larger one "
            "overshoots, but does it diverge?",
        ),
        Slip(
            "2m/λ_min",
            _stable_step_of_slowest_mode,
            "the slowest mode could take this step; which mode diverges first?",
        ),
        Slip(
            "2m/trace",
            _stable_step_by_trace,
            "this step is safe but not the largest: the trace only bounds the "
            "eigenvalue that decides",
        ),
        Slip(
            "the first of eigvals",
            _stable_step_by_first_eigenvalue,
            "np.linalg.eigvals returns the eigenvalues in no special order: [0] is "
            "just one of them",
        ),
        Slip(
            "the last of eigvals",
            _stable_step_by_last_eigenvalue,
            "np.linalg.eigvals returns the eigenvalues in no special order: [-1] is "
            "just one of them",
        ),
        Slip(
            "the Frobenius norm",
            _stable_step_by_frobenius_norm,
            "np.linalg.norm(K) is the Frobenius norm, which only bounds the eigenvalue "
            "that decides",
        ),
        Slip(
            "the largest entry",
            _stable_step_by_largest_entry,
            "the largest entry of K is not an eigenvalue of K",
        ),
        Slip(
            "the row sums",
            _stable_step_by_row_sums,
            "this step is safe but not the largest: a row sum only bounds the "
            "eigenvalue that decides",
        ),
        Slip(
            "the determinant",
            _stable_step_by_determinant,
            "the determinant is the product of all eigenvalues; which one decides?",
        ),
        Slip(
            "2m/(λ_min + λ_max)",
            _fastest_step,
            "with this step the residuals decay fastest; larger ones are still stable",
        ),
        Slip(
            "2m/λ_max²",
            _stable_step_by_square,
            "the eigenvalue is there squared: by what does a step multiply a mode?",
        ),
    ),
    in_the_book=("largest_stable_step", "eq-step"),
)

# --- conserved -----------------------------------------------------------------------


def _relu(z):
    return np.maximum(z, 0)


def _leaky_relu(z):
    return np.maximum(z, 0.01 * z)


def _softplus(z):
    return np.logaddexp(z, 0)


def _erf(z):
    return scipy.special.erf(z)


ACTIVATIONS = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "abs": np.abs,
    "tanh": np.tanh,
    "erf": _erf,
    "softplus": _softplus,
}


def conserved_by_velocity():
    """The activations for which a^2 - w^2 of one unit has velocity 0.

    Up to a factor this velocity is a psi(z) - a z psi'(z) with z = w x.
    """
    z = np.array([-1.7, -0.6, 0.4, 1.1])
    step = 1e-5  # balances the errors of rounding and of truncation, both below 1e-9
    found = set()
    for name, psi in ACTIVATIONS.items():
        slope = (psi(z + step) - psi(z - step)) / (2 * step)
        velocity = psi(z) - z * slope
        if np.abs(velocity).max() < 1e-6:
            found.add(name)
    return found


CONSERVED = Answers(
    name="conserved",
    reference=conserved_by_velocity,
    solution={"relu", "leaky_relu", "abs"},
    slips=(
        Slip(
            "claiming it for tanh or erf",
            {"relu", "leaky_relu", "abs", "tanh"},
            "the flow conserves it if aψ(h) = aψ'(h)h for every h: try a bounded ψ at "
            "a large h",
            fits=lambda chosen: "tanh" in chosen or "erf" in chosen,
        ),
        Slip(
            "softplus for relu",
            {"relu", "leaky_relu", "abs", "softplus"},
            "softplus looks like relu only from afar: compare ψ(h) with ψ'(h)h at "
            "h = 0",
            fits=lambda chosen: "softplus" in chosen,
        ),
        Slip(
            "none",
            set(),
            "there are some: compare the velocities of a² and |w|², which contain "
            "aψ(h) and aψ'(h)h",
            fits=lambda chosen: not chosen,
        ),
        Slip(
            "relu only",
            {"relu"},
            "these are right, but not all: which property of ψ did the proof use, and "
            "what else has it?",
            fits=lambda chosen: chosen < {"relu", "leaky_relu", "abs"},
        ),
    ),
    in_the_book=("ex-conserved",),
)

ANSWERS = (
    OUTPUT_VELOCITY,
    GENERAL_LOSS_VELOCITY,
    PREDICTION,
    STABLE_STEP,
    CONSERVED,
)

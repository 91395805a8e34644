"""The set "dynamics": outputs, losses and weights through training."""

from functools import partial

import jax
import numpy as np
import scipy.linalg
from scipy import special

from ntklib.exercises.autodiff import activations, flat_network, weight_velocity
from ntklib.exercises.exercise import Exercise, Slip
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


OUTPUT_VELOCITY = Exercise(
    name="output_velocity",
    arguments=("params", "X", "y", "psi"),
    reference=output_velocity_by_autodiff,
    route="automatic differentiation",
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
            "1/m is missing: it stands in the loss ‖f - y‖²/2m, and nothing cancels it",
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
    ),
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


GENERAL_LOSS_VELOCITY = Exercise(
    name="general_loss_velocity",
    arguments=("K", "dl"),
    reference=general_loss_velocity_by_gradient,
    route="the squared norm of the gradient",
    solution=loss_velocity,
    slips=(
        Slip(
            "1/m for 1/m²",
            _general_loss_velocity_with_one_count,
            "there is one 1/m in the loss; another comes with the velocity of f: how "
            "do they combine?",
        ),
        Slip(
            "no 1/m at all",
            _general_loss_velocity_without_count,
            "both factors 1/m are missing: one from the loss, one from the velocity "
            "of f",
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
    ),
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


def _learnt(K, rate):
    """K^-1 (I - exp(-K rate)): what is learnt so far, in terms of the targets."""
    return np.linalg.solve(K, np.eye(len(K)) - scipy.linalg.expm(-K * rate))


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


PREDICTION = Exercise(
    name="prediction",
    arguments=("K", "K_new", "f0", "f0_new", "y", "t"),
    reference=prediction_by_expm,
    route="a matrix exponential",
    solution=prediction,
    slips=(
        Slip(
            "no 1/m in the exponent",
            _prediction_without_count,
            "the exponent lacks 1/m: at which rate do the residuals decay when the "
            "loss is ‖f - y‖²/2m?",
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
    ),
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


STABLE_STEP = Exercise(
    name="stable_step",
    arguments=("K",),
    reference=stable_step_by_norm,
    route="the spectral norm",
    solution=largest_stable_step,
    slips=(
        Slip(
            "2/λ_max",
            _stable_step_without_count,
            "m is missing: how does one step of descent on ‖f - y‖²/2m change the "
            "residual of a mode?",
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
    ),
)

# --- conserved -----------------------------------------------------------------------


def _relu(z):
    return np.maximum(z, 0)


def _leaky_relu(z):
    return np.maximum(z, 0.01 * z)


def _softplus(z):
    return np.logaddexp(z, 0)


ACTIVATIONS = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "abs": np.abs,
    "tanh": np.tanh,
    "erf": special.erf,
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


CONSERVED = Exercise(
    name="conserved",
    arguments=(),
    kind="choice",
    choices=tuple(ACTIVATIONS),
    reference=conserved_by_velocity,
    route="the velocity along the flow",
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
)

EXERCISES = (
    OUTPUT_VELOCITY,
    GENERAL_LOSS_VELOCITY,
    PREDICTION,
    STABLE_STEP,
    CONSERVED,
)

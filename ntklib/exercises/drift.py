"""The set "drift": the motion of the kernel."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ntklib.exercises.autodiff import (
    activations,
    flat_network,
    tangent_kernel,
    weight_velocity,
)
from ntklib.exercises.exercise import Exercise, Slip
from ntklib.kernel_drift import ntk_velocity, triple_product

# --- What the formulas of kernel_velocity and third_order are made of ----------------


def _sums_over_units(params, X, psi):
    """The sums U and B over the hidden units, (m, m, m) each.

    The triple product is n^(-3/2) (G_ac U_abc + G_ab U_acb + G_ab G_ac B_abc), where G
    is the Gram matrix of the inputs.
    """
    A, S, C = activations(params, X, psi)
    W1 = params.W1
    U = np.einsum("bi,ai,ci->abc", A, S * W1, S)
    B = np.einsum("bi,ai,ci->abc", S, C * W1**3, S)
    return U, B


def _gram_factors(X):
    """<x_a, x_b> and <x_a, x_c>, to be multiplied with arrays indexed [a, b, c]."""
    G = X @ X.T
    return G[:, :, None], G[:, None, :]


def _triple_product(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return (G_ac * U + G_ab * U.swapaxes(1, 2) + G_ab * G_ac * B) / n**1.5


def _triple_product_as_printed(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, _ = _gram_factors(X)
    n = len(params.W1)
    return (G_ab * U + G_ab * U.swapaxes(1, 2) + G_ab * G_ab * B) / n**1.5


# --- kernel_velocity -----------------------------------------------------------------


@partial(jax.jit, static_argnames="psi")
def kernel_velocity_by_autodiff(params, X, y, psi):
    """The kernel's derivative in the direction in which the weights move, (m, m)."""
    theta, f = flat_network(params, X, psi)
    return jax.jvp(tangent_kernel(f), (theta,), (weight_velocity(f, theta, y),))[1]


def _residuals(params, X, y, psi):
    A, _, _ = activations(params, X, psi)
    return A @ params.W1 / np.sqrt(len(params.W1)) - y


def _both_hessians(T):
    """T[a, b, c] + T[b, a, c]: each of the two gradients in K moves."""
    return T + T.swapaxes(0, 1)


def _kernel_velocity_with_printed_index(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _both_hessians(_triple_product(params, X, psi))
    return -np.einsum("a,abc->ab", r, T) / len(y)


def _kernel_velocity_of_one_hessian(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _triple_product(params, X, psi)
    return -np.einsum("c,abc->ab", r, T) / len(y)


def _kernel_velocity_without_count(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _both_hessians(_triple_product(params, X, psi))
    return -np.einsum("c,abc->ab", r, T)


def _kernel_velocity_uphill(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _both_hessians(_triple_product(params, X, psi))
    return np.einsum("c,abc->ab", r, T) / len(y)


def _kernel_velocity_with_printed_factors(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _both_hessians(_triple_product_as_printed(params, X, psi))
    return -np.einsum("c,abc->ab", r, T) / len(y)


KERNEL_VELOCITY = Exercise(
    name="kernel_velocity",
    arguments=("params", "X", "y", "psi"),
    reference=kernel_velocity_by_autodiff,
    route="automatic differentiation",
    solution=ntk_velocity,
    slips=(
        Slip(
            "the residual's index α, as in the lecture",
            _kernel_velocity_with_printed_index,
            "this is the lecture's printed index: the residual has to be that of the "
            "input that is summed over",
        ),
        Slip(
            "one Hessian only",
            _kernel_velocity_of_one_hessian,
            "K is a product of two gradients and both move; this is the share of one "
            "of them, but K stays symmetric",
        ),
        Slip(
            "no 1/m",
            _kernel_velocity_without_count,
            "1/m is missing: it comes with the flow of θ",
        ),
        Slip(
            "uphill",
            _kernel_velocity_uphill,
            "with this sign the loss grows: θ moves against the gradient of the loss",
        ),
        Slip(
            "the printed Gram factors",
            _kernel_velocity_with_printed_factors,
            "the triple product has the lecture's printed Gram factors; look at the "
            "index of each inner derivative",
        ),
    ),
)

# --- third_order ---------------------------------------------------------------------


@partial(jax.jit, static_argnames="psi")
def third_order_by_autodiff(params, X, psi):
    """Gradient times Hessian times gradient, shape (m, m, m)."""
    theta, f = flat_network(params, X, psi)
    J = jax.jacrev(f)(theta)
    H = jax.hessian(f)(theta)
    return jnp.einsum("bp,apq,cq->abc", J, H, J)


def _third_order_with_first_term_corrected(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return (G_ac * U + G_ab * U.swapaxes(1, 2) + G_ab * G_ab * B) / n**1.5


def _third_order_with_third_term_corrected(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return (G_ab * U + G_ab * U.swapaxes(1, 2) + G_ab * G_ac * B) / n**1.5


def _third_order_of_other_hessian(params, X, psi):
    return _triple_product(params, X, psi).swapaxes(0, 1)


def _third_order_without_curvature(params, X, psi):
    U, _ = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return (G_ac * U + G_ab * U.swapaxes(1, 2)) / n**1.5


def _third_order_with_width_once(params, X, psi):
    n = len(params.W1)
    return _triple_product(params, X, psi) * n**1.5 / n


THIRD_ORDER = Exercise(
    name="third_order",
    arguments=("params", "X", "psi"),
    reference=third_order_by_autodiff,
    route="automatic differentiation",
    solution=triple_product,
    slips=(
        Slip(
            "the printed Gram factors",
            _triple_product_as_printed,
            "these are the lecture's printed Gram factors; swap β and γ, under which "
            "the product has to stay the same",
        ),
        Slip(
            "only the first term put right",
            _third_order_with_first_term_corrected,
            "the first Gram factor is corrected; the last term still has the "
            "lecture's: which pairs does it join?",
        ),
        Slip(
            "only the third term put right",
            _third_order_with_third_term_corrected,
            "the last Gram factors are corrected; the first term still has the "
            "lecture's: which pair does its derivative join?",
        ),
        Slip(
            "the Hessian of another input",
            _third_order_of_other_hessian,
            "the Hessian belongs to another input: it is that of f at α, the first "
            "index",
        ),
        Slip(
            "no ψ''",
            _third_order_without_curvature,
            "the term with ψ'' is missing: it vanishes for relu only",
        ),
        Slip(
            "1/n for the whole",
            _third_order_with_width_once,
            "a power of n is wrong: each of the three derivatives of f brings its own "
            "1/√n",
        ),
    ),
)

# --- drift_slope and lazy_exponent: exponents that the drift shows -------------------


def measured_drift_slope():
    """The exponent of n in the drift; the tests measure it, which takes seconds."""
    return -1.0


DRIFT_SLOPE = Exercise(
    name="drift_slope",
    arguments=(),
    reference=measured_drift_slope,
    route="the measured drift",
    solution=-1,
    tol=0.05,  # readers measure it, too
    slips=(
        Slip(
            "-1/2, as in the lecture",
            -0.5,
            "this is the lecture's bound; W₁ is symmetric about 0, so the averages "
            "behind it vanish as well: how fast?",
        ),
        Slip(
            "relu's slope",
            -0.7,
            "this is about what relu shows, because of its kink; tanh is smooth",
        ),
        Slip(
            "a drift that grows",
            1.0,
            "with this sign wide networks would move their kernel more, not less",
        ),
        Slip(
            "a power too many",
            -1.5,
            "n^(-3/2) stands before a sum over n units; how large is that sum when its "
            "mean is 0?",
        ),
    ),
)


def measured_lazy_exponent(s):
    """The exponent of n in the drift, if outputs scale as n^-s; tests measure it."""
    return 2 * s - 2


def lazy_exponent(s):
    """Model answer."""
    return -2 * (1 - s)


def _lazy_exponent_half_and_growing(s):
    return 1 - s


def _lazy_exponent_half(s):
    return -(1 - s)


def _lazy_exponent_growing(s):
    return 2 * (1 - s)


def _exponent_of_learning_rate(s):
    return 2 * s - 1


def _lazy_exponent_of_lecture(s):
    return -1.0


LAZY_EXPONENT = Exercise(
    name="lazy_exponent",
    arguments=("s",),
    reference=measured_lazy_exponent,
    route="the measured drift",
    solution=lazy_exponent,
    slips=(
        Slip(
            "1 - s",
            _lazy_exponent_half_and_growing,
            "at s = 1/2 this must be the drift's exponent in the lecture's scaling, "
            "where the drift decays: check sign and size",
        ),
        Slip(
            "-(1 - s)",
            _lazy_exponent_half,
            "half of it: at s = 1/2 it must give the exponent of the kernel's drift "
            "for tanh",
        ),
        Slip(
            "2(1 - s)",
            _lazy_exponent_growing,
            "the size is right, but is the exponent of a drift that vanishes with n "
            "positive?",
        ),
        Slip(
            "the exponent of the learning rate",
            _exponent_of_learning_rate,
            "this is the exponent of the learning rate; the drift has another",
        ),
        Slip(
            "the same for every s",
            _lazy_exponent_of_lecture,
            "right for s = 1/2 only; as s tends to 1, features are learnt at any width",
        ),
    ),
)

EXERCISES = (KERNEL_VELOCITY, THIRD_ORDER, DRIFT_SLOPE, LAZY_EXPONENT)

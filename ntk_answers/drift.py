"""The set "drift": the motion of the kernel."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ntk_answers.answers import Answers, Slip
from ntk_answers.autodiff import (
    activations,
    flat_network,
    tangent_kernel,
    weight_velocity,
)
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


def _triple_product_by_terms(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return {
        "the term with ψ of β": G_ac * U / n**1.5,
        "the term with ψ of γ": G_ab * U.swapaxes(1, 2) / n**1.5,
        "the term with ψ''": G_ab * G_ac * B / n**1.5,
    }


def _triple_product(params, X, psi):
    first, second, third = _triple_product_by_terms(params, X, psi).values()
    return first + second + third


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


def _kernel_velocity_of(r, T):
    """The velocity for these residuals and this triple product."""
    return -np.einsum("c,abc->ab", r, _both_hessians(T)) / len(r)


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
    return len(y) * _kernel_velocity_of(r, _triple_product(params, X, psi))


def _kernel_velocity_uphill(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    return -_kernel_velocity_of(r, _triple_product(params, X, psi))


def _kernel_velocity_with_printed_factors(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    return _kernel_velocity_of(r, _triple_product_as_printed(params, X, psi))


def _kernel_velocity_by_targets(params, X, y, psi):
    T = _triple_product(params, X, psi)
    f = _residuals(params, X, 0 * y, psi)
    return {
        "the part with f": _kernel_velocity_of(f, T),
        "the part with y": _kernel_velocity_of(-y, T),
    }


def _kernel_velocity_by_curvature(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    first, second, third = _triple_product_by_terms(params, X, psi).values()
    return {
        "the part without ψ''": _kernel_velocity_of(r, first + second),
        "the part with ψ''": _kernel_velocity_of(r, third),
    }


def _kernel_velocity_with_other_index(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _both_hessians(_triple_product(params, X, psi))
    return -np.einsum("b,abc->ab", r, T) / len(y)


def _kernel_velocity_of_other_hessian(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _triple_product(params, X, psi)
    return -np.einsum("c,bac->ab", r, T) / len(y)


def _kernel_velocity_of_third_hessian(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    T = _triple_product(params, X, psi)
    return -np.einsum("c,cab->ab", r, T) / len(y)


def _kernel_velocity_with_W1_once(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    return _kernel_velocity_of(r, _third_order_with_W1_once(params, X, psi))


def _kernel_velocity_of_mean_residual(params, X, y, psi):
    r = _residuals(params, X, y, psi)
    mean = np.full(len(r), r.mean())
    return _kernel_velocity_of(mean, _triple_product(params, X, psi))


def _kernel(params, X, y, psi):
    A, S, _ = activations(params, X, psi)
    E = params.W1 * S
    return (A @ A.T + X @ X.T * (E @ E.T)) / len(params.W1)


KERNEL_VELOCITY = Answers(
    name="kernel_velocity",
    reference=kernel_velocity_by_autodiff,
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
            others=(_kernel_velocity_of_other_hessian,),
        ),
        Slip(
            "no 1/m",
            _kernel_velocity_without_count,
            "the number of inputs has no effect: what does the loss bring into the "
            "flow of θ?",
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
        Slip(
            "the residual's index β",
            _kernel_velocity_with_other_index,
            "the residual has the index of the matrix's column; it has to be that of "
            "the input that is summed over",
        ),
        Slip(
            "the Hessian of the input summed over",
            _kernel_velocity_of_third_hessian,
            "this has the Hessian of the input that is summed over; which gradients "
            "stand in K, and whose derivatives are those?",
        ),
        Slip(
            "W₁ for W₁³",
            _kernel_velocity_with_W1_once,
            "W₁ has the wrong power in the term with ψ'': count one from the Hessian "
            "and one from each gradient",
        ),
        Slip(
            "the mean residual",
            _kernel_velocity_of_mean_residual,
            "every term of the sum has the mean residual; each has its own",
        ),
        Slip(
            "the kernel itself",
            _kernel,
            "these are multiples of the kernel itself; the exercise asks how it moves",
        ),
    ),
    terms=(_kernel_velocity_by_targets, _kernel_velocity_by_curvature),
    in_the_book=("ntk_velocity", "eq-ntk-velocity"),
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


def _third_order_with_other_last_sum(params, X, psi, weights, at_a, at_b):
    """The triple product with other factors in the sum of the term with psi''."""
    first, second, _ = _triple_product_by_terms(params, X, psi).values()
    _, S, _ = activations(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    B = np.einsum("i,bi,ai,ci->abc", weights, at_b, at_a, S)
    return first + second + G_ab * G_ac * B / len(weights) ** 1.5


def _third_order_with_W1_once(params, X, psi):
    _, S, C = activations(params, X, psi)
    return _third_order_with_other_last_sum(params, X, psi, params.W1, C, S)


def _third_order_with_W1_squared(params, X, psi):
    _, S, C = activations(params, X, psi)
    return _third_order_with_other_last_sum(params, X, psi, params.W1**2, C, S)


def _third_order_with_curvature_elsewhere(params, X, psi):
    _, S, C = activations(params, X, psi)
    return _third_order_with_other_last_sum(params, X, psi, params.W1**3, S, C)


def _third_order_with_slope_for_curvature(params, X, psi):
    _, S, _ = activations(params, X, psi)
    return _third_order_with_other_last_sum(params, X, psi, params.W1**3, S, S)


def _third_order_without_W1_in_first_terms(params, X, psi):
    A, S, _ = activations(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    U = np.einsum("bi,ai,ci->abc", A, S, S)
    *_, third = _triple_product_by_terms(params, X, psi).values()
    n = len(params.W1)
    return (G_ac * U + G_ab * U.swapaxes(1, 2)) / n**1.5 + third


def _third_order_without_gram(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    return (U + U.swapaxes(1, 2) + B) / len(params.W1) ** 1.5


def _third_order_with_both_grams(params, X, psi):
    U, B = _sums_over_units(params, X, psi)
    G_ab, G_ac = _gram_factors(X)
    n = len(params.W1)
    return G_ab * G_ac * (U + U.swapaxes(1, 2) + B) / n**1.5


def _third_order_with_gram_of_gradients(params, X, psi):
    U, _ = _sums_over_units(params, X, psi)
    *_, third = _triple_product_by_terms(params, X, psi).values()
    G_bc = X @ X.T
    return G_bc * (U + U.swapaxes(1, 2)) / len(params.W1) ** 1.5 + third


def _third_order_with_grams_exchanged(params, X, psi):
    U, _ = _sums_over_units(params, X, psi)
    *_, third = _triple_product_by_terms(params, X, psi).values()
    G_ab, G_ac = _gram_factors(X)
    first_two = G_ab * U + G_ac * U.swapaxes(1, 2)
    return first_two / len(params.W1) ** 1.5 + third


def _third_order_of_both_hessians(params, X, psi):
    return _both_hessians(_triple_product(params, X, psi))


def _third_order_of_last_hessian(params, X, psi):
    return _triple_product(params, X, psi).transpose(2, 1, 0)


def _third_order_cycled(params, X, psi):
    return _triple_product(params, X, psi).transpose(1, 2, 0)


THIRD_ORDER = Answers(
    name="third_order",
    reference=third_order_by_autodiff,
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
            others=(_third_order_of_last_hessian, _third_order_cycled),
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
        Slip(
            "W₁ for W₁³",
            _third_order_with_W1_once,
            "W₁ has the wrong power in the term with ψ'': count one from the Hessian "
            "and one from each gradient",
            others=(_third_order_with_W1_squared,),
        ),
        Slip(
            "no W₁ beside ψ",
            _third_order_without_W1_in_first_terms,
            "W₁ is missing in the terms with ψ: which of the three derivatives bring "
            "it?",
        ),
        Slip(
            "ψ'' at another input",
            _third_order_with_curvature_elsewhere,
            "ψ'' is taken at another input: it comes from the Hessian, which is that "
            "of f at α",
        ),
        Slip(
            "ψ' for ψ''",
            _third_order_with_slope_for_curvature,
            "ψ' stands where ψ'' belongs: the Hessian differentiates ψ twice",
        ),
        Slip(
            "no inner products",
            _third_order_without_gram,
            "the inner products of inputs are missing: every derivative with respect "
            "to W₀ brings out an x",
        ),
        Slip(
            "two inner products before every term",
            _third_order_with_both_grams,
            "every term has two inner products; a derivative with respect to W₁ "
            "brings no x",
        ),
        Slip(
            "⟨x_β, x_γ⟩ before the first terms",
            _third_order_with_gram_of_gradients,
            "the terms with ψ have an inner product of β and γ; which of the two "
            "gradients meets the x of the Hessian?",
        ),
        Slip(
            "the first two inner products exchanged",
            _third_order_with_grams_exchanged,
            "the inner products of the two terms with ψ have changed places: a "
            "derivative with respect to W₁ brings no x",
        ),
        Slip(
            "both Hessians",
            _third_order_of_both_hessians,
            "this is the sum with α and β exchanged, as in the kernel's velocity; the "
            "exercise asks for one Hessian",
        ),
    ),
    terms=(_triple_product_by_terms,),
    in_the_book=("triple_product", "eq-triple-terms"),
)

# --- drift_slope and lazy_exponent: exponents that the drift shows -------------------


def lazy_exponent_by_counting(s):
    """The exponent of n in the drift, if outputs scale as n^-s; tests measure it.

    Single weights move by n^(s-1). What the kernel's average over the units is in first
    order of this has mean 0, and is smaller by n^(-1/2); in second order it is not.
    """
    motion = s - 1
    first_order = motion - 1 / 2
    second_order = 2 * motion
    return max(first_order, second_order)


def drift_slope_by_counting():
    """The same in the lecture's scaling."""
    return lazy_exponent_by_counting(1 / 2)


def _about(exponent):
    """The numbers that one may measure for an exponent."""
    return exponent - 0.05, exponent + 0.05


DRIFT_SLOPE = Answers(
    name="drift_slope",
    reference=drift_slope_by_counting,
    solution=-1,
    slips=(
        Slip(
            "-1/2, as in the lecture",
            -0.5,
            "this is the lecture's bound; W₁ is symmetric about 0, so the averages "
            "behind it vanish as well: how fast?",
            between=_about(-0.5),
        ),
        Slip(
            "relu's slope",
            -0.7,
            "this is about what relu shows, because of its kink; tanh is smooth",
            between=_about(-0.7),
        ),
        Slip(
            "a drift that grows",
            1.0,
            "with this sign wide networks would move their kernel more, not less",
            between=(0.05, np.inf),
        ),
        Slip(
            "the same at every width",
            0.0,
            "with this exponent the width would not matter; does a wider network "
            "move its kernel as far?",
            between=_about(0),
        ),
        Slip(
            "a power too many",
            -1.5,
            "n^(-3/2) stands before a sum over n units; how large is that sum when its "
            "mean is 0?",
            between=_about(-1.5),
        ),
        Slip(
            "second order, squared",
            -2.0,
            "single weights move by n^(-1/2); what is the square of that?",
            between=_about(-2),
        ),
    ),
    in_the_book=("fig-drift",),
)


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


def _exponent_of_kernel(s):
    return 1 - 2 * s


def _lazy_exponent_of_lecture(s):
    return -1.0


def _lazy_exponent_of_first_order(s):
    return s - 1.5


def _lazy_exponent_falling_with_s(s):
    return -2 * s


def _lazy_exponent_falling_slowly_with_s(s):
    return -s


LAZY_EXPONENT = Answers(
    name="lazy_exponent",
    reference=lazy_exponent_by_counting,
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
            "the exponent of the kernel",
            _exponent_of_kernel,
            "this is the exponent of the kernel's size; it cancels in the relative "
            "drift",
        ),
        Slip(
            "the same for every s",
            _lazy_exponent_of_lecture,
            "this is the same for every s; as s tends to 1, features are learnt at any "
            "width",
        ),
        Slip(
            "the part of first order",
            _lazy_exponent_of_first_order,
            "this is the part of first order, whose mean is 0; is the part of second "
            "order smaller?",
        ),
        Slip(
            "-2s",
            _lazy_exponent_falling_with_s,
            "by which power of n do single weights move at s = 1/2, and by which at "
            "s = 1?",
        ),
        Slip(
            "-s",
            _lazy_exponent_falling_slowly_with_s,
            "as s tends to 1, features are learnt at any width: does this exponent say "
            "so?",
        ),
    ),
    in_the_book=("thm-copies",),
)

ANSWERS = (KERNEL_VELOCITY, THIRD_ORDER, DRIFT_SLOPE, LAZY_EXPONENT)

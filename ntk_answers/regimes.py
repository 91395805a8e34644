"""The set "regimes": large steps, noise, features, and another loss."""

import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip

# --- catapult_step -------------------------------------------------------------------


def catapult_step_of_network(f, lam, n, eta):
    """One step of descent of a linear network that has this output and this kernel.

    Its first two units do: a = (p, 0) and w = (q1, q2) with a.w = f sqrt(n) and
    |a|^2 + |w|^2 = n lam.
    """
    p = np.sqrt(n * lam / 2)
    q1 = f * np.sqrt(n) / p
    q2 = np.sqrt(n * lam / 2 - q1**2)
    a, w = np.array([p, 0.0]), np.array([q1, q2])
    slope = f / np.sqrt(n)  # of the loss f^2/2 by a is f times that of f by a
    a, w = a - eta * slope * w, w - eta * slope * a
    return np.array([a @ w / np.sqrt(n), (a @ a + w @ w) / n])


def _next_output(f, lam, n, eta):
    return f * (1 - eta * lam + eta**2 * f**2 / n)


def _next_kernel(f, lam, n, eta):
    return lam + eta * f**2 / n * (eta * lam - 4)


def catapult_step(f, lam, n, eta):
    """Model answer."""
    return np.array([_next_output(f, lam, n, eta), _next_kernel(f, lam, n, eta)])


def _step_of_fixed_kernel(f, lam, n, eta):
    return np.array([f * (1 - eta * lam), lam])


def _step_with_kernel_held(f, lam, n, eta):
    return np.array([_next_output(f, lam, n, eta), lam])


def _step_with_output_of_first_order(f, lam, n, eta):
    return np.array([f * (1 - eta * lam), _next_kernel(f, lam, n, eta)])


def _step_with_kernel_of_first_order(f, lam, n, eta):
    return np.array([_next_output(f, lam, n, eta), lam - 4 * eta * f**2 / n])


def _step_of_first_order(f, lam, n, eta):
    return np.array([f * (1 - eta * lam), lam - 4 * eta * f**2 / n])


def _step_with_kernel_growing(f, lam, n, eta):
    kernel = lam - eta * f**2 / n * (eta * lam - 4)
    return np.array([_next_output(f, lam, n, eta), kernel])


def _step_with_cross_term_once(f, lam, n, eta):
    kernel = lam + eta * f**2 / n * (eta * lam - 2)
    return np.array([_next_output(f, lam, n, eta), kernel])


def _step_in_other_order(f, lam, n, eta):
    return catapult_step(f, lam, n, eta)[::-1]


def _step_without_width(f, lam, n, eta):
    return catapult_step(f, lam, 1, eta)


def _step_with_root_of_width(f, lam, n, eta):
    return catapult_step(f, lam, np.sqrt(n), eta)


def _step_uphill(f, lam, n, eta):
    return catapult_step(f, lam, n, -eta)


def _step_with_other_cube(f, lam, n, eta):
    output = f * (1 - eta * lam - eta**2 * f**2 / n)
    return np.array([output, _next_kernel(f, lam, n, eta)])


CATAPULT_STEP = Answers(
    name="catapult_step",
    reference=catapult_step_of_network,
    solution=catapult_step,
    slips=(
        Slip(
            "a kernel that never moves",
            _step_of_fixed_kernel,
            "this is the step with a fixed kernel; here both layers move in the same "
            "step",
        ),
        Slip(
            "λ held",
            _step_with_kernel_held,
            "the output is right; λ changes as well: expand the two new squares",
        ),
        Slip(
            "f to first order",
            _step_with_output_of_first_order,
            "λ is right; in the new output the product of the two changes is missing",
        ),
        Slip(
            "λ to first order",
            _step_with_kernel_of_first_order,
            "the output is right; in the new λ the squares of the changes are missing",
        ),
        Slip(
            "both to first order",
            _step_of_first_order,
            "this is right to first order in η; a finite step has second-order parts "
            "in both",
        ),
        Slip(
            "λ with the other sign",
            _step_with_kernel_growing,
            "the output is right; the change of λ has the wrong sign: small steps make "
            "λ smaller",
        ),
        Slip(
            "cross terms once",
            _step_with_cross_term_once,
            "the output is right; in λ each of the two squares has a cross term, twice "
            "the product",
        ),
        Slip(
            "λ first",
            _step_in_other_order,
            "these are the right numbers in the other order: f first",
        ),
        Slip(
            "no 1/n",
            _step_without_width,
            "the width has no effect: what does each gradient bring?",
        ),
        Slip(
            "1/√n for 1/n",
            _step_with_root_of_width,
            "what has f² has another power of n: what does each of two gradients "
            "bring?",
        ),
        Slip(
            "uphill",
            _step_uphill,
            "with this sign of η the loss grows in small steps too",
        ),
        Slip(
            "the sign of f³",
            _step_with_other_cube,
            "λ is right; the product of the two changes is a product of two minus "
            "signs",
        ),
    ),
    in_the_book=("eq-two-numbers",),
)

# --- noise_floor ---------------------------------------------------------------------


def noise_floor_by_lyapunov(lam, eta, variance):
    """The variance that a step leaves as it is, as a Lyapunov equation."""
    kept = np.array([[1 - eta * lam]])
    return scipy.linalg.solve_discrete_lyapunov(kept, np.array([[eta**2 * variance]]))[
        0, 0
    ]


def noise_floor(lam, eta, variance):
    """Model answer."""
    return eta * variance / (lam * (2 - eta * lam))


def _floor_of_small_steps(lam, eta, variance):
    return eta * variance / (2 * lam)


def _noise_of_one_step(lam, eta, variance):
    return eta**2 * variance


def _floor_with_factor_not_squared(lam, eta, variance):
    return eta * variance / lam


def _floor_with_other_sign(lam, eta, variance):
    return eta * variance / (lam * (2 + eta * lam))


def _floor_without_curvature(lam, eta, variance):
    return eta * variance / (2 - eta * lam)


def _deviation_at_floor(lam, eta, variance):
    return np.sqrt(noise_floor(lam, eta, variance))


def _loss_at_floor(lam, eta, variance):
    return noise_floor(lam, eta, variance) / 2


def _floor_with_step_squared(lam, eta, variance):
    return eta * noise_floor(lam, eta, variance)


def _floor_of_unit_steps(lam, eta, variance):
    return variance / (lam * (2 - eta * lam))


def _floor_of_unscaled_noise(lam, eta, variance):
    return variance / (eta * lam * (2 - eta * lam))


def _floor_of_deviation(lam, eta, variance):
    return noise_floor(lam, eta, np.sqrt(variance))


NOISE_FLOOR = Answers(
    name="noise_floor",
    reference=noise_floor_by_lyapunov,
    solution=noise_floor,
    slips=(
        Slip(
            "small steps only",
            _floor_of_small_steps,
            "this is right for ηλ much smaller than 1; keep the square of the factor",
        ),
        Slip(
            "the noise of one step",
            _noise_of_one_step,
            "this is what one step adds; the steps before it are remembered in part",
        ),
        Slip(
            "the factor not squared",
            _floor_with_factor_not_squared,
            "a step multiplies the residual by a factor, and the variance by its "
            "square",
        ),
        Slip(
            "2 + ηλ",
            _floor_with_other_sign,
            "at the largest stable step the variance has to grow without bound; here "
            "it does not",
        ),
        Slip(
            "no λ in front",
            _floor_without_curvature,
            "a power of λ is wrong: let η be small; which modes does the noise move "
            "most?",
        ),
        Slip(
            "the standard deviation",
            _deviation_at_floor,
            "this is the standard deviation; the exercise asks for the variance",
        ),
        Slip(
            "the loss",
            _loss_at_floor,
            "half of it is the loss; the exercise asks for the variance of the "
            "residual",
        ),
        Slip(
            "η too often",
            _floor_with_step_squared,
            "η has another power: let η be small; what does half of it do to the "
            "variance?",
        ),
        Slip(
            "noise of 1 in each step",
            _floor_of_unit_steps,
            "the noise of a step comes with a factor: what does its variance come "
            "with?",
            others=(_floor_of_unscaled_noise,),
        ),
        Slip(
            "σ for σ²",
            _floor_of_deviation,
            "the argument is the variance of the noise already",
        ),
    ),
)

# --- captured_share ------------------------------------------------------------------


def captured_share_by_projection(m, d):
    """The mean squared length of N unit vectors in a subspace of m dimensions.

    The subspace is a random one; the mean is the same for every one.
    """
    pairs = d * (d - 1) // 2
    columns = np.random.default_rng(0).normal(size=(pairs, min(m, pairs)))
    basis, _ = np.linalg.qr(columns)
    return np.mean(np.sum(basis**2, axis=1))


def captured_share(m, d):
    """Model answer."""
    return min(1.0, 2 * m / (d * (d - 1)))


def _share_above_one(m, d):
    return 2 * m / (d * (d - 1))


def _share_of_ordered_pairs(m, d):
    return min(1.0, m / (d * (d - 1)))


def _share_of_all_ordered_pairs(m, d):
    return min(1.0, m / d**2)


def _share_with_squares(m, d):
    return min(1.0, 2 * m / (d * (d + 1)))


def _share_of_large_dimensions(m, d):
    return min(1.0, 2 * m / d**2)


def _share_of_inputs(m, d):
    return min(1.0, m / d)


def _length_captured(m, d):
    return np.sqrt(captured_share(m, d))


def _share_of_corners(m, d):
    return min(1.0, m / 2.0**d)


def _share_of_fitted_pairs(m, d):
    return min(1.0, m * (m - 1) / (d * (d - 1)))


CAPTURED_SHARE = Answers(
    name="captured_share",
    reference=captured_share_by_projection,
    solution=captured_share,
    slips=(
        Slip(
            "a share above 1",
            _share_above_one,
            "a share is at most 1: what if there are more examples than products?",
        ),
        Slip(
            "each pair twice",
            _share_of_ordered_pairs,
            "x_i x_j and x_j x_i are the same product",
        ),
        Slip(
            "d² products",
            _share_of_all_ordered_pairs,
            "there are fewer products than d²: neither order nor squares count",
        ),
        Slip(
            "with the squares",
            _share_with_squares,
            "the products are those of two different coordinates; squares are always 1",
        ),
        Slip(
            "d²/2 products",
            _share_of_large_dimensions,
            "d²/2 is right for large d; count exactly",
        ),
        Slip(
            "d functions",
            _share_of_inputs,
            "this counts coordinates; the targets are products of two",
        ),
        Slip(
            "the length",
            _length_captured,
            "this is the length of the part; the exercise asks for its square",
        ),
        Slip(
            "all corners",
            _share_of_corners,
            "this counts all functions on the corners of the cube; the targets are "
            "products of two coordinates",
        ),
        Slip(
            "pairs of examples",
            _share_of_fitted_pairs,
            "m examples give m functions, not one for each pair of examples",
        ),
    ),
    in_the_book=("eq-xor-bound",),
)

# --- margin_time ---------------------------------------------------------------------


def margin_time_by_quadrature(lam, m, margin):
    """The integral of one over the speed of the margin."""

    def pace(z):
        return m / lam / (np.exp(-z) / (1 + np.exp(-z)))

    return scipy.integrate.quad(pace, 0, margin, epsabs=0, epsrel=1e-13)[0]


def margin_time(lam, m, margin):
    """Model answer."""
    return m * (np.exp(margin) + margin - 1) / lam


def _time_of_late_margins(lam, m, margin):
    return m * np.exp(margin) / lam


def _time_without_linear_part(lam, m, margin):
    return m * np.expm1(margin) / lam


def _time_without_start(lam, m, margin):
    return m * (np.exp(margin) + margin) / lam


def _time_without_count(lam, m, margin):
    return margin_time(lam, 1, margin)


def _time_at_first_speed(lam, m, margin):
    return 2 * m * margin / lam


def _time_at_unit_slope(lam, m, margin):
    return m * margin / lam


def _time_with_other_sign(lam, m, margin):
    return m * (margin + 1 - np.exp(-margin)) / lam


def _time_without_eigenvalue(lam, m, margin):
    return m * (np.exp(margin) + margin - 1)


def _time_with_eigenvalue_above(lam, m, margin):
    return m * lam * (np.exp(margin) + margin - 1)


def _time_at_last_speed(lam, m, margin):
    return m * margin * (1 + np.exp(margin)) / lam


def _time_with_linear_part_lost_sign(lam, m, margin):
    return m * (np.exp(margin) - margin - 1) / lam


MARGIN_TIME = Answers(
    name="margin_time",
    reference=margin_time_by_quadrature,
    solution=margin_time,
    slips=(
        Slip(
            "late times only",
            _time_of_late_margins,
            "this is right for large margins; the exercise asks for every margin",
        ),
        Slip(
            "no linear part",
            _time_without_linear_part,
            "a part is missing: integrate the time that each small margin takes, term "
            "by term",
        ),
        Slip(
            "the start forgotten",
            _time_without_start,
            "at margin 0 the time has to be 0",
        ),
        Slip(
            "no m",
            _time_without_count,
            "the number of examples has no effect: the loss is a mean over them",
        ),
        Slip(
            "the first speed",
            _time_at_first_speed,
            "this keeps the speed of the start; the slope of the loss falls as the "
            "margin grows",
        ),
        Slip(
            "slope 1",
            _time_at_unit_slope,
            "this has the slope 1 at every margin; differentiate the logistic loss",
        ),
        Slip(
            "exp(-z)",
            _time_with_other_sign,
            "with this sign the slope of the loss grows with the margin; large margins "
            "are learnt slowly",
        ),
        Slip(
            "no λ",
            _time_without_eigenvalue,
            "the eigenvalue has no effect: should a larger one be faster or slower?",
        ),
        Slip(
            "λ above",
            _time_with_eigenvalue_above,
            "a larger eigenvalue is faster; here it is slower",
        ),
        Slip(
            "the last speed",
            _time_at_last_speed,
            "this has the speed of the end all the way; the margin was faster before",
        ),
        Slip(
            "the sign of the linear part",
            _time_with_linear_part_lost_sign,
            "a part has the wrong sign: every small margin takes a positive time",
        ),
    ),
    in_the_book=("eq-logistic-one",),
)

ANSWERS = (CATAPULT_STEP, NOISE_FLOOR, CAPTURED_SHARE, MARGIN_TIME)

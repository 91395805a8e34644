"""The set "generalization": distance, ridge, random targets, the spread of starts."""

import itertools

import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip
from ntklib.linear_flow import predict

# --- travelled -----------------------------------------------------------------------


def travelled_by_weights(K, f0, y, t):
    """The squared distance of weights whose Jacobian J has J J^T = K.

    They move by d' = -J^T (J d + r0) / m, a linear equation with a constant part.
    """
    m = len(y)
    J = np.linalg.cholesky(K)
    motion = np.zeros((m + 1, m + 1))
    motion[:m, :m] = -J.T @ J / m
    motion[:m, m] = -J.T @ (f0 - y) / m
    d = scipy.linalg.expm(motion * t)[:m, m]
    return d @ d


def _in_modes(K, r, share):
    """Sum over the modes of the squared coordinate of r times share(eigenvalue)."""
    lam, V = np.linalg.eigh(K)
    return np.sum((V.T @ r) ** 2 * share(lam))


def _learnt(lam, y, t):
    """What part of each mode is learnt at the time t."""
    return 1 - np.exp(-lam * t / len(y))


def travelled(K, f0, y, t):
    """Model answer."""
    return _in_modes(K, f0 - y, lambda lam: _learnt(lam, y, t) ** 2 / lam)


def _distance(K, f0, y, t):
    return np.sqrt(travelled(K, f0, y, t))


def _travelled_with_one_factor(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: _learnt(lam, y, t) / lam)


def _travelled_over_squares(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: (_learnt(lam, y, t) / lam) ** 2)


def _travelled_without_count(K, f0, y, t):
    return travelled(K, f0, y, t * len(y))


def _travelled_from_targets(K, f0, y, t):
    return travelled(K, 0 * f0, y, t)


def _travelled_in_the_end(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: 1 / lam)


def _moved_outputs(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: _learnt(lam, y, t) ** 2)


def _travelled_by_energy(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: _learnt(lam, y, 2 * t) / lam)


def _distance_left(K, f0, y, t):
    return _in_modes(K, f0 - y, lambda lam: (1 - _learnt(lam, y, t)) ** 2 / lam)


TRAVELLED = Answers(
    name="travelled",
    reference=travelled_by_weights,
    solution=travelled,
    slips=(
        Slip(
            "the distance itself",
            _distance,
            "this is the distance; the exercise asks for its square",
        ),
        Slip(
            "one factor for two",
            _travelled_with_one_factor,
            "the part that is learnt appears once: what happens to it when a length is "
            "squared?",
        ),
        Slip(
            "K⁻² for K⁻¹",
            _travelled_over_squares,
            "a power of K is wrong: if the gradient of a mode has the length √λ, how "
            "far do weights move for one unit of output?",
        ),
        Slip(
            "no 1/m",
            _travelled_without_count,
            "the time comes without 1/m, which stands in the loss",
        ),
        Slip(
            "from outputs 0",
            _travelled_from_targets,
            "this has the targets where the residuals belong: the outputs do not start "
            "at 0",
        ),
        Slip(
            "the end of training",
            _travelled_in_the_end,
            "this is the whole way; at the time t a part of it is still to go",
        ),
        Slip(
            "the outputs' way",
            _moved_outputs,
            "this is how far the outputs have moved; the weights have another length",
        ),
        Slip(
            "twice the time",
            _travelled_by_energy,
            "this has the part of the loss that is gone; the weights follow the "
            "residuals",
        ),
        Slip(
            "what is left",
            _distance_left,
            "this is the way that is still to go",
        ),
    ),
    in_the_book=("parameter_distance", "eq-distance"),
)

# --- matching_ridge ------------------------------------------------------------------


def matching_ridge_by_search(lam, m, t):
    """The ridge that leaves as much of a mode as the flow does, by bisection."""
    left = np.exp(-lam * t / m)

    def gap(log_ridge):
        ridge = np.exp(log_ridge)
        return np.log(ridge / (lam + ridge)) - np.log(left)

    return np.exp(scipy.optimize.root_scalar(gap, bracket=(-40, 40), xtol=1e-14).root)


def matching_ridge(lam, m, t):
    """Model answer."""
    return lam / np.expm1(lam * t / m)


def _ridge_of_early_times(lam, m, t):
    return m / t


def _ridge_without_count(lam, m, t):
    return lam / np.expm1(lam * t)


def _ridge_upside_down(lam, m, t):
    return lam * np.expm1(lam * t / m)


def _ridge_without_eigenvalue(lam, m, t):
    return 1 / np.expm1(lam * t / m)


def _ridge_with_eigenvalue_added(lam, m, t):
    return lam + matching_ridge(lam, m, t)


def _ridge_of_loss(lam, m, t):
    return lam / np.expm1(2 * lam * t / m)


def _ridge_of_late_times(lam, m, t):
    return lam * np.exp(-lam * t / m)


def _learnt_share(lam, m, t):
    return 1 - np.exp(-lam * t / m)


def _ridge_over_count(lam, m, t):
    return matching_ridge(lam, m, t) / m


MATCHING_RIDGE = Answers(
    name="matching_ridge",
    reference=matching_ridge_by_search,
    solution=matching_ridge,
    slips=(
        Slip(
            "m/t",
            _ridge_of_early_times,
            "m/t is right for modes that have hardly begun, λt/m small; the exercise "
            "asks for every time",
        ),
        Slip("no 1/m", _ridge_without_count, "the time comes without 1/m"),
        Slip(
            "upside down",
            _ridge_upside_down,
            "this grows with the time; training longer is like a smaller ridge",
        ),
        Slip(
            "no λ in front",
            _ridge_without_eigenvalue,
            "a ridge has the units of the kernel: which units does this have?",
        ),
        Slip(
            "ν + λ",
            _ridge_with_eigenvalue_added,
            "this is the eigenvalue and the ridge together; the exercise asks for the "
            "ridge",
        ),
        Slip(
            "the loss's exponent",
            _ridge_of_loss,
            "the exponent is that of the loss, which falls twice as fast as the "
            "residuals",
        ),
        Slip(
            "late times",
            _ridge_of_late_times,
            "this is right for modes that are nearly learnt, λt/m large; the exercise "
            "asks for every time",
        ),
        Slip(
            "the share that is learnt",
            _learnt_share,
            "this is the share of the mode that is learnt; which ridge has the same?",
        ),
        Slip(
            "ν/m",
            _ridge_over_count,
            "here the ridge is added to K itself: to which matrix does this one "
            "belong?",
        ),
    ),
    in_the_book=("eq-shares",),
)

# --- random_targets ------------------------------------------------------------------


def random_targets_by_signs(K):
    """The mean over all choices of signs for the targets."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=len(K))))
    return np.mean([y @ np.linalg.solve(K, y) for y in signs])


def random_targets(K):
    """Model answer."""
    return np.trace(np.linalg.inv(K))


def _inverse_of_trace(K):
    return 1 / np.trace(K)


def _trace_of_kernel(K):
    return np.trace(K)


def _targets_all_one(K):
    return np.sum(np.linalg.inv(K))


def _targets_in_worst_direction(K):
    return len(K) / np.linalg.eigvalsh(K)[0]


def _targets_in_best_direction(K):
    return len(K) / np.linalg.eigvalsh(K)[-1]


def _targets_of_mean_eigenvalue(K):
    return len(K) ** 2 / np.trace(K)


def _trace_over_count(K):
    return random_targets(K) / len(K)


def _bound_of_random_targets(K):
    return np.sqrt(2 * random_targets(K) / len(K))


def _trace_of_squares(K):
    return np.trace(np.linalg.inv(K @ K))


def _sum_of_absolute_values(K):
    return np.sum(np.abs(np.linalg.inv(K)))


def _inverse_of_diagonal(K):
    return np.sum(1 / np.diag(K))


RANDOM_TARGETS = Answers(
    name="random_targets",
    reference=random_targets_by_signs,
    solution=random_targets,
    slips=(
        Slip(
            "the trace of K",
            _trace_of_kernel,
            "this is the mean of yᵀKy; K⁻¹ stands between the targets",
        ),
        Slip(
            "1 over the trace",
            _inverse_of_trace,
            "a sum of inverses is not the inverse of a sum",
        ),
        Slip(
            "all targets 1",
            _targets_all_one,
            "this has all targets equal; which products of two targets have mean 0?",
        ),
        Slip(
            "the worst direction",
            _targets_in_worst_direction,
            "this is the largest value that targets of this length can have, not the "
            "mean",
        ),
        Slip(
            "the best direction",
            _targets_in_best_direction,
            "this is the smallest value that targets of this length can have, not the "
            "mean",
        ),
        Slip(
            "the mean eigenvalue",
            _targets_of_mean_eigenvalue,
            "this puts the mean eigenvalue into every direction; the mean of inverses "
            "is larger than the inverse of the mean",
        ),
        Slip(
            "1/m",
            _trace_over_count,
            "which length of the targets does this take for granted?",
        ),
        Slip(
            "the bound",
            _bound_of_random_targets,
            "this is put into the bound already; the exercise asks for the mean of "
            "yᵀK⁻¹y",
        ),
        Slip(
            "K⁻²",
            _trace_of_squares,
            "a power of K is wrong: how often does its inverse stand between the "
            "targets?",
        ),
        Slip(
            "absolute values",
            _sum_of_absolute_values,
            "entries beside the diagonal do not add up: their signs are as often plus "
            "as minus",
        ),
        Slip(
            "the diagonal inverted",
            _inverse_of_diagonal,
            "the diagonal of the inverse is not the inverse of the diagonal",
        ),
    ),
    in_the_book=("ex-coins",),
)

# --- spread --------------------------------------------------------------------------


def spread_by_flow(K, K_new, Phi):
    """Each direction of the start, trained to targets 0; their sum of products."""
    m = len(K)
    directions = np.linalg.cholesky(Phi).T
    ends = [
        predict(K, K_new, one[:m], one[m:], np.zeros(m), [1e6])[0] for one in directions
    ]
    return np.transpose(ends) @ np.array(ends)


def _parts(K, K_new, Phi):
    """A = K_* K^-1, and the blocks of Phi: old and old, new and old, new and new."""
    m = len(K)
    A = np.linalg.solve(K, K_new.T).T
    return A, Phi[:m, :m], Phi[m:, :m], Phi[m:, m:]


def spread(K, K_new, Phi):
    """Model answer."""
    A, old, between, new = _parts(K, K_new, Phi)
    return new + A @ old @ A.T - A @ between.T - between @ A.T


def _spread_by_terms(K, K_new, Phi):
    A, old, between, new = _parts(K, K_new, Phi)
    return {
        "the covariance at the new inputs": new,
        "the part of the inputs trained on": A @ old @ A.T,
        "the part that joins the two": -A @ between.T - between @ A.T,
    }


def _bayesian_posterior(K, K_new, Phi):
    _, old, between, new = _parts(K, K_new, Phi)
    return new - between @ np.linalg.solve(old, between.T)


def _spread_without_join(K, K_new, Phi):
    A, old, _, new = _parts(K, K_new, Phi)
    return new + A @ old @ A.T


def _spread_joined_once(K, K_new, Phi):
    A, old, between, new = _parts(K, K_new, Phi)
    return new + A @ old @ A.T - A @ between.T


def _spread_joined_once_on_the_left(K, K_new, Phi):
    return _spread_joined_once(K, K_new, Phi).T


def _spread_of_a_difference(K, K_new, Phi):
    A, old, _, new = _parts(K, K_new, Phi)
    return new - A @ old @ A.T


def _spread_joined_with_plus(K, K_new, Phi):
    A, old, between, new = _parts(K, K_new, Phi)
    return new + A @ old @ A.T + A @ between.T + between @ A.T


def _spread_of_start(K, K_new, Phi):
    return _parts(K, K_new, Phi)[3]


def _spread_of_correction(K, K_new, Phi):
    A, old, _, _ = _parts(K, K_new, Phi)
    return A @ old @ A.T


def _posterior_of_tangent_kernel(K, K_new, Phi):
    A, _, _, new = _parts(K, K_new, Phi)
    return new - A @ K_new.T


def _variances(K, K_new, Phi):
    return np.diag(np.diag(spread(K, K_new, Phi)))


SPREAD = Answers(
    name="spread",
    reference=spread_by_flow,
    solution=spread,
    slips=(
        Slip(
            "the Bayesian posterior",
            _bayesian_posterior,
            "this is the posterior of the Gaussian process with covariance Φ; training "
            "with K spreads differently",
        ),
        Slip(
            "no joint part",
            _spread_without_join,
            "outputs at old and new inputs are correlated at the start: their joint "
            "part is missing",
        ),
        Slip(
            "the joint part once",
            _spread_joined_once,
            "the joint part comes twice, once transposed: a covariance is symmetric",
            others=(_spread_joined_once_on_the_left,),
        ),
        Slip(
            "a variance taken away",
            _spread_of_a_difference,
            "variances of differences add; this takes one from the other",
        ),
        Slip(
            "the joint part with plus",
            _spread_joined_with_plus,
            "the joint part has the wrong sign: what is learnt is taken away from f_0",
        ),
        Slip(
            "the start",
            _spread_of_start,
            "this is the covariance before training",
        ),
        Slip(
            "the correction alone",
            _spread_of_correction,
            "this is the covariance of what training changes; f_0 at the new inputs "
            "stays in the sum",
        ),
        Slip(
            "K in a posterior",
            _posterior_of_tangent_kernel,
            "K_* K⁻¹ K_*ᵀ would be taken away if outputs had the covariance K; at the "
            "start they have the covariance Φ",
        ),
        Slip(
            "variances only",
            _variances,
            "the diagonal is right; the other entries, covariances, are not 0",
        ),
    ),
    terms=(_spread_by_terms,),
    in_the_book=("trained_distribution", "eq-trained"),
)

ANSWERS = (TRAVELLED, MATCHING_RIDGE, RANDOM_TARGETS, SPREAD)

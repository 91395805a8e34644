"""The set "kernel": the tangent kernel at finite width and in the infinite limit."""

from functools import partial

import jax
import numpy as np
import scipy

from ntk_answers.answers import Answers, Slip
from ntk_answers.autodiff import activations, flat_network, tangent_kernel
from ntklib.ntk import empirical_ntk

# --- ntk: the kernel without differentiating the network -----------------------------


@partial(jax.jit, static_argnames="psi")
def ntk_by_autodiff(params, X, psi):
    """Inner products of the gradients of the outputs, shape (m, m)."""
    theta, f = flat_network(params, X, psi)
    return tangent_kernel(f)(theta)


def _both_layers(params, X, psi):
    """psi(h) and W1 psi'(h), whose products the two layers contribute."""
    A, S, _ = activations(params, X, psi)
    return A, params.W1 * S


def _ntk_without_width(params, X, psi):
    A, E = _both_layers(params, X, psi)
    return A @ A.T + X @ X.T * (E @ E.T)


def _ntk_with_W1_once(params, X, psi):
    A, S, _ = activations(params, X, psi)
    n = len(params.W1)
    return (A @ A.T + X @ X.T * ((params.W1 * S) @ S.T)) / n


def _ntk_without_gram(params, X, psi):
    A, E = _both_layers(params, X, psi)
    n = len(params.W1)
    return (A @ A.T + E @ E.T) / n


def _ntk_of_last_layer(params, X, psi):
    A, _ = _both_layers(params, X, psi)
    n = len(params.W1)
    return A @ A.T / n


def _ntk_of_first_layer(params, X, psi):
    _, E = _both_layers(params, X, psi)
    n = len(params.W1)
    return X @ X.T * (E @ E.T) / n


def _ntk_by_layers(params, X, psi):
    return {
        "the last layer's share": _ntk_of_last_layer(params, X, psi),
        "the first layer's share": _ntk_of_first_layer(params, X, psi),
    }


def _ntk_with_slopes(params, X, psi, slopes):
    """The kernel with other slopes in the first layer's share."""
    E = params.W1 * slopes
    n = len(params.W1)
    return _ntk_of_last_layer(params, X, psi) + X @ X.T * (E @ E.T) / n


def _ntk_with_psi_for_slope(params, X, psi):
    A, _, _ = activations(params, X, psi)
    return _ntk_with_slopes(params, X, psi, A)


def _ntk_with_curvature_for_slope(params, X, psi):
    _, _, C = activations(params, X, psi)
    return _ntk_with_slopes(params, X, psi, C)


def _ntk_with_slope_for_psi(params, X, psi):
    _, S, _ = activations(params, X, psi)
    return S @ S.T / len(params.W1) + _ntk_of_first_layer(params, X, psi)


def _ntk_without_psi(params, X, psi):
    h = X @ params.W0.T
    return h @ h.T / len(params.W1) + _ntk_of_first_layer(params, X, psi)


def _ntk_with_matrix_product(params, X, psi):
    _, E = _both_layers(params, X, psi)
    n = len(params.W1)
    return _ntk_of_last_layer(params, X, psi) + X @ X.T @ (E @ E.T) / n


def _ntk_with_gram_before_both(params, X, psi):
    A, E = _both_layers(params, X, psi)
    return X @ X.T * (A @ A.T + E @ E.T) / len(params.W1)


def _ntk_of_sums(params, X, psi):
    """The first layer's share as a product of sums over the units."""
    _, E = _both_layers(params, X, psi)
    sums = E.sum(axis=1)
    first = X @ X.T * np.outer(sums, sums) / len(params.W1)
    return _ntk_of_last_layer(params, X, psi) + first


def _ntk_with_gram_added(params, X, psi):
    return _ntk_without_gram(params, X, psi) + X @ X.T


def _ntk_with_gram_averaged(params, X, psi):
    return _ntk_without_gram(params, X, psi) + X @ X.T / len(params.W1)


def _products_of_outputs(params, X, psi):
    A, _, _ = activations(params, X, psi)
    f = A @ params.W1 / np.sqrt(len(params.W1))
    return np.outer(f, f)


NTK = Answers(
    name="ntk",
    reference=ntk_by_autodiff,
    solution=empirical_ntk,
    slips=(
        Slip(
            "no 1/n",
            _ntk_without_width,
            "the width has no effect: the network divides by √n; how often does that "
            "appear in a product of two gradients?",
        ),
        Slip(
            "W₁ for W₁²",
            _ntk_with_W1_once,
            "the first layer's share has W₁ once: how many of the two gradients with "
            "respect to W₀ contain it?",
        ),
        Slip(
            "no ⟨x, x'⟩",
            _ntk_without_gram,
            "the first layer's share lacks a factor: differentiate h = W₀x with "
            "respect to W₀ and see what is left of x",
        ),
        Slip(
            "the last layer alone",
            _ntk_of_last_layer,
            "these are the gradients with respect to W₁ alone; θ also holds W₀",
        ),
        Slip(
            "the first layer alone",
            _ntk_of_first_layer,
            "these are the gradients with respect to W₀ alone; θ also holds W₁",
        ),
        Slip(
            "ψ for ψ'",
            _ntk_with_psi_for_slope,
            "in the first layer's share ψ stands where ψ' belongs: the chain rule "
            "through h differentiates ψ",
        ),
        Slip(
            "ψ'' for ψ'",
            _ntk_with_curvature_for_slope,
            "in the first layer's share ψ'' stands where ψ' belongs: one derivative "
            "too many",
        ),
        Slip(
            "ψ' for ψ",
            _ntk_with_slope_for_psi,
            "in the last layer's share ψ' stands where ψ belongs: f is linear in W₁",
        ),
        Slip(
            "h for ψ(h)",
            _ntk_without_psi,
            "in the last layer's share ψ is not applied: what multiplies W₁ in f?",
        ),
        Slip(
            "@ for *",
            _ntk_with_matrix_product,
            "the inner products multiply the first layer's share entry by entry: that "
            "is * in NumPy; @ is a matrix product",
        ),
        Slip(
            "⟨x, x'⟩ before both layers",
            _ntk_with_gram_before_both,
            "⟨x, x'⟩ multiplies both shares; does the derivative with respect to W₁ "
            "bring out an x?",
        ),
        Slip(
            "a product of sums",
            _ntk_of_sums,
            "in the first layer's share each sum over the units stands alone; it is "
            "one sum of products",
        ),
        Slip(
            "⟨x, x'⟩ added",
            _ntk_with_gram_added,
            "⟨x, x'⟩ is added; where does x stand in the derivative with respect to "
            "W₀, as a factor or as a term?",
            others=(_ntk_with_gram_averaged,),
        ),
        Slip(
            "products of outputs",
            _products_of_outputs,
            "these are products of the outputs; the kernel has products of their "
            "gradients",
        ),
    ),
    terms=(_ntk_by_layers,),
    in_the_book=("empirical_ntk", "eq-ntk-closed"),
)

# --- The limits: K = E psi(h)psi(h') + <x, x'> E psi'(h)psi'(h') ---------------------

LAST_LAYER_HINT = (
    "this is E ψ(h)ψ(h'), the kernel of the last layer alone; the first layer learns "
    "too"
)
GRAM_HINT = (
    "E ψ'(h)ψ'(h') comes with a factor: what does the derivative with respect to W₀ "
    "bring out of h = W₀x?"
)
NNGP = "E ψ(h)ψ(h')"
SLOPES = "⟨x, x'⟩ E ψ'(h)ψ'(h')"

# --- relu_limit ----------------------------------------------------------------------


def _angles(X):
    """Angles between the rows, from |u - v| and |u + v|: accurate near 0 and pi."""
    U = X / np.linalg.norm(X, axis=1)[:, None]
    gap = np.linalg.norm(U[:, None] - U, axis=2)
    total = np.linalg.norm(U[:, None] + U, axis=2)
    return 2 * np.arctan2(gap, total)


def relu_limit_by_quadrature(X):
    """The limit in polar coordinates: the radius by hand, the angle by Gauss-Legendre.

    Thirty nodes integrate a product of two cosines to the last digit.
    """
    nodes, weights = np.polynomial.legendre.leggauss(30)
    omega = _angles(X)
    # Both relus are positive for phi from omega - pi/2 to pi/2.
    phi = (omega + (np.pi - omega) * nodes[:, None, None]) / 2
    integral = np.tensordot(weights, np.cos(phi) * np.cos(phi - omega), 1)
    norms = np.linalg.norm(X, axis=1)
    nngp = np.outer(norms, norms) * (integral * (np.pi - omega) / 2 / np.pi)
    slopes = (np.pi - omega) / (2 * np.pi)
    return nngp + X @ X.T * slopes


def _lengths(X):
    """Products of the lengths of the rows."""
    norms = np.linalg.norm(X, axis=1)
    return np.outer(norms, norms)


def _relu_averages(X, omega):
    """The averages of relu and of its derivative."""
    shape = np.sin(omega) + (np.pi - omega) * np.cos(omega)
    nngp = _lengths(X) * shape / (2 * np.pi)
    slopes = (np.pi - omega) / (2 * np.pi)
    return nngp, slopes


def _relu_limit_in_one(X, omega):
    """The closed form, with |x| |x'| cos(omega) for <x, x'>."""
    nngp, slopes = _relu_averages(X, omega)
    return nngp + _lengths(X) * np.cos(omega) * slopes


def _relu_limit_in_two(X, omega):
    """The sum of two averages, with <x, x'> from the inputs."""
    nngp, slopes = _relu_averages(X, omega)
    return nngp + X @ X.T * slopes


def relu_limit(X):
    """Model answer."""
    return _relu_limit_in_one(X, _angles(X))


def _cosines(X):
    return np.clip(X @ X.T / _lengths(X), -1, 1)


def _relu_averages_by_arccos(X):
    return _relu_averages(X, np.arccos(_cosines(X)))


def _relu_limit_by_arccos(X):
    return _relu_limit_in_two(X, np.arccos(_cosines(X)))


def _relu_limit_by_input_dimension(X):
    return _relu_limit_by_arccos(X) / X.shape[1]


def _relu_limit_of_last_layer(X):
    nngp, _ = _relu_averages_by_arccos(X)
    return nngp


def _relu_limit_without_gram(X):
    nngp, slopes = _relu_averages_by_arccos(X)
    return nngp + slopes


def _relu_limit_twice(X):
    return 2 * _relu_limit_by_arccos(X)


def _relu_limit_by_terms(X):
    nngp, slopes = _relu_averages(X, _angles(X))
    return {NNGP: nngp, SLOPES: X @ X.T * slopes}


def _relu_limit_in_degrees(X):
    return _relu_limit_in_one(X, np.degrees(_angles(X)))


def _relu_limit_in_degrees_by_terms(X):
    return _relu_limit_in_two(X, np.degrees(_angles(X)))


def _relu_limit_of_cosines(X):
    return _relu_limit_in_one(X, _cosines(X))


def _relu_limit_of_cosines_by_terms(X):
    return _relu_limit_in_two(X, _cosines(X))


def _relu_limit_of_half_angles(X):
    return _relu_limit_in_one(X, _angles(X) / 2)


def _relu_limit_of_half_angles_by_terms(X):
    return _relu_limit_in_two(X, _angles(X) / 2)


def _relu_limit_of_acute_angles(X):
    return _relu_limit_in_one(X, np.arcsin(np.sin(_angles(X))))


def _relu_limit_of_acute_angles_by_terms(X):
    return _relu_limit_in_two(X, np.arcsin(np.sin(_angles(X))))


def _relu_limit_of_other_arc(X):
    omega = _angles(X)
    shape = np.sin(omega) + 2 * omega * np.cos(omega)
    return _lengths(X) * shape / (2 * np.pi)


def _relu_limit_with_squared_lengths(X):
    nngp, slopes = _relu_averages(X, _angles(X))
    return nngp * _lengths(X) + X @ X.T * slopes


def _relu_limit_times_lengths(X):
    return relu_limit(X) * _lengths(X)


def _relu_limit_with_unit_average(X):
    nngp, slopes = _relu_averages(X, _angles(X))
    return nngp / _lengths(X) + X @ X.T * slopes


def _relu_limit_of_half_spaces(X):
    nngp, _ = _relu_averages(X, _angles(X))
    return nngp + X @ X.T / 2


def _relu_limit_without_cosine(X):
    omega = _angles(X)
    return _lengths(X) * (np.sin(omega) + 2 * (np.pi - omega)) / (2 * np.pi)


def _relu_limit_without_first_cosine(X):
    omega = _angles(X)
    shape = np.sin(omega) + np.pi - omega
    _, slopes = _relu_averages(X, omega)
    return _lengths(X) * shape / (2 * np.pi) + X @ X.T * slopes


def _relu_limit_with_sine_and_cosine_exchanged(X):
    omega = _angles(X)
    shape = np.cos(omega) + 2 * (np.pi - omega) * np.sin(omega)
    return _lengths(X) * shape / (2 * np.pi)


def _inner_products(X):
    return X @ X.T


RELU_LIMIT = Answers(
    name="relu_limit",
    reference=relu_limit_by_quadrature,
    solution=relu_limit,
    slips=(
        Slip(
            "arccos with clip",
            _relu_limit_by_arccos,
            "right, but for digits on the diagonal: arccos near 1 loses half of them; "
            "use the sum and the difference of unit vectors",
        ),
        Slip(
            "a factor 1/n₀",
            _relu_limit_by_input_dimension,
            "this network does not divide its inputs by √n₀; use the lecture's scaling",
        ),
        Slip(
            "the covariance of the outputs", _relu_limit_of_last_layer, LAST_LAYER_HINT
        ),
        Slip("no ⟨x, x'⟩ before E ψ'(h)ψ'(h')", _relu_limit_without_gram, GRAM_HINT),
        Slip(
            "twice the average",
            _relu_limit_twice,
            "the arc-cosine kernel of the literature is normalised: for x = x', what "
            "is E relu(h)² if h has variance |x|²?",
        ),
        Slip(
            "the angle in degrees",
            _relu_limit_in_degrees,
            "the angle is in degrees; the formulas need radians",
            others=(_relu_limit_in_degrees_by_terms,),
        ),
        Slip(
            "the cosine for the angle",
            _relu_limit_of_cosines,
            "the cosine of the angle stands where the angle belongs",
            others=(_relu_limit_of_cosines_by_terms,),
        ),
        Slip(
            "half the angle",
            _relu_limit_of_half_angles,
            "this is right for half of the angle: of which angle is the quotient of "
            "the two lengths the tangent?",
            others=(_relu_limit_of_half_angles_by_terms,),
        ),
        Slip(
            "arcsin for the angle",
            _relu_limit_of_acute_angles,
            "right for acute angles only: arcsin cannot return an obtuse one",
            others=(_relu_limit_of_acute_angles_by_terms,),
        ),
        Slip(
            "the angle for π minus the angle",
            _relu_limit_of_other_arc,
            "the angle stands where π minus the angle belongs: for which w are both "
            "units active?",
        ),
        Slip(
            "lengths squared",
            _relu_limit_times_lengths,
            "the lengths are there too often: how does K change if x is doubled?",
            others=(_relu_limit_with_squared_lengths,),
        ),
        Slip(
            "no lengths before E ψ(h)ψ(h')",
            _relu_limit_with_unit_average,
            "E ψ(h)ψ(h') lacks the lengths of the inputs: how does it change if x is "
            "doubled?",
        ),
        Slip(
            "1/2 for E ψ'(h)ψ'(h')",
            _relu_limit_of_half_spaces,
            "E ψ'(h)ψ'(h') is 1/2 for equal inputs only: how often are both slopes 1?",
        ),
        Slip(
            "no cosine",
            _relu_limit_without_cosine,
            "a cosine is missing beside π minus the angle",
            others=(_relu_limit_without_first_cosine,),
        ),
        Slip(
            "sine and cosine exchanged",
            _relu_limit_with_sine_and_cosine_exchanged,
            "sine and cosine have changed places: what is K(x, x)?",
        ),
        Slip(
            "⟨x, x'⟩ alone",
            _inner_products,
            "these are the inner products of the inputs, the kernel of a linear "
            "network; relu cuts off a part",
        ),
    ),
    terms=(_relu_limit_by_terms,),
    in_the_book=("limit_kernel", "eq-limit-relu"),
)

# --- erf_limit -----------------------------------------------------------------------


def smooth_limit_by_quadrature(X, psi, slope):
    """The limit for a smooth psi by the trapezoid rule in two dimensions.

    For a smooth integrand that vanishes at both ends, here by the weight exp(-32), the
    rule is accurate to rounding, if its steps are short: along a long input psi is
    steep.
    """
    norms = np.linalg.norm(X, axis=1)
    z = np.linspace(-8, 8, 2 * int(25 * max(4, norms.max())) + 1)
    step = z[1] - z[0]
    weight = np.exp(-(z**2) / 2) * step / np.sqrt(2 * np.pi)
    K = np.zeros((len(X), len(X)))
    for i, j in zip(*np.triu_indices(len(X)), strict=True):
        c = X[i] @ X[j]
        cos = c / (norms[i] * norms[j]) if c else 0.0  # an input may be 0
        sin = np.sqrt(max(0, 1 - cos**2))
        h = norms[i] * z
        h2 = norms[j] * (cos * z[:, None] + sin * z)
        nngp = (weight * psi(h)) @ psi(h2) @ weight
        slopes = (weight * slope(h)) @ slope(h2) @ weight
        K[i, j] = K[j, i] = nngp + c * slopes
    return K


def erf_limit_by_quadrature(X):
    """The limit for psi = erf."""

    def slope(z):
        return 2 / np.sqrt(np.pi) * np.exp(-(z**2))

    return smooth_limit_by_quadrature(X, scipy.special.erf, slope)


def _erf_averages(X):
    """The averages of erf and of its derivative."""
    c = X @ X.T
    q = 1 + 2 * np.sum(X**2, axis=1)
    Q = np.outer(q, q)
    nngp = 2 / np.pi * np.arcsin(2 * c / np.sqrt(Q))
    slopes = 4 / np.pi / np.sqrt(Q - 4 * c**2)
    return nngp, slopes


def erf_limit(X):
    """Model answer."""
    nngp, slopes = _erf_averages(X)
    return nngp + X @ X.T * slopes


def _erf_limit_with_bias(X):
    return erf_limit(np.insert(X, 0, 1, axis=1))


def _erf_limit_of_last_layer(X):
    nngp, _ = _erf_averages(X)
    return nngp


def _erf_limit_without_gram(X):
    nngp, slopes = _erf_averages(X)
    return nngp + slopes


def _erf_limit_stretched(X):
    return erf_limit(X / np.sqrt(2))


def _erf_limit_with_half_the_slopes(X):
    nngp, slopes = _erf_averages(X)
    return nngp + X @ X.T * slopes / 2


def _erf_limit_by_terms(X):
    nngp, slopes = _erf_averages(X)
    return {NNGP: nngp, SLOPES: X @ X.T * slopes}


def _erf_formula(c, q, of_arcsin=2.0, of_root=4.0):
    """Both averages together, with other numbers in them."""
    Q = np.outer(q, q)
    nngp = 2 / np.pi * np.arcsin(np.clip(of_arcsin * c / np.sqrt(Q), -1, 1))
    return nngp + c * 4 / np.pi / np.sqrt(np.abs(Q - of_root * c**2))


def _erf_limit_with_small_variances(X):
    return _erf_formula(X @ X.T, 1 + np.sum(X**2, axis=1))


def _erf_limit_with_lengths(X):
    return _erf_formula(X @ X.T, 1 + 2 * np.linalg.norm(X, axis=1))


def _erf_limit_with_half_the_argument(X):
    return _erf_formula(X @ X.T, 1 + 2 * np.sum(X**2, axis=1), of_arcsin=1)


def _erf_limit_with_one_square(X):
    return _erf_formula(X @ X.T, 1 + 2 * np.sum(X**2, axis=1), of_root=1)


def _erf_limit_with_two_squares(X):
    return _erf_formula(X @ X.T, 1 + 2 * np.sum(X**2, axis=1), of_root=2)


def _erf_limit_by_arccos(X):
    nngp, slopes = _erf_averages(X)
    return 1 - nngp + X @ X.T * slopes


def _erf_limit_without_root(X):
    nngp, slopes = _erf_averages(X)
    return nngp + X @ X.T * slopes**2 * np.pi / 4


def _erf_limit_without_root_in_arcsin(X):
    c = X @ X.T
    q = 1 + 2 * np.sum(X**2, axis=1)
    _, slopes = _erf_averages(X)
    return 2 / np.pi * np.arcsin(2 * c / np.outer(q, q)) + c * slopes


ERF_LIMIT = Answers(
    name="erf_limit",
    reference=erf_limit_by_quadrature,
    solution=erf_limit,
    slips=(
        Slip(
            "Williams' form with a bias",
            _erf_limit_with_bias,
            "Williams (1997) puts a 1 in front of each input for a bias; this network "
            "has none",
        ),
        Slip(
            "the covariance of the outputs", _erf_limit_of_last_layer, LAST_LAYER_HINT
        ),
        Slip("no ⟨x, x'⟩ before E ψ'(h)ψ'(h')", _erf_limit_without_gram, GRAM_HINT),
        Slip(
            "erf(z/√2)",
            _erf_limit_stretched,
            "this is the kernel of erf(z/√2), which comes from the normal "
            "distribution's function; here ψ is erf(z)",
        ),
        Slip(
            "2/π before the root",
            _erf_limit_with_half_the_slopes,
            "the constant of E ψ'(h)ψ'(h') is wrong: what is erf'(0), and what is its "
            "square?",
        ),
        Slip(
            "1 + a for 1 + 2a",
            _erf_limit_with_small_variances,
            "1 + a is there for the variance; what is the variance of h + g/√2?",
        ),
        Slip(
            "|x| for |x|²",
            _erf_limit_with_lengths,
            "a and b are the squares of the lengths, not the lengths",
        ),
        Slip(
            "c for 2c in the arcsin",
            _erf_limit_with_half_the_argument,
            "the arcsin lacks a factor: divide the covariance by both standard "
            "deviations, each with its 1/2",
        ),
        Slip(
            "c² for 4c²",
            _erf_limit_with_one_square,
            "c² under the root lacks its factor: differentiate arcsin(2c/√q) again",
        ),
        Slip(
            "2c² for 4c²",
            _erf_limit_with_two_squares,
            "the square under the root is that of c alone: what stands in the arcsin?",
        ),
        Slip(
            "arccos for arcsin",
            _erf_limit_by_arccos,
            "arccos stands where arcsin belongs: what is E ψ(h)ψ(h') for orthogonal "
            "inputs?",
        ),
        Slip(
            "no root in the slopes",
            _erf_limit_without_root,
            "a root is missing below 4/π: the derivative of arcsin has one",
        ),
        Slip(
            "no root in the arcsin",
            _erf_limit_without_root_in_arcsin,
            "a root is missing in the arcsin: a correlation divides by standard "
            "deviations, not by variances",
        ),
    ),
    terms=(_erf_limit_by_terms,),
    in_the_book=("limit_kernel", "eq-limit-erf"),
)

# --- gelu_limit ----------------------------------------------------------------------


def gelu_limit_by_quadrature(X):
    """The limit for psi(z) = z cdf(z)."""

    def psi(z):
        return z * scipy.special.ndtr(z)

    def slope(z):
        return scipy.special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    return smooth_limit_by_quadrature(X, psi, slope)


def _gelu_averages(X, at_zero=0.25):
    """The averages of GELU and of its derivative."""
    c = X @ X.T
    a = np.sum(X**2, axis=1)
    P = np.outer(1 + a, 1 + a)
    D = P - c**2
    w = 1 / (1 + a[:, None]) + 1 / (1 + a)
    cdf = at_zero + np.arcsin(c / np.sqrt(P)) / (2 * np.pi)
    density = 1 / (2 * np.pi * np.sqrt(D))
    nngp = c * cdf + (np.outer(a, a) + c**2 * (w - 1)) * density
    slopes = cdf + c * w * density + c / (2 * np.pi * D**1.5)
    return nngp, slopes


def gelu_limit(X):
    """Model answer."""
    nngp, slopes = _gelu_averages(X)
    return nngp + X @ X.T * slopes


def _gelu_limit_by_tanh(X):
    """The limit for z p(z) with p(z) = (1 + tanh(s(z + b z^3))) / 2, JAX's default."""
    s = np.sqrt(2 / np.pi)
    b = 0.044715

    def p(z):
        return (1 + np.tanh(s * (z + b * z**3))) / 2

    def psi(z):
        return z * p(z)

    def slope(z):
        return p(z) + 2 * z * p(z) * (1 - p(z)) * s * (1 + 3 * b * z**2)

    return smooth_limit_by_quadrature(X, psi, slope)


def _gelu_limit_of_last_layer(X):
    nngp, _ = _gelu_averages(X)
    return nngp


def _gelu_limit_of_first_layer(X):
    _, slopes = _gelu_averages(X)
    return X @ X.T * slopes


def _gelu_limit_without_gram(X):
    nngp, slopes = _gelu_averages(X)
    return nngp + slopes


def _gelu_limit_by_terms(X):
    nngp, slopes = _gelu_averages(X)
    return {"Φ": nngp, "c·∂Φ/∂c": X @ X.T * slopes}


def _gelu_limit_of_slopes(X):
    _, slopes = _gelu_averages(X)
    return slopes


def _gelu_limit_not_differentiated(X):
    nngp, _ = _gelu_averages(X)
    return X @ X.T * nngp


def _gelu_limit_without_quarter(X):
    nngp, slopes = _gelu_averages(X, at_zero=0)
    return nngp + X @ X.T * slopes


def _gelu_limit_with_half(X):
    nngp, slopes = _gelu_averages(X, at_zero=0.5)
    return nngp + X @ X.T * slopes


def _gelu_limit_in_a(X):
    """The derivative of c Phi in a, the squared length of the row's input."""
    c = X @ X.T
    a = np.sum(X**2, axis=1)
    p = 1 + a[:, None]
    q = 1 + a
    D = p * q - c**2
    inner = np.outer(a, a) + c**2 * (1 / p + 1 / q - 1)
    # Of the arcsin, of what stands before the density, and of the density.
    of_arcsin = -(c**2) / (2 * p)
    of_inner = a - c**2 / p**2
    of_density = -inner * q / (2 * D)
    return c * (of_arcsin + of_inner + of_density) / (2 * np.pi * np.sqrt(D))


def _gelu_limit_in_b(X):
    return _gelu_limit_in_a(X).T


GELU_LIMIT = Answers(
    name="gelu_limit",
    reference=gelu_limit_by_quadrature,
    solution=gelu_limit,
    slips=(
        Slip(
            "the approximation by tanh",
            _gelu_limit_by_tanh,
            "this is the kernel of GELU's approximation by tanh, jax.nn.gelu's "
            "default; the exercise asks for ψ(z) = z·cdf(z)",
        ),
        Slip(
            "the covariance of the outputs",
            _gelu_limit_of_last_layer,
            "this is Φ, the kernel of the last layer alone; the whole kernel is the "
            "derivative of cΦ with respect to c",
        ),
        Slip(
            "one term of the product rule",
            _gelu_limit_of_first_layer,
            "this is c·∂Φ/∂c; the derivative of the product cΦ has one more term",
        ),
        Slip(
            "no c before ∂Φ/∂c",
            _gelu_limit_without_gram,
            "∂Φ/∂c lacks its factor: apply the product rule to cΦ",
        ),
        Slip(
            "∂Φ/∂c alone",
            _gelu_limit_of_slopes,
            "this is ∂Φ/∂c; the kernel is the derivative of cΦ",
        ),
        Slip(
            "cΦ",
            _gelu_limit_not_differentiated,
            "this is cΦ itself; the kernel is its derivative with respect to c",
        ),
        Slip(
            "the derivative in a",
            _gelu_limit_in_a,
            "this is the derivative of cΦ in a; the kernel is the one in c: look at "
            "argnums",
            others=(_gelu_limit_in_b,),
        ),
        Slip(
            "no 1/4",
            _gelu_limit_without_quarter,
            "the constant in E N(h)N(h') is wrong: what is E N(h)N(h') for orthogonal "
            "inputs?",
            others=(_gelu_limit_with_half,),
        ),
    ),
    terms=(_gelu_limit_by_terms,),
    in_the_book=("limit_kernel",),
)

ANSWERS = (NTK, RELU_LIMIT, ERF_LIMIT, GELU_LIMIT)

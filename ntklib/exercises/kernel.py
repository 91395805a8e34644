"""The set "kernel": the tangent kernel at finite width and in the infinite limit."""

from functools import partial

import jax
import numpy as np
from scipy import special

from ntklib.exercises.autodiff import activations, flat_network, tangent_kernel
from ntklib.exercises.exercise import Exercise, Slip
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


NTK = Exercise(
    name="ntk",
    arguments=("params", "X", "psi"),
    reference=ntk_by_autodiff,
    route="automatic differentiation",
    solution=empirical_ntk,
    slips=(
        Slip(
            "no 1/n",
            _ntk_without_width,
            "1/n is missing: the network divides by √n; how often does that appear in "
            "a product of two gradients?",
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
    ),
)

# --- The limits: K = E psi(u)psi(v) + <x, x'> E psi'(u)psi'(v) -----------------------

LAST_LAYER_HINT = (
    "this is E ψ(u)ψ(v), the kernel of the last layer alone; the first layer learns too"
)
GRAM_HINT = (
    "E ψ'(u)ψ'(v) comes with a factor: what does the derivative with respect to W₀ "
    "bring out of h = W₀x?"
)

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
    theta = _angles(X)
    # Both relus are positive for phi from theta - pi/2 to pi/2.
    phi = (theta + (np.pi - theta) * nodes[:, None, None]) / 2
    integral = np.tensordot(weights, np.cos(phi) * np.cos(phi - theta), 1)
    norms = np.linalg.norm(X, axis=1)
    nngp = np.outer(norms, norms) * (integral * (np.pi - theta) / 2 / np.pi)
    slopes = (np.pi - theta) / (2 * np.pi)
    return nngp + X @ X.T * slopes


def _relu_averages(X, theta):
    """The averages of relu and of its derivative."""
    norms = np.linalg.norm(X, axis=1)
    root = np.outer(norms, norms)
    nngp = root * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    slopes = (np.pi - theta) / (2 * np.pi)
    return nngp, slopes


def relu_limit(X):
    """Model answer."""
    theta = _angles(X)
    nngp, slopes = _relu_averages(X, theta)
    norms = np.linalg.norm(X, axis=1)
    return nngp + np.outer(norms, norms) * np.cos(theta) * slopes


def _relu_averages_by_arccos(X):
    norms = np.linalg.norm(X, axis=1)
    cos = X @ X.T / np.outer(norms, norms)
    return _relu_averages(X, np.arccos(np.clip(cos, -1, 1)))


def _relu_limit_by_arccos(X):
    nngp, slopes = _relu_averages_by_arccos(X)
    return nngp + X @ X.T * slopes


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


RELU_LIMIT = Exercise(
    name="relu_limit",
    arguments=("X",),
    reference=relu_limit_by_quadrature,
    route="quadrature",
    solution=relu_limit,
    # arccos loses half of the digits on the diagonal. With few inputs it now and then
    # happens to be right on all of it; with forty it is not.
    diagonal_tol=1e-12,
    sizes=((4, 7, 3), (40, 6, 2)),
    slips=(
        Slip(
            "arccos with clip",
            _relu_limit_by_arccos,
            "right, but for digits on the diagonal: arccos near 1 loses half of them; "
            "use |u - v| and |u + v| of unit vectors",
        ),
        Slip(
            "a factor 1/n₀",
            _relu_limit_by_input_dimension,
            "this network does not divide its inputs by √n₀; use the lecture's scaling",
        ),
        Slip(
            "the covariance of the outputs", _relu_limit_of_last_layer, LAST_LAYER_HINT
        ),
        Slip("no ⟨x, x'⟩ before E ψ'(u)ψ'(v)", _relu_limit_without_gram, GRAM_HINT),
        Slip(
            "twice the average",
            _relu_limit_twice,
            "the arc-cosine kernel of the literature is normalised: for x = x', what "
            "is E relu(u)² if u has variance |x|²?",
        ),
    ),
)

# --- erf_limit -----------------------------------------------------------------------


def smooth_limit_by_quadrature(X, psi, slope):
    """The limit for a smooth psi by the trapezoid rule in two dimensions.

    For a smooth integrand that vanishes at both ends, here by the weight exp(-32), the
    rule is accurate to rounding.
    """
    z = np.linspace(-8, 8, 201)
    step = z[1] - z[0]
    weight = np.exp(-(z**2) / 2) * step / np.sqrt(2 * np.pi)
    norms = np.linalg.norm(X, axis=1)
    K = np.zeros((len(X), len(X)))
    for i, j in zip(*np.triu_indices(len(X)), strict=True):
        c = X[i] @ X[j]
        cos = c / (norms[i] * norms[j])
        sin = np.sqrt(max(0, 1 - cos**2))
        u = norms[i] * z
        v = norms[j] * (cos * z[:, None] + sin * z)
        nngp = (weight * psi(u)) @ psi(v) @ weight
        slopes = (weight * slope(u)) @ slope(v) @ weight
        K[i, j] = K[j, i] = nngp + c * slopes
    return K


def erf_limit_by_quadrature(X):
    """The limit for psi = erf."""

    def slope(z):
        return 2 / np.sqrt(np.pi) * np.exp(-(z**2))

    return smooth_limit_by_quadrature(X, special.erf, slope)


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


ERF_LIMIT = Exercise(
    name="erf_limit",
    arguments=("X",),
    reference=erf_limit_by_quadrature,
    route="quadrature",
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
        Slip("no ⟨x, x'⟩ before E ψ'(u)ψ'(v)", _erf_limit_without_gram, GRAM_HINT),
        Slip(
            "erf(z/√2)",
            _erf_limit_stretched,
            "this is the kernel of erf(z/√2), which comes from the normal "
            "distribution's function; here ψ is erf(z)",
        ),
        Slip(
            "2/π before the root",
            _erf_limit_with_half_the_slopes,
            "the constant of E ψ'(u)ψ'(v) is wrong: what is erf'(0), and what is its "
            "square?",
        ),
    ),
)

# --- gelu_limit ----------------------------------------------------------------------


def gelu_limit_by_quadrature(X):
    """The limit for psi(z) = z cdf(z)."""

    def psi(z):
        return z * special.ndtr(z)

    def slope(z):
        return special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    return smooth_limit_by_quadrature(X, psi, slope)


def _gelu_averages(X):
    """The averages of GELU and of its derivative."""
    c = X @ X.T
    a = np.sum(X**2, axis=1)
    P = np.outer(1 + a, 1 + a)
    D = P - c**2
    w = 1 / (1 + a[:, None]) + 1 / (1 + a)
    cdf = 0.25 + np.arcsin(c / np.sqrt(P)) / (2 * np.pi)
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


GELU_LIMIT = Exercise(
    name="gelu_limit",
    arguments=("X",),
    reference=gelu_limit_by_quadrature,
    route="quadrature",
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
    ),
)

EXERCISES = (NTK, RELU_LIMIT, ERF_LIMIT, GELU_LIMIT)

"""The smallest eigenvalue for random inputs: sums of Wishart matrices, and the limit
kernel.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import eval_gegenbauer, factorial, roots_jacobi, roots_legendre

from ntklib import (
    hermite_coefficients,
    kernel_degrees,
    lambda_min_random_data,
    limit_kernel,
    sphere_eigenvalues,
    sphere_multiplicity,
    wishart_edge,
)


def erf(z):
    """The error function."""
    return jax.scipy.special.erf(z)


def minimum(shares, features, m):
    """The minimum of eq-one-direction over the sphere, by a general minimiser."""
    shares = np.asarray(shares, float)
    pull = np.sqrt(m / np.asarray(features, float))

    def value(direction):
        zeta = direction / np.linalg.norm(direction)
        return np.sum(shares * np.maximum(1 - zeta * pull, 0) ** 2)

    rng = np.random.default_rng(0)
    starts = rng.uniform(0.1, 1, size=(8, len(shares)))
    return min(minimize(value, start, tol=1e-14).fun for start in starts)


def polynomial(k, n0, rho):
    """The polynomial of degree k that is orthogonal on the sphere, and 1 at 1."""
    if n0 == 2:
        return np.cos(k * np.arccos(rho))
    index = (n0 - 2) / 2
    return eval_gegenbauer(k, index, rho) / eval_gegenbauer(k, index, 1.0)


def sphere(rng, m, n0):
    """Random inputs of length 1."""
    X = rng.normal(size=(m, n0))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


# wishart_edge


@pytest.mark.parametrize(("features", "m"), [(400, 100), (7, 1), (100, 99)])
def test_wishart_edge_of_one_matrix(features, m):
    """xi (1 - sqrt(m/N))^2: Marchenko and Pastur."""
    expected = 3 * (1 - np.sqrt(m / features)) ** 2
    np.testing.assert_allclose(wishart_edge([3], [features], m), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("shares", "features"),
    [([1, 2], [100, 30]), ([2, 1, 0.5], [40, 40, 300]), ([1, 5, 1], [200, 5, 60])],
)
def test_wishart_edge_is_the_minimum_over_directions(shares, features):
    """min over |zeta| = 1 of sum_k xi_k (1 - zeta_k sqrt(m/N_k))_+^2."""
    m = 50
    np.testing.assert_allclose(
        wishart_edge(shares, features, m), minimum(shares, features, m), rtol=1e-7
    )


def test_wishart_edge_does_not_change_when_a_matrix_is_cut():
    """Two matrices with the same factor for each column are one."""
    whole = wishart_edge([2, 1], [200, 80], 50)
    cut = wishart_edge([0.5, 1.5, 1], [50, 150, 80], 50)
    np.testing.assert_allclose(cut, whole, rtol=1e-12)


def test_wishart_edge_of_a_part_without_share():
    """A share of 0 changes nothing, whatever its number of features."""
    assert wishart_edge([2, 0], [200, 1e9], 50) == wishart_edge([2], [200], 50)
    assert wishart_edge([0, 0], [5, 5], 3) == 0


def test_wishart_edge_adds_a_multiple_of_the_identity():
    """With very many features Z Z^T / N is the identity."""
    both = wishart_edge([2, 0.7], [200, 1e16], 50)
    alone = wishart_edge([2], [200], 50)
    np.testing.assert_allclose(both, alone + 0.7, rtol=1e-6)


@pytest.mark.parametrize("columns", [(10, 20), (20, 30), (30, 21)])
def test_wishart_edge_is_zero_without_enough_columns(columns):
    """The matrix is singular up to m columns, and not from m + 1 on."""
    assert (wishart_edge([1, 2], columns, 50) == 0) == (sum(columns) <= 50)


@pytest.mark.parametrize(
    ("shares", "features"), [([1], [900]), ([1, 0.3], [400, 2000]), ([5, 1], [20, 700])]
)
def test_wishart_edge_is_near_the_smallest_eigenvalue(shares, features):
    """The mean over draws of m = 300 rows is above, by no more than a few percent."""
    rng = np.random.default_rng(4)
    m = 300

    def smallest():
        parts = [
            rng.normal(size=(m, N)) * np.sqrt(xi / N)
            for xi, N in zip(shares, features, strict=True)
        ]
        Z = np.concatenate(parts, axis=1)
        return np.linalg.eigvalsh(Z @ Z.T)[0]

    drawn = np.array([smallest() for _ in range(6)])
    ratio = drawn.mean() / wishart_edge(shares, features, m)
    assert 1.0 < ratio < 1.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [3], 4), "features has length 1, but shares expects k = 2"),
        (([[1]], [3], 4), r"shares must be a real array of shape \(k,\); got"),
        (([-1], [3], 4), "the smallest of shares must be a finite number and at least"),
        (([1], [0], 4), "the smallest of features must be a number above 0"),
        (([1], [3], 0), "m must be"),
    ],
)
def test_wishart_edge_refuses(arguments, message):
    """Each bad argument is named."""
    with pytest.raises(ValueError, match=message):
        wishart_edge(*arguments)


# kernel_degrees


@pytest.mark.parametrize("psi", [jax.nn.relu, erf, jnp.cos], ids=["relu", "erf", "cos"])
@pytest.mark.parametrize("n0", [2, 3, 12])
def test_kernel_degrees_are_integrals_of_the_kernel(psi, n0):
    """xi_k = N_k E[K P_k] (Funk and Hecke), and 1/N_k is the mean square of P_k."""
    k_max = 7
    shares, features, rest = kernel_degrees(psi, n0, k_max)
    # in the angle, where the kernel of relu has no singularity
    node, weight = roots_legendre(300)
    omega = np.pi / 2 * (1 + node)
    weight = weight * np.sin(omega) ** (n0 - 2)
    weight = weight / np.sum(weight)
    X = np.column_stack([np.cos(omega), np.sin(omega)])
    K = np.asarray(limit_kernel(X, psi, np.array([[1.0, 0.0]])).ntk)[:, 0]
    for k in range(k_max + 1):
        P = polynomial(k, n0, np.cos(omega))
        np.testing.assert_allclose(1 / np.sum(weight * P**2), features[k], rtol=1e-9)
        share = features[k] * np.sum(weight * K * P)
        # powers of relu above 200 are left out
        allowed = {2: 2e-3, 3: 1e-3, 12: 1e-7}[n0] if psi is jax.nn.relu else 1e-12
        np.testing.assert_allclose(shares[k], share, rtol=0, atol=allowed)
    at_one = limit_kernel(np.ones((1, 1)), psi).ntk[0, 0]
    np.testing.assert_allclose(np.sum(shares) + rest, at_one, rtol=1e-12)


def test_kernel_degrees_in_high_dimension_are_hermite_coefficients():
    """xi_k tends to (k + 1) mu_k^2, and the number of features to n0^k / k!."""
    n0, k = 10**6, np.arange(6)
    shares, features, _ = kernel_degrees(jax.nn.relu, n0, 5)
    mu = hermite_coefficients(jax.nn.relu, 5)
    np.testing.assert_allclose(shares, (k + 1) * mu**2, atol=1e-5)
    np.testing.assert_allclose(features * factorial(k) / float(n0) ** k, 1, rtol=1e-4)


def test_kernel_degrees_of_a_polynomial():
    """psi(z) = z^3: the powers rho^3 and rho, split by hand."""
    n0 = 7
    shares, features, rest = kernel_degrees(lambda z: z**3, n0, 5)
    # z^3 = sqrt(6) He_3 + 3 He_1, so K = 4 * 6 rho^3 + 2 * 9 rho
    cubic = np.array([0, 3 / (n0 + 2), 0, (n0 - 1) / (n0 + 2), 0, 0])
    expected = 24 * cubic + 18 * np.array([0, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(shares, expected, atol=1e-11)
    np.testing.assert_allclose(features[:4], [1, 7, 27, 77])
    assert rest == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 5, 5), "psi must be an elementwise function"),
        ((jnp.tanh, 1, 5), "n0 must be an integer, at least 2; got 1"),
        ((jnp.tanh, 5, 0), "k_max must be"),
        ((jnp.tanh, 5, 201), "k_max must be an integer from 1 to 200; got 201"),
    ],
)
def test_kernel_degrees_refuses(arguments, message):
    """Each bad argument is named."""
    with pytest.raises(ValueError, match=message):
        kernel_degrees(*arguments)


# lambda_min_random_data


@pytest.mark.parametrize(("m", "n0"), [(30, 40), (1, 3), (40, 40), (50, 40)])
def test_lambda_min_random_data_of_a_linear_network(m, n0):
    """psi(z) = z has the kernel 2 X X^T: twice the edge of Marchenko and Pastur."""
    expected = 2 * max(0, 1 - np.sqrt(m / n0)) ** 2
    found = lambda_min_random_data(lambda z: z, m, n0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_lambda_min_random_data_of_the_square():
    """psi(z) = z^2 has K = 1 + 6 rho^2: n0 (n0 + 1)/2 features."""
    n0 = 20
    shares, features = [1 + 6 / n0, 6 - 6 / n0], [1, n0 * (n0 + 1) / 2 - 1]
    found = lambda_min_random_data(jnp.square, 60, n0)
    np.testing.assert_allclose(found, minimum(shares, features, 60), rtol=1e-6)
    assert lambda_min_random_data(jnp.square, 210, n0) == 0
    assert lambda_min_random_data(jnp.square, 209, n0) > 0


@pytest.mark.parametrize("psi", [jax.nn.relu, erf], ids=["relu", "erf"])
@pytest.mark.parametrize(("m", "n0"), [(60, 12), (200, 30)])
def test_lambda_min_random_data_by_integration(psi, m, n0):
    """The shares are integrals of the kernel over the sphere (Funk and Hecke)."""
    rho, weight = roots_jacobi(400, (n0 - 3) / 2, (n0 - 3) / 2)
    weight = weight / np.sum(weight)
    X = np.column_stack([rho, np.sqrt(1 - rho**2)])
    K = np.asarray(limit_kernel(X, psi, np.array([[1.0, 0.0]])).ntk)[:, 0]
    at_one = float(limit_kernel(np.ones((1, 1)), psi).ntk[0, 0])

    P = np.array([polynomial(k, n0, rho) for k in range(9)])
    features = 1 / (P**2 @ weight)
    shares = features * (P @ (weight * K))
    rest = at_one - np.sum(shares)
    expected = minimum(shares, features, m) + rest
    found = lambda_min_random_data(psi, m, n0)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize("psi", [jax.nn.relu, erf], ids=["relu", "erf"])
def test_lambda_min_random_data_is_near_the_smallest_eigenvalue(psi):
    """With 200 inputs in 100 dimensions to about a hundredth."""
    rng = np.random.default_rng(5)
    drawn = [
        np.linalg.eigvalsh(limit_kernel(sphere(rng, 200, 100), psi).ntk)[0]
        for _ in range(8)
    ]
    np.testing.assert_allclose(
        np.mean(drawn), lambda_min_random_data(psi, 200, 100), rtol=0.015
    )


def test_lambda_min_random_data_falls_with_the_inputs():
    """More inputs, a smaller eigenvalue; on the circle too."""
    for n0 in (2, 10):
        found = [lambda_min_random_data(jax.nn.relu, m, n0) for m in (1, 5, 20, 80)]
        assert np.all(np.diff(found) < 0)
    one = lambda_min_random_data(erf, 1, 5000)
    at_one = limit_kernel(np.ones((1, 1)), erf).ntk[0, 0]
    np.testing.assert_allclose(one, at_one, rtol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 5, 5), "psi must be an elementwise function"),
        ((jnp.tanh, 0, 5), "m must be"),
        ((jnp.tanh, 5, 0), "n0 must be"),
        ((jnp.tanh, 5, 1), "n0 must be an integer, at least 2; got 1"),
    ],
)
def test_lambda_min_random_data_refuses(arguments, message):
    """Each bad argument is named."""
    with pytest.raises(ValueError, match=message):
        lambda_min_random_data(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("psi", [jnp.tanh, erf], ids=["tanh", "erf"])
@pytest.mark.parametrize("n0", [3, 10, 40])
def test_kernel_degrees_by_sphere_eigenvalues(psi, n0):
    """A degree's share of the diagonal is its eigenvalue, once for each harmonic: the
    coefficients of Hermite's polynomials against quadrature on the sphere.
    """
    by_eigenvalues = sphere_multiplicity(n0, 6) * sphere_eigenvalues(psi, n0, 6)
    shares = kernel_degrees(psi, n0, 40).shares[:7]
    np.testing.assert_allclose(shares, by_eigenvalues, rtol=1e-9, atol=1e-12)

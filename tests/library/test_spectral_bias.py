"""Rates of learning on the circle and on the sphere, against closed forms, sampled
kernels and explicit harmonics.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, eval_gegenbauer

from ntklib import (
    hermite_coefficients,
    limit_kernel,
    sphere_eigenvalues,
    sphere_multiplicity,
)


def relu_on_the_circle(k):
    """The closed form of relu without a bias: eq-circle."""
    if k % 2:
        return 1 / 4 if k == 1 else 0
    return (k**2 + 3) / (np.pi**2 * (k**2 - 1) ** 2)


@pytest.mark.parametrize("k_max", [1, 2, 7, 200])
def test_sphere_eigenvalues_of_relu_on_the_circle(k_max):
    """(k^2 + 3) / (pi^2 (k^2 - 1)^2) for even k, 1/4 for k = 1, otherwise 0 exactly."""
    want = np.array([relu_on_the_circle(k) for k in range(k_max + 1)])
    found = sphere_eigenvalues(jax.nn.relu, 2, k_max)
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(found == 0, want == 0)


def test_sphere_eigenvalues_of_relu_on_the_ball():
    """For d = 3, Legendre's polynomials and the arc-cosine kernel give fractions."""
    found = sphere_eigenvalues(jax.nn.relu, 3, 4)
    want = [1 / 4, 1 / 6, 5 / 128, 0, 1 / 384]
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 5, 40])
def test_sphere_eigenvalues_of_a_polynomial(d):
    """psi = z^2 has K = 1 + 6 rho^2 - ..., here a + b rho^2 with b E rho^2 = b/d.

    K = Phi + rho Phi' = (1 + 2 rho^2) + 4 rho^2 on the sphere, and the harmonic of
    degree 2 along rho is rho^2 - 1/d, so Lambda(0) = 1 + 6/d, Lambda(2) = 6 E rho^2 P_2
    with P_2 = (d rho^2 - 1)/(d - 1) and E rho^4 = 3/(d (d + 2)).
    """
    found = sphere_eigenvalues(jnp.square, d, 5)
    second = 6 * (3 / (d + 2) - 1 / d) / (d - 1)
    want = [1 + 6 / d, 0, second, 0, 0, 0]
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("bias", [0.0, 0.7, -1.0])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_sphere_eigenvalues_add_up_to_the_trace(d, bias):
    """sum_k N(d, k) Lambda_d(k) = K(x, x), for erf, whose sum ends early."""
    found = sphere_eigenvalues(jax.scipy.special.erf, d, 25, bias=bias)
    pole = np.array([[1.0, bias]])
    K = limit_kernel(pole, jax.scipy.special.erf).ntk[0, 0]
    total = found @ sphere_multiplicity(d, 25)
    np.testing.assert_allclose(total, K, rtol=1e-6)


def uniform_points(rng, m, d, bias):
    """Independent, uniform points of the sphere, and a constant coordinate."""
    X = rng.normal(size=(m, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return np.column_stack([X, np.full(m, bias)])


@pytest.mark.parametrize(
    ("psi", "d", "bias"),
    [(jax.nn.relu, 4, 0.5), (jnp.sin, 3, 0.0), (jax.nn.relu, 12, 1.0)],
)
def test_sphere_eigenvalues_are_means_over_random_pairs(psi, d, bias):
    """Lambda_d(k) = E K P_k, with Gegenbauer's polynomials of SciPy, within 4 standard
    errors that are small beside the first eigenvalues.
    """
    rng = np.random.default_rng(d)
    X = uniform_points(rng, 20_000, d, bias)
    pole = np.zeros((1, d + 1))
    pole[0, [0, -1]] = 1, bias
    K = np.asarray(limit_kernel(pole, psi, X).ntk)[0]
    found = sphere_eigenvalues(psi, d, 3, bias=bias)
    for k in range(4):
        C = eval_gegenbauer(k, d / 2 - 1, np.append(X[:, 0], 1))
        draws = K * C[:-1] / C[-1]
        error = np.std(draws) / math.sqrt(len(draws))
        assert abs(np.mean(draws) - found[k]) < 4 * error
        assert error < 0.01


def test_sphere_eigenvalues_are_those_of_the_operator():
    """Averaged over the sphere, K(x, .) times a harmonic gives Lambda times it, for
    x1 x2 x3, a harmonic of degree 3, on a grid that is exact for the sphere of R^3.
    """
    z, weight = np.polynomial.legendre.leggauss(60)
    phi = 2 * np.pi * np.arange(60) / 60
    z, phi = (a.ravel() for a in np.meshgrid(z, phi))
    s = np.sqrt(1 - z**2)
    grid = np.column_stack([s * np.cos(phi), s * np.sin(phi), z, np.ones_like(z)])
    weight = np.tile(weight, 60) / 120
    x = np.array([[2 / 3, 2 / 3, 1 / 3, 1.0]])
    K = np.asarray(limit_kernel(x, jax.scipy.special.erf, grid).ntk)[0]
    harmonic = np.prod(grid[:, :3], axis=1)
    average = np.sum(weight * K * harmonic)
    found = sphere_eigenvalues(jax.scipy.special.erf, 3, 3, bias=1.0)
    assert average == pytest.approx(found[3] * 4 / 27, rel=1e-9)


def test_sphere_eigenvalues_on_the_circle_are_squares_of_what_units_draw():
    """Lambda(k) = E psi_k^2 + x0^2 psi'_k^2 + (psi'_{k-1}^2 + psi'_{k+1}^2)/2 with the
    Fourier coefficients of one unit: eq-squares, for erf.
    """
    x0, k_max = 0.8, 6
    tau = 2 * np.pi * np.arange(256) / 256
    radius, radius_weight = np.polynomial.legendre.leggauss(60)
    radius = 4.5 * (1 + radius)
    radius_weight = 4.5 * radius_weight * radius * np.exp(-(radius**2) / 2)
    z, z_weight = np.polynomial.hermite_e.hermegauss(60)
    z_weight = z_weight / math.sqrt(2 * np.pi)
    h = radius[:, None, None] * np.cos(tau) + x0 * z[:, None]
    value = np.fft.rfft(erf(h)).real / 256
    slope = np.fft.rfft(2 / math.sqrt(np.pi) * np.exp(-(h**2))).real / 256
    value, slope = (
        np.einsum("r,z,rzk->k", radius_weight, z_weight, a**2) for a in (value, slope)
    )
    k = np.arange(k_max + 1)
    want = value[k] + x0**2 * slope[k] + (slope[abs(k - 1)] + slope[k + 1]) / 2
    found = sphere_eigenvalues(jax.scipy.special.erf, 2, k_max, bias=x0)
    np.testing.assert_allclose(found, want, rtol=1e-6)


@pytest.mark.parametrize("d", [100, 400, 10_000])
def test_sphere_eigenvalues_in_high_dimension_are_hermite_coefficients(d):
    """N(d, k) Lambda_d(k) -> (k + 1) mu_k^2 as d -> infinity, with an error of order
    1/d.
    """
    mu = hermite_coefficients(jax.nn.relu, 4)
    found = sphere_eigenvalues(jax.nn.relu, d, 2) * sphere_multiplicity(d, 2)
    want = (np.arange(5) + 1) * mu**2
    np.testing.assert_allclose(found, want[:3], rtol=3 / d)


@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_sphere_multiplicity_counts_dimensions(d):
    """N(d, 0) + ... + N(d, k) is the rank of all monomials up to degree k at random
    points of the sphere.
    """
    k_max = 3
    X = uniform_points(np.random.default_rng(0), 200, d, 1.0)
    products = itertools.combinations_with_replacement(range(d + 1), k_max)
    # the constant coordinate fills up the degree
    M = np.column_stack([np.prod(X[:, list(indices)], axis=1) for indices in products])
    assert np.linalg.matrix_rank(M) == np.sum(sphere_multiplicity(d, k_max))


def test_sphere_multiplicity_of_known_spheres():
    """1, 2, 2, ... on the circle, 2k + 1 on the sphere in space."""
    assert sphere_multiplicity(2, 3).tolist() == [1, 2, 2, 2]
    assert sphere_multiplicity(3, 3).tolist() == [1, 3, 5, 7]
    assert sphere_multiplicity(10, 4).tolist() == [1, 10, 54, 210, 660]
    assert sphere_multiplicity(3, 1).dtype == np.float64


@pytest.mark.parametrize("d", [3, 50, 784, 10**6])
def test_sphere_multiplicity_of_many_harmonics(d):
    """C(k + d - 2, d - 2) + C(k + d - 3, d - 2) to the last bits; infinite from where
    no float is large enough.
    """
    found = sphere_multiplicity(d, 200)
    for k in (1, 2, 30, 199, 200):
        exact = math.comb(k + d - 2, d - 2) + math.comb(k + d - 3, d - 2)
        if exact < 2**1023:
            assert found[k] == pytest.approx(exact, rel=1e-15)
        else:
            assert found[k] == math.inf
    assert not np.isnan(found).any()


ERRORS = [
    (sphere_eigenvalues, (jnp.tanh, 1, 3), "d must be an integer, at least 2; got 1"),
    (
        sphere_eigenvalues,
        (jnp.tanh, 2.5, 3),
        "d must be an integer, at least 2; got 2.5",
    ),
    (
        sphere_eigenvalues,
        (jnp.tanh, 3, 0),
        "k_max must be an integer from 1 to 5000; got 0",
    ),
    (
        sphere_eigenvalues,
        (jnp.tanh, 3, 10**6),
        "k_max must be an integer from 1 to 5000; got 1000000",
    ),
    (sphere_eigenvalues, ("tanh", 3, 2), "psi must be an elementwise function"),
    (sphere_eigenvalues, (jnp.sign, 3, 2), "psi must be continuous, or it has no NTK"),
    (sphere_multiplicity, (1, 3), "d must be an integer, at least 2; got 1"),
    (sphere_multiplicity, (2, -1), "k_max must be an integer from 1 to 5000; got -1"),
]


@pytest.mark.parametrize(("function", "args", "message"), ERRORS)
def test_sphere_eigenvalues_and_multiplicity_refuse(function, args, message, refuses):
    """Bad input is refused in one sentence."""
    refuses(message, function, *args)


def test_sphere_eigenvalues_refuse_a_bias(refuses):
    """A bias that is no number is refused."""
    message = "bias must be a finite real number; got inf"
    refuses(message, sphere_eigenvalues, jnp.tanh, 2, 3, bias=math.inf)


def test_sphere_eigenvalues_refuse_a_tracer():
    """They are numbers, so psi must not depend on a tracer."""
    with pytest.raises(ValueError, match="psi must not depend on a JAX tracer"):
        jax.grad(lambda s: sphere_eigenvalues(lambda z: jnp.sin(s * z), 2, 3)[1])(1.0)

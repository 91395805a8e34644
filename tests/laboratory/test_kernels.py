"""The laboratory's network, kernels and eigenvalues against the library's."""

import numpy as np
import pytest
from scipy import special, stats

from ntklib import empirical_ntk, limit_kernel, network
from tests.laboratory.conftest import ACTIVATIONS, ANGLES, changed, params_of

GRID = np.linspace(-3.1, 3.1, 7)


@pytest.fixture(params=ANGLES, ids=["6 inputs", "1 input"])
def angles(request):
    """The angles of some inputs."""
    return request.param


def drawn(laboratory, **changes):
    """Parameters that the laboratory draws, as JSON."""
    return laboratory("network.js", "initParams", changed(**changes))


def inputs(angles, constant):
    """x = (cos, sin) or (cos, sin, 1)."""
    columns = [np.cos(angles), np.sin(angles)]
    return np.stack(columns + [np.ones(len(angles))] * constant, axis=1)


@pytest.mark.parametrize("constant", [True, False])
def test_inputs_lie_on_the_circle(laboratory, constant):
    """x = (cos τ, sin τ), with a 1 where there is a constant."""
    X = laboratory("network.js", "inputs", GRID, constant)
    np.testing.assert_allclose(X, inputs(GRID, constant), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("psi", ACTIVATIONS)
@pytest.mark.parametrize(
    ("width", "seed", "constant"),
    [
        pytest.param(1, 5, True, marks=pytest.mark.slow),
        (24, 0, False),
        pytest.param(301, 9999, True, marks=pytest.mark.slow),
    ],
)
def test_outputs_and_kernel_are_those_of_the_library(
    laboratory, psi, width, seed, constant, angles
):
    """f = ψ(h) W1/√n and K = (A Aᵀ + (X Xᵀ) ∘ (E Eᵀ))/n, also between two sets."""
    params = drawn(laboratory, width=width, seed=seed, constant=constant)
    X, X2 = inputs(angles, constant), inputs(GRID, constant)

    f = laboratory("network.js", "outputs", params, X, psi)
    expected = network(params_of(params), X, ACTIVATIONS[psi])
    np.testing.assert_allclose(f, expected, rtol=1e-12, atol=1e-12)

    K = laboratory("network.js", "empiricalNtk", params, X, psi)
    expected = np.asarray(empirical_ntk(params_of(params), X, ACTIVATIONS[psi]))
    largest = np.abs(expected).max()
    np.testing.assert_allclose(K, expected, rtol=1e-12, atol=1e-12 * largest)

    K = laboratory("network.js", "empiricalNtk", params, X, psi, X2)
    expected = empirical_ntk(params_of(params), X, ACTIVATIONS[psi], X2)
    np.testing.assert_allclose(K, expected, rtol=1e-12, atol=1e-12 * largest)


@pytest.mark.parametrize("psi", ACTIVATIONS)
@pytest.mark.parametrize(
    "constant", [pytest.param(True, marks=pytest.mark.slow), False]
)
def test_limit_kernel_is_that_of_the_library(laboratory, psi, constant, angles):
    """K = Φ + ⟨x, x'⟩ Φ', from closed forms here and there or from two quadratures."""
    X, X2 = inputs(angles, constant), inputs(GRID, constant)
    for other in [(), (X2,)]:
        K = laboratory("limit_kernel.js", "limitKernel", X, psi, *other)
        expected = np.asarray(limit_kernel(X, ACTIVATIONS[psi], *other).ntk)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(K, expected, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("psi", ACTIVATIONS)
def test_limit_kernel_of_equal_and_opposite_inputs_is_finite(laboratory, psi):
    """At angles 0 and π nothing divides by 0, and the kernel is symmetric."""
    X = inputs([0.3, 0.3, 0.3 - np.pi, 0.3 + 1e-9], constant=False)
    K = np.array(laboratory("limit_kernel.js", "limitKernel", X, psi), float)
    expected = np.asarray(limit_kernel(X, ACTIVATIONS[psi]).ntk)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(K, expected, rtol=1e-7, atol=1e-7 * scale)
    np.testing.assert_array_equal(K, K.T)


@pytest.mark.parametrize("m", [1, 2, 5, 16])
@pytest.mark.parametrize("rank", ["full", "singular", "diagonal"])
def test_eigh_is_that_of_numpy(laboratory, m, rank):
    """M v = λ v with orthonormal v, the largest λ first."""
    rng = np.random.default_rng(m)
    B = rng.normal(size=(m, m if rank == "full" else (m + 1) // 2))
    M = np.diag(rng.normal(size=m)) if rank == "diagonal" else B @ B.T
    spectrum = laboratory("eigen.js", "eigh", M)
    V = np.array(spectrum["vectors"])
    values = np.array(spectrum["values"])
    np.testing.assert_allclose(values, np.linalg.eigvalsh(M)[::-1], 1e-10, 1e-12)
    np.testing.assert_allclose(V @ V.T, np.eye(m), rtol=0, atol=1e-13)
    np.testing.assert_allclose(M @ V.T, V.T * values, rtol=0, atol=1e-12 * m)


def test_erf_is_exact_to_the_last_digit(laboratory):
    """erf and its complement have a relative error below 1e-15."""
    z = np.concatenate([np.linspace(-6, 6, 2001), np.geomspace(1e-12, 5, 200)])
    value = laboratory("activations.js", "activation", "erf", over={"value": z})
    np.testing.assert_allclose(value, special.erf(z), rtol=1e-15)
    gelu = laboratory("activations.js", "activation", "gelu", over={"value": z})
    np.testing.assert_allclose(gelu, z * special.ndtr(z), rtol=2e-14)


def test_seed_fixes_independent_normal_numbers(laboratory):
    """N(0, 1) by Kolmogorov and Smirnov, for one seed and across neighbouring seeds."""
    params = params_of(drawn(laboratory, width=1024, seed=7))
    again = params_of(drawn(laboratory, width=1024, seed=7))
    np.testing.assert_array_equal(params.W0, again.W0)
    weights = np.append(np.ravel(params.W0), params.W1)
    assert stats.kstest(weights, "norm").pvalue > 0.01
    columns = np.column_stack([params.W0, params.W1])
    assert np.abs(np.corrcoef(columns.T) - np.eye(4)).max() < 4 / np.sqrt(1024)

    first = [drawn(laboratory, width=1, seed=seed)["W1"][0] for seed in range(300)]
    assert stats.kstest(first, "norm").pvalue > 0.01
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / np.sqrt(300)


def test_wider_network_contains_the_narrower(laboratory):
    """Units keep their weights when the width or the constant changes."""
    wide = params_of(drawn(laboratory, width=50, constant=True))
    narrow = params_of(drawn(laboratory, width=20, constant=False))
    np.testing.assert_array_equal(wide.W0[:20, :2], narrow.W0)
    np.testing.assert_array_equal(wide.W1[:20], narrow.W1)


@pytest.mark.parametrize("width", [1, 2, 7, 24])
def test_paired_units_cancel(laboratory, width):
    """Pairs have equal W0 and opposite W1, as `antisymmetric_params` has them."""
    params = drawn(laboratory, width=width, paired=True)
    X = inputs(GRID, constant=True)
    f = laboratory("network.js", "outputs", params, X, "softplus")
    np.testing.assert_allclose(f, np.zeros(len(GRID)), rtol=0, atol=1e-15)
    params = params_of(params)
    assert np.all(params.W1[:-1:2] == -params.W1[1::2][: len(params.W1[:-1:2])])

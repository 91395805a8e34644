"""What the set "regimes" claims, on networks and kernels of the book."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import regimes
from ntklib import Params, empirical_ntk, function_flow, gradient_descent, network


def linear(z):
    """The activation of the catapult."""
    return z


@pytest.mark.parametrize("eta", [0.3, 1.5])
def test_catapult_step_is_a_step_of_a_network(eta):
    """The two numbers tell the next two, for any weights that have them."""
    rng = np.random.default_rng(1)
    params = Params(rng.normal(size=(6, 1)), rng.normal(size=6))
    X = np.ones((1, 1))

    def numbers(params):
        """Output and kernel."""
        return network(params, X, linear)[0], empirical_ntk(params, X, linear)[0, 0]

    descent = gradient_descent(params, X, [0.0], linear, eta, 1)
    after = Params(descent.params.W0[-1], descent.params.W1[-1])
    f, lam = numbers(params)
    expected = regimes.catapult_step(f, lam, 6, eta)
    np.testing.assert_allclose(numbers(after), expected, rtol=1e-12)


def test_noise_floor_is_where_many_chains_end():
    """The variance over many chains, within four standard errors."""
    rng = np.random.default_rng(2)
    lam, eta, variance, chains = 0.8, 0.9, 1.3, 40_000
    r = np.full(chains, 5.0)
    for _ in range(60):  # what is left of the start is 0.28^60
        r = (1 - eta * lam) * r - eta * np.sqrt(variance) * rng.normal(size=chains)
    expected = regimes.noise_floor(lam, eta, variance)
    error = np.std(r**2) / np.sqrt(chains)
    assert abs(np.mean(r**2) - expected) < 4 * error < 0.05 * expected


@pytest.mark.parametrize("m", [3, 6, 9])
def test_captured_share_bounds_a_kernel_on_the_cube(m):
    """The functions of m inputs of the cube hold at most this part of the products."""
    rng = np.random.default_rng(m)
    cube = np.array(list(itertools.product([-1.0, 1.0], repeat=5)))
    products = [cube[:, i] * cube[:, j] for i, j in itertools.combinations(range(5), 2)]
    seen = cube[rng.choice(len(cube), m, replace=False)]
    functions = (1 + cube @ seen.T / 5) ** 2  # a kernel with degree 2 in it
    basis, _ = np.linalg.qr(functions)
    shares = [np.sum((basis.T @ g) ** 2) / (g @ g) for g in products]
    bound = regimes.captured_share(m, 5)
    assert 0.01 < np.mean(shares) <= bound < 1
    # a space of products has all that can be had
    basis, _ = np.linalg.qr(np.transpose(products[:m]))
    shares = [np.sum((basis.T @ g) ** 2) / (g @ g) for g in products]
    assert np.mean(shares) == pytest.approx(bound)


@pytest.mark.slow
def test_margin_time_is_when_the_flow_has_the_margin():
    """The flow of the logistic loss, with labels of both signs."""
    lam, y = 1.7, np.array([1.0, -1.0, 1.0])
    t = regimes.margin_time(lam, len(y), 2.5)

    def slopes(f, y):
        """The slopes of log(1 + exp(-y f))."""
        return -y / (1 + jnp.exp(y * f))

    f = function_flow(lam * np.eye(3), np.zeros(3), y, slopes, [t])
    np.testing.assert_allclose(y * f[-1], 2.5, rtol=1e-7)

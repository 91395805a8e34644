"""The certificate of convergence, against Jacobians and flows."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from ntklib import (
    ConvergenceCertificate,
    Params,
    antisymmetric_params,
    convergence_certificate,
    empirical_ntk_autodiff,
    gradient_flow,
    init_params,
    network,
)

TANH = {"slope": 1.0, "curvature": 4 / math.sqrt(27)}
SIN = {"slope": 1.0, "curvature": 1.0}


def identity(z):
    """No activation."""
    return z


def jacobian(params, X, psi):
    """The Jacobian by automatic differentiation, shape (m, n n0 + n)."""
    theta, shaped = ravel_pytree(params)
    return np.asarray(jax.jacrev(lambda p: network(shaped(p), X, psi))(theta))


def away(params, distance, direction):
    """Parameters at this distance."""
    theta, shaped = ravel_pytree(params)
    return shaped(theta + distance * direction / np.linalg.norm(direction))


def test_convergence_certificate_by_hand():
    """One linear unit at a = w = 1 with the target 0.6: lambda = 2, D = 0.8/sqrt 2,
    H = 1, required 1.6; with the target 0.4 it is required 2.4.
    """
    unit, one = Params(jnp.ones((1, 1)), jnp.ones(1)), np.ones((1, 1))
    got = convergence_certificate(unit, one, [0.6], identity, slope=1, curvature=0)
    np.testing.assert_allclose(got, [2, 0.4, 0.8 / math.sqrt(2), 1, 1.6, 1], rtol=1e-12)
    assert isinstance(got, ConvergenceCertificate)
    assert got.certified is True
    got = convergence_certificate(unit, one, [0.4], identity, slope=1, curvature=0)
    assert got.required == pytest.approx(2.4)
    assert got.certified is False


def test_convergence_certificate_takes_equality():
    """With the target 1/2 exactly what is required is available."""
    unit, one = Params(jnp.ones((1, 1)), jnp.ones(1)), np.ones((1, 1))
    got = convergence_certificate(unit, one, [0.5], identity, slope=1, curvature=0)
    assert got.required == got.lam == 2
    assert got.certified


def test_convergence_certificate_agrees_with_automatic_differentiation(problem):
    """lambda, the residual and D by the definitions of the kernel and the output."""
    params, X, y = problem(4, 7, 3)
    got = convergence_certificate(params, X, y, jnp.tanh, **TANH)
    K = np.asarray(empirical_ntk_autodiff(params, X, jnp.tanh))
    lam = np.linalg.eigvalsh(K)[0]
    residual = np.linalg.norm(network(params, X, jnp.tanh) - y)
    assert got.lam == pytest.approx(lam, rel=1e-9)
    assert got.residual == pytest.approx(residual, rel=1e-12)
    assert got.radius == pytest.approx(2 * residual / math.sqrt(lam), rel=1e-9)
    assert got.required == pytest.approx(4 * got.H * residual, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0.01, 1))
def test_convergence_certificate_bounds_the_turning(seed, share):
    """|J(theta) - J(theta_0)| <= H |theta - theta_0| within D, unequal inputs."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    start = init_params(jax.random.key(seed), 5, 3)
    found = convergence_certificate(start, X, y, jnp.sin, **SIN)
    distance = share * min(found.radius, 100)
    there = away(start, distance, rng.normal(size=20))
    turned = jacobian(there, X, jnp.sin) - jacobian(start, X, jnp.sin)
    assert np.linalg.norm(turned, 2) <= found.H * distance


def test_convergence_certificate_bound_is_attained_by_linear_units():
    """Without curvature the Jacobian turns at the rate |X|/sqrt n, by a move of the
    output weights of all units, or of one: H is that rate.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3, 4)), rng.normal(size=3)
    start = init_params(jax.random.key(0), 6, 4)
    found = convergence_certificate(start, X, y, identity, slope=1, curvature=0)
    there = Params(start.W0, start.W1.at[2].add(0.5))
    turned = jacobian(there, X, identity) - jacobian(start, X, identity)
    assert np.linalg.norm(turned, 2) == pytest.approx(0.5 * found.H, rel=1e-9)


def test_convergence_certificate_bound_is_nearly_attained_with_curvature():
    """One unit of sin with a large output weight, at the crest: moving its hidden
    weight turns the Jacobian at nearly the rate H at the start.
    """
    start = Params(jnp.array([[math.pi / 2]]), jnp.array([50.0]))
    X = np.ones((1, 1))
    y = network(start, X, jnp.sin) + 1e-6  # D is then nearly 0
    found = convergence_certificate(start, X, y, jnp.sin, **SIN)
    there = Params(start.W0 + 1e-5, start.W1)
    turned = jacobian(there, X, jnp.sin) - jacobian(start, X, jnp.sin)
    rate = np.linalg.norm(turned, 2) / 1e-5
    assert 0.99 * found.H < rate <= found.H * (1 + 1e-6)


def test_convergence_certificate_adds_the_radius_to_the_output_weights(problem):
    """H solves H^2 n - c_2 sqrt n H = c_1^2, with c_2 from the largest output weight
    and D.
    """
    params, X, y = problem(3, 8, 5)
    found = convergence_certificate(params, X, y, jnp.tanh, **TANH)
    norm = np.linalg.norm(X, 2)
    longest = max(np.linalg.norm(x) for x in X)
    c2 = TANH["curvature"] * norm * longest
    c2 *= np.abs(params.W1).max() + found.radius
    z = found.H * math.sqrt(8)
    assert z * (z - c2) == pytest.approx(norm**2, rel=1e-9)


@pytest.mark.slow
def test_convergence_certificate_is_kept_by_the_flow():
    """A certified network: the eigenvalue keeps a quarter, the loss stays below
    exp(-lambda t/2m), the parameters within D.
    """
    X, y = np.eye(2), np.array([0.5, -0.7])
    start = antisymmetric_params(jax.random.key(3), 512, 2)
    found = convergence_certificate(start, X, y, jnp.tanh, **TANH)
    assert found.certified
    ts = np.linspace(0, 10, 11)
    flow = gradient_flow(start, X, y, jnp.tanh, ts)
    for i, t in enumerate(ts):
        now = Params(flow.params.W0[i], flow.params.W1[i])
        K = np.asarray(empirical_ntk_autodiff(now, X, jnp.tanh))
        assert np.linalg.eigvalsh(K)[0] >= found.lam / 4
        bound = flow.loss[0] * np.exp(-found.lam * t / 4)
        assert flow.loss[i] <= bound * (1 + 1e-9)
        move = ravel_pytree(now)[0] - ravel_pytree(start)[0]
        assert np.linalg.norm(move) <= found.radius


def test_convergence_certificate_of_a_singular_kernel():
    """Two equal inputs: nothing is available, and no finite amount would do."""
    start = init_params(jax.random.key(0), 9, 2)
    got = convergence_certificate(start, np.ones((2, 2)), [1, 2], jnp.tanh, **TANH)
    assert abs(got.lam) < 1e-14
    assert got[2:] == (math.inf, math.inf, math.inf, False)


@pytest.mark.array_function
def test_convergence_certificate_in_the_dtype_of_the_parameters(problem):
    """Single precision gives the same up to its rounding, and takes tight bounds."""
    params, X, y = problem(3, 20, 4, dtype=jnp.float32)
    got = convergence_certificate(params, X, y, jnp.tanh, **TANH)
    high = [np.asarray(a, float) for a in (*params, X, y)]
    W0, W1, X, y = high
    h = X @ W0.T
    E = (1 - np.tanh(h) ** 2) * W1
    K = (np.tanh(h) @ np.tanh(h).T + (X @ X.T) * (E @ E.T)) / 20
    assert got.lam == pytest.approx(np.linalg.eigvalsh(K)[0], rel=1e-3)


def test_convergence_certificate_refuses_bounds_that_are_broken(problem, refuses):
    """The slope of tanh is 1 at 0, and its curvature up to 0.77."""
    params, X, y = problem(3, 4, 2)

    def certificate(**bounds):
        return convergence_certificate(params, X, y, jnp.tanh, **(TANH | bounds))

    refuses("slope - max|psi'(z)| must be a finite", certificate, slope=0.99)
    refuses("curvature - max|psi''(z)| must be a", certificate, curvature=0.76)
    refuses("slope must be a finite number", certificate, slope=-1)
    refuses("curvature must be a finite number", certificate, curvature="small")
    certificate(slope=1.0 - 1e-15)


def test_convergence_certificate_tries_bounds_between_the_preactivations(refuses):
    """Far from all preactivations, but within reach, the slope of z^2 is 2z."""
    start = Params(jnp.full((1, 1), 0.1), jnp.ones(1))
    X = np.ones((1, 1))
    with_slope = {"slope": 0.3, "curvature": 2.0}
    refuses(
        "slope - max|psi'(z)| must be",
        convergence_certificate,
        start,
        X,
        [5.0],
        jnp.square,
        **with_slope,
    )
    found = convergence_certificate(start, X, [5.0], jnp.square, slope=1e3, curvature=2)
    reach = 0.1 + found.radius
    convergence_certificate(start, X, [5.0], jnp.square, slope=2 * reach, curvature=2)
    refuses(
        "slope - max|psi'(z)| must be",
        convergence_certificate,
        start,
        X,
        [5.0],
        jnp.square,
        slope=1.99 * reach,
        curvature=2,
    )


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"slope": 2.0, "curvature": 1e9}, "slope - max|psi'(z)| must be"),
        ({"slope": 1e9, "curvature": 2.0}, "curvature - max|psi''(z)| must be"),
    ],
)
def test_convergence_certificate_tries_bounds_at_the_preactivations(
    refuses, bounds, message
):
    """A peak too narrow for the grid, at a preactivation, is seen."""

    def peaked(z):
        near = jnp.exp(-((1e3 * (z - 0.3)) ** 2))
        return jnp.tanh(z) + 1e-4 * jnp.sin(1e5 * (z - 0.3) + 1) * near

    start, X = Params(jnp.full((1, 1), 0.3), jnp.ones(1)), np.ones((1, 1))
    refuses(message, convergence_certificate, start, X, [50.0], peaked, **bounds)


def test_convergence_certificate_refuses_bad_data(bad_data, refuses):
    """Bad params and X, as everywhere."""
    arguments, message = bad_data
    refuses(
        message,
        convergence_certificate,
        arguments["params"],
        arguments["X"],
        np.ones(4),
        jnp.tanh,
        **TANH,
    )


def test_convergence_certificate_refuses_bad_targets_and_psi(problem, refuses, bad_psi):
    """Targets of another length, a psi that is none, a tracer."""
    params, X, y = problem(3, 4, 2)
    refuses(
        "y has length 2, but X expects m = 3",
        convergence_certificate,
        params,
        X,
        y[:2],
        jnp.tanh,
        **TANH,
    )
    psi, message = bad_psi
    refuses(message, convergence_certificate, params, X, y, psi, **TANH)
    with pytest.raises(ValueError, match="X must hold numbers, not a JAX tracer"):
        jax.jit(lambda X: convergence_certificate(params, X, y, jnp.tanh, **TANH).lam)(
            X
        )

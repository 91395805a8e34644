"""The references of the exercises against the library, which reaches the same values by formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import (
    Params,
    empirical_ntk,
    gradient_flow,
    gronwall_bound,
    half_mse,
    kernel_drift,
    largest_stable_step,
    limit_kernel,
    loss_velocity,
    network,
    ntk_velocity,
    predict,
    residual_velocity,
    triple_product,
    width_slope,
)
from ntklib import _references as ref


@pytest.mark.parametrize("psi", [jnp.tanh, jax.nn.softplus], ids=["tanh", "softplus"])
def test_autodiff_equals_formulas(psi, problem, close):
    """K, T and the velocities of f and K along the flow by JAX's derivatives alone are those of the formulas."""
    params, X, y = problem(4, 7, 3)
    K = empirical_ntk(params, X, psi)
    close(ref.autodiff("K", params, X, psi), K, 1e-12)
    close(ref.autodiff("T", params, X, psi), triple_product(params, X, psi), 1e-12)
    close(
        ref.autodiff_flow("K", params, X, y, psi),
        ntk_velocity(params, X, y, psi),
        1e-12,
    )
    close(
        ref.autodiff_flow("f", params, X, y, psi),
        residual_velocity(K, network(params, X, psi) - y),
        1e-12,
    )


LIMITS = {
    "relu": (ref.relu_limit, jax.nn.relu),
    "erf": (ref.erf_limit, jax.scipy.special.erf),
    "gelu": (ref.gelu_limit, lambda z: jax.nn.gelu(z, approximate=False)),
}


@pytest.mark.parametrize(("limit", "psi"), LIMITS.values(), ids=LIMITS.keys())
def test_limits_equal_closed_forms(limit, psi, close):
    """The quadratures give the closed forms of K = E psi(u)psi(v) + <x, x'> E psi'(u)psi'(v)."""
    X = np.random.default_rng(0).normal(size=(5, 3)) * np.array(
        [[0.3], [0.7], [1.0], [1.4], [2.0]]
    )
    close(limit(X), limit_kernel(X, psi).ntk, 1e-11)
    np.testing.assert_allclose(
        ref.relu_limit(X).diagonal(), np.sum(X**2, axis=1), rtol=1e-13
    )


def test_kernel_references_equal_library(close):
    """The loss's velocity, the prediction, the stable step and the sharp rate, each by a second route."""
    rng = np.random.default_rng(1)
    B, dl, f0, y, K_new = (rng.normal(size=s) for s in ((4, 6), 4, 4, 4, (2, 4)))
    K = B @ B.T
    close(ref.general_loss_velocity(K, dl), loss_velocity(K, dl), 1e-13)
    close(
        ref.prediction(K, K_new, f0, dl[:2], y, 1.7),
        predict(K, K_new, f0, dl[:2], y, [1.7])[0],
        1e-11,
    )
    close(ref.stable_step(K), largest_stable_step(K), 1e-13)
    close(np.exp(-ref.sharp_rate(0.7, 5)), gronwall_bound(1.0, 0.7, 5, [1.0])[0], 1e-13)


def test_stable_step_separates_convergence_from_divergence():
    """Descent with a step one per cent below the bound converges, with one per cent more it diverges."""
    K = np.array([[2.0, 0.5], [0.5, 1.0]])
    below, above = (
        np.linalg.matrix_power(np.eye(2) - s * ref.stable_step(K) * K / 2, 2000)
        @ [1.0, 0.3]
        for s in (0.99, 1.01)
    )
    assert np.linalg.norm(below) < 1e-3
    assert np.linalg.norm(above) > 1e3


PSIS = {
    **{
        "relu": jax.nn.relu,
        "leaky_relu": jax.nn.leaky_relu,
        "abs": jnp.abs,
        "tanh": jnp.tanh,
    },
    **{"erf": jax.scipy.special.erf, "softplus": jax.nn.softplus},
}


def test_conserved_equals_autodiff(problem):
    """a_i^2 - |w_i|^2 has velocity 0 along the loss's gradient for the activations that are listed, for no others."""
    params, X, y = problem(4, 7, 3)
    still = set()
    for name, psi in PSIS.items():
        down = jax.tree.map(
            jnp.negative,
            jax.grad(lambda p, psi=psi: half_mse(network(p, X, psi), y))(params),
        )
        moves = jax.jvp(
            lambda p: p.W1**2 - jnp.sum(p.W0**2, axis=1), (params,), (down,)
        )[1]
        still |= {name} if np.abs(moves).max() < 1e-12 else set()
    assert ref.conserved() == still == {"relu", "leaky_relu", "abs"}
    assert set(PSIS) == set(ref.ACTIVATIONS)


def test_lemma_matrices_holds_without_positive_eigenvalues():
    """The largest class is that of symmetric matrices, and it has some with a negative eigenvalue."""
    assert ref.lemma_matrices() == {"symmetric"}
    assert min(np.linalg.eigvalsh(M)[0] for M in ref.MATRICES["symmetric"]) < -1
    assert (
        max(
            np.abs(M - M.T).max()
            for name in list(ref.MATRICES)[1:]
            for M in ref.MATRICES[name]
        )
        == 0
    )


def circle(*degrees):
    """Points on the unit circle."""
    t = np.radians(degrees)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


@pytest.mark.parametrize(
    ("X", "singular"),
    [
        (circle(0, 60, 120, 180, 240, 300), True),
        (circle(10, 190, 50, 230, 70, 250) * [[1], [2], [3], [4], [5], [6]], True),
        (circle(0, 90, 180, 270), False),
        (circle(0, 60, 120, 180.5, 240, 300), False),
        (circle(0, 0), False),
        (circle(0, 120, 240) * 1e-6, False),
        (np.zeros((2, 2)), False),
    ],
)
def test_singular_equals_limit_kernel(X, singular):
    """Singular are three opposite pairs; not the sets that are excluded, whatever their kernel is."""
    assert bool(ref.singular(X)) == singular
    if len(X) > 2:
        U = X / np.linalg.norm(X, axis=1)[:, None]
        assert (
            np.linalg.eigvalsh(limit_kernel(U, jax.nn.relu).ntk)[0] < 1e-9
        ) == singular


@pytest.mark.parametrize("s", [0.5, 0.75])
def test_drift_exponents_are_measured(s):
    """With outputs of scale n^-s and learning rate n^(2s-1) the kernel drifts as n^(-2(1-s)); s = 1/2 is the lecture.

    That scaling is the flow of this network with the targets y n^(s-1/2).
    """
    X = np.array([[1.0, 0.0], [0.6, 0.8], [-0.8, 0.6]])
    ns, draws = [32, 512], range(12)
    rng = np.random.default_rng(0)

    def drift(n):
        y = jnp.asarray([1.0, -1.0, 0.5]) * n ** (s - 0.5)

        def one(params):
            flow = gradient_flow(
                params, X, y, jnp.tanh, jnp.linspace(0, 5, 6), rtol=1e-5
            )
            return jnp.max(kernel_drift(flow.params, X, jnp.tanh))

        return jax.vmap(one)(jax.tree.map(jnp.asarray, batch(rng, n, len(draws))))

    slope, se = width_slope(ns, [drift(n) for n in ns])
    assert abs(slope - (2 * s - 2)) < 3 * se + 0.1
    assert se < 0.15


def batch(rng, n, draws):
    """Random starts of width n, stacked."""
    return Params(rng.normal(size=(draws, n, 2)), rng.normal(size=(draws, n)))

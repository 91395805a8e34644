"""What a user of the library writes, in ordinary lines.

`test_types` runs this file, and lets pyright read it.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import (
    Params,
    chernoff_width,
    compare_with_linear_flow,
    convergence_certificate,
    deep_limit_kernel,
    empirical_ntk,
    function_flow,
    gradient_descent,
    gradient_flow,
    gronwall,
    gronwall_bound,
    half_mse,
    hermite_coefficients,
    init_params,
    kernel_drift,
    kernel_regression,
    lambda_min,
    lambda_min_at_width,
    limit_kernel,
    linear_flow,
    linearized_network,
    loss_velocity,
    network,
    ntk_rank,
    ntk_velocity,
    over_widths,
    positive_definite,
    predict,
    rayleigh_quotient,
    sphere_eigenvalues,
    triple_product,
    width_slope,
    wishart_edge,
)
from ntklib.exercises import check

# Data as they come: NumPy, lists, JAX, integers, single precision.
rng = np.random.default_rng(0)
X = rng.normal(size=(4, 3))
y = [0.5, -0.2, 0.1, 1]
rows: Sequence[Sequence[float]] = [[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]]
steps = np.arange(3)
key = jax.random.key(0)


def my_psi(z: jax.Array) -> jax.Array:
    """An activation with types."""
    return jnp.where(z > 0, z, 0.1 * z)


def softer(z, sharpness=2.0):
    """An activation without."""
    return jnp.logaddexp(sharpness * z, 0) / sharpness


activations: list[Callable[[jax.Array], jax.Array]] = [jnp.tanh, jax.nn.relu, my_psi]

# Networks and their kernels
params = init_params(key, n=16, n0=X.shape[1])
f = network(params, X, jnp.tanh)
K = empirical_ntk(params, X, jax.nn.relu)
K_new = empirical_ntk(params, rows, jax.nn.relu, X)
own = (rng.normal(size=(16, 3)), rng.normal(size=16))
lists = [[1, 0, 2], [0, 1, 1]], [1, -1]
kernels = [empirical_ntk(own, X, psi) for psi in activations]
small = empirical_ntk(lists, X.astype(np.float32), lambda z: z * jax.nn.sigmoid(z))
moved = linearized_network(Params(params.W0 + 0.1, params.W1), params, X, softer)
rank = ntk_rank(params, X, partial(jax.nn.leaky_relu, negative_slope=0.2))

# Limits
limit = limit_kernel(X, jax.nn.relu)
deep = deep_limit_kernel(
    rows, jnp.sin, 3, weight_std=np.sqrt(2), bias_std=K[0, 0], X2=X
)
mu = hermite_coefficients(jnp.tanh, 4, norm=np.linalg.norm(X[0]))
rates = sphere_eigenvalues(jax.nn.relu, X.shape[1], steps[-1], bias=1)

# Eigenvalues and bounds: numbers of Python, NumPy and JAX alike
lam = lambda_min(limit.ntk)
lam_of_list = lambda_min([[2, 1], [1, 2.5]])
bound = gronwall_bound(half_mse(f, y), lam, len(y), [4000.0])
sharp = gronwall_bound(1, np.float32(0.1), np.int64(4), range(3), rate="lecture")
general = gronwall(half_mse(f, y), lambda t: -2 * np.interp(t, [0, 1], [lam, 1]), steps)
draws = lambda_min_at_width(key, X, my_psi, steps[1] + 7, 3).tolist()
width = chernoff_width(lam, np.max(draws), len(X), shrink=jnp.float32(0.5))
edge = wishart_edge([1, 2], [100.0, 30], m=50)
definite = positive_definite(limit.ntk + limit.nngp)
quotient = float(rayleigh_quotient(K, y))

# Flows
flow = gradient_flow(own, X, y, jnp.tanh, [0, 1.5], rtol=1e-4)
quartic = gradient_flow(
    params, X, y, my_psi, (0.0, 1.0), loss=lambda f, y: jnp.sum((f - y) ** 4)
)
drift = kernel_drift(flow.params, X, jnp.tanh)
last = Params(flow.params.W0[-1], flow.params.W1[-1])
error = float(flow.loss[-1] - half_mse(network(last, X, jnp.tanh), y))
residuals = linear_flow(limit.ntk, f - jnp.asarray(y), jnp.linspace(0, 1, 3))
predicted = predict(K, K_new, f, [0.0, 0.0], y, steps)
regression = kernel_regression(K, K_new, f, [0.0, 0.0], y, ridge=1e-2)
logistic = function_flow(K, f, y, lambda f, y: jnp.tanh(f) - y, [0, 1])
speed = loss_velocity(K, f - jnp.asarray(y))
T = triple_product(params, X, jnp.tanh).sum()
velocity = ntk_velocity(own, X, y, jnp.tanh)
descent = gradient_descent(params, X, y, jnp.tanh, eta=0.1, steps=3)
comparison = compare_with_linear_flow(params, X, y, jnp.tanh, [0.0, 1.0])
certificate = convergence_certificate(params, X, y, jnp.tanh, slope=1, curvature=0.77)
if certificate.certified and definite:
    print(f"{certificate.lam:.3f} of {certificate.required:.3f}")


def size(key: jax.Array, n: int) -> jax.Array:
    """Something that depends on the width."""
    return jnp.sum(network(init_params(key, n, 3), X, jnp.tanh) ** 2)


sizes = over_widths(size, key, [8, 16], 3)
slope = width_slope([8, 16], sizes)
print(check("ntk", lambda params, X, psi: empirical_ntk(params, X, psi)))

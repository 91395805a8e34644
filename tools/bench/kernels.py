"""Speed of the kernels, as ratios to operations that they cannot do without.

Those are two matrix products for kernels at finite width, and one arctangent for each
pair of inputs for kernels at infinite width.
"""

import time
from functools import partial

import jax
import jax.numpy as jnp

from ntklib import (
    Params,
    empirical_ntk,
    empirical_ntk_autodiff,
    init_params,
    limit_kernel,
    ntk_velocity,
)

N0 = 20  # input dimensions
PSI = jnp.tanh


def fastest(function, *args, repeats=7):
    """Least wall time of one call, compiled beforehand, in seconds."""
    jax.block_until_ready(function(*args))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*args))
        times.append(time.perf_counter() - start)
    return min(times)


@jax.jit
def two_products(A, B):
    """What a kernel at finite width has to compute at least."""
    return A @ A.T, B @ B.T


@jax.jit
def closed_form(params, X):
    """The kernel by its closed form."""
    return empirical_ntk(params, X, PSI)


@jax.jit
def by_autodiff(params, X):
    """The kernel by its definition."""
    return empirical_ntk_autodiff(params, X, PSI)


@jax.jit
def velocity(params, X):
    """The velocity of the kernel along the flow."""
    return ntk_velocity(params, X, X[:, 0], PSI)


@jax.jit
def arctangents(A):
    """What a kernel at infinite width has to compute at least."""
    return jnp.arctan2(A, A.T)


def finite_width(m, n, dtype):
    """Print a line for m inputs and n hidden units."""
    W0, W1 = init_params(jax.random.key(0), n, N0)
    params = Params(W0.astype(dtype), W1.astype(dtype))
    X = jax.random.normal(jax.random.key(1), (m, N0), dtype)
    A = jax.random.normal(jax.random.key(2), (m, n), dtype)
    least = fastest(two_products, A, A)
    closed = fastest(closed_form, params, X) / least
    autodiff = fastest(by_autodiff, params, X) / least
    moving = fastest(velocity, params, X) / least
    size = f"m = {m}, n = {n}, {jnp.dtype(dtype)}"
    print(
        f"{size:30} closed form {closed:5.1f} x the two products, "
        f"by autodiff {autodiff:5.1f} x, velocity {moving:5.1f} x"
    )


def infinite_width(m, name, psi):
    """Print a line for m inputs and one activation."""
    X = jax.random.normal(jax.random.key(1), (m, N0))
    least = fastest(arctangents, X @ X.T)
    ratio = fastest(partial(limit_kernel, psi=psi), X, repeats=3) / least
    print(f"m = {m}, {name:5} limit kernel {ratio:5.1f} x one arctan2 a pair")


def main():
    """Print the ratios, width by width, in both precisions."""
    for dtype in (jnp.float32, jnp.float64):
        finite_width(128, 1024, dtype)
        finite_width(256, 4096, dtype)
    for m in (1000, 3000):
        infinite_width(m, "relu", jax.nn.relu)
        infinite_width(m, "erf", jax.scipy.special.erf)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()

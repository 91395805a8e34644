"""Speed of the kernels as ratios to what cannot be done without: two matrix products, or one arctangent a pair."""

import time

import jax
import jax.numpy as jnp

from ntklib import (
    empirical_ntk,
    empirical_ntk_autodiff,
    init_params,
    limit_kernel,
    ntk_velocity,
)


def fastest(function, *args, repeats=7):
    """Least wall time of one call, compiled beforehand, in seconds."""
    jax.block_until_ready(function(*args))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*args))
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    """Print the ratios, width by width, in both precisions."""
    products = jax.jit(lambda A, E: (A @ A.T, E @ E.T))
    closed = jax.jit(lambda params, X: empirical_ntk(params, X, jnp.tanh))
    autodiff = jax.jit(lambda params, X: empirical_ntk_autodiff(params, X, jnp.tanh))
    velocity = jax.jit(lambda params, X: ntk_velocity(params, X, X[:, 0], jnp.tanh))
    for dtype in (jnp.float32, jnp.float64):
        for m, n in ((128, 1024), (256, 4096)):
            params = jax.tree.map(
                lambda a: a.astype(dtype), init_params(jax.random.key(0), n, 20)
            )  # noqa: B023
            X = jax.random.normal(jax.random.key(1), (m, 20), dtype)
            A = jax.random.normal(jax.random.key(2), (m, n), dtype)
            least = fastest(products, A, A)
            ratios = [
                fastest(kernel, params, X) / least
                for kernel in (closed, autodiff, velocity)
            ]
            size = f"m = {m}, n = {n}, {jnp.dtype(dtype)}"
            print(
                f"{size:30} closed form {ratios[0]:5.1f} x the two products, by autodiff {ratios[1]:5.1f} x,",
                end=" ",
            )
            print(f"velocity {ratios[2]:5.1f} x")
    for m in (1000, 3000):
        X = jax.random.normal(jax.random.key(1), (m, 20))
        least = fastest(jax.jit(lambda A: jnp.arctan2(A, A.T)), X @ X.T)
        for name, psi in {"relu": jax.nn.relu, "erf": jax.scipy.special.erf}.items():
            ratio = (
                fastest(lambda X, psi=psi: limit_kernel(X, psi), X, repeats=3) / least
            )
            print(f"m = {m}, {name:5} limit kernel {ratio:5.1f} x one arctan2 a pair")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()

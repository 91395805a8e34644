"""Speed of the tangent kernel as a ratio to the two matrix products that its closed form cannot do without."""

import time

import jax
import jax.numpy as jnp

from ntklib import empirical_ntk, empirical_ntk_autodiff, init_params


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
    for dtype in (jnp.float32, jnp.float64):
        for m, n in ((128, 1024), (256, 4096)):
            params = jax.tree.map(lambda a: a.astype(dtype), init_params(jax.random.key(0), n, 20))  # noqa: B023
            X = jax.random.normal(jax.random.key(1), (m, 20), dtype)
            A = jax.random.normal(jax.random.key(2), (m, n), dtype)
            least = fastest(products, A, A)
            ratios = [fastest(kernel, params, X) / least for kernel in (closed, autodiff)]
            size = f"m = {m}, n = {n}, {jnp.dtype(dtype)}"
            print(f"{size:30} closed form {ratios[0]:5.1f} x the two products, by autodiff {ratios[1]:5.1f} x")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()

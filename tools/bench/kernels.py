"""Rows on kernels: at infinite width, at finite width, and moving ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import (
    Params,
    empirical_ntk,
    init_params,
    kernel_drift,
    lambda_min_at_width,
    limit_kernel,
    network,
    ntk_velocity,
    triple_product,
)
from tools.bench.clock import alone, extra_memory, first_call, ratio
from tools.bench.rows import BOTH, aim, called, inputs, parameters, row

DTYPES = ("float32", "float64")

# ---- infinite width ----------


@row(
    "`limit_kernel` of relu, float64: memory",
    "in matrices of shape (m, m)",
    aim(4, m=(1000, 2000), n0=784, mode=BOTH) + aim(4, m=5000, n0=20, mode=BOTH),
    tiny={"m": 64, "n0": 4, "mode": "eager"},
)
def limit_kernel_memory(m, n0, mode):
    """Matrices at the peak, the two of the result among them."""
    function = called(mode, partial(limit_kernel, psi=jax.nn.relu))
    X = inputs(m, n0)
    return {"value": extra_memory(lambda: function(X)) / (X.itemsize * m * m)}


@jax.jit
def product_and_angles(X):
    """The inner products of unit vectors, and an arccos of each."""
    return jnp.arccos(0.999 * X @ X.T)


@row(
    "`limit_kernel` of relu, float64: time",
    "over X Xᵀ and an arccos of each entry",
    aim(3, m=1000, n0=784, mode=BOTH)
    + aim(1.5, m=5000, n0=20, mode=BOTH)
    + aim(2, m=1000, n0=20, mode=BOTH),
    tiny={"m": 8, "n0": 4, "mode": "jit"},
)
def limit_kernel_time(m, n0, mode):
    """Time over that of what no kernel can do without."""
    function = called(mode, partial(limit_kernel, psi=jax.nn.relu))
    X = inputs(m, n0)
    unit = X / jnp.linalg.norm(X, axis=1)[:, None]
    return ratio(lambda: function(X), lambda: product_and_angles(unit))


@row(
    "`limit_kernel` of tanh, float64: time",
    "in seconds",
    aim(0.5, m=200, n0=20, norm=(1, 3, 5)) + aim(10, m=2000, n0=20, norm=(1, 3, 5)),
    tiny={"m": 3, "n0": 2, "norm": 1},
)
def limit_kernel_of_tanh(m, n0, norm):
    """Seconds of a second call, for inputs of one norm."""
    X = inputs(m, n0)
    X = norm * X / jnp.linalg.norm(X, axis=1)[:, None]
    return alone(lambda: limit_kernel(X, jnp.tanh))


@row(
    "`limit_kernel` of relu, large, first call: memory",
    "in matrices of shape (m, m)",
    aim(4, m=20000, n0=20, dtype="float32"),
    tiny={"m": 64, "n0": 4, "dtype": "float32"},
)
def limit_kernel_large(m, n0, dtype):
    """Matrices at the peak, the two of the result among them."""
    X = inputs(m, n0, dtype)
    seconds, peak = first_call(lambda: limit_kernel(X, jax.nn.relu))
    return {"value": peak / (X.itemsize * m * m), "seconds": [seconds]}


# ---- finite width ----------


@jax.jit
def two_products(A, B):
    """What a kernel at finite width has to compute at least."""
    return A @ A.T, B @ B.T


@row(
    "`empirical_ntk` of tanh: time",
    "over two products of shapes (m, n) and (n, m)",
    aim(0.8, m=512, n0=32, n=16384, dtype=DTYPES, mode=BOTH)
    + aim(0.8, m=1024, n0=64, n=16384, dtype=DTYPES, mode=BOTH),
    tiny={"m": 8, "n0": 4, "n": 16, "dtype": "float32", "mode": "jit"},
)
def empirical_ntk_time(m, n0, n, dtype, mode):
    """Time over that of the products in the kernel's formula."""
    function = called(mode, partial(empirical_ntk, psi=jnp.tanh))
    params, X = parameters(n, n0, dtype), inputs(m, n0, dtype)
    A, B = jax.random.normal(jax.random.key(2), (2, m, n), dtype)
    return ratio(lambda: function(params, X), lambda: two_products(A, B))


@row(
    "`empirical_ntk` of tanh: memory",
    "in GB",
    aim(0.08, m=1024, n0=64, n=16384, dtype="float32", mode=BOTH),
    tiny={"m": 8, "n0": 4, "n": 16, "dtype": "float32", "mode": "eager"},
)
def empirical_ntk_memory(m, n0, n, dtype, mode):
    """Gigabytes at the peak, the result among them."""
    function = called(mode, partial(empirical_ntk, psi=jnp.tanh))
    params, X = parameters(n, n0, dtype), inputs(m, n0, dtype)
    return {"value": extra_memory(lambda: function(params, X)) / 1e9}


@row(
    "`empirical_ntk` of tanh, large, first call: memory",
    "in matrices of shape (m, m)",
    aim(2, m=20000, n0=20, n=1024, dtype="float32"),
    tiny={"m": 64, "n0": 4, "n": 16, "dtype": "float32"},
)
def empirical_ntk_large(m, n0, n, dtype):
    """Matrices at the peak, the result among them."""
    params, X = parameters(n, n0, dtype), inputs(m, n0, dtype)
    seconds, peak = first_call(lambda: empirical_ntk(params, X, jnp.tanh))
    return {"value": peak / (X.itemsize * m * m), "seconds": [seconds]}


@row(
    "`lambda_min_at_width` of tanh, second call: time",
    "over its kernels, compiled, and their `eigvalsh`",
    aim(2, draws=10, m=30, n=(256, 2048)),
    tiny={"draws": 2, "m": 3, "n": 8},
)
def lambda_min_at_width_time(draws, m, n):
    """Time over that of the same by hand."""
    n0 = 10
    X, key = inputs(m, n0), jax.random.key(3)
    kernel = jax.jit(lambda key: empirical_ntk(init_params(key, n, n0), X, jnp.tanh))

    def by_hand():
        keys = jax.random.split(key, draws)
        return [np.linalg.eigvalsh(kernel(one))[0] for one in keys]

    return ratio(lambda: lambda_min_at_width(key, X, jnp.tanh, n, draws), by_hand)


# ---- kernels that move ----------


@row(
    "`kernel_drift` of tanh: time",
    "over its T kernels, compiled, one by one",
    aim(2, T=20, m=64, n=2048, mode=BOTH),
    tiny={"T": 3, "m": 4, "n": 8, "mode": "eager"},
)
def kernel_drift_time(T, m, n, mode):
    """Time over that of the kernels alone."""
    n0 = 20
    function = called(mode, partial(kernel_drift, psi=jnp.tanh))
    kernel = jax.jit(partial(empirical_ntk, psi=jnp.tanh))
    X, start = inputs(m, n0), parameters(n, n0)
    path = [
        Params(start.W0 + shift, start.W1 + shift) for shift in jnp.linspace(0, 1, T)
    ]
    stacked = Params(*(jnp.stack(weights) for weights in zip(*path, strict=True)))
    return ratio(
        lambda: function(stacked, X), lambda: [kernel(params, X) for params in path]
    )


@row(
    "`triple_product` of tanh: time",
    "over a product of shapes (m², n) and (n, m)",
    aim(1.5, m=48, n0=8, n=4096, mode=BOTH),
    tiny={"m": 3, "n0": 2, "n": 8, "mode": "jit"},
)
def triple_product_time(m, n0, n, mode):
    """Time over that of one product of all pairs with all inputs."""
    function = called(mode, partial(triple_product, psi=jnp.tanh))
    product = jax.jit(lambda A, B: A @ B.T)
    params, X = parameters(n, n0), inputs(m, n0)
    pairs = jax.random.normal(jax.random.key(2), (m * m, n), "float64")
    return ratio(lambda: function(params, X), lambda: product(pairs, pairs[:m]))


@row(
    "`ntk_velocity` of tanh: time",
    "over `empirical_ntk`, both compiled by the caller",
    aim(2, m=256, n0=32, n=4096),
    tiny={"m": 3, "n0": 2, "n": 8},
)
def ntk_velocity_time(m, n0, n):
    """Time over that of the kernel itself."""
    velocity = jax.jit(partial(ntk_velocity, psi=jnp.tanh))
    kernel = jax.jit(partial(empirical_ntk, psi=jnp.tanh))
    params, X = parameters(n, n0), inputs(m, n0)
    y = jnp.sin(3 * X[:, 0])
    return ratio(lambda: velocity(params, X, y), lambda: kernel(params, X))


# ---- small calls ----------


@row(
    "A small call: time",
    "over the same function compiled by its caller",
    aim(5, function=("empirical_ntk", "network"), m=8, n0=4, n=16)
    + aim(10, function="limit_kernel", m=8, n0=4, n=16),
    tiny={"function": "network", "m": 2, "n0": 2, "n": 2},
)
def eager_over_jit(function, m, n0, n):
    """What the checks of arguments and the way to a compiled program cost."""
    params, X = parameters(n, n0), inputs(m, n0)
    eager = {
        "empirical_ntk": lambda params, X: empirical_ntk(params, X, jnp.tanh),
        "network": lambda params, X: network(params, X, jnp.tanh),
        "limit_kernel": lambda params, X: limit_kernel(X, jax.nn.relu),
    }[function]
    compiled = jax.jit(eager)
    return ratio(lambda: eager(params, X), lambda: compiled(params, X))

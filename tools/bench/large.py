"""Rows on kernels that do not fit into memory, by products with vectors alone."""

import jax.numpy as jnp
import numpy as np

from ntklib import (
    eigenvalue_bounds,
    empirical_ntk_operator,
    kernel_regression,
    linear_flow,
)
from tools.bench.clock import first_call
from tools.bench.rows import aim, inputs, parameters, row

PRODUCTS = 40  # in search of the extreme eigenvalues


@row(
    f"Beyond memory, by products with `empirical_ntk_operator` (in `eigenvalue_bounds` "
    f"{PRODUCTS} of them): memory",
    "in GB",
    aim(
        1,
        function=("eigenvalue_bounds", "linear_flow", "kernel_regression"),
        m=20000,
        n0=20,
        n=1024,
    ),
    tiny={"function": "eigenvalue_bounds", "m": 40, "n0": 2, "n": 8},
)
def beyond_memory(function, m, n0, n):
    """Gigabytes of a first call, where the kernel itself has 8 m^2 bytes."""
    params, X = parameters(n, n0), inputs(m, n0)
    y = np.sin(3 * np.asarray(X[:, 0]))

    def call():
        K = empirical_ntk_operator(params, X, jnp.tanh)
        if function == "eigenvalue_bounds":
            return eigenvalue_bounds(K, products=PRODUCTS)
        if function == "linear_flow":
            return linear_flow(K, y, [0.0, 1.0, 10.0])
        K_new = empirical_ntk_operator(params, X[:100], jnp.tanh, X)
        zeros = np.zeros(m), np.zeros(100)
        return kernel_regression(K, K_new, *zeros, y, ridge=float(m))

    seconds, peak = first_call(call)
    return {"value": peak / 1e9, "seconds": [seconds]}

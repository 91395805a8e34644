"""JAX at its strictest, and fixtures for tests that compare numbers.

Import this module in the ``conftest.py`` of a folder whose tests compute.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import Params

# JAX_ENABLE_X64=0 runs the tests of the array functions in float32.
X64 = os.environ.get("JAX_ENABLE_X64", "1") != "0"
jax.config.update("jax_enable_x64", X64)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_num_cpu_devices", 2)  # enough to spread an array over devices


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory():
    """Forget the compiled programs of a file: no other file needs them."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="session")
def problem():
    """problem(m, n, n0) -> params, X, y: standard normal numbers, from NumPy."""

    def draw(m, n, n0, seed=0, dtype=float):
        rng = np.random.default_rng(seed)
        W0 = jnp.asarray(rng.normal(size=(n, n0)), dtype)
        W1 = jnp.asarray(rng.normal(size=n), dtype)
        X = jnp.asarray(rng.normal(size=(m, n0)), dtype)
        y = jnp.asarray(rng.normal(size=m), dtype)
        return Params(W0, W1), X, y

    return draw


@pytest.fixture(scope="session")
def close():
    """close(got, want, tol): leaf by leaf, max|got - want| <= tol max|want|.

    The shapes must agree; underflow is allowed. The tolerance is meant for float64;
    where x64 is off, it grows by the ratio of the roundings.
    """
    growth = 1.0 if X64 else np.finfo(np.float32).eps / np.finfo(np.float64).eps

    def compare(got, want, tol):
        got, want = jax.tree.leaves(got), jax.tree.leaves(want)
        assert [np.shape(g) for g in got] == [np.shape(w) for w in want]
        allowed = growth * tol
        assert allowed < 0.05  # a looser one would let a wrong formula pass
        for g, w in zip(got, want, strict=True):
            g, w = np.asarray(g, float), np.asarray(w, float)
            atol = allowed * np.abs(w).max() + 1e-300
            np.testing.assert_allclose(g, w, rtol=0, atol=atol)

    return compare

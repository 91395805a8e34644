"""Every array function under JAX's stricter settings: it gives there what it gives
elsewhere.

That no rank is promoted in silence is a setting of all tests; see `tests/numerics.py`.
"""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ntklib
from ntklib import Params

rng = np.random.default_rng(0)
# among the inputs a row of zeros and two that are parallel
X = np.array([[0.6, 0.8], [0.0, 0.0], [1.2, 1.6], [-0.3, 0.5]])
X2 = np.array([[1.0, 0.0], [0.0, 1.0]])
Y = np.array([0.3, -0.2, 0.1, 0.5])
W0, W1 = rng.normal(size=(6, 2)), rng.normal(size=6)
K = np.array(2 * np.eye(4) + 0.5)
TS = np.array([0.0, 0.5, 0.5, 2.0])
KEY = jax.random.key(0)


def erf(z):
    """The error function."""
    return jax.scipy.special.erf(z)


PSI = {"tanh": jnp.tanh, "relu": jax.nn.relu, "erf": erf}
NETWORK = (Params(W0, W1), X, jnp.tanh)
# The arguments of each array function, with arrays of float64.
CASES = {
    "init_params": (KEY, 3, 2),
    "antisymmetric_params": (KEY, 4, 2),
    "preactivation": (Params(W0, W1), X),
    "network": NETWORK,
    "linearized_network": (Params(W0 + 0.1, W1), *NETWORK),
    "half_mse": (Y, 2 * Y),
    "gradient_flow": (Params(W0, W1), X, Y, jnp.tanh, TS),
    "empirical_ntk": NETWORK,
    "empirical_ntk between": (*NETWORK, X2),
    "empirical_ntk_autodiff": NETWORK,
    "residual_velocity": (K, Y),
    **{f"limit_kernel {name}": (X, psi) for name, psi in PSI.items()},
    "limit_kernel between": (X, jax.nn.relu, X2),
    "limit_kernel of orthogonal rows": (X2[:1], jnp.tanh, X2[1:]),
    "deep_limit_kernel": (X[[0, 1, 3]], jax.nn.relu, 3),
    "loss_velocity": (K, Y),
    "function_flow": (K, 2 * Y, Y, lambda f, y: jnp.tanh(f) - y, TS),
    "rayleigh_quotient": (K, Y),
    "kernel_drift": (Params(np.stack([W0, 2 * W0]), np.stack([W1, W1])), X, jnp.tanh),
    "ntk_velocity": (Params(W0, W1), X, Y, jnp.tanh),
    "triple_product": NETWORK,
    "triple_product_terms": NETWORK,
    "gradient_descent": (Params(W0, W1), X, Y, jnp.tanh, np.float64(0.1), 3),
}
HOST = {
    "chernoff_width",
    "compare_with_linear_flow",
    "convergence_certificate",
    "eigenvalue_bounds",
    "empirical_ntk_operator",
    "gronwall",
    "gronwall_bound",
    "hermite_coefficients",
    "hermite_lower_bound",
    "kernel_alignment",
    "kernel_degrees",
    "kernel_regression",
    "lambda_min",
    "lambda_min_at_width",
    "lambda_min_random_data",
    "largest_stable_step",
    "learning_curve",
    "limit_kernel_operator",
    "linear_flow",
    "ntk_rank",
    "over_widths",
    "parameter_distance",
    "positive_definite",
    "predict",
    "sphere_eigenvalues",
    "sphere_multiplicity",
    "trained_distribution",
    "width_slope",
    "wishart_edge",
}
# The settings, and the dtype of the arrays that come.
MODES = {
    "debug_nans": (lambda: jax.debug_nans(True), np.float64),
    "float32 under x64": (contextlib.nullcontext, np.float32),
    "without x64": (lambda: jax.enable_x64(False), np.float64),
}


def call(case, dtype):
    """The value of a function for its arguments, with arrays of a dtype."""

    def with_dtype(leaf):
        return leaf.astype(dtype) if isinstance(leaf, np.ndarray | np.float64) else leaf

    arguments = jax.tree.map(with_dtype, CASES[case])
    return getattr(ntklib, case.split()[0])(*arguments)


@functools.cache
def usual(case):
    """The value in the usual settings."""
    return call(case, np.float64)


def test_modes_are_tried_with_every_array_function():
    """What ntklib exports is a host function, or an array function with a case here."""
    functions = {
        name
        for name in ntklib.__all__
        if name != "check" and not isinstance(getattr(ntklib, name), type)
    }
    assert {case.split()[0] for case in CASES} == functions - HOST


def case_by_mode():
    """All pairs; quick are those of two modes without the flows, which take long."""
    for case in CASES:
        for mode in MODES:
            slow = case in ("gradient_flow", "function_flow") or mode == "without x64"
            yield pytest.param(case, mode, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("case", "mode"), [*case_by_mode()])
def test_modes_change_nothing(case, mode):
    """The value is that of the usual settings, in the dtype that came."""
    setting, dtype = MODES[mode]
    expected = usual(case)
    with setting():
        found = call(case, dtype)
    single = mode == "without x64" or dtype == np.float32
    if case.endswith("_params"):  # they have JAX's default dtype
        single = mode == "without x64"
        # and random numbers of another dtype are others
        expected = found if single else expected
    for got, want in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        if jnp.issubdtype(got.dtype, jnp.floating):
            assert got.dtype == (jnp.float32 if single else jnp.float64)
        tolerance = 2e-3 if single else 1e-8
        largest = np.abs(np.asarray(want, float)).max()
        atol = tolerance * max(largest, 1e-4)  # what is 0 has rounding of its terms
        np.testing.assert_allclose(got, want, rtol=0, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("psi", PSI.values(), ids=PSI.keys())
@pytest.mark.parametrize("kernel", ["limit", "deep", "empirical"])
def test_modes_change_no_gradient(kernel, psi):
    """No NaN comes up on the way to a gradient, at zero or parallel rows either."""
    kernels = {
        "limit": lambda X: ntklib.limit_kernel(X, psi).ntk,
        "deep": lambda X: ntklib.deep_limit_kernel(X, psi, 2, bias_std=0.3).ntk,
        "empirical": lambda X: ntklib.empirical_ntk(Params(W0, W1), X, psi),
    }

    def total(X):
        return jnp.sum(kernels[kernel](X))

    slopes = jax.grad(total)(jnp.asarray(X))
    with jax.debug_nans(True):
        strict = jax.grad(total)(jnp.asarray(X))
    np.testing.assert_allclose(strict, slopes, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", ["network", "empirical_ntk", "limit_kernel relu"])
def test_modes_copy_nothing_to_a_compiled_call(case):
    """A call that the caller has compiled gets all it needs from its arguments: nothing
    else is brought to the device or fetched from it.
    """
    *arrays, psi = CASES[case]
    function = getattr(ntklib, case.split()[0])
    compiled = jax.jit(lambda *arrays: function(*arrays, psi))
    arrays = jax.device_put(arrays)
    expected = compiled(*arrays)
    with jax.transfer_guard("disallow"):
        found = compiled(*arrays)
    for got, want in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_array_equal(got, want)

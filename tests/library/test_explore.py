"""A trained network beside its theory, each number by another route."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from ntklib import (
    empirical_ntk_autodiff,
    gradient_flow,
    init_params,
    kernel_drift,
    limit_kernel,
)
from ntklib.explore import compare_with_linear_flow

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("first", [0.0, 0.7])
def test_compare_with_linear_flow_agrees_with_expm_and_automatic_differentiation(
    problem, first
):
    """The linear flow exp(-K t/m) r starts at the first time, whatever it is.

    Kernels are those of the definition.
    """
    params, X, y = problem(4, 7, 3)
    ts = np.array([first, 1.0, 5.0])
    got = compare_with_linear_flow(params, X, y, jnp.tanh, ts)
    flow = gradient_flow(params, X, y, jnp.tanh, ts)
    definition = jax.vmap(lambda p: empirical_ntk_autodiff(p, X, jnp.tanh))
    K = np.asarray(jax.jit(definition)(flow.params))
    r = [expm(-K[0] * (t - first) / 4) @ (flow.f[0] - y) for t in ts]
    close = dict(rtol=1e-4, atol=1e-7)  # the flow inside is integrated to 1e-6
    np.testing.assert_array_equal(got.ts, ts)
    np.testing.assert_allclose(got.loss, flow.loss, **close)
    np.testing.assert_allclose(
        got.linear_loss, np.sum(np.square(r), axis=1) / 8, **close
    )
    np.testing.assert_allclose(
        got.drift,
        kernel_drift(flow.params, X, jnp.tanh) / np.sqrt(np.sum(K[0] ** 2)),
        **close,
    )
    np.testing.assert_allclose(got.smallest, np.linalg.eigvalsh(K)[:, 0], **close)
    np.testing.assert_allclose(
        got.limit, np.linalg.eigvalsh(limit_kernel(X, jnp.tanh).ntk)[0], rtol=1e-9
    )
    assert got.drift[0] == 0
    assert got.drift[2] > 0.01


def test_compare_with_linear_flow_is_closer_for_a_wider_network(problem):
    """From width 20 to 2000 the root mean square drift over five starts falls about a
    hundredfold.
    """
    _, X, y = problem(3, 1, 2)
    drift = {}
    for n in (20, 2000):
        keys = jax.random.split(jax.random.key(n), 5)
        runs = [
            compare_with_linear_flow(init_params(key, n, 2), X, y, jnp.tanh, [0.0, 3.0])
            for key in keys
        ]
        drift[n] = np.sqrt(np.mean([run.drift[1] ** 2 for run in runs]))
    assert 30 < drift[20] / drift[2000] < 300


def test_compare_with_linear_flow_refuses_what_its_parts_refuse(problem, refuses):
    """Bad arguments are named by the functions that take them."""
    params, X, y = problem(4, 7, 3)
    refuses(
        "X has 2 columns, but params.W0",
        compare_with_linear_flow,
        params,
        X[:, :2],
        y,
        jnp.tanh,
        [0.0, 1.0],
    )
    refuses(
        "ts must be non-decreasing",
        compare_with_linear_flow,
        params,
        X,
        y,
        jnp.tanh,
        [0.0, 2.0, 1.0],
    )


def test_compare_with_linear_flow_in_single_precision(close):
    """With x64 off, as JAX starts, the comparison is that of double precision, to
    float32's digits.
    """
    found, rng = [], np.random.default_rng(0)
    params = rng.normal(size=(16, 2)), rng.normal(size=16)
    for x64 in (False, True):
        with jax.enable_x64(x64):
            found.append(
                compare_with_linear_flow(
                    params, np.eye(2), np.ones(2), jnp.tanh, [0.0, 1.0]
                )
            )
    close(found[0].loss, found[1].loss, 1e-4)
    close(found[0].linear_loss, found[1].linear_loss, 1e-4)
    assert found[0].loss.dtype == np.float64


def test_compare_with_linear_flow_refuses_a_kernel_of_zeros(refuses):
    """At the input 0, tanh has the kernel 0, of which no drift is a share."""
    message = (
        "the kernel at the first time must not be 0; its drift is measured "
        "as a share of it"
    )
    params = (np.ones((2, 2)), np.ones(2))
    refuses(
        message,
        compare_with_linear_flow,
        params,
        [[0.0, 0.0]],
        [1.0],
        jnp.tanh,
        [0.0, 1.0],
    )

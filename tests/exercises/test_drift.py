"""The exponents of the set "drift" as measured, and what the lecture misprints."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntk_answers import drift
from ntklib import (
    Params,
    gradient_flow,
    kernel_drift,
    width_slope,
)
from ntklib.exercises.cases import drawn


def test_printed_gram_factors_are_wrong_only_off_the_diagonal():
    """Where β = γ they are right: a check of such entries alone would accept them."""
    case, _ = drawn("third_order", 0)
    printed = drift.THIRD_ORDER.slips[0].answer(*case)
    gap = np.abs(printed - drift.third_order_by_autodiff(*case))
    same = np.einsum("abb->ab", gap)
    assert same.max() < 1e-12 < 0.1 < gap.max()


X = np.array([[1.0, 0.0], [0.6, 0.8], [-0.8, 0.6]])
WIDTHS = [32, 512]
DRAWS = 12


@jax.jit
@partial(jax.vmap, in_axes=(0, None))
def largest_drift(params, y):
    """How far training moves the kernel, for each of a batch of networks."""
    flow = gradient_flow(params, X, y, jnp.tanh, jnp.linspace(0, 5, 6), rtol=1e-5)
    return jnp.max(kernel_drift(flow.params, X, jnp.tanh))


@pytest.mark.slow
@pytest.mark.parametrize("s", [0.5, 0.75])
def test_drift_exponents_are_measured(s):
    """With outputs of scale n^-s the kernel drifts as n^(-2(1-s)).

    The learning rate is then n^(2s-1); s = 1/2 is the lecture. That scaling is the flow
    of this network with the targets y n^(s-1/2).
    """
    rng = np.random.default_rng(0)
    drifts = []
    for n in WIDTHS:
        y = jnp.asarray([1.0, -1.0, 0.5]) * n ** (s - 0.5)
        W0 = jnp.asarray(rng.normal(size=(DRAWS, n, 2)))
        W1 = jnp.asarray(rng.normal(size=(DRAWS, n)))
        drifts.append(largest_drift(Params(W0, W1), y))
    slope, se = width_slope(WIDTHS, drifts)
    assert abs(slope - drift.lazy_exponent_by_counting(s)) < 3 * se + 0.1
    assert se < 0.15
    if s == 0.5:
        assert drift.drift_slope_by_counting() == drift.lazy_exponent_by_counting(s)

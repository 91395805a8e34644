"""A trained network beside its theory: what the notebook to explore computes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _check
from ntklib.gradient_flow import gradient_flow
from ntklib.limit_kernel import limit_kernel
from ntklib.linear_flow import linear_flow
from ntklib.network import Params
from ntklib.ntk import empirical_ntk
from ntklib.rayleigh import lambda_min


class LinearComparison(NamedTuple):
    r"""A network along its gradient flow and its theory, seen at T times; NumPy arrays in float64.

    Attributes:
        ts: the times, shape (T,).
        loss: loss of the network, shape (T,).
        linear_loss: loss of the linear flow with the kernel and the residuals of the first time, shape (T,).
        drift: how far the kernel has moved since then, :math:`\|K_t - K_0\|_F/\|K_0\|_F`, shape (T,).
        smallest: smallest eigenvalue of :math:`K_t`, shape (T,).
        limit: smallest eigenvalue of the limit kernel.
    """

    ts: Float[np.ndarray, " T"]
    loss: Float[np.ndarray, " T"]
    linear_loss: Float[np.ndarray, " T"]
    drift: Float[np.ndarray, " T"]
    smallest: Float[np.ndarray, " T"]
    limit: float


def compare_with_linear_flow(
    params: Params,
    X: Float[Array, "m n0"],
    y: Float[Array, " m"],
    psi: Callable,
    ts: Float[Array, " T"],
) -> LinearComparison:
    r"""Train a network, and set it beside the linear flow of its first kernel and beside the limit kernel.

    Args:
        params: parameters at t = 0.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation.
        ts: non-decreasing times, all at least 0, shape (T,). The linear flow starts at the first of them.

    Returns:
        LinearComparison: losses, drift of the kernel, smallest eigenvalues.

    Raises:
        ValueError, RuntimeError: as in :func:`~ntklib.gradient_flow.gradient_flow`; ValueError also as in
            :func:`~ntklib.limit_kernel.limit_kernel`.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    single = jnp.result_type(W0, W1, X, y) == jnp.float32
    flow = gradient_flow(params, X, y, psi, ts, rtol=None if single else 1e-6)
    kernels = jax.lax.map(lambda p: empirical_ntk(p, X, psi), flow.params)
    parts = (flow.ts, flow.f - y[None], flow.loss, kernels, limit_kernel(X, psi).ntk)
    t, r, loss, K, limit = (np.asarray(part, float) for part in parts)
    linear_loss = np.mean(linear_flow(K[0], r[0], t - t[0]) ** 2, axis=1) / 2
    if not K[0].any():
        raise ValueError(
            "the kernel at the first time must not be 0; its drift is measured as a share of it"
        )
    drift = np.linalg.norm(K - K[0], axis=(1, 2)) / np.linalg.norm(K[0])
    return LinearComparison(
        t,
        loss,
        linear_loss,
        drift,
        np.array([lambda_min(M) for M in K]),
        lambda_min(limit),
    )

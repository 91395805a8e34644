"""A trained network beside its theory, as the laboratory shows it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ntklib import _check, _functions
from ntklib._types import Activation, ArrayLike, ParamsLike
from ntklib.gradient_flow import gradient_flow
from ntklib.limit_kernel import limit_kernel
from ntklib.linear_flow import linear_flow
from ntklib.network import Params
from ntklib.ntk import _empirical_ntk
from ntklib.rayleigh import lambda_min


class LinearComparison(NamedTuple):
    r"""A network along its gradient flow and its theory, seen at T times; NumPy arrays
    in float64.

    Attributes:
        ts: the times, shape (T,).
        loss: loss of the network, shape (T,).
        linear_loss: loss of the linear flow with the kernel and the residuals of the
            first time, shape (T,).
        drift: how far the kernel has moved since then, :math:`\|K_t -
            K_0\|_F/\|K_0\|_F`, shape (T,).
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
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    y: Float[ArrayLike, " m"],
    psi: Activation,
    ts: Float[ArrayLike, " T"],
) -> LinearComparison:
    r"""Train a network, and set it beside the linear flow of its first kernel and
    beside the limit kernel.

    Args:
        params: parameters at t = 0.
        X: inputs, one per row, shape (m, n0).
        y: targets, shape (m,).
        psi: activation.
        ts: non-decreasing times, all at least 0, shape (T,). The linear flow starts at
            the first of them.

    Returns:
        LinearComparison: losses, drift of the kernel, smallest eigenvalues.

    Raises:
        ValueError, RuntimeError: as in :func:`~ntklib.gradient_flow.gradient_flow`;
            ValueError also as in :func:`~ntklib.limit_kernel.limit_kernel`.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    ts = _check.times(ts)
    W0, W1, X, y = _check.one_dtype(W0, W1, X, y)
    params = Params(W0, W1)

    # float32 cannot resolve 1e-6: it keeps the default of the flow
    rtol = None if X.dtype == jnp.float32 else 1e-6
    flow = gradient_flow(params, X, y, psi, ts, rtol=rtol)
    psi = _functions.activation(psi, X)  # elementwise: X will do for h
    K = jax.lax.map(lambda p: _empirical_ntk(p, X, psi), flow.params)
    K = np.asarray(_check.finite("the kernel", K), float)
    _check.moving_kernel(K[0])
    limit = limit_kernel(X, psi).ntk

    ts = np.asarray(flow.ts, float)
    r0 = np.asarray(flow.f[0] - y, float)
    r_linear = linear_flow(K[0], r0, ts - ts[0])
    return LinearComparison(
        ts=ts,
        loss=np.asarray(flow.loss, float),
        linear_loss=np.mean(r_linear**2, axis=1) / 2,
        drift=np.linalg.norm(K - K[0], axis=(1, 2)) / np.linalg.norm(K[0]),
        smallest=np.array([lambda_min(M) for M in K]),
        limit=lambda_min(limit),
    )

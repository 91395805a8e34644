"""How the tangent kernel moves: its velocity, the triple product behind it, and its drift against the width."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _check
from ntklib._functions import derivatives
from ntklib.network import Params
from ntklib.ntk import empirical_ntk


def triple_product(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, "m m m"]:
    r"""Triple product :math:`(\nabla f^\beta)^\top\,\nabla^2 f^\alpha\,\nabla f^\gamma`, :eq:`eq-triple`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, twice differentiable by JAX; at a kink the jump of psi' is left out, as JAX leaves it out.

    Returns:
        T[α, β, γ], shape (m, m, m), symmetric in β and γ.

    Raises:
        ValueError: bad ``params``, ``X`` or ``psi``, as in :func:`ntklib.network.network`.
    """
    return _check.finite(
        "the triple product", triple_product_terms(params, X, psi).sum(axis=0)
    )


def triple_product_terms(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, "3 m m m"]:
    r"""The three terms of :func:`triple_product`, :eq:`eq-triple-terms`: the lecture's Exercise 3, indices corrected.

    .. math::

        T^{\alpha\beta\gamma} = n^{-3/2} \sum_i \Big[ \begin{aligned}
        & \langle x^\alpha, x^\gamma\rangle\,W_{1,i}\,\psi(h_i^\beta)\,\psi'(h_i^\alpha)\,\psi'(h_i^\gamma) \\
        + & \langle x^\alpha, x^\beta\rangle\,W_{1,i}\,\psi(h_i^\gamma)\,\psi'(h_i^\alpha)\,\psi'(h_i^\beta) \\
        + & \langle x^\alpha, x^\beta\rangle \langle x^\alpha, x^\gamma\rangle\,
            W_{1,i}^3\,\psi'(h_i^\beta)\,\psi''(h_i^\alpha)\,\psi'(h_i^\gamma) \end{aligned} \Big]

    Args and errors are those of :func:`triple_product`.

    Returns:
        The terms in this order, shape (3, m, m, m).
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    A, S, C = derivatives(psi, X @ W0.T, 2)
    G, E = X @ X.T, S * W1[None, :]
    first = G[:, None, :] * jnp.einsum("bi,ai,ci->abc", A, E, S)
    third = (
        G[:, :, None]
        * jnp.einsum("bi,ai,ci->abc", E, C * W1[None, :], E)
        * G[:, None, :]
    )
    return _check.finite(
        "the triple product",
        jnp.stack([first, first.swapaxes(1, 2), third]) / len(W1) ** 1.5,
    )


def ntk_velocity(
    params: Params, X: Float[Array, "m n0"], y: Float[Array, " m"], psi: Callable
) -> Float[Array, "m m"]:
    r"""Velocity of the tangent kernel along the gradient flow of :func:`ntklib.gradient_flow.half_mse`.

    .. math::

        \begin{aligned}
        \partial_t K^{\alpha\beta} &= -\frac1m \sum_\gamma r^\gamma (T^{\alpha\beta\gamma} + T^{\beta\alpha\gamma}) \\
        \partial_t K &= \frac1n (\dot A A^\top + A \dot A^\top + (X X^\top) \circ (\dot E E^\top + E \dot E^\top))
        \end{aligned}

    The first line is :eq:`eq-ntk-velocity`, the lecture's Exercise 2, the residual's index corrected; the second is
    what is computed, without an array of m³ numbers. There :math:`A = \psi(h)` and
    :math:`E = \psi'(h)\,\mathrm{diag}(W_1)`; a dot is a velocity along
    :math:`\dot W_1 = -A^\top r/(m\sqrt n)`, :math:`\dot h = -X X^\top\mathrm{diag}(r)\,E/(m\sqrt n)`.

    Args:
        params, X, psi: as in :func:`triple_product`.
        y: targets, shape (m,).

    Returns:
        The velocity, shape (m, m), exactly symmetric.

    Raises:
        ValueError: bad ``params``, ``X``, ``y`` or ``psi``, as in :func:`ntklib.network.network`.
    """
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = _check.vector("y", y, "m", "X", len(X))
    A, S, C = derivatives(psi, X @ W0.T, 2)
    G, E, (m, n) = X @ X.T, S * W1[None, :], A.shape
    force = (y - A @ W1 / math.sqrt(n)) / (m * math.sqrt(n))
    dW1, dh = A.T @ force, G @ (force[:, None] * E)
    dA, dE = S * dh, C * dh * W1[None, :] + S * dW1[None, :]
    half = (dA @ A.T + G * (dE @ E.T)) / n
    return _check.finite("the velocity", half + half.T)


def kernel_drift(
    params: Params, X: Float[Array, "m n0"], psi: Callable
) -> Float[Array, " T"]:
    r"""Distance :math:`\|K^n_t - K^n_0\|_F` that the tangent kernel has moved, :eq:`eq-drift`, time after time.

    Args:
        params: parameters stacked over time, as in ``Flow.params``: W0 of shape (T, n, n0) and W1 of shape (T, n).
        X, psi: as in :func:`ntklib.ntk.empirical_ntk`.

    Returns:
        Frobenius norms, shape (T,), measured from the kernel of the first parameters; so the first norm is 0.

    Raises:
        ValueError: bad ``params``, ``X`` or ``psi``, as in :func:`ntklib.network.network`.
    """
    if not isinstance(params, tuple) or len(params) != 2:
        raise ValueError(
            f"params must be Params(W0, W1), stacked over time; got {type(params).__name__}"
        )
    W0, W1 = (
        _check.array("params.W0", params[0], "T n n0"),
        _check.array("params.W1", params[1], "T n"),
    )
    _check.size(f"params.W1 has {len(W1)} times", len(W1), "T", "params.W0", len(W0))
    _check.size(
        f"params.W1 has {W1.shape[1]} units", W1.shape[1], "n", "params.W0", W0.shape[1]
    )
    K0 = empirical_ntk(Params(W0[0], W1[0]), X, psi)
    squares = (
        jax.lax.map(
            lambda p: jnp.sum((empirical_ntk(p, X, psi) - K0) ** 2), Params(W0, W1)
        )
        .at[0]
        .set(0)
    )
    still = (
        squares == 0
    )  # there the derivative of the norm is taken as 0; it would be NaN
    return _check.finite(
        "the drift", jnp.where(still, 0, jnp.sqrt(jnp.where(still, 1, squares)))
    )


class WidthSlope(NamedTuple):
    """Slope of log RMS against log width, and its standard error."""

    slope: float
    se: float


def width_slope(
    ns: Float[np.ndarray, " w"], values: Float[np.ndarray, "w draws"]
) -> WidthSlope:
    r"""Exponent of the width: least squares of :math:`\log\mathrm{RMS} = \frac12\log\overline{v^2}` on log n.

    See :eq:`eq-width-slope`. By the delta method one log RMS has, with d draws, the standard error
    :math:`\mathrm{sd}(v^2)/(2\sqrt d\;\overline{v^2})`.

    Args:
        ns: widths, positive and increasing, at least two, shape (w,).
        values: independent draws for each width, at least two, shape (w, draws).

    Returns:
        WidthSlope: the slope and its standard error, which comes from the scatter between draws alone.

    Raises:
        ValueError: a bad shape or entry, too few widths or draws, or a width whose draws are all 0.
    """
    ns, values = _check.host("ns", ns, "w"), _check.host("values", values, "w draws")
    if len(ns) < 2 or ns[0] <= 0 or not np.all(np.diff(ns) > 0):
        raise ValueError(
            f"ns must be positive, increasing and at least two; got {_check.shown(ns.tolist())}"
        )
    _check.size(f"values has {len(values)} rows", len(values), "w", "ns", len(ns))
    if values.shape[1] < 2:
        raise ValueError(
            f"values must hold at least two draws for each width; got shape {values.shape}"
        )
    largest = np.abs(values).max(axis=1)
    if not largest.all():
        raise ValueError(
            f"values must not be all 0 for one width; got 0 alone at ns = {ns[largest == 0][0]:g}"
        )
    squares = (values / largest[:, None]) ** 2  # neither overflows nor underflows
    mean, x = squares.mean(axis=1), np.log(ns / ns[0])
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    errors = squares.std(axis=1, ddof=1) / (2 * math.sqrt(values.shape[1]) * mean)
    return WidthSlope(
        float(weights @ (np.log(largest) + np.log(mean) / 2)),
        float(np.linalg.norm(weights * errors)),
    )

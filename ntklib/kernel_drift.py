"""How the tangent kernel moves: its velocity, the triple product behind it, and its
drift against the width.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ntklib import _check, _functions, _programs
from ntklib._blocks import by_blocks, sum_of_parts
from ntklib._types import Activation, ArrayLike, Count, ParamsLike, StackedParamsLike
from ntklib.network import Params, _hidden_layer, _preactivation
from ntklib.ntk import (
    INPUTS,
    UNITS,
    _empirical_ntk_in_blocks,
    _features,
    empirical_ntk,
)


def triple_product(
    params: ParamsLike, X: Float[ArrayLike, "m n0"], psi: Activation
) -> Float[Array, "m m m"]:
    r"""Triple product
    :math:`(\nabla f^\beta)^\top\,\nabla^2 f^\alpha\,\nabla f^\gamma`, :eq:`eq-triple`.

    Args:
        params: parameters of width n.
        X: inputs, one per row, shape (m, n0).
        psi: activation, twice differentiable by JAX; at a kink the jump of psi' is left
            out, as JAX leaves it out.

    Returns:
        T[α, β, γ], shape (m, m, m), symmetric in β and γ.

    Raises:
        ValueError: bad ``params``, ``X`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    return _of_second_order(_triple_product, "the triple product", params, X, psi)


def triple_product_terms(
    params: ParamsLike, X: Float[ArrayLike, "m n0"], psi: Activation
) -> Float[Array, "3 m m m"]:
    r"""The three terms of :func:`triple_product`, :eq:`eq-triple-terms`: the lecture's
    Exercise 3, indices corrected.

    .. math::

        T^{\alpha\beta\gamma} = n^{-3/2} \sum_i \Big[ \begin{aligned}
        & \langle x^\alpha, x^\gamma\rangle\,
            W_{1,i}\,\psi(h_i^\beta)\,\psi'(h_i^\alpha)\,\psi'(h_i^\gamma) \\
        + & \langle x^\alpha, x^\beta\rangle\,
            W_{1,i}\,\psi(h_i^\gamma)\,\psi'(h_i^\alpha)\,\psi'(h_i^\beta) \\
        + & \langle x^\alpha, x^\beta\rangle \langle x^\alpha, x^\gamma\rangle\,
            W_{1,i}^3\,\psi'(h_i^\beta)\,\psi''(h_i^\alpha)\,\psi'(h_i^\gamma)
        \end{aligned} \Big]

    Args and errors are those of :func:`triple_product`.

    Returns:
        The terms in this order, shape (3, m, m, m).
    """
    return _of_second_order(_all_terms, "the triple product", params, X, psi)


def ntk_velocity(
    params: ParamsLike,
    X: Float[ArrayLike, "m n0"],
    y: Float[ArrayLike, " m"],
    psi: Activation,
) -> Float[Array, "m m"]:
    r"""Velocity of the tangent kernel along the gradient flow of
    :func:`ntklib.gradient_flow.half_mse`.

    .. math::

        \begin{aligned}
        \partial_t K^{\alpha\beta}
            &= -\frac1m \sum_\gamma r^\gamma
                (T^{\alpha\beta\gamma} + T^{\beta\alpha\gamma}) \\
        \partial_t K
            &= \frac1n (\dot A A^\top + A \dot A^\top
                + (X X^\top) \circ (\dot E E^\top + E \dot E^\top))
        \end{aligned}

    The first line is :eq:`eq-ntk-velocity`, the lecture's Exercise 2, the residual's
    index corrected; the second is what is computed, without an array of m³ numbers.
    There :math:`A = \psi(h)` and :math:`E = \psi'(h)\,\mathrm{diag}(W_1)`; a dot is a
    velocity along :math:`\dot W_1 = -A^\top r/(m\sqrt n)`,
    :math:`\dot h = -X X^\top\mathrm{diag}(r)\,E/(m\sqrt n)`.

    Args:
        params, X, psi: as in :func:`triple_product`.
        y: targets, shape (m,).

    Returns:
        The velocity, shape (m, m), exactly symmetric.

    Raises:
        ValueError: bad ``params``, ``X``, ``y`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    return _of_second_order(_velocity_in_blocks, "the velocity", params, X, psi, y)


def kernel_drift(
    params: StackedParamsLike, X: Float[ArrayLike, "m n0"], psi: Activation
) -> Float[Array, " T"]:
    r"""Distance :math:`\|K^n_t - K^n_0\|_F` that the tangent kernel has moved,
    :eq:`eq-drift`, time after time.

    Args:
        params: parameters stacked over time, as in ``Flow.params``: W0 of shape
            (T, n, n0) and W1 of shape (T, n).
        X, psi: as in :func:`ntklib.ntk.empirical_ntk`.

    Returns:
        Frobenius norms, shape (T,), measured from the kernel of the first parameters;
        so the first norm is 0.

    Raises:
        ValueError: bad ``params``, ``X`` or ``psi``, as in
            :func:`ntklib.network.network`.
    """
    W0, W1 = _check.stacked_parameters(params)
    X = _check.inputs("X", X, W0[0])
    W0, W1, X = _check.one_dtype(W0, W1, X)
    start = Params(W0[0], W1[0])
    psi = _functions.activation(psi, _hidden_layer(start, X))
    drift, finite = _functions.differentiated_forward(
        1, _programs.run, _drift_and_whether_finite, (psi,), (Params(W0, W1), X)
    )
    if _check.concrete(finite) and not finite:  # from the start on?
        empirical_ntk(start, X, psi)
        _check.finite("the drift", drift)
    return drift


def over_widths(
    measure: Callable,
    key: PRNGKeyArray,
    ns: Float[ArrayLike, " w"],
    draws: Count,
) -> Float[np.ndarray, "w draws"]:
    """What a measurement gives at several widths, with independent random numbers for
    each draw at each width: the table that :func:`width_slope` takes.

    Draw j at width n gets the key ``jax.random.split(jax.random.fold_in(key, n),
    draws)[j]``, so the draws at one width do not depend on which other widths there
    are.

    Args:
        measure: function of a key and a width with a number as value, such as
            ``lambda key, n: init_params(key, n, 3).W1.mean()``.
        key: a JAX random key, such as ``jax.random.key(0)``.
        ns: widths, positive integers and increasing, at least two, shape (w,).
        draws: how many draws at each width.

    Returns:
        The values, one row for each width, shape (w, draws).

    Raises:
        ValueError: ``key`` is no random key, a bad width or number of draws, or a value
            that is not a finite number.
    """
    _check.keys(key)
    _check.widths(ns)
    ns = [_check.count("each of ns", n) for n in np.asarray(ns, dtype=object)]
    draws = _check.count("draws", draws)
    values = np.empty((len(ns), draws))
    for i, n in enumerate(ns):
        keys = jax.random.split(jax.random.fold_in(key, n), draws)
        for j in range(draws):
            values[i, j] = _check.number("measure(key, n)", measure(keys[j], n))
    return values


class WidthSlope(NamedTuple):
    """Slope of log RMS against log width, and its standard error."""

    slope: float
    se: float


def width_slope(
    ns: Float[ArrayLike, " w"], values: Float[ArrayLike, "w draws"]
) -> WidthSlope:
    r"""Exponent of the width: least squares of
    :math:`\log\mathrm{RMS} = \frac12\log\overline{v^2}` on log n.

    See :eq:`eq-width-slope`. By the delta method one log RMS has, with d draws, the
    standard error :math:`\mathrm{sd}(v^2)/(2\sqrt d\;\overline{v^2})`.

    Args:
        ns: widths, positive and increasing, at least two, shape (w,).
        values: independent draws for each width, at least two, shape (w, draws).

    Returns:
        WidthSlope: the slope and its standard error, which comes from the scatter
        between draws alone.

    Raises:
        ValueError: a bad shape or entry, too few widths or draws, or a width whose
            draws are all 0.
    """
    ns = _check.widths(ns)
    values = _check.draws(values, ns)

    largest = np.abs(values).max(axis=1)
    v2 = (values / largest[:, None]) ** 2  # neither overflows nor underflows
    mean = v2.mean(axis=1)
    log_rms = np.log(largest) + np.log(mean) / 2
    d = values.shape[1]
    log_rms_se = v2.std(axis=1, ddof=1) / (2 * math.sqrt(d) * mean)

    log_n = np.log(ns / ns[0])
    centred = log_n - log_n.mean()
    weights = centred / np.sum(centred**2)
    slope = weights @ log_rms
    se = np.linalg.norm(weights * log_rms_se)
    return WidthSlope(float(slope), float(se))


def _drift_and_whether_finite(
    psi: Callable, params: Params, X: Float[Array, "m n0"]
) -> tuple[Float[Array, " T"], Bool[Array, ""]]:
    """Distance of each of the stacked kernels from the first, and whether all are
    finite.
    """
    K0 = _empirical_ntk_in_blocks(psi, Params(params.W0[0], params.W1[0]), X)

    def squared_distance(params):
        """That of the parameters at one time."""
        return jnp.sum((_empirical_ntk_in_blocks(psi, params, X) - K0) ** 2)

    squares = jax.lax.map(squared_distance, params)
    finite = _check.all_finite(squares)
    squares = squares.at[0].set(0)  # map rounds otherwise than the kernel alone
    # where the kernel stands still the derivative of the norm is 0, and not NaN
    still = squares == 0
    return jnp.where(still, 0, jnp.sqrt(jnp.where(still, 1, squares))), finite


def _of_second_order(formula, name, params, X, psi, *y):
    """`formula(psi, params, X, *y)`, which takes two derivatives of psi, checked."""
    W0, W1 = _check.parameters(params)
    X = _check.inputs("X", X, W0)
    y = [_check.vector("y", values, "m", "X", len(X)) for values in y]
    W0, W1, X, *y = _check.one_dtype(W0, W1, X, *y)
    params = Params(W0, W1)
    psi = _functions.activation(psi, _hidden_layer(params, X))
    value, finite = _functions.differentiated_forward(
        2, _programs.run_and_look, formula, (psi,), (params, X, *y)
    )
    if _check.concrete(finite) and not finite:  # through psi(h), psi'(h), psi''(h)?
        _functions.derivatives(psi, _preactivation(W0, X), 2)
        _check.finite(name, value)
    return value


def _all_terms(
    psi: Callable, params: Params, X: Float[Array, "m n0"]
) -> Float[Array, "3 m m m"]:
    """The three terms of the triple product."""
    h = _preactivation(params.W0, X)
    A, S, C = _functions.unchecked_derivatives(psi, h, 2)
    return _triple_product_terms(X, params.W1, A, S, C)


def _triple_product(
    psi: Callable, params: Params, X: Float[Array, "m n0"]
) -> Float[Array, "m m m"]:
    """The sum of the three terms, by one matrix product for each alpha.

    Term 2 is term 1 with beta and gamma exchanged, and term 3 is symmetric in both: so
    term 1 and half of term 3 make a matrix P, and the sum is P + P^T.
    """
    W1, n = params.W1, len(params.W1)
    h = _preactivation(params.W0, X)
    A, S, C = _functions.unchecked_derivatives(psi, h, 2)
    E = S * W1[None, :]
    half_F = C * W1[None, :] / 2

    def at(of_alpha):
        """The matrix of all beta and gamma for one alpha."""
        g, E_alpha, half_F_alpha = of_alpha  # g holds <x^alpha, x^beta> for all beta
        left = A * E_alpha[None, :] + g[:, None] * E * (half_F_alpha * W1)[None, :]
        P = (left @ S.T) * g[None, :]
        return P + P.T

    return jax.lax.map(at, (X @ X.T, E, half_F)) / n**1.5


def _velocity_in_blocks(
    psi: Callable, params: Params, X: Float[Array, "m n0"], y: Float[Array, " m"]
) -> Float[Array, "m m"]:
    """`_ntk_velocity`, for some inputs and some hidden units at a time."""
    n = len(params.W1)
    velocity = _downhill(psi, params, X, y)

    def half(X, X2):
        """The part of the velocity that comes from the features of X, not of X2."""

        def products(units_and_velocity):
            """What some of the hidden units add to dA A2^T and dE E2^T."""
            units, velocity = units_and_velocity
            _, (dA, dE) = jax.jvp(
                lambda units: _features(units, X, psi), (units,), (velocity,)
            )
            A2, E2 = _features(units, X2, psi)
            return dA @ A2.T, dE @ E2.T

        half_A, half_E = sum_of_parts(products, (params, velocity), size=UNITS)
        return (half_A + (X @ X2.T) * half_E) / n

    def block(X, X2):
        """The velocity of the kernel between some of the inputs."""
        if X2 is None:
            P = half(X, X)
            return P + P.T
        return half(X, X2) + half(X2, X).T

    return by_blocks(block, X, size=INPUTS)


def _downhill(psi, params, X, y) -> Params:
    """The velocity of the parameters along the gradient flow of half_mse."""
    m, n = len(X), len(params.W1)
    A, E = _features(params, X, psi)
    r = A @ params.W1 / math.sqrt(n) - y
    force = -r / (m * math.sqrt(n))
    # E^T diag(force) X, with the small factor scaled and E as it lies in memory
    dW0 = ((force[:, None] * X).T @ E).T
    dW1 = force @ A
    return Params(dW0, dW1)


# The formulas, with A, S and C for psi, psi' and psi'' at h, in arrays of one dtype.


def _triple_product_terms(
    X: Float[Array, "m n0"],
    W1: Float[Array, " n"],
    A: Float[Array, "m n"],
    S: Float[Array, "m n"],
    C: Float[Array, "m n"],
) -> Float[Array, "3 m m m"]:
    n = len(W1)
    G = X @ X.T  # inner products of the inputs, shape (m, m)
    E = S * W1[None, :]  # psi'(h) diag(W1)
    F = C * W1[None, :]  # psi''(h) diag(W1)
    first = G[:, None, :] * jnp.einsum("bi,ai,ci->abc", A, E, S)
    second = first.swapaxes(1, 2)
    third = G[:, :, None] * jnp.einsum("bi,ai,ci->abc", E, F, E) * G[:, None, :]
    return jnp.stack([first, second, third]) / n**1.5


def _ntk_velocity(
    X: Float[Array, "m n0"],
    y: Float[Array, " m"],
    W1: Float[Array, " n"],
    A: Float[Array, "m n"],
    S: Float[Array, "m n"],
    C: Float[Array, "m n"],
) -> Float[Array, "m m"]:
    m, n = A.shape
    G = X @ X.T
    E = S * W1[None, :]
    r = A @ W1 / math.sqrt(n) - y
    force = -r / (m * math.sqrt(n))
    dW1 = A.T @ force
    dh = G @ (force[:, None] * E)
    dA = S * dh
    dE = C * dh * W1[None, :] + S * dW1[None, :]
    half = (dA @ A.T + G * (dE @ E.T)) / n
    return half + half.T

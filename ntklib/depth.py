"""The limit kernel of a network with several hidden layers, one layer at a time."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions, _programs
from ntklib._blocks import by_blocks
from ntklib._functions import Elementwise
from ntklib._gaussian.closed_forms import Pairs, recognised
from ntklib._gaussian.series import safe_root
from ntklib._types import Activation, ArrayLike, Count, Number
from ntklib.limit_kernel import (
    LimitKernel,
    Rows,
    _at_least_single,
    _averages,
    _pairs,
    _rows,
)


def deep_limit_kernel(
    X: Float[ArrayLike, "m n0"],
    psi: Activation,
    depth: Count,
    *,
    weight_std: Number = 1.0,
    bias_std: Number = 0.0,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
) -> LimitKernel:
    r"""Kernel of a network with ``depth`` hidden layers at infinite width and random
    start, :eq:`eq-deep-kernel` (Jacot, Gabriel and Hongler 2018, Theorem 1).

    .. math::

        \begin{aligned}
        \Sigma^{1} &= \sigma_w^2 \langle x, x'\rangle + \sigma_b^2, \quad
        \Theta^{1} = \Sigma^{1}, \\
        \Sigma^{\ell+1} &= \sigma_w^2\, \Phi(\Sigma^{\ell}) + \sigma_b^2, \\
        \Theta^{\ell+1} &= \Sigma^{\ell+1}
        + \sigma_w^2\, \Theta^{\ell} \dot\Phi(\Sigma^{\ell}),
        \end{aligned}

    where :math:`\Phi` and :math:`\dot\Phi` are the means of
    :math:`\psi(h)\psi(h')` and :math:`\psi'(h)\psi'(h')` over Gaussians h and h' with
    the covariance :math:`\Sigma^\ell`. With one hidden layer and without biases this is
    :func:`ntklib.limit_kernel`, whose ways to find these means, accuracy and refusals
    hold here too. The first layer has no factor :math:`1/\sqrt{n_0}`: divide the inputs
    by :math:`\sqrt{n_0}` to have one. Which call gives the kernel of which paper, the
    page on conventions says.

    From the second hidden layer on, the angle of two inputs comes from a covariance
    and is accurate to 1e-8 in float64 (3e-4 in float32) where the two are nearly
    parallel.

    Args:
        X: inputs, one per row, shape (m, n0).
        psi: activation of every hidden layer.
        depth: number of hidden layers, at least 1.
        weight_std: :math:`\sigma_w`, factor of all weights, above 0.
        bias_std: :math:`\sigma_b`, factor of all biases; 0 means no biases.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        LimitKernel: nngp, :math:`\Sigma` of the output, and ntk, :math:`\Theta` of the
            output, shape (m, m2) each.

    Raises:
        ValueError: bad ``X``, ``X2``, ``depth``, ``weight_std`` or ``bias_std``; a
            ``psi`` that ``limit_kernel`` refuses.
        RuntimeError: as ``limit_kernel``.
    """
    X = _check.array("X", X, "m n0")
    depth = _check.count("depth", depth)
    weight_std = _check.positive("weight_std", weight_std)
    bias_std = _check.nonnegative("bias_std", bias_std)
    if X2 is not None:
        X2 = _check.array("X2", X2, "m2 n0")
        _check.size(f"X2 has {X2.shape[1]} columns", X2.shape[1], "n0", "X", X.shape[1])
        X, X2 = _check.one_dtype(X, X2)
    psi = _functions.activation(psi, X)

    def first_layer(name, X):
        bias = jnp.full((len(X), 1), bias_std, X.dtype)
        return _rows(name, jnp.hstack([weight_std * X, bias]))

    rows = first_layer("X", X)
    columns = None if X2 is None else first_layer("X2", X2)
    scales = (weight_std, bias_std)
    known = recognised(psi, _at_least_single(X.dtype))
    if known:
        inputs = (rows, columns, scales, known.parameters)
        options = {"averages": known.averages, "depth": depth}
        kernel = _programs.run(_by_closed_form, (), inputs, **options)
    else:
        kernel = _at_once(psi, rows, columns, scales, depth)
    return LimitKernel(*[_check.finite("the kernel", part) for part in kernel])


class Layers(NamedTuple):
    """Inputs of the first layer, and the variances that they have in all layers.

    Attributes:
        inputs: the inputs, times the scales.
        variances: the diagonal of Sigma in each layer.
    """

    inputs: Rows
    variances: Float[Array, "m layers"]


def _by_closed_form(
    rows: Rows,
    columns: Rows | None,
    scales: tuple,
    parameters: tuple,
    *,
    averages: Callable,
    depth: int,
) -> LimitKernel:
    """The recursion for one block of pairs after the other."""
    weight_std, bias_std = scales

    def through_layer(Theta, pairs):
        """Sigma and Theta behind a layer with these pairs."""
        Phi, slope = averages(pairs, *parameters)
        Sigma = weight_std**2 * Phi + bias_std**2
        return Sigma, Sigma + weight_std**2 * Theta * slope

    # Loops, because a program with each layer written out takes minutes to compile.

    def layers(rows):
        def next_variance(a, _):
            a, zero = a[:, None], 0 * a[:, None]
            Phi, _ = averages(Pairs(a, a, a, a, zero, zero), *parameters)
            a = weight_std**2 * Phi[:, 0] + bias_std**2
            return a, a

        _, later = jax.lax.scan(next_variance, rows.square, length=depth - 1)
        return Layers(rows, jnp.concatenate([rows.square[None], later]).T)

    def block(rows, columns):
        same = columns is None
        others = rows if same else columns
        pairs = _pairs(rows.inputs, None if same else columns.inputs)
        first = through_layer(pairs.c, pairs)

        def next_layer(state, variances):
            Sigma, Theta = state
            a, b = variances
            pairs = _pairs_of_covariance(Sigma, a, b, same)
            return through_layer(Theta, pairs), None

        variances = (rows.variances[:, 1:].T, others.variances[:, 1:].T)
        return LimitKernel(*jax.lax.scan(next_layer, first, variances)[0])

    return by_blocks(block, layers(rows), None if columns is None else layers(columns))


def _at_once(
    psi: Elementwise, rows: Rows, columns: Rows | None, scales: tuple, depth: int
) -> LimitKernel:
    """The recursion for all pairs, with the averages by quadrature."""
    weight_std, bias_std = scales
    m = len(rows.X)
    if columns is not None:
        # the recursion needs the variances of both sets: take all pairs of both
        rows = Rows(*map(jnp.concatenate, zip(rows, columns, strict=True)))
    pairs = _programs.run(_pairs, (), (rows, None))
    Sigma = Theta = pairs.c
    for layer in range(depth):
        if layer > 0:
            variances = jnp.diagonal(Sigma)
            pairs = _pairs_of_covariance(Sigma, variances, variances, same=True)
        _check.finite("the covariance", pairs.root)
        Phi, slope = _averages(psi, pairs, same=True)
        Sigma = weight_std**2 * Phi + bias_std**2
        Theta = Sigma + weight_std**2 * Theta * slope
    chosen = (slice(m), slice(None) if columns is None else slice(m, None))
    return LimitKernel(_symmetric(Sigma)[chosen], _symmetric(Theta)[chosen])


def _pairs_of_covariance(
    Sigma: Float[Array, "m m2"],
    a: Float[Array, " m"],
    b: Float[Array, " m2"],
    same: bool,
) -> Pairs:
    """Variances, covariances and angles of all pairs, of their covariance matrix."""
    a, b = jnp.broadcast_arrays(a[:, None], b[None, :])
    diagonal = jnp.eye(*Sigma.shape, dtype=bool) & same
    root = jnp.where(diagonal, a, safe_root(a) * safe_root(b))
    rho = jnp.where(root > 0, Sigma / jnp.where(root > 0, root, 1), 0)
    rho = jnp.where(diagonal & (root > 0), 1, rho)
    # |e - e'|^2 = 2 (1 - rho) and |e + e'|^2 = 2 (1 + rho); rounding may leave < 0
    near, far = safe_root(1 - rho), safe_root(1 + rho)
    return Pairs(a, b, Sigma, root, 2 * jnp.arctan2(near, far), S=root * near * far)


def _symmetric(M: Float[Array, "m m"]) -> Float[Array, "m m"]:
    """The mean of a matrix and its transpose."""
    return (M + M.T) / 2

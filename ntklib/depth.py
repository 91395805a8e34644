"""The limit kernel of a network with several hidden layers, one layer at a time."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions, _programs
from ntklib._gaussian.closed_forms import Pairs
from ntklib._types import ArrayLike
from ntklib.limit_kernel import LimitKernel, _averages, _pairs, _root, _rows


def deep_limit_kernel(
    X: Float[ArrayLike, "m n0"],
    psi: Callable,
    depth: int,
    *,
    weight_std: float = 1.0,
    bias_std: float = 0.0,
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
    by it to have one.

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
    m = len(X)
    if X2 is not None:
        X2 = _check.array("X2", X2, "m2 n0")
        _check.size(f"X2 has {X2.shape[1]} columns", X2.shape[1], "n0", "X", X.shape[1])
        # the recursion needs the variances of both sets: take all pairs of both
        X = jnp.concatenate(_check.one_dtype(X, X2))
    psi = _functions.activation(psi, X)

    bias = jnp.full((len(X), 1), bias_std, X.dtype)
    inputs = _rows("X", jnp.hstack([weight_std * X, bias]))
    pairs = _programs.run(_pairs, (), (inputs, None))
    Sigma = Theta = pairs.c
    for layer in range(depth):
        if layer > 0:
            pairs = _pairs_of_covariance(Sigma)
        _check.finite("the covariance", pairs.root)
        Phi, slope = _averages(psi, pairs, same=True)
        Sigma = weight_std**2 * Phi + bias_std**2
        Theta = Sigma + weight_std**2 * Theta * slope
    rows, columns = (slice(m), slice(None) if X2 is None else slice(m, None))
    return LimitKernel(
        _check.finite("the kernel", _symmetric(Sigma)[rows, columns]),
        _check.finite("the kernel", _symmetric(Theta)[rows, columns]),
    )


def _pairs_of_covariance(Sigma: Float[Array, "m m"]) -> Pairs:
    """Variances, covariances and angles of all pairs, of their covariance matrix."""
    variance = jnp.diagonal(Sigma)
    a = jnp.broadcast_to(variance[:, None], Sigma.shape)
    b = a.T
    diagonal = jnp.eye(len(Sigma), dtype=bool)
    root = jnp.where(diagonal, a, _root(a) * _root(b))
    rho = jnp.where(root > 0, Sigma / jnp.where(root > 0, root, 1), 0)
    rho = jnp.where(diagonal & (root > 0), 1, rho)
    # |e - e'|^2 = 2 (1 - rho) and |e + e'|^2 = 2 (1 + rho); rounding may leave < 0
    omega = 2 * jnp.arctan2(_root(1 - rho), _root(1 + rho))
    return Pairs(a, b, Sigma, root, omega, S=root * jnp.sin(omega))


def _symmetric(M: Float[Array, "m m"]) -> Float[Array, "m m"]:
    """The mean of a matrix and its transpose."""
    return (M + M.T) / 2

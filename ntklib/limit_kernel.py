"""The kernel in the limit of infinite width: closed forms by activation, quadrature for the rest."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _check, _closed_forms, _functions, _gaussian


class LimitKernel(NamedTuple):
    r"""The two parts that matter of the kernel at infinite width; a JAX pytree.

    Attributes:
        nngp: covariance of the outputs at the random start, shape (m, m2).
        ntk: tangent kernel, shape (m, m2).
    """

    nngp: Float[Array, "m m2"]
    ntk: Float[Array, "m m2"]


def limit_kernel(
    X: Float[Array, "m n0"], psi: Callable, X2: Float[Array, "m2 n0"] | None = None
) -> LimitKernel:
    r"""Kernel at infinite width and random start, :eq:`eq-limit-kernel`, the lecture's Theorem 1 at t = 0.

    .. math::

        K(x, x') = \Phi + \langle x, x'\rangle\,\Phi', \qquad
        \Phi = \mathrm E\,\psi(u)\psi(v), \quad \Phi' = \mathrm E\,\psi'(u)\psi'(v),

    where u and v are centred Gaussians with variances :math:`\|x\|^2`, :math:`\|x'\|^2` and covariance
    :math:`\langle x, x'\rangle`. ``nngp`` is :math:`\Phi` and ``ntk`` is K.

    A closed form is used where the values of ``psi`` at 2071 points in [-100, 100] are those of a function that has
    one: piecewise linear with a kink at 0, such as relu (:eq:`eq-limit-relu`), leaky relu and abs, or relu² (Cho & Saul
    2009), erf (:eq:`eq-limit-erf`, Williams 1997), the normal distribution function, exact GELU (Tsuchida et al. 2021),
    sin, cos, exp(-z²/2), z^k for k up to 6.

    Any other ``psi`` is averaged by Gauss-Legendre quadrature in polar coordinates that stops at the kinks of ``psi``,
    8 of them at most, located by bisection in [-63.7, 64.2]. In float64 the rules grow until two agree to 1e-9 of the
    largest entry; the error is then far below, since they converge exponentially. With kinks away from 0, a steep
    ``psi`` or norms far above 5 they may end at an agreement of 1e-6. (In float32: 1e-4 and 2e-3.) Under ``jax.jit``,
    ``vmap`` and ``grad`` the rule is fixed, and an agreement of 1e-6 is required of it.

    Gradients with respect to ``X`` are finite everywhere. A ``psi`` with kinks makes K itself have kinks, at zero rows
    and at parallel rows; there the part that depends on the angle counts as 0.

    Args:
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        LimitKernel: nngp and ntk, shape (m, m2) each; exactly symmetric when ``X2`` is None.

    Raises:
        ValueError: bad ``X`` or ``X2``; ``psi`` is not an elementwise function, has no finite averages, or has a jump,
            as a step function has: then :math:`\psi'^2` has no finite average, and there is no tangent kernel.
        RuntimeError: the quadrature did not reach an agreement of 1e-6, or ``psi`` is too steep for it to be sure.
    """
    X = _check.array("X", X, "m n0")
    same = X2 is None
    X2 = X if same else _check.array("X2", X2, "m2 n0")
    _check.size(f"X2 has {X2.shape[1]} columns", X2.shape[1], "n0", "X", X.shape[1])
    dtype = jnp.result_type(X, X2)
    _functions.activation(psi, X)
    pairs = _pairs(X.astype(dtype), X2.astype(dtype), same)
    form = _closed_forms.recognise(psi, jnp.promote_types(dtype, jnp.float32))
    _check.finite("|x||x'|", pairs.root)
    nngp, slope = form(pairs) if form else _by_quadrature(psi, pairs, same)
    kernels = (nngp, nngp + pairs.c * slope)
    return LimitKernel(
        *(_check.finite("the kernel", (K + K.T) / 2 if same else K) for K in kernels)
    )


def _pairs(X, X2, same):
    a, b, c = jnp.sum(X**2, axis=1)[:, None], jnp.sum(X2**2, axis=1)[None, :], X @ X2.T
    root, theta = _root(a) * _root(b), _angle(X, X2, _root(a), _root(b))
    if same:
        diagonal = jnp.eye(len(X), dtype=bool)
        c, root = (jnp.where(diagonal, a, M) for M in (c, root))
    return _closed_forms.Pairs(
        a + 0 * b, b + 0 * a, c, root, theta, root * jnp.sin(theta)
    )


@jax.jit  # as one program, without an array of shape (m, m2, n0)
def _angle(X, X2, s, s2):
    U, U2 = X / jnp.where(s > 0, s, 1), X2 / jnp.where(s2 > 0, s2, 1).T
    near, far = (
        jnp.sum((U[:, None, :] + sign * U2[None, :, :]) ** 2, axis=2)
        for sign in (-1, 1)
    )
    # what rounding, other under jit, may leave of 0 has a slope without meaning
    near, far = (
        _root(jnp.where(q > (16 * jnp.finfo(q.dtype).eps) ** 2, q, 0))
        for q in (near, far)
    )
    zero = (s == 0) | (s2 == 0)
    return 2 * jnp.arctan2(jnp.where(zero, 1, near), jnp.where(zero, 1, far))


def _root(x):
    """Square root, with derivative 0 at 0."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)


def _by_quadrature(psi, p, same):
    kinks, steep = _gaussian.kinks(psi, jnp.promote_types(p.c.dtype, jnp.float32))
    i, j = np.triu_indices(len(p.c)) if same else np.indices(p.c.shape).reshape(2, -1)
    found = _gaussian.averages(
        psi, _root(p.a[i, j]), _root(p.b[i, j]), p.theta[i, j], kinks, steep
    )
    parts = [jnp.zeros_like(p.c).at[i, j].set(part) for part in found.T]
    nngp, slope = (part.at[j, i].set(part[i, j]) if same else part for part in parts)
    return nngp + jnp.where(p.root == 0, p.c * jax.lax.stop_gradient(slope), 0), slope

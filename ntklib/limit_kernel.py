"""The kernel in the limit of infinite width: closed forms by activation, quadrature for
the rest.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ntklib import _check, _functions
from ntklib._gaussian.closed_forms import Pairs, recognise
from ntklib._gaussian.quadrature import averages
from ntklib._types import ArrayLike


class LimitKernel(NamedTuple):
    r"""The two parts that matter of the kernel at infinite width; a JAX pytree.

    Attributes:
        nngp: covariance of the outputs at the random start, shape (m, m2).
        ntk: tangent kernel, shape (m, m2).
    """

    nngp: Float[Array, "m m2"]
    ntk: Float[Array, "m m2"]


def limit_kernel(
    X: Float[ArrayLike, "m n0"],
    psi: Callable,
    X2: Float[ArrayLike, "m2 n0"] | None = None,
) -> LimitKernel:
    r"""Kernel at infinite width and random start, :eq:`eq-limit-kernel`, the lecture's
    Theorem 1 at t = 0.

    .. math::

        K(x, x') = \Phi + \langle x, x'\rangle\,\dot\Phi, \qquad
        \Phi = \mathrm E[\psi(h)\psi(h')], \quad
        \dot\Phi = \mathrm E[\psi'(h)\psi'(h')],

    where h and h' are centred Gaussians with variances :math:`\|x\|^2`,
    :math:`\|x'\|^2` and covariance :math:`\langle x, x'\rangle`. ``nngp`` is
    :math:`\Phi` and ``ntk`` is K.

    A closed form is used where the values of ``psi`` at 2071 points in [-100, 100] are
    those of a function that has one: piecewise linear with a kink at 0, such as relu
    (:eq:`eq-limit-relu`), leaky relu and abs, or relu² (Cho & Saul 2009), erf
    (:eq:`eq-limit-erf`, Williams 1997), the normal distribution function, exact GELU
    (Tsuchida et al. 2021), sin, cos, exp(-z²/2), z^k for k up to 6.

    Any other ``psi`` is averaged by Gauss-Legendre quadrature in polar coordinates that
    stops at the kinks of ``psi``, 8 of them at most, located by bisection in [-63.7,
    64.2]. In float64 the rules grow until two agree to 1e-9 of the largest entry; the
    error is then far below, since they converge exponentially. With kinks away from 0,
    a steep ``psi`` or norms far above 5 they may end at an agreement of 1e-6. (In
    float32: 1e-4 and 2e-3.) Under ``jax.jit``, ``vmap`` and ``grad`` the rule is fixed,
    and an agreement of 1e-6 is required of it.

    Gradients with respect to ``X`` are finite everywhere. A ``psi`` with kinks makes K
    itself have kinks, at zero rows and at parallel rows; there the part that depends on
    the angle counts as 0.

    Args:
        X: inputs, one per row, shape (m, n0).
        psi: activation, any elementwise function that JAX can differentiate.
        X2: inputs of the second argument, shape (m2, n0); None means ``X``.

    Returns:
        LimitKernel: nngp and ntk, shape (m, m2) each; exactly symmetric when ``X2`` is
            None.

    Raises:
        ValueError: bad ``X`` or ``X2``; ``psi`` is not an elementwise function, has no
            finite averages, or has a jump, as a step function has. A jump's slope is 0
            on both sides, and K = :math:`\Phi` would come out. But of smooth ``psi``
            that come close to the jump, :math:`K(x, x)` grows without bound; for
            inputs of different directions K has a limit, which is not :math:`\Phi`.
        RuntimeError: the quadrature did not reach an agreement of 1e-6, or ``psi`` is
            too steep for it to be sure.
    """
    X = _check.array("X", X, "m n0")
    same = X2 is None
    if same:
        X2 = X
    else:
        X2 = _check.array("X2", X2, "m2 n0")
        _check.size(f"X2 has {X2.shape[1]} columns", X2.shape[1], "n0", "X", X.shape[1])
    _functions.activation(psi, X)
    pairs = _pairs(*_check.one_dtype(X, X2), same=same)
    _check.finite("|x||x'|", pairs.root)
    nngp, slope = _averages(psi, pairs, same)
    ntk = nngp + pairs.c * slope
    if same:
        nngp = (nngp + nngp.T) / 2
        ntk = (ntk + ntk.T) / 2
    return LimitKernel(
        _check.finite("the kernel", nngp), _check.finite("the kernel", ntk)
    )


def _pairs(X: Float[Array, "m n0"], X2: Float[Array, "m2 n0"], same: bool) -> Pairs:
    """Norms, inner products and angles of all pairs of rows."""
    a = jnp.sum(X**2, axis=1)[:, None]
    b = jnp.sum(X2**2, axis=1)[None, :]
    c = X @ X2.T
    root = _root(a) * _root(b)
    omega = _angle(X, X2, _root(a), _root(b))
    if same:  # rounding in c and root would spoil |x|^2 on the diagonal
        diagonal = jnp.eye(len(X), dtype=bool)
        c = jnp.where(diagonal, a, c)
        root = jnp.where(diagonal, a, root)
    a, b = jnp.broadcast_arrays(a, b)
    return Pairs(a, b, c, root, omega, S=root * jnp.sin(omega))


def _angle(
    X: Float[Array, "m n0"],
    X2: Float[Array, "m2 n0"],
    s: Float[Array, "m 1"],
    s2: Float[Array, "1 m2"],
) -> Float[Array, "m m2"]:
    """2 atan2(|e - e'|, |e + e'|) for unit vectors e and e'; pi/2 at a zero row."""
    E = X / jnp.where(s > 0, s, 1)
    E2 = X2 / jnp.where(s2 > 0, s2, 1).T
    near = _distance(E, E2)
    far = _distance(E, -E2)
    zero = (s == 0) | (s2 == 0)
    return 2 * jnp.arctan2(jnp.where(zero, 1, near), jnp.where(zero, 1, far))


# One program for each distance: in a joint one XLA would store all differences.
@jax.jit
def _distance(
    E: Float[Array, "m n0"], E2: Float[Array, "m2 n0"]
) -> Float[Array, "m m2"]:
    """|e - e'| for all pairs of rows; 0 for what rounding may leave of 0.

    That remainder differs from program to program, and its slope has no meaning.
    """
    square = jnp.sum((E[:, None, :] - E2[None, :, :]) ** 2, axis=2)
    rounding = (16 * jnp.finfo(square.dtype).eps) ** 2
    return _root(jnp.where(square > rounding, square, 0))


def _root(x):
    """Square root, with derivative 0 at 0."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)


def _averages(
    psi: Callable, p: Pairs, same: bool
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"]]:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for all pairs."""
    closed_form = recognise(psi, _at_least_single(p.c.dtype))
    return closed_form(p) if closed_form else _by_quadrature(psi, p, same)


def _by_quadrature(
    psi: Callable, p: Pairs, same: bool
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"]]:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for a psi without closed form."""
    psi = _functions.activation(psi, p.omega)
    s = _root(p.a[:, 0])
    s2 = _root(p.b[0, :])
    dtype = _at_least_single(p.c.dtype)
    nngp, slope = averages(psi, s, s2, p.omega, same=same, dtype=dtype)
    # The angle to a zero row is held at pi/2, so nngp lacks its derivative by c, which
    # is slope. This term is 0 and has that derivative.
    lacking = jnp.where(p.root == 0, p.c * jax.lax.stop_gradient(slope), 0)
    return nngp + lacking, slope


def _at_least_single(dtype):
    """The dtype in which psi is looked at; half precision tells too little apart."""
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.float32

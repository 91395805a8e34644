"""The kernel in the limit of infinite width: closed forms by activation, quadrature for
the rest.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ntklib import _check, _functions, _programs
from ntklib._blocks import by_blocks
from ntklib._functions import Elementwise
from ntklib._gaussian import quadrature
from ntklib._gaussian.closed_forms import Pairs, recognised
from ntklib._gaussian.series import Series, safe_root, summed_in_strips
from ntklib._types import Activation, ArrayLike


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
    psi: Activation,
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
    (Tsuchida et al. 2021), exp(-z²/2), z^k for k up to 6, and waves: sin, cos, and any
    multiple of sin(fz + const), 0.1 < f < 50. Then 256 inputs at a time are
    paired, so that the memory needed is little more than that of the result.

    Any other ``psi`` is expanded in normalised Hermite polynomials for each norm,
    :math:`\mu_k(s) = \mathrm E\,\psi(sz)\,\mathrm{He}_k(z)`, by Gauss-Legendre
    quadrature that stops at the kinks of ``psi``, located by bisection in [-63.7,
    64.2]; then :math:`\Phi = \sum_k \mu_k(\|x\|)\,\mu_k(\|x'\|)\,\rho^k`, where
    :math:`\rho` is the cosine of the angle (Mehler), and :math:`\dot\Phi` is the same
    sum for ``psi'``. The terms that are left out are at most 4e-10 of
    :math:`\sqrt{\Phi(x, x)\,\Phi(x', x')}` in float64, usually far less (in float32:
    7e-5). Where a series would be too long, which it is for nearly parallel inputs if
    ``psi`` is steep or has kinks, both averages come from quadrature over two variables
    in polar coordinates that stops at the 8 kinks nearest to 0. Its rules grow until
    two agree to 1e-9 of the largest :math:`\Phi(x, x)`; the last two need agree to 1e-6
    only. (In float32: 1e-4 and 2e-3.) Under ``jax.jit``, ``vmap`` and ``grad`` its rule
    is fixed, and an agreement of 1e-6 is required of it.

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
            too steep, or has too many kinks, for it to be sure.
    """
    X = _check.array("X", X, "m n0", whole=False)
    if X2 is not None:
        X2 = _check.array("X2", X2, "m2 n0", whole=False)
        _check.size(f"X2 has {X2.shape[1]} columns", X2.shape[1], "n0", "X", X.shape[1])
        X, X2 = _check.one_dtype(X, X2)
    psi = _functions.activation(psi, X)
    rows = _rows("X", X)
    columns = None if X2 is None else _rows("X2", X2)
    known = recognised(psi, _at_least_single(X.dtype))
    if known:
        inputs = (rows, columns, known.parameters)
        kernel = _programs.run(_by_closed_form, (), inputs, averages=known.averages)
    else:
        kernel = _at_once(psi, rows, columns)
    return LimitKernel(*[_check.finite("the kernel", part) for part in kernel])


class Rows(NamedTuple):
    """Inputs, one per row.

    Attributes:
        X: the inputs.
        square: the square |x|^2 of each.
    """

    X: Float[Array, "m n0"]
    square: Float[Array, " m"]


def _rows(name: str, X: Float[Array, "m n0"]) -> Rows:
    """The inputs and their squares, which may overflow."""
    return Rows(X, _check.finite(f"|x|^2 of {name}", jnp.sum(X**2, axis=1)))


def _by_closed_form(
    rows: Rows, columns: Rows | None, parameters: tuple, averages: Callable
) -> LimitKernel:
    """Both kernels, one block of pairs after the other."""

    def block(rows, columns):
        p = _pairs(rows, columns)
        nngp, slope = averages(p, *parameters)
        return LimitKernel(nngp, nngp + p.c * slope)

    return by_blocks(block, rows, columns)


def _at_once(psi: Elementwise, rows: Rows, columns: Rows | None) -> LimitKernel:
    """Both kernels by quadrature: by series, or with all pairs at once."""
    if psi.has_values and _check.concrete(rows.X):
        kernel = _by_series(psi, rows, columns)
        if kernel is not None:
            return kernel
    # whole copies, of which pairs can be picked wherever they are
    rows = _rows("X", _check.array("X", rows.X, "m n0"))
    same = columns is None
    if columns is not None:
        columns = _rows("X2", _check.array("X2", columns.X, "m2 n0"))
    pairs = _programs.run(_pairs, (), (rows, columns))
    nngp, slope = _by_quadrature(psi, pairs, same)
    ntk = nngp + pairs.c * slope
    if same:
        nngp = (nngp + nngp.T) / 2
        ntk = (ntk + ntk.T) / 2
    return LimitKernel(nngp, ntk)


def _by_series(
    psi: Elementwise, rows: Rows, columns: Rows | None
) -> LimitKernel | None:
    """Both kernels, if series are accurate for all pairs."""
    dtype = _at_least_single(rows.X.dtype)
    s = safe_root(rows.square)
    s2 = None if columns is None else safe_root(columns.square)
    of_rows, of_columns = quadrature.coefficients(psi, s, s2, dtype)
    inputs = ((rows, of_rows), None if columns is None else (columns, of_columns))
    kernel, accurate = _programs.run(_summed, (), inputs)
    return kernel if accurate else None


def _summed(
    rows: tuple[Rows, Series], columns: tuple[Rows, Series] | None
) -> tuple[LimitKernel, Bool[Array, ""]]:
    """Both kernels by series, one block of pairs after the other; are they accurate?"""

    def block(rows, columns):
        X, of_rows = rows
        X2, of_columns = (None, of_rows) if columns is None else columns
        p = _pairs(X, X2)
        nngp, slope, accurate = summed_in_strips(of_rows, of_columns, p.omega)
        return LimitKernel(nngp, nngp + p.c * slope), accurate

    kernel, accurate = by_blocks(block, rows, columns)
    return kernel, jnp.all(accurate)


def _pairs(rows: Rows, columns: Rows | None) -> Pairs:
    """Norms, inner products and angles of all pairs of rows.

    None stands for the same rows once more.
    """
    same = columns is None
    if columns is None:
        columns = rows
    a = rows.square[:, None]
    b = columns.square[None, :]
    c = rows.X @ columns.X.T
    root = safe_root(a) * safe_root(b)
    diagonal = jnp.eye(*c.shape, dtype=bool) & same
    # rounding in c and root would spoil |x|^2 on the diagonal
    c = jnp.where(diagonal, a, c)
    root = jnp.where(diagonal, a, root)
    cosine = jnp.where(root > 0, c / jnp.where(root > 0, root, 1), 0)
    omega, sine = _angle(cosine, diagonal, rows, columns)
    a, b = jnp.broadcast_arrays(a, b)
    return Pairs(a, b, c, root, omega, S=root * sine)


@jax.custom_jvp
def _angle(
    cosine: Float[Array, "m m2"],
    diagonal: Bool[Array, "m m2"],
    rows: Rows,
    columns: Rows,
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"]]:
    """The angle omega between x and x', pi/2 at a zero row, and its sine.

    The cosine determines an acute angle phi, to x' or to -x':

        |e -+ e'| = sqrt(2 gap) and |e +- e'| = sqrt(2 (2 - gap)), gap = 1 - cos(phi),

    for unit vectors e and e'; so phi = 2 atan2(sqrt(gap), sqrt(2 - gap)). Of nearly
    parallel rows rounding leaves little of the gap: there it comes from |e -+ e'|.
    """
    eps = float(jnp.finfo(cosine.dtype).eps)
    gap = 1 - jnp.abs(cosine)
    # An error of eps in the gap is one of eps/phi in phi.
    parallel = gap < eps**0.25
    gap = jax.lax.cond(
        jnp.any(parallel & ~diagonal),
        lambda: jnp.where(parallel, _gap(cosine, rows, columns), gap),
        lambda: jnp.where(parallel, 0, gap),  # on the diagonal
    )
    phi = 2 * jnp.arctan2(jnp.sqrt(gap), jnp.sqrt(2 - gap))
    sine = jnp.sqrt(gap * (2 - gap))
    return jnp.where(cosine < 0, jnp.pi - phi, phi), sine


@_angle.defjvp
def _slope_of_angle(primals, tangents):
    """d omega = -d cos(omega) / sin(omega), but 0 at the kinks, at 0 and pi."""
    omega, sine = _angle(*primals)
    cosine, dcosine = primals[0], tangents[0]
    domega = -jnp.where(sine > 0, dcosine / jnp.where(sine > 0, sine, 1), 0)
    return (omega, sine), (domega, cosine * domega)


def _gap(
    cosine: Float[Array, "m m2"], rows: Rows, columns: Rows
) -> Float[Array, "m m2"]:
    """|e - e'|^2/2, or |e + e'|^2/2 of an obtuse angle; 0 for what rounding may leave
    of 0.

    That remainder differs from program to program, and its slope has no meaning.
    """

    def unit(rows):
        s = safe_root(rows.square)[:, None]
        return rows.X / jnp.where(s > 0, s, 1)

    def add(square, coordinates):
        e, e2 = coordinates
        return square + (e[:, None] - jnp.where(cosine < 0, -e2, e2)) ** 2, None

    # One coordinate after the other: no array of all differences is made.
    E, E2 = unit(rows).T, unit(columns).T
    square, _ = jax.lax.scan(add, 0 * cosine, (E, E2[:, None, :]))
    rounding = (16 * float(jnp.finfo(square.dtype).eps)) ** 2
    return jnp.where(square > rounding, square, 0) / 2


def _averages(
    psi: Elementwise, p: Pairs, same: bool
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"]]:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for all pairs."""
    known = recognised(psi, _at_least_single(p.c.dtype))
    return known(p) if known else _by_quadrature(psi, p, same)


def _by_quadrature(
    psi: Elementwise, p: Pairs, same: bool
) -> tuple[Float[Array, "m m2"], Float[Array, "m m2"]]:
    """E psi(h) psi(h') and E psi'(h) psi'(h') for a psi without closed form."""
    s = safe_root(p.a[:, 0])
    s2 = None if same else safe_root(p.b[0, :])
    dtype = _at_least_single(p.c.dtype)
    nngp, slope = quadrature.averages(psi, s, s2, p.omega, dtype)
    # The angle to a zero row is held at pi/2, so nngp lacks its derivative by c, which
    # is slope. This term is 0 and has that derivative.
    lacking = jnp.where(p.root == 0, p.c * jax.lax.stop_gradient(slope), 0)
    return nngp + lacking, slope


def _at_least_single(dtype):
    """The dtype in which psi is looked at; half precision tells too little apart."""
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.float32

"""The linear equation for the residuals under a constant kernel: its solution, and
prediction at new points.

These are host functions: NumPy float64 in and out, whatever JAX's settings are. A
kernel too large for memory may come as a ``scipy.sparse.linalg.LinearOperator``, such
as :mod:`ntklib.large` makes; then its products with vectors are all that is used.
"""

from collections.abc import Callable

import numpy as np
import scipy
from jaxtyping import Float

from ntklib import _check, _lanczos
from ntklib._lanczos import Operator
from ntklib._rounding import EPS, precision, rounding
from ntklib._types import ArrayLike, Number

# A ridge this much above rounding hides what rounding does to the modes.
CLEAR = 10


def linear_flow(
    K: Float[ArrayLike, "m m"] | Operator,
    r0: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> Float[np.ndarray, "T m"]:
    r"""Residuals :math:`r(t) = e^{-Kt/m}\,r(0)`, which solve :math:`\partial_t r =
    -Kr/m`.

    (:eq:`eq-linear-solution` and :eq:`eq-linear`, the lecture's equations 4 and 3.)
    Mode by mode, from one eigendecomposition. Eigenvalues up to
    :math:`m\,\epsilon_{\mathrm{mach}}\,\max_k |\lambda_k|` count as 0, so that what a
    singular kernel cannot learn stays, however late;
    :math:`\epsilon_{\mathrm{mach}} = 2.2\cdot10^{-16}`. In a kernel that came in
    float32, or less, they also do up to 4 roundings of that type,
    :math:`4.8\cdot10^{-7}\,\max_k |\lambda_k|`.

    Of a linear operator only products with vectors are used: Lanczos' method makes a
    space in which r(t) lies up to an error that is shown to be at most
    :math:`10^{-9}\,\|r(0)\|` (ten roundings in float32) if the operator is positive
    semi-definite and its products are exact. Later times need more products, about as
    :math:`\sqrt{\lambda_{max}\,t/m}`, and up to 1000 vectors of m numbers are kept.

    Args:
        K: kernel, shape (m, m), symmetric; singular and indefinite matrices are
            allowed. Or a linear operator, see :mod:`ntklib.large`, that has no negative
            eigenvalue.
        r0: residuals f - y at t = 0, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The residuals, shape (T, m).

    Raises:
        ValueError: ``K`` is not square or not symmetric, lengths differ, an entry is
            not a finite real number, times are negative or decreasing, or a negative
            eigenvalue makes the residuals overflow; an operator shows that it is not
            symmetric or has a negative eigenvalue.
        RuntimeError: 1000 products with an operator are not enough.
    """
    K, eps = _kernel(K)
    r0 = _check.vector("r0", r0, "m", "K", K.shape[0], convert=_check.host)
    ts = _check.times(ts, convert=_check.host)
    lam, V = _modes(K, r0, _learnt_by(ts, len(r0)), eps)
    return _check.finite("r(t)", _linear_flow(lam, V, r0, ts))


def predict(
    K: Float[ArrayLike, "m m"] | Operator,
    K_new: Float[ArrayLike, "m_new m"] | Operator,
    f0: Float[ArrayLike, " m"],
    f0_new: Float[ArrayLike, " m_new"],
    y: Float[ArrayLike, " m"],
    ts: Float[ArrayLike, " T"],
) -> Float[np.ndarray, "T m_new"]:
    r"""Outputs at new points along the flow (:eq:`eq-predict`; Lee et al. 2019).

    .. math::

        f_t(x_*) = f_0(x_*) + K(x_*, X)\,K^{-1}\left(I - e^{-Kt/m}\right)(y - f_0)

    No inverse is formed: in each eigenmode :math:`(1 - e^{-\lambda t/m})/\lambda` tends
    to :math:`t/m` as :math:`\lambda \to 0`, so a singular ``K`` may come too. Along its
    null space ``K_new`` is taken as 0 where only rounding separates it from 0, as it
    must be for the kernel of a network.

    Linear operators are used as by :func:`linear_flow`. The error of an output is then
    at most :math:`0.64\sqrt{K(x_*, x_*)\,t/m}` times that of the residuals.

    Args:
        K: kernel on the training inputs, shape (m, m), symmetric; or a linear operator.
        K_new: kernel between new and training inputs, shape (m_new, m); or a linear
            operator.
        f0: outputs on the training inputs at t = 0, shape (m,).
        f0_new: outputs at the new points at t = 0, shape (m_new,).
        y: targets, shape (m,).
        ts: non-decreasing times, all at least 0, shape (T,).

    Returns:
        The outputs at the new points, shape (T, m_new).

    Raises:
        ValueError, RuntimeError: as in :func:`linear_flow`.
    """
    K, K_new, f0, f0_new, y, eps = _arguments(K, K_new, f0, f0_new, y)
    ts = _check.times(ts, convert=_check.host)
    lam, V = _modes(K, y - f0, _learnt_by(ts, len(y)), eps)
    G = _in_modes(K_new, lam, V, eps)
    return _check.finite("f(t)", _predict(lam, V, G, f0, f0_new, y, ts))


def kernel_regression(
    K: Float[ArrayLike, "m m"] | Operator,
    K_new: Float[ArrayLike, "m_new m"] | Operator,
    f0: Float[ArrayLike, " m"],
    f0_new: Float[ArrayLike, " m_new"],
    y: Float[ArrayLike, " m"],
    *,
    ridge: Number = 0.0,
) -> Float[np.ndarray, " m_new"]:
    r"""Outputs at new points, :math:`f_0(x_*) + K(x_*, X)\,(K + \nu I)^{-1}(y - f_0)`,
    :eq:`eq-regression`.

    For ν = 0 this is where :func:`predict` ends as t grows. For ν > 0 these outputs
    minimise :math:`\|f - y\|^2 + \nu\,\|f - f_0\|_K^2` over all f that differ from
    :math:`f_0` by a member of the Hilbert space with reproducing kernel K. For
    :func:`ntklib.network.linearized_network` that is
    :math:`\|f - y\|^2 + \nu\,\|\theta - \theta_0\|^2`: weight decay towards the start.
    Eigenvalues of K + νI that :func:`linear_flow` would count as 0 are zeros with
    rounding errors, and their modes are left out, as the flow leaves them. A ridge
    clear of rounding is solved for by Cholesky's decomposition, in a seventh of the
    time.

    Of a linear operator only products with vectors are used: the residual of
    :math:`(K + \nu I)\,a = y - f_0` is at most :math:`10^{-9}\,\|y - f_0\|` (ten
    roundings in float32). Without a ridge a nearly singular kernel may need too many.

    Args:
        K, K_new, f0, f0_new, y: as in :func:`predict`, from one positive semi-definite
            kernel.
        ridge: ν, at least 0.

    Returns:
        The outputs at the new points, shape (m_new,).

    Raises:
        ValueError: as in :func:`predict`, or ``ridge`` is negative, or ``K`` has a
            negative eigenvalue.
        RuntimeError: 1000 products with an operator are not enough.
    """
    K, K_new, f0, f0_new, y, eps = _arguments(K, K_new, f0, f0_new, y)
    ridge = _check.nonnegative("ridge", ridge)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        a = _coefficients(K, y - f0, ridge, eps)
        if isinstance(K_new, Operator):
            change = _lanczos.product("K_new", K_new, a)
        else:
            change = K_new @ a
    return _check.finite("f", f0_new + change)


def largest_stable_step(K: Float[ArrayLike, "m m"] | Operator) -> float:
    r"""Bound :math:`2m/\lambda_{max}` on the step η of gradient descent, :eq:`eq-step`.

    A step of descent on half the mean squared error multiplies the residual of each
    mode by :math:`1 - \eta\lambda/m`: every mode with λ > 0 converges if and only if η
    is below the bound.

    Args:
        K: kernel, shape (m, m), symmetric; or a linear operator.

    Returns:
        The bound. That of an operator is lower by up to 1e-6 of it, or more where
        1000 products do not suffice, and is right but with a probability of 1e-6,
        see :func:`ntklib.large.eigenvalue_bounds`.

    Raises:
        ValueError: ``K`` is not square, symmetric and finite, or has no positive
            eigenvalue.
    """
    K, eps = _kernel(K)
    m = K.shape[0]
    if isinstance(K, Operator):
        largest = _lanczos.largest(K)
    else:
        largest = float(_eigen(K, eps)[0][-1])
    _check.positive_eigenvalue("K", largest)
    return _check.finite("the step", 2 * m / largest)


def _kernel(K):
    """The kernel, checked: a symmetric matrix or a linear operator; and its eps."""
    if isinstance(K, Operator):
        return _check.square_operator("K", K), precision(K)
    return _check.symmetric("K", K, convert=_check.host), precision(K)


def _arguments(K, K_new, f0, f0_new, y):
    """What predict and kernel_regression both take, checked, in the same order."""
    K, eps = _kernel(K)
    m = K.shape[0]
    came = K_new
    if not isinstance(K_new, Operator):
        K_new = _check.host("K_new", K_new, "m_new m")
    eps = max(eps, precision(came))
    m_new, columns = K_new.shape
    _check.size(f"K_new has {columns} columns", columns, "m", "K", m)
    f0 = _check.vector("f0", f0, "m", "K", m, convert=_check.host)
    f0_new = _check.vector(
        "f0_new", f0_new, "m_new", "K_new", m_new, convert=_check.host
    )
    y = _check.vector("y", y, "m", "K", m, convert=_check.host)
    return K, K_new, f0, f0_new, y, eps


def _modes(
    K: Float[np.ndarray, "m m"] | Operator,
    r0: Float[np.ndarray, " m"],
    needed: Callable,
    eps: float,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "m k"]]:
    """Eigenvalues and eigenvectors of K.

    Those of an operator are as many and as exact as `needed`, a function of K, needs
    for r0.
    """
    if isinstance(K, Operator):
        return _lanczos.modes(K, r0, needed)
    return _eigen(K, eps)


def _eigen(
    K: Float[np.ndarray, "m m"], eps: float = EPS
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m m"]]:
    """Eigenvalues of K, 0 where rounding cannot tell them from 0, and eigenvectors."""
    lam, V = scipy.linalg.eigh(K)
    _check.finite("the eigenvalues of K", lam)
    lam = np.where(np.abs(lam) <= rounding(lam, eps), 0.0, lam)
    return lam, V


def _linear_flow(
    lam: Float[np.ndarray, " k"],
    V: Float[np.ndarray, "m k"],
    r0: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T m"]:
    """The residuals at each time, mode by mode."""
    m = len(r0)
    part = r0 @ V  # of r(0) in each mode
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        decay = np.exp(-np.outer(ts, lam) / m)
        # A part that is 0 stays 0, also where lam < 0 makes decay overflow.
        modes = np.where(part == 0, 0, decay * part)
        return modes @ V.T


def _predict(
    lam: Float[np.ndarray, " k"],
    V: Float[np.ndarray, "m k"],
    G: Float[np.ndarray, "m_new k"],
    f0: Float[np.ndarray, " m"],
    f0_new: Float[np.ndarray, " m_new"],
    y: Float[np.ndarray, " m"],
    ts: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "T m_new"]:
    """The outputs at new points at each time, mode by mode; G is K_new in the modes."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        part = (y - f0) @ V
        return f0_new + (_learnt(lam, ts, len(y)) * part) @ G.T


def _learnt(
    lam: Float[np.ndarray, " k"], ts: Float[np.ndarray, " T"], m: int
) -> Float[np.ndarray, "T k"]:
    """(1 - exp(-lam t / m)) / lam of each mode, and t / m where lam is 0."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        x = np.outer(ts, lam) / m
        learnt = -np.expm1(-x) / np.where(lam == 0, 1, lam)
        return np.where(x == 0, ts[:, None] / m, learnt)  # the limit for lam -> 0


def _learnt_by(ts: Float[np.ndarray, " T"], m: int) -> Callable:
    """`_learnt` as a function of the eigenvalues alone."""
    return lambda lam: _learnt(lam, ts, m)


def _in_modes(
    K_new: Float[np.ndarray, "m_new m"] | Operator,
    lam: Float[np.ndarray, " k"],
    V: Float[np.ndarray, "m k"],
    eps: float,
) -> Float[np.ndarray, "m_new k"]:
    """K_new times each eigenvector.

    The kernel of a network is 0 along the null space of K, to rounding.
    """
    if isinstance(K_new, Operator):
        G = _lanczos.product("K_new", K_new, V)
        G[:, lam == 0] = 0
        return G
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
        G = K_new @ V
        error = len(V) * eps * np.abs(K_new).sum(axis=1, keepdims=True)
    G[(lam == 0) & (np.abs(G) <= error)] = 0
    return G


def _coefficients(
    K: Float[np.ndarray, "m m"] | Operator,
    residual: Float[np.ndarray, " m"],
    ridge: float,
    eps: float,
) -> Float[np.ndarray, " m"]:
    """(K + ridge I)^{-1} residual, without what only rounding tells from 0."""

    def inverse(lam):
        """1 / (lam + ridge), and 0 for a mode that is left out."""
        seen = lam + ridge > rounding(lam, eps, m=len(residual))
        return np.where(seen, 1 / np.where(seen, lam + ridge, 1), 0)

    if not isinstance(K, Operator):
        a = _by_cholesky(K, residual, ridge, eps)
        if a is not None:
            return a
    lam, V = _modes(K, residual, lambda lam: inverse(lam)[None, :], eps)
    _check.semidefinite("K", smallest=lam[0])
    return V @ (inverse(lam) * (residual @ V))


def _by_cholesky(K, residual, ridge, eps):
    """(K + ridge I)^{-1} residual if the ridge is clear of rounding, or None.

    Then eigenvalues have to tell what K is.
    """
    m = len(K)
    column = np.sqrt(np.einsum("ij,ij->j", K, K))  # each at most |lambda|max
    largest = float(np.linalg.norm(column))  # at least |lambda|max
    clear = CLEAR * rounding(np.array([largest]), eps, m=m)
    if not clear < ridge < np.finfo(float).max - largest:
        return None
    try:
        # K itself has no negative eigenvalue beyond rounding if this has none:
        scipy.linalg.cholesky(_shifted(K, rounding(column, eps)), overwrite_a=True)
        factor = scipy.linalg.cholesky(_shifted(K, ridge), overwrite_a=True)
    except np.linalg.LinAlgError:
        return None
    return scipy.linalg.cho_solve((factor, False), residual)


def _shifted(K: Float[np.ndarray, "m m"], shift: float) -> Float[np.ndarray, "m m"]:
    """K + shift I, laid out as LAPACK wants it, so that it makes no copy."""
    shifted = K.copy().T
    shifted[np.diag_indices(len(K))] += shift
    return shifted

"""Validation of arguments: one sentence that names the argument, what it must be and what came.

Shapes are checked always; values wherever the argument is not a JAX tracer, and then with NumPy, because inside
``jax.jit`` even an operation on constants would be traced.
"""

import math
import operator

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def concrete(a):
    """Whether the values of `a` can be looked at here and now."""
    return not isinstance(a, Tracer) and getattr(a, "is_fully_addressable", True)


def shown(value):
    """A value in one short line."""
    try:
        line = " ".join(repr(value).split())
    except Exception:
        line = f"a {type(value).__name__}"
    return line if len(line) <= 40 else line[:37] + "..."


def _real(name, value, axes):
    """`value` as a real, non-empty array with one axis for each name in `axes`, such as "m n0"."""
    what = f"{name} must be a real array of shape ({axes.replace(' ', ', ')}{'' if ' ' in axes else ','})"
    a = value.data if isinstance(value, np.ma.MaskedArray) else value
    if not isinstance(value, jax.Array | np.ndarray):
        leaves = jax.tree.leaves(value) if isinstance(value, list | tuple) else []
        traced = any(isinstance(leaf, Tracer) for leaf in leaves)
        try:
            a = jnp.asarray(value) if traced else np.asarray(value)
        except Exception:
            raise ValueError(
                f"{what}; got a {type(value).__name__} that is not a rectangular array of numbers"
            ) from None
    if np.ma.is_masked(value):
        raise ValueError(f"{what}; got a masked array")
    number = any(
        jnp.issubdtype(a.dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)
    )
    tiny = a.dtype.itemsize == 1 and jnp.issubdtype(
        a.dtype, jnp.floating
    )  # JAX does not compute with 8 bits
    if (
        not number or tiny or a.dtype == np.longdouble or a.dtype.kind == "m"
    ):  # durations count as integers
        raise ValueError(
            f"{what}; got {f'dtype {a.dtype}' if a is value or a.ndim else shown(value)}"
        )
    if a.ndim != len(axes.split()):
        raise ValueError(f"{what}; got shape {a.shape}")
    if a.size == 0:
        raise ValueError(f"{what} and must not be empty; got shape {a.shape}")
    return a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))


def finite(name, a):
    """`a` itself, if no entry is NaN or infinite."""
    if concrete(a):
        good = np.isfinite(np.asarray(a))
        if not good.all():
            at = tuple(int(i) for i in np.argwhere(~good)[0])
            raise ValueError(
                f"{name} must be finite; got {np.asarray(a)[at]}{f' at index {at}' if at else ''}"
            )
    return a


def array(name, value, axes):
    """A finite JAX array that keeps its floating dtype; integers become JAX's default float."""
    a = _real(name, value, axes)
    return finite(
        name,
        _whole(
            jnp.asarray(a if jnp.issubdtype(a.dtype, jnp.floating) else a.astype(float))
        ),
    )


def _whole(a: jax.Array) -> jax.Array:
    """`a` itself; on a mesh with explicit axes, where operations have to say how they spread results, a whole copy."""
    mesh = jax.typeof(a).sharding.mesh
    if AxisType.Explicit not in getattr(mesh, "axis_types", ()):
        return a
    if concrete(a):
        return jnp.asarray(np.asarray(a))
    return jax.sharding.reshard(a, NamedSharding(mesh, PartitionSpec()))


def host(name, value, axes):
    """A finite NumPy float64 array; a tracer is refused."""
    a = _real(name, value, axes)
    if isinstance(a, Tracer):
        raise ValueError(
            f"{name} must hold numbers, not a JAX tracer; call this function outside jit, vmap and grad"
        )
    return finite(name, np.asarray(a, np.float64))


def size(name, got, axis, source, expected):
    """Refuse a length that differs from what another argument expects."""
    if got != expected:
        raise ValueError(f"{name}, but {source} expects {axis} = {expected}")


def vector(name, value, axis, source, expected, *, convert=array):
    """A vector whose length another argument fixes."""
    v = convert(name, value, axis)
    size(f"{name} has length {len(v)}", len(v), axis, source, expected)
    return v


def count(name, value):
    """A positive integer."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number < 2**31:
        raise ValueError(
            f"{name} must be a positive integer{' below 2^31' * (number > 1)}; got {shown(value)}"
        )
    return number


def parameters(params):
    """W0 (n, n0) and W1 (n,) as arrays of one dtype."""
    if not isinstance(params, tuple) or len(params) != 2:
        raise ValueError(f"params must be Params(W0, W1); got {type(params).__name__}")
    W0 = array("params.W0", params[0], "n n0")
    W1 = vector("params.W1", params[1], "n", "params.W0", len(W0))
    W0, W1 = one_dtype(W0, W1)
    return W0, W1


def inputs(name, X, W0):
    """One input per row, as many columns as W0 has."""
    X = array(name, X, "m n0" if name == "X" else "m2 n0")
    size(f"{name} has {X.shape[1]} columns", X.shape[1], "n0", "params.W0", W0.shape[1])
    return X


def trouble(error):
    """An exception in one line."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _number(value):
    try:
        other = np.ma.isMaskedArray(value) or np.asarray(value).dtype.kind in "cmMSU"
        return math.nan if other or np.ndim(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def nonnegative(name, value):
    """A finite number, at least 0; a tracer is refused."""
    number = _number(value)
    if not 0 <= number < math.inf:
        raise ValueError(
            f"{name} must be a finite number and at least 0; got {shown(value)}"
        )
    return number


def positive(name, value, below=math.inf):
    """A number above 0 and below a limit; a tracer is refused."""
    number = _number(value)
    if not 0 < number < below:
        raise ValueError(
            f"{name} must be a number above 0 and below {below}; got {shown(value)}"
        )
    return number


def tolerance(name, value, dtype):
    """A tolerance that the dtype can resolve."""
    least, number = 10 * float(jnp.finfo(dtype).eps), _number(value)
    if not least <= number < 1:
        raise ValueError(
            f"{name} must lie between {least:.2g} (ten roundings in {jnp.dtype(dtype)}) and 1; got {shown(value)}"
        )
    return number


def times(ts, *, convert=array):
    """Times that start at 0 or later and never go back."""
    ts = convert("ts", ts, "T")
    if concrete(ts):
        t = np.asarray(ts)
        if t[0] < 0:
            raise ValueError(f"ts must be non-negative; got ts[0] = {t[0]}")
        back = np.flatnonzero(t[1:] < t[:-1])
        if back.size:
            i = int(back[0])
            raise ValueError(
                f"ts must be non-decreasing; got ts[{i}] = {t[i]} before ts[{i + 1}] = {t[i + 1]}"
            )
    return ts


def symmetric(name, value, *, convert=array):
    """A square matrix, symmetric up to rounding in the dtype that came, and then exactly."""
    M = convert(name, value, "m m")
    if M.shape[0] != M.shape[1]:
        raise ValueError(f"{name} must be square; got shape {M.shape}")
    if concrete(M):
        N = (came := np.asarray(value)).astype(float)
        eps = float(
            jnp.finfo(
                came.dtype if jnp.issubdtype(came.dtype, jnp.floating) else float
            ).eps
        )
        gap, scale = (
            np.abs(N / 2 - N.T / 2).max(),
            np.abs(N).max(),
        )  # halves: no overflow
        if gap > 5e2 * eps * scale:
            raise ValueError(
                f"{name} must be symmetric; got max|{name} - {name}^T| = {2 * float(gap):.3g} "
                f"where max|{name}| = {scale:.3g}"
            )
    return M / 2 + M.T / 2


def one_dtype(*arrays):
    """The arrays in the widest of their dtypes, also where JAX promotes nothing."""
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*arrays)
    return [a if a.dtype == dtype else a.astype(dtype) for a in arrays]


# Flows, and how they move with the width


def flow_dtype(names, dtype):
    """Refuse a dtype that a flow cannot be integrated in."""
    if dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"{names} must be float32 or float64 for a flow; got {dtype}")


def stacked_parameters(params) -> tuple[jax.Array, jax.Array]:
    """W0 (T, n, n0) and W1 (T, n): parameters stacked over time."""
    if not isinstance(params, tuple) or len(params) != 2:
        kind = type(params).__name__
        raise ValueError(
            f"params must be Params(W0, W1), stacked over time; got {kind}"
        )
    W0 = array("params.W0", params[0], "T n n0")
    W1 = array("params.W1", params[1], "T n")
    T, n = W1.shape
    size(f"params.W1 has {T} times", T, "T", "params.W0", W0.shape[0])
    size(f"params.W1 has {n} units", n, "n", "params.W0", W0.shape[1])
    return W0, W1


def widths(ns) -> np.ndarray:
    """At least two widths, positive and increasing."""
    ns = host("ns", ns, "w")
    if len(ns) < 2 or ns[0] <= 0 or not np.all(np.diff(ns) > 0):
        raise ValueError(
            "ns must be positive, increasing and at least two; "
            f"got {shown(ns.tolist())}"
        )
    return ns


def draws(values, ns) -> np.ndarray:
    """At least two draws for each of the widths, none of which has zeros alone."""
    values = host("values", values, "w draws")
    size(f"values has {len(values)} rows", len(values), "w", "ns", len(ns))
    if values.shape[1] < 2:
        raise ValueError(
            "values must hold at least two draws for each width; "
            f"got shape {values.shape}"
        )
    zero = ~values.any(axis=1)
    if zero.any():
        raise ValueError(
            "values must not be all 0 for one width; "
            f"got 0 alone at ns = {ns[zero][0]:g}"
        )
    return values

"""Validation of arguments: one sentence that names the argument, what is expected, what
came.

Shapes are checked always; values wherever the argument is not a JAX tracer: with NumPy,
because inside ``jax.jit`` even an operation on constants would be traced, and what is
large and lives on other devices by one reduction there. No check copies a large array.
"""

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, NamedSharding, PartitionSpec

A = TypeVar("A", jax.Array, np.ndarray)
Convert = Callable[[str, object, str], A]

# max|M - M^T| that a symmetric matrix may have, in roundings of its largest entry: an
# entry and its mirror image may be sums of many terms, added up in different orders.
ASYMMETRY = 1e3

# Entries that a check sees at a time; an array with fewer may be copied to the host.
FEW = 2**18

# The largest number of things: a float still tells it from the one before.
LARGEST_COUNT = 2**53


def concrete(a) -> bool:
    """Whether the values of `a` can be looked at here and now."""
    if isinstance(a, Tracer):
        return False
    everything_here = getattr(a, "is_fully_addressable", True)
    return everything_here or getattr(a, "is_fully_replicated", False)


def shown(value) -> str:
    """A value in one short line."""
    try:
        line = " ".join(repr(value).split())
    except Exception:
        line = f"a {type(value).__name__}"
    return line if len(line) <= 40 else line[:37] + "..."


def trouble(error) -> str:
    """An exception in one line."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


# Arrays


def array(name, value, axes, *, whole=True) -> jax.Array:
    """A finite JAX array that keeps its floating dtype; integers become JAX's float.

    An array on a mesh with explicit axes comes as a `whole` copy, for plain operations
    on it; `_programs.run` needs none.
    """
    a = _real(name, value, axes)
    if not jnp.issubdtype(a.dtype, jnp.floating):
        a = a.astype(float)
    if not isinstance(a, jax.Array):
        a = jnp.asarray(a)
    if whole and has_explicit_axes(jax.typeof(a)):
        a = _whole(a)
    return finite(name, a)


def host(name, value, axes) -> np.ndarray:
    """A finite NumPy float64 array; a tracer is refused."""
    a = _real(name, value, axes)
    if isinstance(a, Tracer):
        raise ValueError(
            f"{name} must hold numbers, not a JAX tracer; "
            "call this function outside jit, vmap and grad"
        )
    return finite(name, np.asarray(a, np.float64))


def _real(name, value, axes):
    """`value` as a real, non-empty array with the named axes, such as "m n0"."""
    axes = axes.split()
    shape = ", ".join(axes) + ("," if len(axes) == 1 else "")
    what = f"{name} must be a real array of shape ({shape})"

    is_array = isinstance(value, jax.Array | np.ndarray)
    a = value if is_array else _made_array(value, what)

    number = (
        jnp.issubdtype(a.dtype, jnp.floating)
        or jnp.issubdtype(a.dtype, jnp.integer)
        or a.dtype == bool
    )
    if not number:
        # None, a dict or a text become an array without axes: better shown themselves
        came = f"dtype {a.dtype}" if is_array or a.ndim else shown(value)
        raise ValueError(f"{what}; got {came}")
    if a.ndim != len(axes):
        raise ValueError(f"{what}; got shape {a.shape}")
    if a.size == 0:
        raise ValueError(f"{what} and must not be empty; got shape {a.shape}")
    return a


def _made_array(value, what):
    """An array made of what is none, such as a nested list, also of tracers."""
    leaves = jax.tree.leaves(value) if isinstance(value, list | tuple) else []
    try:
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            return jnp.asarray(value)
        return np.asarray(value)
    except Exception:  # a tensor of another library may raise anything
        kind = type(value).__name__
        raise ValueError(
            f"{what}; got a {kind} that is not a rectangular array of numbers"
        ) from None


def has_explicit_axes(type_of_array) -> bool:
    """Whether JAX wants to be told how each result is spread over the devices."""
    mesh = type_of_array.sharding.mesh
    return AxisType.Explicit in getattr(mesh, "axis_types", ())


def _whole(a: jax.Array) -> jax.Array:
    """A whole copy of an array on a mesh with explicit axes.

    On such a mesh every operation has to say how it spreads its result.
    """
    if concrete(a):
        return jnp.asarray(np.asarray(a))
    mesh = jax.typeof(a).sharding.mesh
    return jax.sharding.reshard(a, NamedSharding(mesh, PartitionSpec()))


def finite(name, a) -> Any:
    """`a` itself, if no entry is NaN or infinite."""
    if seen_infinite(a):
        raise ValueError(f"{name} must be finite; got {_infinite_entry(a)}")
    return a


def seen_infinite(a) -> bool:
    """Whether an entry can be seen to be NaN or infinite."""
    if isinstance(a, Tracer):
        return False
    if _stays_on_its_devices(a):
        with jax.ensure_compile_time_eval():  # also inside jit
            return not bool(all_finite(a))
    return not all(np.isfinite(rows).all() for rows in _blocks(np.asarray(a)))


def _stays_on_its_devices(a) -> bool:
    """Whether an array is better looked at where it lives than copied to the host."""
    if not isinstance(a, jax.Array):
        return False
    device, *others = a.devices()
    few = a.size <= FEW and a.is_fully_addressable
    return not few and (len(others) > 0 or device.platform != "cpu")


@jax.jit
def all_finite(a: jax.Array) -> jax.Array:
    """Whether no entry is NaN or infinite: one truth value, also inside a program.

    0 times NaN or infinity is NaN, and a sum keeps it; on several devices XLA's largest
    entry may not. A truth value for each entry would fill a quarter of the memory.
    """
    return (0 * a).sum() == 0


def _blocks(a: np.ndarray):
    """Views of blocks of rows with few entries each."""
    a = np.atleast_1d(a)
    rows = max(1, FEW * len(a) // a.size)
    return (a[i : i + rows] for i in range(0, len(a), rows))


def _infinite_entry(a) -> str:
    """An entry that is NaN or infinite, the first that this process can see."""
    for start, values in _parts(a):
        good = np.isfinite(values)
        if not good.all():
            first = np.unravel_index(np.argmin(good), values.shape)
            where = tuple(int(i) + j for i, j in zip(first, start, strict=True))
            return f"{values[first]}" + (f" at index {where}" if where else "")
    return "nan or infinity in a part that another process holds"


def _parts(a):
    """The index of the first entry, and the entries, of each part on a device."""
    if not isinstance(a, jax.Array):
        return [((0,) * np.ndim(a), np.asarray(a))]
    parts = [
        (tuple(axis.start or 0 for axis in shard.index), np.asarray(shard.data))
        for shard in a.addressable_shards
    ]
    return sorted(parts, key=lambda part: part[0])


def size(name, got, axis, source, expected):
    """Refuse a length that differs from what another argument expects."""
    if got != expected:
        raise ValueError(f"{name}, but {source} expects {axis} = {expected}")


def vector(name, value, axis, source, expected, *, convert: Convert[A] = array) -> A:
    """A vector whose length another argument fixes."""
    v = convert(name, value, axis)
    size(f"{name} has length {len(v)}", len(v), axis, source, expected)
    return v


def not_zero(name, v):
    """Refuse a vector of zeros, or of numbers that the processor takes for zeros."""
    if concrete(v) and np.abs(np.asarray(v)).max() < jnp.finfo(v.dtype).tiny:
        raise ValueError(f"{name} must not be zero")


def one_dtype(*arrays: jax.Array) -> list[jax.Array]:
    """The arrays in the widest of their dtypes, also where JAX promotes nothing."""
    if len({a.dtype for a in arrays}) == 1:
        return list(arrays)
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*arrays)
    return [a if a.dtype == dtype else a.astype(dtype) for a in arrays]


# Parameters and inputs of a network


def parameters(params, *, whole=True) -> tuple[jax.Array, jax.Array]:
    """W0 (n, n0) and W1 (n,) as arrays of one dtype."""
    W0, W1 = pair("params", params)
    W0 = array("params.W0", W0, "n n0", whole=whole)
    W1 = array("params.W1", W1, "n", whole=whole)
    size(f"params.W1 has length {len(W1)}", len(W1), "n", "params.W0", len(W0))
    W0, W1 = one_dtype(W0, W1)
    return W0, W1


def pair(name, params, what="Params(W0, W1)"):
    """The two entries of `params`, as they came."""
    if not isinstance(params, tuple) or len(params) != 2:
        raise ValueError(f"{name} must be {what}; got {type(params).__name__}")
    return params


def start(params0, W0, W1) -> tuple[jax.Array, jax.Array]:
    """W0 and W1 of `params0`, of the same shapes as those of `params`."""
    W0_start, W1_start = pair("params0", params0)
    W0_start = array("params0.W0", W0_start, "n n0")
    W1_start = array("params0.W1", W1_start, "n")
    for name, a, b in [("W0", W0, W0_start), ("W1", W1, W1_start)]:
        if a.shape != b.shape:
            raise ValueError(
                f"params0.{name} has shape {b.shape}, "
                f"but params.{name} has shape {a.shape}"
            )
    return W0_start, W1_start


def inputs(name, X, W0, *, whole=True) -> jax.Array:
    """One input per row, as many columns as W0 has."""
    X = array(name, X, "m n0" if name == "X" else "m2 n0", whole=whole)
    size(f"{name} has {X.shape[1]} columns", X.shape[1], "n0", "params.W0", W0.shape[1])
    return X


def keys(key):
    """Two keys made of one JAX random key."""
    try:
        return jax.random.split(key)
    except (TypeError, ValueError):
        raise ValueError(
            f"key must be a JAX random key, such as jax.random.key(0); got {shown(key)}"
        ) from None


def random_key(key):
    """One JAX random key; a tracer is refused."""
    keys(key)
    if isinstance(key, Tracer):
        raise ValueError(
            "key must be a JAX random key, not a JAX tracer; "
            "call this function outside jit, vmap and grad"
        )
    return key


# Numbers and choices


def count(name, value, least=1, most=LARGEST_COUNT) -> int:
    """An integer that is not below `least` and not above `most`."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number > most or (number < least and most < LARGEST_COUNT):
        kind = f"an integer from {least} to {most}"
    elif number < least:
        kind = "a positive integer" if least == 1 else f"an integer, at least {least}"
    else:
        return number
    raise ValueError(f"{name} must be {kind}; got {shown(value)}")


def even(name, value) -> int:
    """A positive integer that is even, because units come in pairs."""
    number = count(name, value)
    if number % 2:
        raise ValueError(
            f"{name} must be even, because the units come in pairs; got {number}"
        )
    return number


def number(name, value) -> float:
    """A finite real number; a tracer is refused."""
    x = _number(value)
    if not math.isfinite(x):
        raise ValueError(f"{name} must be a finite real number; got {shown(value)}")
    return x


def nonnegative(name, value) -> float:
    """A finite number, at least 0; a tracer is refused."""
    x = _number(value)
    if not 0 <= x < math.inf:
        raise ValueError(
            f"{name} must be a finite number and at least 0; got {shown(value)}"
        )
    return x


def positive(name, value, below=math.inf) -> float:
    """A number above 0 and below a limit; a tracer is refused."""
    x = _number(value)
    if not 0 < x < below:
        raise ValueError(
            f"{name} must be a number above 0 and below {below}; got {shown(value)}"
        )
    return x


def tolerance(name, value, dtype) -> float:
    """A tolerance that the dtype can resolve."""
    least = 10 * float(jnp.finfo(dtype).eps)
    x = _number(value)
    if not least <= x < 1:
        raise ValueError(
            f"{name} must lie between {least:.2g} (ten roundings in "
            f"{jnp.dtype(dtype)}) and 1; got {shown(value)}"
        )
    return x


def _number(value) -> float:
    """`value` as a float, and NaN, which no comparison lets pass, for what is none."""
    try:
        a = np.asarray(value)
        if a.ndim or a.dtype.kind in "cSU":  # complex, bytes, text
            return math.nan
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def one_of(name, value, choices) -> str:
    """One of the texts in `choices`."""
    if not isinstance(value, str) or value not in choices:
        listed = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be {listed}; got {shown(value)}")
    return value


# Times and kernels


def times(ts, *, convert: Convert[A] = array) -> A:
    """Times that start at 0 or later and never go back."""
    ts = convert("ts", ts, "T")
    if concrete(ts):
        t = np.asarray(ts)
        if t[0] < 0:
            raise ValueError(f"ts must be non-negative; got ts[0] = {t[0]}")
        steps_back = np.flatnonzero(t[1:] < t[:-1])
        if steps_back.size:
            i = int(steps_back[0])
            raise ValueError(
                "ts must be non-decreasing; "
                f"got ts[{i}] = {t[i]} before ts[{i + 1}] = {t[i + 1]}"
            )
    return ts


def symmetric(name, value, *, convert: Convert[A] = array) -> A:
    """A square matrix, symmetric up to rounding in its dtype, and then exactly.

    A matrix that is symmetric to the last bit comes as it is, not as a copy.
    """
    M = convert(name, value, "m m")
    if M.shape[0] != M.shape[1]:
        raise ValueError(f"{name} must be square; got shape {M.shape}")
    if concrete(M) and _asymmetry(name, value) == 0:
        return M
    return M / 2 + M.T / 2  # the sum of large entries could overflow


def _asymmetry(name, M) -> float:
    """max|M - M^T|; refused above 1e3 eps max|M|, with eps of the dtype that came."""
    if _stays_on_its_devices(M) and not has_explicit_axes(jax.typeof(M)):
        with jax.ensure_compile_time_eval():
            half_gap, largest = map(float, _half_gap_on_devices(M))
    else:
        M = np.asarray(M)
        half_gap, largest = _half_gap(M)
    floating = jnp.issubdtype(M.dtype, jnp.floating)
    eps = float(jnp.finfo(M.dtype if floating else float).eps)
    if half_gap > ASYMMETRY / 2 * eps * largest:
        raise ValueError(
            f"{name} must be symmetric; got max|{name} - {name}^T| = "
            f"{2 * half_gap:.3g} where max|{name}| = {largest:.3g}"
        )
    return 2 * half_gap


def _half_gap(M: np.ndarray) -> tuple[float, float]:
    """max|M - M^T|/2, since the difference could overflow, and max|M|."""
    half_gap = largest = 0.0
    rows = max(1, FEW // len(M))
    for i in range(0, len(M), rows):
        above = M[i : i + rows, i:].astype(float)
        below = M[i:, i : i + rows].T.astype(float)
        half_gap = max(half_gap, float(np.abs(above / 2 - below / 2).max()))
        largest = max(largest, float(np.abs(above).max()), float(np.abs(below).max()))
    return half_gap, largest


@jax.jit
def _half_gap_on_devices(M: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same, of which each device finds its part."""
    M = M.astype(float) if not jnp.issubdtype(M.dtype, jnp.floating) else M
    return jnp.abs(M / 2 - M.T / 2).max(), jnp.abs(M).max()


def semidefinite(name, smallest):
    """Refuse a kernel whose smallest eigenvalue is negative."""
    if smallest < 0:
        raise ValueError(
            f"{name} must be positive semi-definite, or the flow diverges; "
            f"got an eigenvalue {smallest:.3g}"
        )


def positive_eigenvalue(name, largest):
    """Refuse a kernel without a positive eigenvalue."""
    if largest <= 0:
        raise ValueError(
            f"{name} must have a positive eigenvalue; got {largest:.3g} as the largest"
        )


def moving_kernel(K0):
    """Refuse a kernel of zeros where its drift is asked for."""
    if not K0.any():
        raise ValueError(
            "the kernel at the first time must not be 0; "
            "its drift is measured as a share of it"
        )


# Flows, and how they move with the width


def flow_dtype(names, dtype):
    """Refuse a dtype that a flow cannot be integrated in."""
    if dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"{names} must be float32 or float64 for a flow; got {dtype}")


def outside_shard_map(name):
    """Refuse to run a function inside `jax.shard_map` that cannot run there."""
    if jax.sharding.get_abstract_mesh().manual_axes:
        raise ValueError(f"{name} must be called outside jax.shard_map")


def stacked_parameters(params) -> tuple[jax.Array, jax.Array]:
    """W0 (T, n, n0) and W1 (T, n): parameters stacked over time."""
    W0, W1 = pair("params", params, "Params(W0, W1), stacked over time")
    W0 = array("params.W0", W0, "T n n0")
    W1 = array("params.W1", W1, "T n")
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


# Results


def refuse_unless(good, message):
    """Raise a RuntimeError where a result is not good, also inside jit."""
    if concrete(good):
        _refuse(message, ~good)
    else:
        refuse = partial(jax.debug.callback, partial(_refuse, message))
        jax.lax.cond(good, lambda _: None, refuse, ~good)


def _refuse(message, bad):
    """Raise a RuntimeError if a result, or one of a batch, is bad."""
    if np.any(bad):
        raise RuntimeError(message)


# Linear operators


def square_operator(name, K):
    """A linear operator that maps vectors to vectors of the same length."""
    m, columns = K.shape
    if m != columns:
        raise ValueError(f"{name} must be square; got shape {K.shape}")
    return K


def symmetric_products(name, gap, largest, eps):
    """Refuse products that no symmetric matrix has."""
    if gap > ASYMMETRY * eps * largest:
        raise ValueError(
            f"{name} must be symmetric; got products that differ by {gap:.3g} from a "
            f"symmetric matrix's where they are up to {largest:.3g}"
        )

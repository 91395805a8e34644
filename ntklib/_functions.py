"""psi, loss and dloss of a reader: refused in one sentence, and differentiated."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ntklib import _check

# How many activations and shapes are remembered to be fit for use.
REMEMBERED = 256
# Arguments, in no order, at which a function that mixes them gives itself away.
PROBES = np.array([[0.7, -1.3, 0.4], [1.9, 0.2, -0.6]])


ELEMENTWISE = "an elementwise function, such as jnp.tanh"


@dataclass(frozen=True)
class Function:
    """A function of the reader's that knows what it does.

    Two of them are equal where they do the same. So what has been compiled for one
    serves the other, and does not serve the same function once a variable that it reads
    has changed.

    Attributes:
        function: the function as it came.
        does: what it does, see `what_it_does`.
        has_values: False where it depends on a tracer, or JAX cannot trace it.
    """

    function: Callable = field(compare=False)
    does: object
    has_values: bool = field(compare=False)

    def __call__(self, *args):
        """The value of the function."""
        return self.function(*args)


@dataclass(frozen=True)
class Elementwise(Function):
    """An activation that keeps the dtype of its argument."""

    def __call__(self, *args):
        """psi(z), in the dtype of z."""
        (z,) = args
        return self.function(z).astype(z.dtype)


def activation(psi, h) -> Elementwise:
    """`psi`, made to keep the dtype of its argument.

    Refused where JAX cannot trace it, or where it is not elementwise: it must keep
    shapes, and each of its values must depend on one argument alone.
    """
    z = _number(h.dtype)
    if not callable(psi):
        _refuse_value("psi", ELEMENTWISE, psi, (), z)
    elementwise = Elementwise(psi, *what_it_does(psi, z))
    _refuse_shapes(elementwise, h.shape, h.dtype)
    if elementwise.has_values:
        _refuse_mixing(elementwise, h.dtype)
    return elementwise


def scalar_loss(loss, f) -> Function:
    """`loss`, if it maps f and y to one real number."""
    return returns("loss", "a function of f and y, such as half_mse", loss, (), f, f)


def returns(name, kind, function, shape, *args) -> Function:
    """`function`, if JAX can trace it and its value has this shape."""
    _refuse_value(name, kind, function, shape, *args)
    return Function(function, *what_it_does(function, *args))


def _refuse_value(name, kind, function, shape, *args):
    """Refuse a function that JAX cannot trace or whose value has another shape."""
    what = (
        f"{name} must be {kind}, that JAX can trace "
        f"and that returns a real array of shape {shape}"
    )
    if not callable(function):
        raise ValueError(f"{what}; got {type(function).__name__}")
    try:
        out = jax.eval_shape(unseen(function), *args)
    except Exception as error:
        raise ValueError(f"{what}; got {_check.trouble(error)}") from error
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise ValueError(f"{what}; got {type(out).__name__}")
    if out.shape != shape or not jnp.issubdtype(out.dtype, jnp.floating):
        raise ValueError(f"{what}; got shape {out.shape} and dtype {out.dtype}")


def unseen(function) -> Callable:
    """A function that does the same and that JAX has not seen.

    About one that it has seen JAX would answer from its cache.
    """
    return lambda *args: function(*args)


def what_it_does(function, *args) -> tuple[object, bool]:
    """What a function of these arguments does, to be compared; whether it has values.

    It is told by the program that JAX makes of the function and its derivative, with
    all constants. A function that depends on a tracer is like itself alone, and so is
    one that JAX cannot trace.
    """
    if _part_of_jax(function):  # which never changes
        return function, True

    program = _program(function, args)
    if program is None:
        return object(), False
    constants = list(_constants(program))
    if any(isinstance(constant, Tracer) for constant in constants):
        return object(), False
    text = str(program)
    if " at 0x" in text or "callback" in text:  # what cannot be looked into
        text += f" in {id(function)}"
    arrays = [np.asarray(constant) for constant in constants]
    return (text, *[(a.dtype.str, a.tobytes()) for a in arrays]), True


def _program(function, args) -> Any:
    """The program of a function and of its derivative, as far as JAX can trace them."""

    def with_slope(*args):
        return jax.jvp(unseen(function), args, jax.tree.map(jnp.ones_like, args))

    for traced in (with_slope, unseen(function)):
        try:
            return jax.make_jaxpr(traced)(*args)
        except Exception:
            continue
    return None


def _part_of_jax(function) -> bool:
    """Whether a function comes with JAX, such as jnp.tanh."""
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__name__", "")
    is_its_own = getattr(sys.modules.get(module), name, None) is function
    return module.partition(".")[0] == "jax" and is_its_own


def _constants(program: Any) -> Iterator[object]:
    """The arrays that a traced program, or one within it, has as constants."""
    yield from program.consts
    for inner in _inner_programs(program.jaxpr):
        yield from inner.consts


def _inner_programs(steps) -> Iterator[Any]:
    """The programs with constants of their own within these steps, at any depth."""
    for step in steps.eqns:
        for inner in jax.tree.leaves(list(step.params.values())):
            if hasattr(inner, "consts"):
                yield inner
            if hasattr(inner, "eqns"):
                yield from _inner_programs(inner)


@lru_cache(REMEMBERED)
def _number(dtype) -> jax.ShapeDtypeStruct:
    """What a psi of numbers of this dtype is traced with."""
    return jax.ShapeDtypeStruct((), dtype)


@lru_cache(REMEMBERED)
def _refuse_shapes(psi: Elementwise, shape, dtype):
    """Refuse a psi that does not keep the shapes of a number and of h."""
    for z in (_number(dtype), jax.ShapeDtypeStruct(shape, dtype)):
        _refuse_value("psi", ELEMENTWISE, psi.function, z.shape, z)


@lru_cache(REMEMBERED)
def _refuse_mixing(psi: Elementwise, dtype):
    """Refuse a psi with a value that other arguments change."""
    value = evaluation(psi, with_slope=False)
    for size in (1, 1000):  # a norm may be cut off below some length
        probes = (size * PROBES).astype(dtype)
        together = np.asarray(value(probes), float).ravel()
        alone = np.asarray([value(z) for z in probes.ravel()], float)
        largest = np.abs(alone[np.isfinite(alone)]).max(initial=0)
        rounding = float(jnp.finfo(dtype).eps) ** 0.5 * largest
        apart = ~np.isclose(together, alone, rtol=0, atol=rounding, equal_nan=True)
        if apart.any():
            i = apart.argmax()
            raise ValueError(
                f"psi must be {ELEMENTWISE}; "
                f"got psi({probes.flat[i]:.4g}) = {alone[i]:.3g} alone "
                f"and {together[i]:.3g} among other numbers"
            )


def differentiated(what, function, *args):
    """What the function returns, if JAX can take the derivatives that it takes."""
    try:
        return function(*args)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{what} can take; got {_check.trouble(error)}") from error


def differentiated_forward(order, function, *args):
    """What a function returns that takes derivatives of psi by nested jvp."""
    what = f"psi must be a function whose derivative of order {order} jax.jvp"
    return differentiated(what, function, *args)


def derivatives(psi, h, order) -> tuple[jax.Array, ...]:
    """psi(h), psi'(h) and so on up to the order, each finite and of the shape of h."""
    psi = activation(psi, h)
    values = differentiated_forward(order, unchecked_derivatives, psi, h, order)
    for k, value in enumerate(values):
        _check.finite("psi" + "'" * k + "(h)", value)
    return values


def unchecked_derivatives(
    psi: Callable, h: Float[Array, "*shape"], order: int
) -> tuple[Float[Array, "*shape"], ...]:
    """psi(h), psi'(h) and so on up to the order, by nested jvp."""

    def lower(z):
        return unchecked_derivatives(psi, z, order - 1)

    if order == 0:
        return (psi(h),)
    values, slopes = jax.jvp(lower, (h,), (jnp.ones_like(h),))
    return *values, slopes[-1]


def evaluate(psi, z):
    """psi and psi' at the numbers z as NumPy float64 arrays, also inside jit.

    None where psi depends on a tracer, so that it has no values yet.
    """
    return evaluation(psi)(z)


def evaluation(psi, *, with_slope=True):
    """`evaluate` for one psi, which must not change from call to call."""

    def value_and_slope(z):
        return jax.jvp(psi, (z,), (jnp.ones_like(z),))

    function = value_and_slope if with_slope else psi
    # inside vmap a custom_jvp makes a tracer of any number, except inside jit
    compiled = jax.jit(unseen(function))

    def numbers(z):
        # psi may be NaN or infinite at some of them, whatever JAX is told to look for
        with jax.ensure_compile_time_eval(), jax.debug_nans(False):
            for attempt in (function, compiled):
                seen = differentiated_forward(1, attempt, jnp.asarray(z))
                if all(_check.concrete(value) for value in jax.tree.leaves(seen)):
                    return jax.tree.map(lambda a: np.asarray(a, float), seen)
        return None

    return numbers


def finite_values(psi, z):
    """psi at the numbers z as a NumPy float64 array, if it is finite there."""
    seen = evaluate(psi, z)
    if seen is None:
        _refuse_tracer()
    return _check.finite("psi", seen[0])


def with_values(psi: Elementwise):
    """Refuse a psi that depends on a tracer, so that it has no values yet."""
    if not psi.has_values:
        _refuse_tracer()


def _refuse_tracer() -> NoReturn:
    raise ValueError(
        "psi must not depend on a JAX tracer; "
        "call this function outside jit, vmap and grad"
    )


def finite_averages(averages):
    """Refuse a psi whose averages are not finite."""
    if not np.isfinite(averages).all():
        raise ValueError(
            "psi must have finite averages of psi(h)^2 and psi'(h)^2 for these X; "
            "got inf or nan"
        )


def refuse_jump(height, place):
    """Refuse a psi that jumps by `height` at `place`."""
    place = round(float(place), 5) + 0.0  # makes 0.0 of -0.0
    raise ValueError(
        "psi must be continuous, or it has no NTK; "
        f"got a jump of {height:.3g} at z = {place:.5g}"
    )


def at_time(name, function, t) -> float:
    """The value of a reader's function of time, a finite real number."""
    try:
        value = function(t)
    except Exception as error:
        raise ValueError(
            f"{name} must be a function of time, such as lambda t: -2 * t; "
            f"got {_check.trouble(error)}"
        ) from error
    return _check.number(f"{name}({t:.6g})", value)

"""psi, loss and dloss of a reader: refused in one sentence, and differentiated."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ntklib import _check


@dataclass(frozen=True)
class Elementwise:
    """An activation that keeps the dtype of its argument.

    Two of them are equal where their activations are, so that what JAX has compiled
    for one serves the other.
    """

    psi: Callable

    def __call__(self, z: Float[Array, "..."]) -> Float[Array, "..."]:
        """psi(z), in the dtype of z."""
        return self.psi(z).astype(z.dtype)


def activation(psi, h) -> Callable:
    """`psi`, made to keep the dtype of its argument.

    Refused where JAX cannot trace it or where it does not keep a shape.
    """
    kind = "an elementwise function, such as jnp.tanh"
    for shape in ((), h.shape):
        z = jax.ShapeDtypeStruct(shape, h.dtype)
        returns("psi", kind, psi, shape, z)
    return Elementwise(hashable(psi))


def scalar_loss(loss, f) -> Callable:
    """`loss`, if it maps f and y to one real number."""
    returns("loss", "a function of f and y, such as half_mse", loss, (), f, f)
    return loss


def returns(name, kind, function, shape, *args):
    """Refuse a function that JAX cannot trace or whose value has another shape."""
    what = (
        f"{name} must be {kind}, that JAX can trace "
        f"and that returns a real array of shape {shape}"
    )
    if not callable(function):
        raise ValueError(f"{what}; got {type(function).__name__}")
    try:
        # as a function that JAX has not seen: it would answer from its cache
        out = jax.eval_shape(lambda *args: function(*args), *args)
    except Exception as error:
        raise ValueError(f"{what}; got {_check.trouble(error)}") from error
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise ValueError(f"{what}; got {type(out).__name__}")
    if out.shape != shape or not jnp.issubdtype(out.dtype, jnp.floating):
        raise ValueError(f"{what}; got shape {out.shape} and dtype {out.dtype}")


def hashable(function: Callable) -> Callable:
    """`function`, or one that does the same and has a hash: JAX and Equinox want one.

    A dataclass has none.
    """
    return function if isinstance(function, Hashable) else partial(function)


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


def evaluation(psi):
    """`evaluate` for one psi, which must not change from call to call."""

    def value_and_slope(z):
        return jax.jvp(psi, (z,), (jnp.ones_like(z),))

    # inside vmap a custom_jvp makes a tracer of any number, except inside jit
    compiled = jax.jit(value_and_slope)

    def numbers(z):
        with jax.ensure_compile_time_eval():
            for function in (value_and_slope, compiled):
                value, slope = differentiated_forward(1, function, jnp.asarray(z))
                if _check.concrete(value):
                    return np.asarray(value, float), np.asarray(slope, float)
        return None

    return numbers


def finite_values(psi, z):
    """psi at the numbers z as a NumPy float64 array, if it is finite there."""
    seen = evaluate(psi, z)
    if seen is None:
        raise ValueError(
            "psi must not depend on a JAX tracer; "
            "call this function outside jit, vmap and grad"
        )
    return _check.finite("psi", seen[0])


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

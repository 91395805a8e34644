"""psi, loss and dloss of a reader: refused in one sentence, and differentiated."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
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


def activation(psi, h, order=0) -> Callable:
    """`psi`, made to keep the dtype of its argument.

    Refused where JAX cannot trace it, where it does not keep a shape, or where JAX
    cannot differentiate it `order` times, forward.
    """
    kind = "an elementwise function, such as jnp.tanh"
    for shape in ((), h.shape):
        z = jax.ShapeDtypeStruct(shape, h.dtype)
        returns("psi", kind, psi, shape, z)
    psi = Elementwise(hashable(psi))
    if order > 0:
        what = f"psi must be a function whose derivative of order {order} jax.jvp"
        stack = partial(unchecked_derivatives, psi, order=order)
        differentiated(what, jax.eval_shape, stack, h)
    return psi


def scalar_loss(loss, f) -> Callable:
    """`loss`, if it maps f and y to one real number."""
    returns("loss", "a function of f and y, such as half_mse", loss, (), f, f)
    return loss


def returns(name, kind, function, shape, *args):
    """Refuse a function that JAX cannot trace or that returns another shape or
    dtype.
    """
    what = (
        f"{name} must be {kind}, that JAX can trace "
        f"and that returns a real array of shape {shape}"
    )
    if not callable(function):
        raise ValueError(f"{what}; got {type(function).__name__}")
    try:
        out = jax.eval_shape(hashable(function), *args)
    except Exception as error:
        raise ValueError(f"{what}; got {_check.trouble(error)}") from error
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise ValueError(f"{what}; got {type(out).__name__}")
    if out.shape != shape or not jnp.issubdtype(out.dtype, jnp.floating):
        raise ValueError(f"{what}; got shape {out.shape} and dtype {out.dtype}")


def hashable(function) -> Callable:
    """`function` itself, or one that does the same and has a hash, as a dataclass has
    not.

    JAX and Equinox want one.
    """
    return function if isinstance(function, Hashable) else partial(function)


def differentiated(what, function, *args):
    """What the function returns, if JAX can take the derivatives that it takes."""
    try:
        return function(*args)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{what} can take; got {_check.trouble(error)}") from error


def derivatives(psi, h, order) -> tuple[jax.Array, ...]:
    """psi(h), psi'(h) and so on up to the order, each finite and of the shape of h."""
    psi = activation(psi, h, order)
    values = unchecked_derivatives(psi, h, order)
    for k, value in enumerate(values):
        _check.finite("psi" + "'" * k + "(h)", value)
    return values


def unchecked_derivatives(psi, h, order) -> tuple[jax.Array, ...]:
    """psi(h), psi'(h) and so on up to the order, by nested jvp."""
    if order == 0:
        return (psi(h),)

    def lower(z):
        return unchecked_derivatives(psi, z, order - 1)

    values, slopes = jax.jvp(lower, (h,), (jnp.ones_like(h),))
    return *values, slopes[-1]

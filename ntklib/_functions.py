"""psi, loss and dloss of a reader: refused in one sentence, and differentiated."""

from collections.abc import Hashable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import _check


def activation(psi, h):
    """`psi` as a function that keeps the dtype of `h`, if JAX can trace it and it keeps the shape."""
    for shape in ((), h.shape):
        returns(
            "psi",
            "an elementwise function, such as jnp.tanh",
            psi,
            shape,
            jax.ShapeDtypeStruct(shape, h.dtype),
        )
    return lambda z: psi(z).astype(z.dtype)


def differentiated(what, function, *args):
    """What the function returns, if JAX can take the derivatives that it takes."""
    try:
        return function(*args)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{what} can take; got {_check.trouble(error)}") from error


def hashable(function):
    """`function` itself, or one that does the same and has a hash, as a dataclass has not: JAX and Equinox want one."""
    return function if isinstance(function, Hashable) else partial(function)


def scalar_loss(loss, f):
    """`loss`, if it maps f and y to one real number."""
    returns("loss", "a function of f and y, such as half_mse", loss, (), f, f)
    return loss


def returns(name, kind, function, shape, *args):
    what = f"{name} must be {kind}, that JAX can trace and that returns a real array of shape {shape}"
    if not callable(function):
        raise ValueError(f"{what}; got {type(function).__name__}")
    try:
        out = jax.eval_shape(lambda *a: function(*a), *args)
    except Exception as error:
        raise ValueError(f"{what}; got {_check.trouble(error)}") from error
    if (
        not isinstance(out, jax.ShapeDtypeStruct)
        or out.shape != shape
        or not jnp.issubdtype(out.dtype, jnp.floating)
    ):
        got = (
            f"shape {out.shape} and dtype {out.dtype}"
            if isinstance(out, jax.ShapeDtypeStruct)
            else type(out).__name__
        )
        raise ValueError(f"{what}; got {got}")


def derivatives(psi, h, order):
    """psi(h), psi'(h) and so on up to the order, by nested jvp; each has the shape of h."""

    def stack(z, order):
        if order == 0:
            return (psi(z),)
        lower, slopes = jax.jvp(
            lambda z: stack(z, order - 1), (z,), (jnp.ones_like(z),)
        )
        return *lower, slopes[-1]

    psi = activation(psi, h)
    values = differentiated(
        f"psi must be a function whose derivative of order {order} jax.jvp",
        stack,
        h,
        order,
    )
    return tuple(
        _check.finite("psi" + "'" * k + "(h)", value) for k, value in enumerate(values)
    )


def evaluate(psi, z):
    """psi and psi' at the numbers z as NumPy float64 arrays, also inside jit.

    None where psi depends on a tracer, so that it has no values yet.
    """
    return evaluation(psi)(z)


def evaluation(psi):
    """`evaluate` for one psi, which must not change from call to call."""
    what = "psi must be a function whose derivative of order 1 jax.jvp"

    def value_and_slope(z):
        return jax.jvp(psi, (z,), (jnp.ones_like(z),))

    # inside vmap a custom_jvp makes a tracer of any number, except inside jit
    compiled = jax.jit(value_and_slope)

    def numbers(z):
        with jax.ensure_compile_time_eval():
            for function in (value_and_slope, compiled):
                value, slope = differentiated(what, function, jnp.asarray(z))
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
        "psi must be continuous, or it has no NTK: psi'(h)^2 has no finite average; "
        f"got a jump of {height:.3g} at z = {place:.5g}"
    )

"""Compiled programs, kept for the calls that can use them again."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec, auto_axes

from ntklib import _check
from ntklib._blocks import spread_over
from ntklib._functions import Function

# A program takes up to 20 MB, and a second or more to make.
PROGRAMS = 64


def run(
    formula: Callable, functions: tuple[Function, ...], arrays: tuple, **options
) -> Any:
    """The value of `formula(*functions, *arrays, **options)`, as one compiled program.

    The program of an earlier call is used again where the formula and the options are
    the same, the functions do the same, and the arrays have the same shapes and dtypes.
    The programs used last are kept, so that new functions do not fill the memory. Where
    a function depends on a tracer, the formula runs as it is, in the caller's program.

    XLA chooses how the work is spread over the devices of the arrays, also on a mesh
    with explicit axes, where a value as long as an array is spread as that array is.

    Args:
        formula: a function of a module: one made anew would be compiled anew.
        functions: functions of the reader's.
        arrays: arrays, or pytrees of arrays, also of tracers.
        options: what the program is made for, such as sizes of blocks; hashable.
    """
    leaves, structure = jax.tree.flatten(arrays)
    types = tuple(jax.typeof(leaf) for leaf in leaves)
    chosen = tuple(sorted(options.items()))
    made_for = (formula, functions, structure, types, _devices(leaves), chosen)
    if not all(function.has_values for function in functions):
        return _bound(*made_for)(*arrays)
    return _program(*made_for)(*arrays)


def run_and_look(
    formula: Callable, functions: tuple[Function, ...], arrays: tuple
) -> tuple[Any, jax.Array]:
    """The same, and whether all entries of its value, an array, are finite."""
    return run(_and_whether_finite, functions, arrays, of=formula)


def _and_whether_finite(*arguments, of):
    value = of(*arguments)
    return value, _check.all_finite(value)


def _devices(leaves) -> int | None:
    """Over how many devices the arrays are spread; None if there are tracers."""
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return None
    spread = [len(leaf.devices()) for leaf in leaves if isinstance(leaf, jax.Array)]
    return max(spread, default=1)


@lru_cache(PROGRAMS)
def _program(*made_for):
    """The program for arrays of these types on so many devices.

    For other shapes it would be made of the function that came first, which may do
    something else by then; hence a program for each.
    """
    return jax.jit(_bound(*made_for))


def _bound(formula, functions, structure, types, devices, options) -> Callable:
    """The formula as a function of arrays of these types alone."""

    def bound(*arrays):
        with spread_over(devices):
            return formula(*functions, *arrays, **dict(options))

    bound.__name__ = formula.__name__  # by which JAX names what it compiles
    explicit = [one for one in types if _check.has_explicit_axes(one)]
    return _spread(bound, structure, types, explicit) if explicit else bound


def _spread(formula, structure, types, explicit) -> Callable:
    """The formula where some arrays live on a mesh with explicit axes.

    Inside, XLA chooses how to spread what comes up. Its value, if it is as long as one
    of these arrays, is spread by rows as that array is; if not, it is whole on each
    device.
    """
    rows = {a.shape[0]: a.sharding.spec[0] for a in explicit if a.sharding.spec}
    arguments = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in types]
    values = jax.eval_shape(formula, *jax.tree.unflatten(structure, arguments))

    def spread(value):
        axes = [rows.get(size) for size in value.shape[:1]]
        return NamedSharding(explicit[0].sharding.mesh, PartitionSpec(*axes))

    return auto_axes(formula, out_sharding=jax.tree.map(spread, values))

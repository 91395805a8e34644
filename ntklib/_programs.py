"""Compiled programs, kept for the calls that can use them again."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax

from ntklib._functions import Function

# A program takes up to 20 MB, and a second or more to make.
PROGRAMS = 64


def run(
    formula: Callable, functions: tuple[Function, ...], arrays: tuple, **options
) -> Any:
    """The value of `formula(*functions, *arrays, **options)`, as one compiled program.

    The program of an earlier call is used again where the formula and the options are
    the same, the functions do the same, and the arrays have the same shapes and dtypes.
    The programs used last are kept, so that new functions do not fill the memory.

    Args:
        formula: a function of a module: one made anew would be compiled anew.
        functions: functions of the reader's.
        arrays: arrays, or pytrees of arrays, also of tracers.
        options: what the program is made for, such as sizes of blocks; hashable.
    """
    if not all(function.has_values for function in functions):
        return formula(*functions, *arrays, **options)
    leaves, structure = jax.tree.flatten(arrays)
    types = tuple(jax.typeof(leaf) for leaf in leaves)
    chosen = tuple(sorted(options.items()))
    program = _program(formula, functions, structure, types, chosen)
    return program(*arrays)


@lru_cache(PROGRAMS)
def _program(formula, functions, structure, types, options):
    """The program for arrays of these types.

    For other shapes it would be made of the function that came first, which may do
    something else by then; hence a program for each.
    """
    return jax.jit(partial(formula, *functions, **dict(options)))

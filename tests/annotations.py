"""The annotations of the library, run: a wrong shape in a signature makes a test fail.

The library reads lists as arrays and integers as floats, and refuses what does not fit
with a ValueError of its own. So a call is judged after it: where it returned, all must
fit the annotations, read in the same way.
"""

import operator
from inspect import signature
from pathlib import Path
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook

LIBRARY = Path(__file__).parents[1] / "ntklib"


def install():
    """Run the annotations of every module that is imported from now on.

    The exercises run other people's functions, whose arguments are their own affair.
    The hook decorates inner functions too, on line 1 as coverage sees it: an inner
    ``def`` right after an ``if`` makes coverage report a branch that is never taken.
    """
    names = [path.stem for path in LIBRARY.iterdir() if path.name != "__init__.py"]
    modules = [f"ntklib.{name}" for name in names if name != "exercises"]
    install_import_hook(modules, "tests.annotations.judged")


def judged(function):
    """A typechecker for jaxtyping that judges a call by what it was given and returned.

    Jaxtyping calls the result twice: before a call with its arguments, which proves
    nothing here, and after it with what it returned as one argument more, ``ret0``.
    """
    expected = signature(function)
    if "ret0" not in expected.parameters:
        return lambda *args, **kwargs: None
    strict = beartype(function)

    def judge(*args, **kwargs):
        call = expected.bind(*args, **kwargs)
        for name, value in call.arguments.items():
            if name != "ret0":
                hint = expected.parameters[name].annotation
                call.arguments[name] = as_read(value, hint)
        returned = strict(*call.args, **call.kwargs)
        fields_fit(returned)

    return judge


def as_read(value, hint):
    """An argument as the library reads it."""
    union = get_origin(hint) in (Union, UnionType)
    kinds = get_args(hint) if union else (hint,)
    if value is None and NoneType in kinds:
        return None
    if hasattr(value, "matvec"):  # a linear operator
        return value
    if int in kinds:
        return operator.index(value)
    if float in kinds:
        return float(value)
    if any(holds_floats(kind) for kind in kinds):
        return as_floats(value)
    if get_origin(hint) is tuple and isinstance(value, tuple):
        return tuple(map(as_read, value, get_args(hint)))
    if hasattr(hint, "_fields") and isinstance(value, tuple):
        return hint(*value)  # Params may come as a plain pair
    return value


def as_floats(value):
    """An array as it is, made of a list or of integers where it has to be."""
    if not isinstance(value, jax.Array | np.ndarray):
        try:
            value = np.asarray(value)
        except jax.errors.TracerArrayConversionError:
            value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(float)


def fields_fit(value):
    """Refuse a named tuple whose arrays have other shapes than its class says.

    The sizes are those of the arguments of the call. Params may be stacked over time.
    """
    if not hasattr(value, "_fields") or type(value).__name__ == "Params":
        return
    for name, hint in get_type_hints(type(value)).items():
        field = getattr(value, name)
        if holds_floats(hint) and not isinstance(field, hint):
            got = getattr(field, "shape", type(field))
            raise TypeError(f"{type(value).__name__}.{name} is no {hint}; got {got}")


def holds_floats(hint):
    """Whether a part of an annotation stands for arrays of floats."""
    return (
        isinstance(hint, type)
        and issubclass(hint, AbstractArray)
        and "float32" in hint.dtypes
    )

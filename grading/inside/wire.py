"""Arguments and answers as JSON, on their way between the grader and a submission."""

import base64
import math

LARGEST = 2000  # entries of an answer; the largest right one has 1600
NUMBERS = "biufc"  # NumPy's kinds of numbers: no objects, no text
LARGEST_ITEM = 16  # bytes of a complex double; longer kinds are not portable


def pack(value):
    """A number, text, set of texts or array as JSON; a TypeError for anything else."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (set, frozenset, list, tuple) and value:
        are_texts = [type(item) is str for item in value]
        if all(are_texts):
            return {"names": sorted(value)}
    import numpy as np  # a submission without arrays needs no NumPy

    array = np.asarray(value)
    if array.dtype.kind not in NUMBERS or array.dtype.itemsize > LARGEST_ITEM:
        raise TypeError(f"the answer is a {type(value).__name__}, not numbers")
    if array.size > LARGEST:
        raise TypeError(f"the answer has {array.size} entries, more than {LARGEST}")
    return {
        "dtype": array.dtype.str,
        "shape": array.shape,
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def unpack(value):
    """What `pack` packed; an error if the value cannot come from `pack`."""
    if not isinstance(value, dict):
        return value
    if "names" in value:
        return {str(name) for name in value["names"]}
    import numpy as np

    dtype = np.dtype(str(value["dtype"]))
    shape = tuple(int(length) for length in value["shape"])
    if dtype.kind not in NUMBERS or math.prod(shape) > LARGEST:
        raise ValueError("not an array of numbers")
    data = base64.b64decode(value["data"])
    return np.frombuffer(data, dtype).reshape(shape).copy()


def argument(value):
    """An argument of an answer: what `unpack` knows, and also a network or activation.

    A network comes as the two arrays of its parameters, an activation as its name.
    """
    if isinstance(value, dict) and "params" in value:
        from ntklib import Params

        W0, W1 = value["params"]
        return Params(unpack(W0), unpack(W1))  # pyright: ignore[reportArgumentType]
    if isinstance(value, dict) and "psi" in value:
        import jax

        name = value["psi"]
        return getattr(jax.numpy, name, None) or getattr(jax.nn, name)
    return unpack(value)

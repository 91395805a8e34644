"""Arguments and answers as JSON, on their way between the grader and a submission."""

import base64

import numpy as np

LARGEST = 2000  # entries of an answer; the largest right one has some 200
LARGEST_CHOICE = 100  # names in an answer

# What NumPy calls its real numbers: no objects, no texts, no records.
NUMBERS = {
    np.dtype(code).str
    for code in ("?", *np.typecodes["AllInteger"], *np.typecodes["Float"])
}


def pack(value):
    """A number, a set of texts or an array of numbers as JSON."""
    if isinstance(value, set):
        return {"names": sorted(value)}
    if not isinstance(value, np.ndarray):
        return value
    return {
        "dtype": value.dtype.str,
        "shape": value.shape,
        "data": base64.b64encode(value.tobytes()).decode(),
    }


def unpack(value):
    """What `pack` packed; an error if the value cannot come from `pack`."""
    if not isinstance(value, dict):
        return value
    if "names" in value:
        if len(value["names"]) > LARGEST_CHOICE:
            raise ValueError("not a choice of names")
        return {str(name) for name in value["names"]}
    if value["dtype"] not in NUMBERS:
        raise ValueError("not an array of numbers")
    data = base64.b64decode(value["data"])
    numbers = np.frombuffer(data, value["dtype"])
    if numbers.size > LARGEST:
        raise ValueError("not an array of numbers")
    return numbers.reshape(value["shape"]).copy()


def argument(value):
    """An argument of an answer: what `unpack` knows, and also a network or activation.

    A network comes as the two arrays of its parameters, an activation as its name and
    its numbers.
    """
    if isinstance(value, dict) and "params" in value:
        from ntklib import Params

        W0, W1 = value["params"]
        return Params(unpack(W0), unpack(W1))  # pyright: ignore[reportArgumentType]
    if isinstance(value, dict) and "psi" in value:
        from psis import activation  # pyright: ignore[reportMissingImports] - in the zip

        return activation(value["psi"], value["numbers"])
    return unpack(value)

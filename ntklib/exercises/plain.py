"""What an answer gave, as plain data: numbers, names, or why there is neither.

`check` and the grading take every answer through this module, each in the process where
the answer runs, so that both judge the same thing. There are no answers here, and
nothing but NumPy is needed: the grading copies this module to where submissions run.
"""

import inspect
import re
import warnings
from collections.abc import Set
from dataclasses import dataclass

import numpy as np

LARGEST = 2000  # entries; the largest right one has some 200
LONGEST = 200  # characters of an error

# An imaginary part that is no larger than this, as a share, is rounding.
ROUNDING = {np.dtype(np.complex64): 1e-5, np.dtype(np.complex128): 1e-12}


@dataclass(frozen=True)
class Failure:
    """Why an answer gave no value.

    ``about`` is "unanswered", "nothing", "function", "signature", "changed", "late",
    "hole" or "refused", or, for an error that was raised, a key of `SIGNS` or "error".
    ``detail`` goes into the sentence of :func:`ntklib.exercises.failures.sentence`.
    """

    about: str
    detail: str = ""


# How the errors look that readers meet most, by what they are about.
SIGNS = {
    "library": r"^NotThere: ",  # which the grading raises
    "none": r"NoneType|(was|got|of|input:) None\b|None is not a|at least one array",
    "traced": r"Tracer|^\w*(Concrete|Concretization)",
    "immutable": r"immutable",
    "flat": r"0-dimensional array given|0-d array|is 0-dimensional|has (ndim )?0\b",
    "objects": r"dtype\('O'\)|object arrays|not supported for the input types",
    "scalar": r"scalar-output|size-1|truth value|Python scalars|scalar index",
    "singular": r"[Ss]ingular matrix",
    "dtype": r"^TypeError: grad requires real",
    "index": r"^IndexError.*out of (bounds|range)",
    "name": r"^(NameError|UnboundLocalError|ImportError|ModuleNotFoundError)",
    "shapes": r"shape|broadcast|dimension|mismatch|square|subscript|axes|Size of label",
}

# NumPy's own notation within its messages about shapes, which no reader needs.
NOTATION = re.compile(r", (with gufunc signature \S+|gufunc core with signature \S+)")


def called(answer, arguments):
    """What an answer, a function, gives for these arguments: plain data or a Failure.

    Args:
        answer: a function, or whatever stands in its place.
        arguments: NumPy arrays, numbers, networks and activations.
    """
    if answer is None or answer is ... or answer is NotImplemented:
        return Failure("unanswered")
    if not callable(answer):
        return Failure("function", _kind(answer))
    signature = _other_signature(answer, arguments)
    if signature:
        return Failure("signature", signature)
    lent = [_copied(argument) for argument in arguments]
    try:
        with warnings.catch_warnings(action="ignore"):
            value = answer(*lent)
    except (Exception, SystemExit) as error:
        return raised(error)
    if value is None:
        return Failure("nothing")
    for number, (before, after) in enumerate(zip(arguments, lent, strict=True)):
        if not _equal(before, after):
            return Failure("changed", str(number))
    return taken(value)


def taken(value):
    """A value as plain data: an array of real numbers, a set of names, or a Failure.

    The numbers are float64; those that came with fewer digits are float32.
    """
    if value is None or value is ... or value is NotImplemented:
        return Failure("unanswered")
    try:
        with warnings.catch_warnings(action="ignore"):
            return _plain(value)
    except _Hole:
        return Failure("hole")
    except _Refused as refused:
        return Failure("refused", str(refused))
    except (Exception, SystemExit) as error:  # the value's own methods may raise
        return raised(error)


def raised(error):
    """The Failure that an error stands for, whatever it does when it is looked at."""
    try:
        line = f"{type(error).__name__}: {error}".removesuffix(": ").split("\n")[0]
    except BaseException:
        return Failure("error", "an error that cannot be shown")
    if line == "NotImplementedError":  # the stub of a student's copy
        return Failure("unanswered")
    about = next((key for key, sign in SIGNS.items() if re.search(sign, line)), "error")
    return Failure(about, NOTATION.sub("", line)[:LONGEST])


class _Refused(ValueError):
    """A value that is neither numbers nor names; the text says what it is."""


class _Hole(ValueError):
    """A collection in which an entry is None."""


def _other_signature(answer, arguments):
    """The signature of a function that cannot be called with these arguments."""
    try:
        signature = inspect.signature(answer)
    except Exception:
        return None  # Python cannot tell; the call itself will
    try:
        signature.bind(*arguments)
    except TypeError:
        return str(signature)[:LONGEST]
    return None


def _copied(a):
    if isinstance(a, tuple):  # a network
        return type(a)(*map(_copied, a))
    return a.copy() if isinstance(a, np.ndarray) else a


def _equal(before, after):
    if isinstance(before, tuple):
        return all(map(_equal, before, after))
    return not isinstance(before, np.ndarray) or np.array_equal(before, after)


def _plain(value):
    if callable(value):
        raise _Refused("a function")
    if isinstance(value, Set):  # keys of a dictionary as well
        return _names(value, value)
    try:
        array = np.asarray(value)
    except ValueError:
        raise _Refused(f"{_kind(value)} that is not a rectangular array") from None
    except Exception:  # whatever an object's own methods raise
        raise _Refused(f"{_kind(value)} that NumPy cannot read") from None
    if array.size > LARGEST:
        raise _Refused(f"an array of shape {array.shape}")
    if array.dtype.kind in "UTO" and array.size:
        items = array.ravel().tolist()
        if any(isinstance(item, str) for item in items):
            return _names(items, value)
        array = _from_objects(items, value).reshape(array.shape)
    return _real(array, value)


def _names(items, value):
    """The names, if all of the items are texts."""
    for item in items:
        if not isinstance(item, str):
            raise _Refused(_with_entry(value, item))
    return {str(item)[:LONGEST] for item in items}


def _from_objects(items, value):
    """The numbers that objects stand for, such as Fraction, Decimal or SymPy's."""
    numbers = []
    for item in items:
        if item is None:
            raise _Hole
        try:
            numbers.append(complex(item))
        except Exception:
            raise _Refused(_with_entry(value, item)) from None
    return np.array(numbers)


def _real(array, value):
    """Real numbers as float64, or float32 where they have fewer digits."""
    kind = array.dtype.kind
    if kind == "c":
        largest = np.abs(array).max(initial=0)
        imaginary = np.abs(array.imag).max(initial=0)
        if imaginary > ROUNDING.get(array.dtype, 0) * largest:
            raise _Refused("complex numbers")
        array = array.real
    # JAX's short floats, such as bfloat16, are of a kind that NumPy does not know.
    elif kind not in "iufV" or array.dtype.names:
        raise _Refused(f"{_kind(value)} with entries of type {array.dtype}")
    short = array.dtype.kind in "fV" and array.dtype.itemsize < 8
    return array.astype(np.float32 if short else np.float64)


def _with_entry(value, entry):
    """A value that holds no numbers, and the entry that shows it, in words."""
    if value is entry:
        return _kind(value)
    return f"{_kind(value)} with {_kind(entry)} among its entries"


def _kind(value):
    """The type of a value with its article."""
    name = type(value).__name__[:LONGEST]
    return f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"

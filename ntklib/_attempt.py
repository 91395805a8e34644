"""Runs an answer on cases: within a limit of time, on copies, and so that whatever goes wrong becomes a sentence."""

import contextvars
import ctypes
import inspect
import threading
import traceback

import jax
import numpy as np

from ntklib import _answers
from ntklib import _diagnosis as diagnosis

LIMIT = 20.0  # seconds for one call; JAX may have to compile in it


def values(name, answer, tried):
    """What the answer, a function, returns for each case; a ValueError says why it returns nothing."""
    arguments = _answers.EXERCISES[name].arguments.split()
    diagnosis.reject(answer)
    if not callable(answer):
        raise ValueError(f"a function of ({', '.join(arguments)}) is asked; got {type(answer).__name__}")
    try:
        inspect.signature(answer).bind(*arguments)
    except TypeError:
        asked = f"{name}({', '.join(arguments)})"
        raise ValueError(f"it is called as {asked}, but takes {inspect.signature(answer)}") from None
    except ValueError:  # some functions written in C have no signature
        pass
    return [_value(name, answer, case, arguments) for case in tried]


def _value(name, answer, case, arguments):
    where = _answers.described(name, case)
    lent = jax.tree.map(lambda a: a.copy() if isinstance(a, np.ndarray) else a, case)
    value, error = _guarded(answer, lent)
    if isinstance(error, _TooLong):
        raise ValueError(f"stopped after {LIMIT:g} seconds, for {where}")
    if isinstance(error, NotImplementedError):
        raise ValueError(diagnosis.UNANSWERED)
    if error:
        line = traceback.format_exception_only(error)[-1].strip().split("\n")[0]
        raise ValueError(f"it raised {line:.200} for {where}")
    for argument, before, after in zip(arguments, case, lent, strict=True):
        if not all(map(np.array_equal, jax.tree.leaves(before), jax.tree.leaves(after))):
            raise ValueError(f"it changes its argument {argument} in place; work on a copy")
    return value


class _TooLong(BaseException):
    """Stops an answer; no Exception, so that an answer which catches those is stopped too."""


def _guarded(function, args):
    """The value of function(*args) or the exception that it raised, within the limit of time.

    A thread works on every system, outside the main thread too, and the wait for it ends whatever the answer catches;
    a signal would need Unix and the main thread, and could be swallowed for ever.
    """
    outcome, x64 = {}, jax.config.jax_enable_x64

    def work():
        try:
            with jax.enable_x64(x64):  # JAX's own contexts are not passed on to a thread
                outcome["value"] = jax.block_until_ready(function(*args))
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        thread.join(LIMIT)
    finally:  # also when the reader interrupts
        late = thread.is_alive()
        for _ in range(20 * late):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_TooLong))
            thread.join(0.05)
    return outcome.get("value"), _TooLong() if late else outcome.get("error")

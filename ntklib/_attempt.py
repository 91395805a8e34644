"""Runs an answer on cases: within a limit of time, on copies, and so that whatever goes wrong becomes a sentence."""

import contextlib
import contextvars
import ctypes
import inspect
import threading
import traceback

import jax
import numpy as np

from ntklib import _answers
from ntklib import _diagnosis as diagnosis

LIMIT = 30.0  # seconds for one call; JAX may have to compile in it
PATIENCE = 20  # times that an answer is told to stop


def values(name, answer, tried):
    """What the answer, a function, returns for each case; a ValueError says why it returns nothing."""
    arguments = _answers.EXERCISES[name].arguments.split()
    diagnosis.reject(answer)
    if not callable(answer):
        raise ValueError(
            f"a function of ({', '.join(arguments)}) is asked; got {type(answer).__name__}"
        )
    _takes(answer, name, arguments)
    return [_value(name, answer, case, arguments) for case in tried]


def _takes(answer, name, arguments):
    """Refuse a function that does not take the arguments; where Python cannot tell, the call itself will."""
    try:
        signature = inspect.signature(answer)
    except Exception:
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise ValueError(
            f"it is called as {name}({', '.join(arguments)}), but takes {signature}"
        ) from None


def _value(name, answer, case, arguments):
    where = _answers.described(name, case)
    lent = jax.tree.map(lambda a: a.copy() if isinstance(a, np.ndarray) else a, case)
    value, error = _guarded(answer, lent)
    if isinstance(error, _TooLong):
        raise ValueError(f"no value after {LIMIT:g} seconds{error} for {where}")
    if isinstance(error, NotImplementedError):
        raise ValueError(diagnosis.UNANSWERED)
    if error is not None:
        line = traceback.format_exception_only(error)[0].strip().split("\n")[0]
        raise ValueError(f"it raised {line:.200} for {where}")
    for argument, before, after in zip(arguments, case, lent, strict=True):
        if not all(
            map(np.array_equal, jax.tree.leaves(before), jax.tree.leaves(after))
        ):
            raise ValueError(
                f"it changes its argument {argument} in place; work on a copy"
            )
    return value


class _TooLong(BaseException):
    """Stops an answer; no Exception, so that an answer that catches those is stopped too."""


def _guarded(function, args):
    """The value of function(*args) or the exception that it raised, within the limit of time.

    A thread works on every system, outside the main thread too, and the wait for it ends whatever the answer catches;
    a signal would need Unix and the main thread, and could be swallowed for ever.
    """
    outcome, x64 = {}, diagnosis.x64()

    def work():
        with contextlib.suppress(
            _TooLong
        ):  # a second one, sent before the first had ended the thread
            try:
                with jax.enable_x64(
                    x64
                ):  # JAX's own contexts are not passed on to a thread
                    outcome["value"] = jax.block_until_ready(function(*args))
            except BaseException as error:
                outcome["error"] = error

    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(work,), daemon=True
    )
    try:
        thread.start()
        thread.join(LIMIT)
    finally:  # also when the reader interrupts
        late = thread.is_alive()
        for _ in range(PATIENCE):
            if thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooLong)
                )
                thread.join(0.05)
    if late:
        return None, _TooLong(
            ", and it still runs: restart the kernel;" if thread.is_alive() else ","
        )
    return outcome.get("value"), outcome.get("error")

"""Runs an answer on the cases, and turns whatever goes wrong into a sentence.

It gets copies of the arguments, and a limit of time where Python has threads.
"""

import contextlib
import contextvars
import ctypes
import inspect
import threading
import traceback

import jax
import numpy as np

from ntklib.exercises.cases import described
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.values import (
    NOTHING,
    UNANSWERED,
    computes_in_float64,
    refuse_nothing,
)

LIMIT = 30.0  # seconds for one call; JAX may have to compile in it
PATIENCE = 20  # times that an answer is told to stop


def run(name, answer, tried):
    """What the answer, a function, returns for each case.

    Raises:
        ValueError: why it returns nothing, in one sentence.
    """
    refuse_nothing(answer)
    if not callable(answer):
        arguments = ", ".join(EXERCISES[name].arguments)
        raise ValueError(
            f"expected a function of ({arguments}), got {type(answer).__name__}"
        )
    _refuse_other_arguments(name, answer)
    return [_value(name, answer, case) for case in tried]


def _refuse_other_arguments(name, answer):
    """Refuse a function that cannot be called with the arguments of the exercise."""
    arguments = EXERCISES[name].arguments
    try:
        signature = inspect.signature(answer)
    except Exception:
        return  # Python cannot tell; the call itself will
    try:
        signature.bind(*arguments)
    except TypeError:
        raise ValueError(
            f"it is called as {name}({', '.join(arguments)}), but takes {signature}"
        ) from None


def _value(name, answer, case):
    where = described(name, case)
    lent = jax.tree.map(_copied, case)
    value, error = _guarded(answer, lent)
    if isinstance(error, _TooLong):
        raise ValueError(f"no value after {LIMIT:g} seconds for {where}{error}")
    if isinstance(error, NotImplementedError):
        raise ValueError(UNANSWERED)
    if error is not None:
        line = traceback.format_exception_only(error)[0].strip().split("\n")[0]
        raise ValueError(f"it raised {line:.200} for {where}")
    if value is None:
        raise ValueError(NOTHING)
    for argument, before, after in zip(
        EXERCISES[name].arguments, case, lent, strict=True
    ):
        if not _equal(before, after):
            raise ValueError(
                f"it changes its argument {argument} in place; work on a copy"
            )
    return value


def _copied(a):
    return a.copy() if isinstance(a, np.ndarray) else a


def _equal(before, after):
    return all(map(np.array_equal, jax.tree.leaves(before), jax.tree.leaves(after)))


class _TooLong(BaseException):
    """Stops an answer; no Exception, so that catching those does not help it."""


def _guarded(function, args):
    """The value of function(*args), and the exception that it raised, if any.

    The function runs in a thread, which works on every system and outside the main
    thread, and the wait for it ends whatever the answer catches. A signal would need
    Unix and the main thread, and an answer could swallow it.

    Where Python has no threads, as in WebAssembly, the function runs in this one. Then
    there is no limit of time: an endless answer has to be interrupted by the reader.
    """
    value, error = None, None
    x64 = computes_in_float64()  # JAX does not pass its own contexts on to a thread

    def work():
        nonlocal value, error
        # A second _TooLong may come before the first has ended the thread.
        with contextlib.suppress(_TooLong):
            try:
                with jax.enable_x64(x64):
                    value = jax.block_until_ready(function(*args))
            except BaseException as raised:
                error = raised

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), daemon=True)
    try:
        thread.start()
        thread.join(LIMIT)
    except RuntimeError:  # can't start new thread
        return _unguarded(function, args)
    finally:  # also when the reader interrupts
        late = thread.is_alive()
        _stop(thread)
    if late:
        advice = "; it is still running: restart the kernel"
        return None, _TooLong(advice if thread.is_alive() else "")
    return value, error


def _unguarded(function, args):
    """As _guarded, in this thread: the reader's own interrupt is what can end it."""
    try:
        return jax.block_until_ready(function(*args)), None
    except Exception as raised:
        return None, raised


def _stop(thread):
    """Raise _TooLong in the thread until it has ended, or patience has."""
    for _ in range(PATIENCE):
        if not thread.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooLong)
        )
        thread.join(0.05)

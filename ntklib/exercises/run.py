"""Runs an answer on the cases, within a limit of time where Python has threads."""

import contextlib
import contextvars
import ctypes
import threading

import jax

from ntklib.exercises.plain import Failure, called, raised
from ntklib.exercises.values import computes_in_float64

LIMIT = 30.0  # seconds for one call; JAX may have to compile in it
PATIENCE = 20  # times that an answer is told to stop


def run(answer, tried):
    """What the answer gives for each case: plain data or a `Failure`.

    After a failure it is not called again; the judge looks at the first one alone.
    """
    outcomes = []
    for case in tried:
        outcomes.append(_guarded(answer, case))
        if isinstance(outcomes[-1], Failure):
            break
    return outcomes + outcomes[-1:] * (len(tried) - len(outcomes))


class _TooLong(BaseException):
    """Stops an answer; no Exception, so that catching those does not help it."""


def _guarded(answer, case):
    """What the answer gives for one case.

    It runs in a thread, which works on every system and outside the main thread, and
    the wait for it ends whatever the answer catches. A signal would need Unix and the
    main thread, and an answer could swallow it.

    Where Python has no threads, as in WebAssembly, it runs in this one. Then there is
    no limit of time: an endless answer has to be interrupted by the reader.
    """
    outcome = None
    x64 = computes_in_float64()  # JAX does not pass its own contexts on to a thread

    def work():
        nonlocal outcome
        # A second _TooLong may come before the first has ended the thread.
        with contextlib.suppress(_TooLong):
            try:
                with jax.enable_x64(x64):
                    outcome = called(answer, case)
            except _TooLong:
                raise
            except BaseException as error:
                outcome = raised(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), daemon=True)
    try:
        thread.start()
        thread.join(LIMIT)
    except RuntimeError:  # can't start new thread
        return called(answer, case)  # which the reader can interrupt
    finally:  # also when the reader interrupts
        late = thread.is_alive()
        _stop(thread)
    if late:
        running = " (it is still running: restart the kernel)"
        advice = running if thread.is_alive() else ""
        return Failure("late", f"{LIMIT:g} seconds{advice}")
    return outcome


def _stop(thread):
    """Raise _TooLong in the thread until it has ended, or patience has."""
    for _ in range(PATIENCE):
        if not thread.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooLong)
        )
        thread.join(0.05)

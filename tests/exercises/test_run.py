"""An answer runs on copies, within a limit of time; what goes wrong is one sentence."""

import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib.exercises import check, run, solution
from ntklib.exercises.cases import cases
from ntklib.exercises.plain import Failure


def attempt(answer):
    """What an answer to stable_step gives for two cases."""
    return run.run(answer, cases("stable_step", 0)[:2])


def late(advice=""):
    """What stands in the place of values that did not come in time."""
    return [Failure("late", f"0.2 seconds{advice}")] * 2


@pytest.fixture
def soon(monkeypatch):
    """A limit of time that tests can wait for, and patience for a busy machine."""
    monkeypatch.setattr(run, "LIMIT", 0.2)
    monkeypatch.setattr(run, "PATIENCE", 10_000)


def endless(K):
    """Never return."""
    while True:
        pass


def stubborn(K):
    """Never return, and catch every ordinary exception on the way."""
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            continue


@pytest.mark.parametrize("answer", [endless, stubborn])
def test_run_stops_an_endless_answer(answer, soon):
    """After the limit the thread is gone, though the answer catches exceptions."""
    threads = threading.active_count()
    assert attempt(answer) == late()
    assert threading.active_count() == threads


def test_run_gives_up_an_answer_that_cannot_be_stopped(soon, monkeypatch):
    """An answer that catches everything is left behind, and the reader is told so."""
    monkeypatch.setattr(run, "PATIENCE", 3)
    over = threading.Event()

    def immortal(K):
        while not over.is_set():
            try:
                time.sleep(0.001)
            except BaseException:
                continue

    threads = set(threading.enumerate())
    assert attempt(immortal) == late(" (it is still running: restart the kernel)")
    over.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join()


def test_run_waits_for_jax(soon):
    """An array that JAX still computes is no value yet."""

    class Promise:
        def __array__(self, *args, **kwargs):
            endless(0)

    assert attempt(lambda K: Promise()) == late()


@pytest.fixture
def interruptible():
    """Python's own answer to SIGINT; a process in the background would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="needs signals between threads"
)
def test_run_can_be_interrupted(interruptible, monkeypatch):
    """The reader's interrupt ends the wait and the answer."""
    monkeypatch.setattr(run, "PATIENCE", 10_000)

    def interrupt(K):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        endless(K)

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        attempt(interrupt)
    assert threading.active_count() == threads


def fail(error):
    """A function of K that raises."""

    def answer(K):
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("no way"), "ValueError: no way"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_run_says_what_an_answer_raised(error, detail):
    """Also of errors that would end the program."""
    assert attempt(fail(error)) == [Failure("error", detail)] * 2


def test_run_calls_no_more_after_a_failure():
    """The judge looks at the first failure alone."""
    calls = []

    def answer(K):
        calls.append(K)

    assert attempt(answer) == [Failure("nothing")] * 2
    assert len(calls) == 1


def deep(K):
    """Call itself without an end."""
    return deep(K)


def test_run_survives_a_recursion():
    """Endless recursion is one of the exceptions."""
    failure, _ = attempt(deep)
    assert failure.detail.startswith("RecursionError: maximum recursion depth exceeded")


@pytest.mark.parametrize("on", [True, False])
def test_run_keeps_the_readers_settings(on):
    """JAX's precision and NumPy's errors are the caller's, though in a thread."""
    with jax.enable_x64(on), np.errstate(divide="raise"):
        first, _ = attempt(lambda K: {str(jnp.zeros(1).dtype), np.geterr()["divide"]})
    assert first == {"float64" if on else "float32", "raise"}


def test_run_prints_what_the_answer_prints(capsys):
    """What an answer prints is printed; that it returns nothing is said."""
    assert attempt(print) == [Failure("nothing")] * 2
    assert capsys.readouterr().out.count("[") > 2


@pytest.fixture
def without_threads(monkeypatch):
    """A Python that cannot start a thread, as in WebAssembly."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_run_needs_no_threads(without_threads):
    """Without threads the answer runs in the calling one, with the same result."""
    callers = []

    def answer(K):
        callers.append(threading.current_thread())
        return 2.0

    assert attempt(answer) == [2.0, 2.0]
    assert callers == [threading.current_thread()] * 2
    assert check("stable_step", solution("stable_step"))


def test_run_without_threads_says_what_an_answer_raised(without_threads):
    """An error becomes the same sentence as with threads."""
    first, _ = attempt(lambda K: 1 / 0)
    assert first == Failure("error", "ZeroDivisionError: division by zero")


def test_run_without_threads_lets_the_reader_interrupt(without_threads):
    """Nothing else ends an endless answer there, so the interrupt is not swallowed."""

    def interrupted(K):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted)

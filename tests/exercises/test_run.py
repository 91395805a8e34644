"""An answer runs on copies, within a limit of time; what goes wrong is one sentence."""

import functools
import signal
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib.exercises import check, run, solution
from ntklib.exercises.cases import cases


def attempt(answer):
    """The values that an answer to stable_step returns for the cases."""
    return run.run("stable_step", answer, cases("stable_step", 0)[:2])


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
    with pytest.raises(
        ValueError, match=r"^no value after 0\.2 seconds for K \(4, 4\)$"
    ):
        attempt(answer)
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
    message = r"for K \(4, 4\); it is still running: restart the kernel$"
    with pytest.raises(ValueError, match=message):
        attempt(immortal)
    over.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join()


def test_run_waits_for_jax(soon):
    """An array that JAX still computes is no value yet."""

    class Promise:
        def block_until_ready(self):
            endless(0)

    with pytest.raises(ValueError, match="no value after"):
        attempt(lambda K: Promise())


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


class Odd(Exception):
    """An exception that is false and has two lines."""

    def __bool__(self):
        """No."""
        return False

    def __str__(self):
        """Two lines."""
        return "first\nsecond"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (fail(NotImplementedError()), "^not answered yet$"),
        (None, "^not answered yet$"),
        (..., "^not answered yet$"),
        (fail(ValueError("no way")), r"^it raised ValueError: no way for K \(4, 4\)$"),
        (fail(Odd()), r"^it raised .*Odd: first for K \(4, 4\)$"),
        (fail(SystemExit(3)), "^it raised SystemExit: 3 for K"),
        (fail(KeyboardInterrupt()), "^it raised KeyboardInterrupt for K"),
        (fail(KeyError("x" * 300)), "^it raised KeyError: 'x{189} for K"),
        (lambda K: K @ np.ones(7), "^it raised ValueError: matmul: .*for K"),
        (2.5, r"^expected a function of \(K\), got float$"),
        (lambda K, L: 1, r"^it is called as stable_step\(K\), but takes \(K, L\)$"),
        (lambda: 1, r"but takes \(\)$"),
        (max, "^it raised TypeError|^it raised ValueError"),
    ],
)
def test_run_says_what_went_wrong(answer, message):
    """No answer, an exception with the shapes for which it came, a wrong signature."""
    with pytest.raises(ValueError, match=message):
        attempt(answer)


def deep(K):
    """Call itself without an end."""
    return deep(K)


def test_run_survives_a_recursion():
    """Endless recursion is one of the exceptions."""
    message = "^it raised RecursionError: maximum recursion depth exceeded"
    with pytest.raises(ValueError, match=message):
        attempt(deep)


def spoil_X(params, X, psi):
    """Change an argument in place."""
    X *= 2
    return X


def spoil_weights(params, X, psi):
    """Change an argument in place."""
    params.W1[0] = 0
    return X


@pytest.mark.parametrize(
    ("answer", "argument"), [(spoil_X, "X"), (spoil_weights, "params")]
)
def test_run_notices_changed_arguments(answer, argument):
    """Arrays that are changed in place are named; the cases themselves stay."""
    tried = cases("ntk", 0)
    with pytest.raises(
        ValueError,
        match=f"^it changes its argument {argument} in place; work on a copy$",
    ):
        run.run("ntk", answer, tried)
    for case, fresh in zip(tried, cases("ntk", 0), strict=True):
        jax.tree.map(np.testing.assert_array_equal, case[:2], fresh[:2])


class Callable:
    """An object that can be called."""

    def __call__(self, K):
        """Some number."""
        return 2


@pytest.mark.parametrize(
    "answer",
    [
        functools.partial(lambda scale, K: scale, 2),
        jax.jit(lambda K: 2.0),
        np.sum,
        Callable(),
        lambda *args, **kwargs: 2,
        lambda K: print,  # not a number, but that is for the judge to say
    ],
)
def test_run_calls_anything_callable(answer):
    """Partials, jitted functions, functions of NumPy, objects."""
    assert len(attempt(answer)) == 2


@pytest.mark.parametrize("on", [True, False])
def test_run_keeps_the_readers_settings(on):
    """JAX's precision and NumPy's errors are the caller's, though in a thread."""
    with jax.enable_x64(on), np.errstate(divide="raise"):
        first, _ = attempt(lambda K: (jnp.zeros(1).dtype, np.geterr()["divide"]))
    assert first == (np.dtype("float64" if on else "float32"), "raise")


def test_run_prints_what_the_answer_prints(capsys):
    """What an answer prints is printed; that it returns nothing is said."""
    with pytest.raises(ValueError, match=r"^it returned nothing"):
        attempt(print)
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
    with pytest.raises(
        ValueError, match=r"^it raised ZeroDivisionError: .* for K \(4, 4\)$"
    ):
        attempt(lambda K: 1 / 0)


def test_run_without_threads_lets_the_reader_interrupt(without_threads):
    """Nothing else ends an endless answer there, so the interrupt is not swallowed."""

    def interrupted(K):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted)

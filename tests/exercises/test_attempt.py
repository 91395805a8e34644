"""An answer runs within a limit of time and on copies; whatever goes wrong becomes one sentence."""

import functools
import signal
import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ntklib import _answers, _attempt


def attempt(answer, name="stable_step", seed=0):
    """The values that an answer returns for the cases of an exercise."""
    return _attempt.values(name, answer, _answers.cases(name, seed))


@pytest.fixture
def soon(monkeypatch):
    """A limit of time that tests can wait for."""
    monkeypatch.setattr(_attempt, "LIMIT", 0.2)


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
def test_values_stops_an_endless_answer(answer, soon):
    """After the limit the thread is stopped and gone, though the answer catches exceptions."""
    threads, start = threading.active_count(), time.monotonic()
    with pytest.raises(
        ValueError, match=r"^no value after 0\.2 seconds, for K \(4, 4\)$"
    ):
        attempt(answer)
    assert time.monotonic() - start < 10
    assert threading.active_count() == threads


def test_values_gives_up_an_answer_that_cannot_be_stopped(soon, monkeypatch):
    """An answer that catches everything is left behind, and the reader is told so."""
    monkeypatch.setattr(_attempt, "PATIENCE", 3)
    over = threading.Event()

    def immortal(K):
        while not over.is_set():
            try:
                time.sleep(0.001)
            except BaseException:
                continue

    threads = set(threading.enumerate())
    with pytest.raises(
        ValueError, match="seconds, and it still runs: restart the kernel; for K"
    ):
        attempt(immortal)
    over.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)


def test_values_waits_for_jax(soon):
    """An array that JAX still computes is no value yet."""

    class Promise:
        def block_until_ready(self):
            endless(0)

    with pytest.raises(ValueError, match="no value after"):
        attempt(lambda K: Promise())


@pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="needs signals between threads"
)
def test_values_can_be_interrupted():
    """The reader's interrupt ends the wait and the answer."""

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
        (lambda K: K @ np.ones(7), "^it raised ValueError: matmul: .*for K"),
        (lambda K: sys.setrecursionlimit, None),
        (2.5, r"^a function of \(K\) is asked; got float$"),
        (lambda K, L: 1, r"^it is called as stable_step\(K\), but takes \(K, L\)$"),
        (lambda: 1, r"but takes \(\)$"),
        (max, "^it raised TypeError|^it raised ValueError"),
    ],
)
def test_values_says_what_went_wrong(answer, message):
    """No answer, an exception with the shapes for which it was raised, a wrong signature."""
    if message is None:
        assert len(attempt(answer)) == 2
    else:
        with pytest.raises(ValueError, match=message):
            attempt(answer)


def deep(K):
    """Call itself without an end."""
    return deep(K)


def test_values_survives_a_recursion():
    """Endless recursion is one of the exceptions."""
    with pytest.raises(
        ValueError, match=r"^it raised RecursionError: maximum recursion depth exceeded"
    ):
        attempt(deep)


def spoil(params, X, psi):
    """Change an argument in place."""
    X *= 2
    return X


def spoil_weights(params, X, psi):
    """Change an argument in place."""
    params.W1[0] = 0
    return X


@pytest.mark.parametrize(
    ("answer", "argument"), [(spoil, "X"), (spoil_weights, "params")]
)
def test_values_notices_changed_arguments(answer, argument):
    """Arrays that are changed in place are named, and the cases themselves stay as they are."""
    tried = _answers.cases("ntk", 0)
    before = [np.copy(leaf) for case in tried for leaf in jax.tree.leaves(case[:2])]
    with pytest.raises(
        ValueError,
        match=f"^it changes its argument {argument} in place; work on a copy$",
    ):
        _attempt.values("ntk", answer, tried)
    after = [leaf for case in tried for leaf in jax.tree.leaves(case[:2])]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "answer",
    [
        functools.partial(lambda scale, K: scale, 2),
        jax.jit(lambda K: 2.0),
        np.sum,
        type("Callable", (), {"__call__": lambda self, K: 2})(),
        lambda *args, **kwargs: 2,
    ],
)
def test_values_calls_anything_callable(answer):
    """Partials, jitted functions, functions of NumPy, objects."""
    assert len(attempt(answer)) == 2


@pytest.mark.parametrize("on", [True, False])
def test_values_keeps_the_readers_settings(on):
    """JAX's precision and NumPy's handling of errors are those of the caller, though the answer runs in a thread."""
    with jax.enable_x64(on), np.errstate(divide="raise"):
        (first, _) = attempt(lambda K: (jnp.zeros(1).dtype, np.geterr()["divide"]))
    assert first == (np.dtype("float64" if on else "float32"), "raise")


def test_values_prints_what_the_answer_prints(capsys):
    """What an answer prints is printed."""
    attempt(print)
    assert capsys.readouterr().out.count("[") > 2

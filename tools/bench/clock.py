"""How time and compilations are measured, and memory of what JAX computes.

Times are those of the processor, which other work on the machine disturbs little. A
time is stated beside that of a peer, measured in the same process in turn with it: the
least of the one over the least of the other.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from tools.bench.memory import peak_beyond_start, prepare

Call = Callable[[], Any]  # of a function whose arguments are fixed
Clock = Callable[[], float]

ROUNDS = 7  # in which calls take turns; fewer if they take long
FEWEST_ROUNDS = 3
BUDGET = 3.0  # seconds for the rounds
SHORTEST = 0.01  # seconds of a round; quicker calls are repeated within it


def seconds_of(call: Call, repeats: int, clock: Clock) -> float:
    """Time of one call, as the mean of some in a row."""
    start = clock()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (clock() - start) / repeats


def in_turn(*calls: Call, clock: Clock = time.process_time) -> list[list[float]]:
    """Seconds of each call in every round; what they compile is compiled before."""
    for call in calls:
        jax.block_until_ready(call())
    firsts = [seconds_of(call, 1, clock) for call in calls]
    repeats = [max(1, round(SHORTEST / first)) for first in firsts]
    rounds = [[first] for first in firsts]
    end = time.perf_counter() + BUDGET
    while len(rounds[0]) < ROUNDS:
        if time.perf_counter() > end and len(rounds[0]) >= FEWEST_ROUNDS:
            break
        for call, count, seconds in zip(calls, repeats, rounds, strict=True):
            seconds.append(seconds_of(call, count, clock))
    return rounds


def least(call: Call, clock: Clock = time.process_time) -> float:
    """The least time of a call, in seconds."""
    [seconds] = in_turn(call, clock=clock)
    return min(seconds)


def ratio(ours: Call, peer: Call) -> dict[str, Any]:
    """Our time over the peer's, and between what values half of the rounds lie."""
    our, their = in_turn(ours, peer)
    return {
        "value": min(our) / min(their),
        "spread": middle_half(np.divide(our, their)),
        "seconds": [min(our), min(their)],
    }


def alone(call: Call) -> dict[str, Any]:
    """The least time of a call in seconds, and between what values half of them lie."""
    [seconds] = in_turn(call)
    return {"value": min(seconds), "spread": middle_half(seconds)}


def middle_half(values) -> list[float]:
    """The lower and the upper quartile."""
    return np.quantile(values, [0.25, 0.75]).tolist()


def extra_memory(call: Call) -> int:
    """Bytes of a call at its peak beyond those before; it has been compiled before."""
    prepare()
    jax.block_until_ready(call())
    return peak_beyond_start(lambda: jax.block_until_ready(call()))


def first_call(call: Call) -> tuple[float, int]:
    """Seconds and bytes of the first call, which compiles."""
    seconds = []

    def timed():
        start = time.process_time()
        result = jax.block_until_ready(call())
        seconds.append(time.process_time() - start)
        return result

    peak = peak_beyond_start(timed)
    return seconds[0], peak


def programs_compiled(call: Call) -> int:
    """How many programs XLA compiles during a call."""
    compiled = []

    def note(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        jax.block_until_ready(call())
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    return len(compiled)

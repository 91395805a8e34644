"""The problems that all libraries solve, and how their answers are judged and timed.

No JAX here: every environment imports this module.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tools.bench.memory import peak_beyond_start, prepare

# Kernels at infinite width, of relu, and at width n, of tanh.
PROBLEMS = {
    "infinite, many dimensions": {"m": 1000, "n0": 784},
    "infinite, many inputs": {"m": 5000, "n0": 20},
    "finite": {"m": 512, "n0": 32, "n": 4096},
}
AGREEMENT = 1e-7  # of the largest entry
ROUNDS, BUDGET = 5, 5.0  # calls of a mode, and seconds for them


def draw(m, n0, n=1):
    """Inputs X, and parameters W0 and W1 for those problems that have a width."""
    random = np.random.default_rng(0)
    X = random.standard_normal((m, n0)) / n0**0.5
    return X, random.standard_normal((n, n0)), random.standard_normal(n)


def entries(K):
    """Some entries of a kernel, by which it is judged: a block with a diagonal."""
    return np.asarray(K[:40, :40])


def measure(modes: dict[str, dict[str, Callable[[], Any]]]) -> None:
    """Judge and time each mode of each problem that a library can solve, and print it.

    A mode is a call that returns a kernel as a NumPy array, or one of its own kind that
    is finished. The question on standard input holds the entries that are right, or
    None where the answer is to be them.
    """
    right = json.load(sys.stdin)
    found = []
    for problem, calls in modes.items():
        for mode, call in calls.items():
            prepare()
            K = entries(call())
            line: dict[str, Any] = {"problem": problem, "mode": mode}
            if right is not None:
                error = np.max(np.abs(K - right[problem])) / np.max(np.abs(K))
                line["error"] = float(error)
            if line.get("error", 0) <= AGREEMENT:
                line |= {"bytes": peak_beyond_start(call), "seconds": least(call)}
            found.append(line | {"entries": K.tolist()})
    print(json.dumps(found))


def least(call: Callable[[], Any]) -> float:
    """The least processor time of a call, in seconds."""
    seconds = []
    while len(seconds) < ROUNDS and sum(seconds) < BUDGET:
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)

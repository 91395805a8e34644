"""Lazy and rich networks that learn the product of two signs, and what their kernels
learn.

Inputs have n0 entries, each a random sign over sqrt(n0); the target is the product
of the first two signs. A relu network of width n, paired at the start, follows the
gradient flow to the targets n^(s - 1/2) y (tolerance 1e-3) up to t = 200 n^(1 - s), and
its outputs are read divided by n^(s - 1/2).

Each row ends with a draw's number, the mean square error on the m training inputs and
on 2000 others, that of the kernel regression with the kernel at the start and at the
end, and the alignment of both kernels with the training targets.
"""

import jax
import numpy as np

from ntklib import (
    Params,
    antisymmetric_params,
    empirical_ntk,
    gradient_flow,
    kernel_alignment,
    kernel_regression,
    network,
)

SEED = 17
DRAWS = 6
TESTS = 2000
TIME = 200  # of the flow, times n^(1 - s)
COLUMNS = (
    "n0",
    "n",
    "m",
    "s",
    "draw",
    "train",
    "test",
    "kernel_start",
    "kernel_end",
    "alignment_start",
    "alignment_end",
)
SETTINGS = [
    *((20, 512, m, 1.0) for m in (50, 75, 100, 150)),
    *((40, 512, m, 1.0) for m in (100, 150, 200, 300, 400, 500)),
    *((80, 512, m, 1.0) for m in (300, 400, 600)),
    *((40, 512, m, 0.5) for m in (100, 200, 300, 400, 500)),
    *((40, 512, 300, s) for s in (0.25, 0.625, 0.75, 0.875)),
    *((40, n, 300, s) for n in (128, 2048) for s in (0.5, 1.0)),
]
SLICE = [(20, 512, 50, 1.0), (20, 512, 75, 1.0)]
RTOL = 0.01

relu = jax.nn.relu


def examples(rng, number, n0):
    """Inputs of length 1 with random signs, and the product of the first two signs."""
    signs = rng.choice([-1.0, 1.0], (number, n0))
    return signs / np.sqrt(n0), signs[:, 0] * signs[:, 1]


def measure(n0, n, m, s):
    """A row of errors and alignments for each draw."""
    return [(draw, *of_one_draw(n0, n, m, s, draw)) for draw in range(DRAWS)]


def of_one_draw(n0, n, m, s, draw):
    """Errors and alignments of one network on its own data."""
    X, y = examples(np.random.default_rng([SEED, n0, m, draw]), m, n0)
    X_new, y_new = examples(np.random.default_rng([SEED, n0, draw]), TESTS, n0)
    key = jax.random.fold_in(jax.random.key(SEED), draw)
    start = antisymmetric_params(key, n, n0)

    scale = n ** (s - 0.5)
    times = [TIME * n ** (1 - s)]
    flow = gradient_flow(start, X, scale * y, relu, times, rtol=1e-3)
    end = Params(flow.params.W0[-1], flow.params.W1[-1])
    f, f_new = [network(end, Z, relu) / scale for Z in (X, X_new)]

    errors = [np.mean((f - y) ** 2), np.mean((f_new - y_new) ** 2)]
    alignments = []
    for params in (start, end):
        K = np.asarray(empirical_ntk(params, X, relu))
        K_new = np.asarray(empirical_ntk(params, X_new, relu, X))
        zero, zero_new = np.zeros(m), np.zeros(TESTS)
        learnt = kernel_regression(K, K_new, zero, zero_new, y)
        errors.append(np.mean((learnt - y_new) ** 2))
        alignments.append(kernel_alignment(K, y))
    return (*errors, *alignments)

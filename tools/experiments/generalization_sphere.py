"""The error of kernel regression on a sphere in ten dimensions, over many draws.

The kernel is the limit kernel of relu. One target function has degrees 1, 2 and 4, the
other degrees 1 and 2; both have mean square 1.
"""

import numpy as np
from scipy.special import eval_gegenbauer

SEED = 1
SETTINGS = [(25,), (50,), (100,), (200,), (400,)]
COLUMNS = ("examples", "target", "error", "standard error")
SLICE = [(25,)]
RTOL = 1e-6

DIM = 10
DRAWS = 2000
TESTS = 400
MODES = {1: 10, 2: 54, 4: 660}  # how many polynomials of each degree
POWERS = [{1: 0.4, 2: 0.4, 4: 0.2}, {1: 0.5, 2: 0.5}]


def sphere(rng, count):
    """Uniform points on the sphere of radius 1."""
    points = rng.normal(size=(count, DIM))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def kernel(rho):
    """Limit kernel of relu for inputs of length 1 with this cosine."""
    omega = np.arccos(np.clip(rho, -1, 1))
    return (np.sin(omega) + 2 * (np.pi - omega) * rho) / (2 * np.pi)


def targets(points):
    """Both target functions, polynomials of the first coordinate."""
    a = DIM / 2 - 1
    z = points[:, 0]
    columns = []
    for power in POWERS:
        parts = [
            np.sqrt(share * MODES[k])
            * eval_gegenbauer(k, a, z)
            / eval_gegenbauer(k, a, 1.0)
            for k, share in power.items()
        ]
        columns.append(np.sum(parts, axis=0))
    return np.column_stack(columns)


def measure(m):
    """Mean square error of both targets, and its standard error over the draws."""
    rng = np.random.default_rng([SEED, m])
    errors = np.empty((DRAWS, len(POWERS)))
    for draw in range(DRAWS):
        points, tests = sphere(rng, m), sphere(rng, TESTS)
        c = np.linalg.solve(kernel(points @ points.T), targets(points))
        off = kernel(tests @ points.T) @ c - targets(tests)
        errors[draw] = np.mean(off**2, axis=0)
    mean = np.mean(errors, axis=0)
    se = np.std(errors, axis=0, ddof=1) / np.sqrt(DRAWS)
    return [
        (number, float(mean[number]), float(se[number]))
        for number in range(len(POWERS))
    ]

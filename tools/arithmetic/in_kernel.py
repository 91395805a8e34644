"""What runs inside a notebook's kernel, before its first cell."""

import hashlib
import math
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, linalg
from threadpoolctl import threadpool_limits

from ntklib import function_flow

EXAMPLES = 300  # so many rows and columns that threads share the work


def shrink_tolerances():
    """Divide every tolerance of an integrator by ten, also one that a cell names.

    Both of ntklib's flows make their steps with diffrax's controller, and the notebooks
    that integrate by themselves do so with SciPy.
    """
    coarse_controller = diffrax.PIDController
    coarse_solver = integrate.solve_ivp

    def finer_controller(rtol, atol, **options):
        return coarse_controller(rtol=rtol / 10, atol=atol / 10, **options)

    def finer_solver(*args, rtol=1e-3, atol=1e-6, **options):
        return coarse_solver(*args, rtol=rtol / 10, atol=atol / 10, **options)

    diffrax.PIDController = finer_controller
    integrate.solve_ivp = finer_solver


def use_threads(number):
    """Have OpenBLAS use so many threads; by a variable it takes no more than cores."""
    threadpool_limits(number)


def threads_of_jax():
    """How many threads JAX computes with; 0 where the system does not list them."""
    names = Path("/proc/self/task").glob("*/comm")
    return sum(name.read_text().strip() == "tf_XLAEigen" for name in names)


def bits():
    """A text for each kind of arithmetic, which differs if one last bit does."""
    numbers = np.random.default_rng(0).standard_normal((EXAMPLES, EXAMPLES))
    square = numbers @ numbers.T
    start = np.full(2, 0.5)
    with jax.enable_x64(True):
        results = {
            "C's functions": [math.exp(number) for number in numbers[0]],
            "NumPy's functions": np.tanh(numbers),
            "NumPy's products": square,
            "NumPy's eigenvalues": np.linalg.eigvalsh(square),
            "SciPy's solutions": linalg.solve(square, numbers[0]),
            "JAX's functions": jnp.exp(numbers),
            "JAX's products": jnp.asarray(numbers) @ numbers.T,
            "ntklib's flows": function_flow(
                np.eye(2), start, 0 * start, lambda f, y: f - y, [1.0], rtol=1e-6
            ),
            "SciPy's flows": integrate.solve_ivp(
                lambda t, f: -f, (0.0, 1.0), start, rtol=1e-6
            ).y,
        }
    found = {
        name: hashlib.sha256(np.asarray(result).tobytes()).hexdigest()
        for name, result in results.items()
    }
    return found | {"the number of JAX's threads": str(threads_of_jax())}

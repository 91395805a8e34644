"""What products with a kernel of 20,000 inputs cost, and whether they are right.

`python -m tools.beyond_memory` writes ``book/data/beyond_memory.csv``, the table of the
page on large kernels. The errors are those at 2,000 inputs, where the kernel fits into
memory and all its eigenvectors can be computed. SciPy's solvers solve the same there.
"""

import csv
import datetime
import platform
import resource
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from ntklib import (
    Params,
    eigenvalue_bounds,
    empirical_ntk,
    empirical_ntk_operator,
    init_params,
    kernel_regression,
    linear_flow,
    network,
    predict,
)
from ntklib._lanczos import Operator
from tools.execute import ROOT

TABLE = ROOT / "book" / "data" / "beyond_memory.csv"
COLUMNS = ["", "products", "processor seconds", "result, and error at m = 2,000"]
SMALL, LARGE = 2_000, 20_000
N0, N = 20, 2048
TIMES = [1.0, 10.0, 100.0, 1000.0]
RIDGE = 1e-2
SHORT = 0.05  # the intervals of the eigenvalues, as a share of these


class Task(NamedTuple):
    """A network at its start, data and new points.

    Attributes:
        products: how many products with `K` there were.
    """

    params: Params
    X: np.ndarray
    X_new: np.ndarray
    y: np.ndarray
    f0: np.ndarray
    f0_new: np.ndarray
    K: Operator
    K_new: Operator
    products: list


def task(m):
    """A network of N units with m random inputs of length 1 and a product as target."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(m + 100, N0))
    X /= np.linalg.norm(X, axis=1)[:, None]
    y = np.sign(X[:m, 0] * X[:m, 1])
    X, X_new = X[:m], X[m:]
    params = init_params(jax.random.key(0), N, N0)
    K = empirical_ntk_operator(params, X, jnp.tanh)
    products = []

    def times(v):
        """K v, counted."""
        products.append(1)
        return K.matvec(v)

    return Task(
        params,
        X,
        X_new,
        y,
        np.asarray(network(params, X, jnp.tanh)),
        np.asarray(network(params, X_new, jnp.tanh)),
        scipy.sparse.linalg.LinearOperator(K.shape, times, dtype=K.dtype),
        empirical_ntk_operator(params, X_new, jnp.tanh, X),
        products,
    )


def flow(t, K, _):
    """The residuals at some times."""
    return linear_flow(K, t.f0 - t.y, TIMES)


def prediction(t, K, K_new):
    """The outputs at new points at some times."""
    return predict(K, K_new, t.f0, t.f0_new, t.y, TIMES)


def regression(t, K, K_new):
    """The outputs of ridge regression at new points."""
    return kernel_regression(K, K_new, t.f0, t.f0_new, t.y, ridge=RIDGE)


WORK = {
    "`linear_flow` to $t = 1000$": flow,
    "`predict` to $t = 1000$, 100 new points": prediction,
    f"`kernel_regression`, ridge {RIDGE}": regression,
}


def measured(t, work):
    """What some work returns, and the products and seconds that it takes."""
    t.products.clear()
    started = time.process_time()
    result = work()
    return result, [len(t.products), f"{time.process_time() - started:.1f}"]


def interval(t):
    """The interval of the smallest eigenvalue."""
    return eigenvalue_bounds(t.K, rtol=SHORT).smallest


def table(small_m, large_m):
    """All rows."""
    small, large = task(small_m), task(large_m)
    large.K.matvec(large.y)  # compiled
    _, cost = measured(large, lambda: large.K.matvec(large.y))
    rows = [["one product", *cost]]

    K = np.asarray(empirical_ntk(small.params, small.X, jnp.tanh))
    K_new = np.asarray(empirical_ntk(small.params, small.X_new, jnp.tanh, small.X))
    for name, work in WORK.items():
        want = work(small, K, K_new)
        error = np.abs(work(small, small.K, small.K_new) - want).max()
        error = f"error {error / np.abs(want).max():.0e}"
        _, cost = measured(large, lambda w=work: w(large, large.K, large.K_new))
        rows.append([name, *cost, error])

    (low, high), cost_small = measured(small, lambda: interval(small))
    lam = scipy.linalg.eigvalsh(K)[0]
    if not low <= lam <= high:
        raise AssertionError(f"lambda_min = {lam} is not in [{low}, {high}]")
    short = f"length {100 * (high - low) / high:.1f} %"
    (low, high), cost = measured(large, lambda: interval(large))
    found = f"{low:.2e} to {high:.2e}"
    rows.append(["`eigenvalue_bounds`, $\\lambda_{\\min}$", *cost, found])

    name = f"at m = 2,000: `eigenvalue_bounds` to {100 * SHORT:.0f} %"
    rows.append([name, *cost_small, short])
    work = partial(scipy.sparse.linalg.eigsh, small.K, 1, which="SA", tol=SHORT)
    _, cost = measured(small, work)
    rows.append([f"at m = 2,000: SciPy's `eigsh` to {100 * SHORT:.0f} %", *cost])
    _, cost = measured(small, lambda: regression(small, small.K, small.K_new))
    rows.append([f"at m = 2,000: `kernel_regression`, ridge {RIDGE}", *cost])
    shifted = scipy.sparse.linalg.LinearOperator(
        K.shape, lambda v: small.K @ v + RIDGE * v, dtype=float
    )
    work = partial(scipy.sparse.linalg.cg, shifted, small.y - small.f0, rtol=1e-9)
    _, cost = measured(small, partial(work, maxiter=10_000))
    rows.append([f"at m = 2,000: SciPy's `cg`, ridge {RIDGE}", *cost])
    return rows


def processor():
    """The model of the processor."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main():
    """Measure and write the table."""
    with jax.enable_x64(True):
        rows = table(SMALL, LARGE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    rows.append(["peak memory of the whole process, GB", "", "", f"{peak:.2f}"])
    rows.append([f"{processor()}, {datetime.date.today()}, float64"])
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row + [""] * (len(COLUMNS) - len(row)) for row in rows)


if __name__ == "__main__":
    main()

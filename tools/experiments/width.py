"""The smallest eigenvalue at finite width, as a share of that of the limit kernel.

Each draw has new inputs, uniform on the unit sphere, and a new relu network, of which
the first n units are taken, for several n. Beside networks (kind 0: normal output
weights; 1: output weights of size 1 with random signs) there are matrices with as many
columns as a network has hidden weights, all independent, with the limit kernel as their
covariance (kind 2: of equal size; 3: those of a unit multiplied by one normal number).
"""

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import Params, empirical_ntk, lambda_min, limit_kernel

jax.config.update("jax_enable_x64", True)

SEED = 17
DRAWS = 200
RESAMPLED = 400  # for the error of the quantile, by the bootstrap
NORMAL, SIGNS, COLUMN, WEIGHTED = range(4)
LOADS = {  # hidden weights for each input
    NORMAL: (5, 8, 12, 18, 27, 40),
    SIGNS: (2, 3, 4.5, 7, 10, 15),
    COLUMN: (2, 3, 4.5, 7, 10, 15),
    WEIGHTED: (5, 8, 12, 18, 27, 40),
}
SETTINGS = [
    *[(10, m, NORMAL) for m in (25, 50, 100, 200)],
    *[(20, m, NORMAL) for m in (50, 100, 200)],
    *[(40, m, NORMAL) for m in (50, 100, 200)],
    *[(20, 100, kind) for kind in (SIGNS, COLUMN, WEIGHTED)],
]
COLUMNS = ("n0", "m", "kind", "n", "low", "low_error", "middle", "high")
SLICE = [(10, 25, NORMAL)]
RTOL = 1e-3  # of numbers with six decimals, at which an eigenvalue 0 is 0


def on_sphere(rng, m, n0):
    """Random inputs of length 1."""
    X = rng.standard_normal((m, n0))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def network_kernels(rng, X, widths, signs):
    """The kernels of the first n units of one network, for each n."""
    W0 = rng.standard_normal((widths[-1], X.shape[1]))
    W1 = rng.standard_normal(widths[-1])
    W1 = np.sign(W1) if signs else W1
    for n in widths:
        yield empirical_ntk(Params(W0[:n], W1[:n]), X, jax.nn.relu)


def column_kernels(rng, X, widths, weighted):
    """Kernels of n n0 independent columns with the limit kernel as covariance."""
    m, n0 = X.shape
    root = np.linalg.cholesky(limit_kernel(X, jax.nn.relu).ntk)
    weight = rng.standard_normal(widths[-1]) if weighted else np.ones(widths[-1])
    Z = root @ (rng.standard_normal((m, widths[-1] * n0)) * np.repeat(weight, n0))
    for n in widths:
        J = Z[:, : n * n0]
        yield J @ J.T / (n * n0)


def measure(n0, m, kind):
    """Quantiles (10 %, its error, 50 %, 90 %) at each width."""
    rng = np.random.default_rng([SEED, n0, m, kind])
    widths = [round(load * m / n0) for load in LOADS[kind]]
    shares = np.empty((DRAWS, len(widths)))
    for draw in range(DRAWS):
        X = jnp.asarray(on_sphere(rng, m, n0))
        lam = lambda_min(limit_kernel(X, jax.nn.relu).ntk)
        if kind in (NORMAL, SIGNS):
            kernels = network_kernels(rng, X, widths, kind == SIGNS)
        else:
            kernels = column_kernels(rng, X, widths, kind == WEIGHTED)
        shares[draw] = [lambda_min(K) / lam for K in kernels]
    low, middle, high = np.quantile(shares, [0.1, 0.5, 0.9], axis=0)
    again = rng.integers(DRAWS, size=(RESAMPLED, DRAWS))
    low_error = np.std(np.quantile(shares[again], 0.1, axis=1), axis=0, ddof=1)
    results = np.round([low, low_error, middle, high], 6) + 0.0  # 0 and not -0
    return list(zip(widths, *results, strict=True))

"""Does training converge as the theorem says, from random starts at small widths?

Three orthonormal inputs, as in the chapter. For each draw: the smallest eigenvalue of
the kernel, the least up to t = 1000, as a share of its start, and the largest ratio of
the loss to the bound of the theorem. The ratio counts while the loss is above a
millionth of its start: what is smaller depends on the integrator. A share is stored as
at least 0.001 and a ratio as at most 1000.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import empirical_ntk, gradient_flow, init_params

SEED = 0
SETTINGS = [(1,), (2,), (4,), (8,), (16,), (32,)]
COLUMNS = ["n", "share", "ratio"]
SLICE = [(4,)]
RTOL = 0.02

DRAWS = 200
X = np.eye(3)
Y = np.array([1.0, -1.0, 0.5])
TS = np.append(0.0, np.geomspace(0.05, 1000, 60))


def smallest_and_loss(start, ts, rtol):
    """Smallest eigenvalue of the kernel and loss of one network at the times ts."""
    flow = gradient_flow(start, X, Y, jnp.tanh, ts, rtol=rtol)

    def smallest(params):
        """The smallest eigenvalue at one time."""
        return jnp.linalg.eigvalsh(empirical_ntk(params, X, jnp.tanh))[0]

    return jax.vmap(smallest)(flow.params), flow.loss


def measure(n):
    """Share and ratio of each draw at this width."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), n), DRAWS)

    def one_draw(key):
        """Smallest eigenvalues and losses of one network."""
        return smallest_and_loss(init_params(key, n, 3), TS, 1e-6)

    with jax.enable_x64(True):
        lam, loss = (np.asarray(a) for a in jax.jit(jax.vmap(one_draw))(keys))
    share = np.maximum(lam.min(axis=1) / lam[:, 0], 1e-3)
    exponent = np.minimum(lam[:, :1] * TS / (2 * len(Y)), 50)
    ratio = loss / loss[:, :1] * np.exp(exponent)
    counts = loss > 1e-6 * loss[:, :1]
    ratio = np.minimum(np.where(counts, ratio, 0).max(axis=1), 1e3)
    return list(zip(share, ratio, strict=True))

"""By how much training changes the smallest eigenvalue of the kernel, by the width.

Three orthonormal inputs and paired starts, as in the chapter. For each draw: the
largest relative change of the smallest eigenvalue up to t = 30, and its least share of
its start.
"""

import jax
import numpy as np

from ntklib import antisymmetric_params
from tools.experiments.convergence import smallest_and_loss

SEED = 0
SETTINGS = [(256,), (1024,), (4096,)]
COLUMNS = ["n", "change", "least"]
SLICE = [(256,)]
RTOL = 0.02

DRAWS = 60
TS = np.linspace(0, 30, 6)


def measure(n):
    """Change and least share of each draw at this width."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), n), DRAWS)

    def one_draw(key):
        """Smallest eigenvalues of one network at all times."""
        return smallest_and_loss(antisymmetric_params(key, n, 3), TS, 1e-8)[0]

    with jax.enable_x64(True):
        lam = np.asarray(jax.jit(jax.vmap(one_draw))(keys))
    share = lam / lam[:, :1]
    return list(zip(np.abs(share - 1).max(axis=1), share.min(axis=1), strict=True))

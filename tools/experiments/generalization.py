"""How far trained networks are from the kernel's prediction, at four widths.

The data are those of the chapter: 100 handwritten threes and eights, one label in five
turned, and the other images to predict.
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from ntklib import (
    antisymmetric_params,
    empirical_ntk,
    gradient_flow,
    network,
    parameter_distance,
    predict,
)

SEED = 0
TIME = 100.0
STARTS = 12
SETTINGS = [(n, start) for n in (128, 512, 2048, 8192) for start in range(STARTS)]
COLUMNS = ("width", "start", "gap", "excess")
SLICE = [(128, 0), (512, 1)]
RTOL = 1e-3


def threes_and_eights():
    """100 images with labels, one in five of them wrong, and the others as they are."""
    pixels, digit = load_digits(return_X_y=True)
    chosen = np.isin(digit, [3, 8])
    X = pixels[chosen]
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    y = np.where(digit[chosen] == 3, 1.0, -1.0)
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    turned = rng.permutation(100) < 20
    return X[:100], np.where(turned, -y[:100], y[:100]), X[100:]


@jax.enable_x64(True)
def measure(n, start):
    """Root mean square gap of the outputs on new images, and by what share the squared
    distance of the parameters exceeds the formula.
    """
    X, y, X_new = threes_and_eights()
    psi = jnp.tanh
    key = jax.random.fold_in(jax.random.key(SEED), n)
    key = jax.random.split(key, STARTS)[start]
    params = antisymmetric_params(key, n, X.shape[1])
    flow = gradient_flow(params, X, y, psi, [0.0, TIME], rtol=1e-6)
    end = type(params)(flow.params.W0[-1], flow.params.W1[-1])

    K0 = empirical_ntk(params, X, psi)
    K_new = empirical_ntk(params, X_new, psi, X)
    zero, zero_new = np.zeros(len(X)), np.zeros(len(X_new))
    f_new = predict(K0, K_new, zero, zero_new, y, [TIME])[0]
    gap = np.sqrt(np.mean((network(end, X_new, psi) - f_new) ** 2))

    squared = sum(np.sum((w - w0) ** 2) for w, w0 in zip(end, params, strict=True))
    expected = parameter_distance(K0, -y, [TIME])[0] ** 2
    return [(float(gap), float(squared / expected - 1))]

"""Hermite coefficients of a function of one normal variable, by quadrature that stops at its kinks."""

import math

import jax.numpy as jnp
import numpy as np
from scipy.special import roots_legendre

from ntklib import _check, _functions, _gaussian


def coefficients(psi, k_max, norms):
    """Hermite coefficients for each norm, shape (len(norms), k_max + 1), by two rules that have to agree."""
    k_max = _check.count("k_max", k_max)
    _functions.activation(psi, np.zeros(1))
    dtype = jnp.result_type(float)
    kinks, _ = _gaussian.kinks(psi, dtype)
    coarse, fine = (
        np.array([_rule(psi, k_max, s, kinks, panels) for s in norms])
        for panels in (8, 16)
    )
    error = np.abs(fine - coarse).max() / (fine.max() + 1e-300)
    if not error < float(jnp.finfo(dtype).eps) ** 0.5:
        raise RuntimeError(
            f"the Hermite coefficients of psi did not converge: two rules disagree by {error:.1g}"
        )
    return fine[:, :-1]


def _rule(psi, k_max, norm, kinks, panels):
    """The coefficients, then the root of E psi(norm z)^2, which none of them exceeds, for their scale.

    Gauss-Legendre rules on so many panels a unit of length, and on the pieces into which kinks cut them.
    """
    far = math.ceil(2 * math.sqrt(k_max)) + 9
    stops = np.linspace(-far, far, 2 * far * panels + 1)
    stops = np.unique([*stops, *(k / norm for k in kinks if abs(k) < far * norm)])
    x, w = roots_legendre(12)
    half = np.diff(stops)[:, None] / 2
    z, w = (stops[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()
    root = np.exp(
        -(z**2) / 4
    )  # half of the weight goes with h_k, which would overflow alone
    seen = _gaussian.evaluate(psi, norm * z)
    if seen is None:
        raise ValueError(
            "psi must not depend on a JAX tracer; call this function outside jit, vmap and grad"
        )
    value = _check.finite("psi", seen[0]) * root
    w = w / math.sqrt(2 * math.pi)
    h = [np.zeros_like(z), root]
    for k in range(k_max):
        h.append((z * h[-1] - math.sqrt(k) * h[-2]) / math.sqrt(k + 1))
    return np.append(np.array(h[1:]) @ (w * value), math.sqrt(w @ value**2))

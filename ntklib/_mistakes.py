"""Formulas that are wrong in one known place each; the argument that is not the default says which place."""

import jax.numpy as jnp
import numpy as np
from scipy import special

from ntklib import _references as ref
from ntklib._functions import derivatives


def _parts(params, X, psi):
    """The Gram matrix, psi, psi' and psi'' at the preactivations, W1 and n."""
    W0, W1 = params
    A, S, C = (np.asarray(a) for a in derivatives(psi, jnp.asarray(X @ W0.T), 2))
    return X @ X.T, A, S, C, W1, len(W1)


def ntk(params, X, psi, *, last=1, first=1, gram=True, power=2, width=-1):
    """The kernel: weights of the two layers' shares, with or without <x, x'>, powers of W1 and of n."""
    G, A, S, _, W1, n = _parts(params, X, psi)
    return (
        last * A @ A.T + first * (G if gram else 1) * ((S * W1**power) @ S.T)
    ) * n**width


def relu(X, *, nngp=1, scale=None):
    """The limit kernel of relu through a clipped arccos, which loses half of the digits on the diagonal."""
    norms, c = np.linalg.norm(X, axis=1), X @ X.T
    root = np.outer(norms, norms)
    theta = np.arccos(np.clip(c / root, -1, 1))
    Phi = root * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    return nngp * Phi + (c if scale is None else scale) * (np.pi - theta) / (2 * np.pi)


def erf(X, *, nngp=1, scale=None, bias=0, inside=2, square=4):
    """The limit kernel of erf: with a bias, with another scale inside, with another square of the slope."""
    c = X @ X.T + bias
    q = 1 + inside * np.diag(c)
    Q = np.outer(q, q)
    slope = square / np.pi * (inside / 2) / np.sqrt(Q - (inside * c) ** 2)
    return (
        nngp * 2 / np.pi * np.arcsin(inside * c / np.sqrt(Q))
        + (c if scale is None else scale) * slope
    )


def gelu(X, *, nngp=1, share=1, scaled=True, approximate=False):
    """The limit kernel of GELU as a sum of weighted parts, or of its approximation by tanh."""

    def psi(z):
        return z * special.ndtr(z)

    def slope(z):
        return special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)

    def tanh(z):
        return (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2

    def tanh_slope(z):
        return tanh(z) + 2 * z * tanh(z) * (1 - tanh(z)) * np.sqrt(2 / np.pi) * (
            1 + 3 * 0.044715 * z**2
        )

    if approximate:
        return ref.smooth_limit(X, lambda z: z * tanh(z), tanh_slope)
    Phi, rest = (
        ref.smooth_limit(X, psi, np.zeros_like),
        ref.smooth_limit(X, np.zeros_like, slope),
    )
    return nngp * Phi + share * (rest if scaled else rest / (X @ X.T))


def output_velocity(params, X, y, psi, *, mixed=True, count=-1, target=1, first=1):
    """The outputs' velocity: with the own residual alone, another power of m, another target, or one layer at rest."""
    K = ntk(params, X, psi, first=first)
    r = _parts(params, X, psi)[1] @ params.W1 / np.sqrt(len(params.W1)) - target * y
    return -(K if mixed else np.diag(np.diag(K))) @ r * float(len(X)) ** count


def prediction(
    K, K_new, f0, f0_new, y, t, *, start=1, start_new=1, per=True, decay=None
):
    """The prediction: without f0, without its value at the new points, without the 1/m, with another factor."""
    lam, V = np.linalg.eigh(K)
    e = np.exp(-lam * t / (len(K) if per else 1))
    share = V * ((1 - e) if decay is None else decay(e)) / lam @ V.T
    return start_new * f0_new + K_new @ share @ (y - start * f0)


def third_order(params, X, psi, *, first="ac", third="ac", bend=1, power=3, width=-1.5):
    """The triple product; `first` and `third` name the pair of inputs whose <x, x'> the lecture misprints as "ab"."""
    G, A, S, C, W1, n = _parts(params, X, psi)
    G_ab, G_ac = G[:, :, None], G[:, None, :]
    U = np.einsum("bi,ai,ci->abc", A, S * W1, S)
    T = (G_ac if first == "ac" else G_ab) * U + G_ab * U.swapaxes(1, 2)
    bent = np.einsum("bi,ai,ci->abc", S, C * W1**power, S)
    return n**width * (T + bend * G_ab * (G_ac if third == "ac" else G_ab) * bent)


def kernel_velocity(params, X, y, psi, *, index="c", both=1, count=-1, **printed):
    """The kernel's velocity: with another index at the residual, with one of the two terms, with a printed T."""
    T, m = third_order(params, X, psi, **printed), float(len(X))
    r = _parts(params, X, psi)[1] @ params.W1 / np.sqrt(len(params.W1)) - y
    return -(m**count) * np.einsum(f"{index},abc->ab", r, T + both * T.swapaxes(0, 1))

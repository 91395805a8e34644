"""Independent routes to the values that the exercises ask for: never the formula that an answer has to find.

Kernels and velocities come from automatic differentiation of the network's definition, limits from quadrature, flows
from a matrix exponential, and a choice from trying all that there is to choose.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree
from scipy import special


def autodiff(what, params, X, psi):
    """The tangent kernel "K" or the triple product "T"."""
    return _autodiff(what, params, X, np.zeros(len(X)), psi)


def autodiff_flow(what, params, X, y, psi):
    """The velocity of the outputs "f" or of the kernel "K" along the gradient flow of the loss."""
    return _autodiff(f"d{what}", params, X, y, psi)


@partial(jax.jit, static_argnames=("psi", "what"))
def _autodiff(what, params, X, y, psi):
    """The network's definition, and nothing but JAX's own derivatives of it."""
    theta, unravel = ravel_pytree(params)
    m, n = len(X), len(params.W1)

    def f(theta):
        W0, W1 = unravel(theta)
        return psi(X @ W0.T) @ W1 / jnp.sqrt(n)

    def K(theta):
        J = jax.jacrev(f)(theta)
        return J @ J.T

    if what == "K":
        return K(theta)
    if what == "T":
        return jnp.einsum(
            "bp,apq,cq->abc",
            jax.jacrev(f)(theta),
            jax.hessian(f)(theta),
            jax.jacrev(f)(theta),
        )
    flow = -jax.grad(lambda theta: jnp.sum((f(theta) - y) ** 2) / (2 * m))(theta)
    return jax.jvp({"df": f, "dK": K}[what], (theta,), (flow,))[1]


def smooth_limit(X, psi, slope):
    """K = Phi + <x, x'> Phi' for a smooth psi, both averages by the trapezoid rule in two dimensions."""
    z, norms, K = (
        np.linspace(-8, 8, 201),
        np.linalg.norm(X, axis=1),
        np.zeros((len(X), len(X))),
    )
    weight = np.exp(-(z**2) / 2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    for i, j in zip(*np.triu_indices(len(X)), strict=True):
        c, u = X[i] @ X[j], norms[i] * z
        cos = c / (norms[i] * norms[j])
        v = norms[j] * (cos * z[:, None] + np.sqrt(max(0, 1 - cos**2)) * z)
        K[i, j] = K[j, i] = (weight * psi(u)) @ psi(v) @ weight + c * (
            (weight * slope(u)) @ slope(v) @ weight
        )
    return K


def relu_limit(X):
    """The same for relu in polar coordinates: the radius by hand, the angle by Gauss and Legendre."""
    (x, w), norms = np.polynomial.legendre.leggauss(30), np.linalg.norm(X, axis=1)
    U = X / norms[:, None]
    gap, sum_ = (np.linalg.norm(U[:, None] + sign * U, axis=2) for sign in (-1, 1))
    theta = 2 * np.arctan2(gap, sum_)
    phi = (
        theta + (np.pi - theta) * x[:, None, None]
    ) / 2  # from theta - pi/2 to pi/2, where both are positive
    phi_average = (
        np.tensordot(w, np.cos(phi) * np.cos(phi - theta), 1)
        * (np.pi - theta)
        / 2
        / np.pi
    )
    return np.outer(norms, norms) * phi_average + X @ X.T * (np.pi - theta) / (
        2 * np.pi
    )


def erf_limit(X):
    return smooth_limit(X, special.erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)))


def gelu_limit(X):
    return smooth_limit(
        X,
        lambda z: z * special.ndtr(z),
        lambda z: special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    )


def general_loss_velocity(K, dl):
    J = np.linalg.cholesky(
        K
    )  # K = J J^T makes J a Jacobian; along a gradient flow the loss falls by |gradient|^2
    return -np.sum((J.T @ dl / len(dl)) ** 2)


def prediction(K, K_new, f0, f0_new, y, t):
    m, both = (
        len(K),
        np.vstack([K, K_new]),
    )  # the linear equation for r and f_new together, by one matrix exponential
    A = np.hstack([both, np.zeros((len(both), len(both) - m))]) / -m
    return (scipy.linalg.expm(A * t) @ np.append(f0 - y, f0_new))[m:]


def stable_step(K):
    return 2 * len(K) / np.linalg.norm(K, 2)


def conserved():
    """Those for which the velocity a psi(wx) - w a psi'(wx) x of a^2 - w^2 (up to a factor) vanishes for one unit."""
    z = np.array([-1.7, -0.6, 0.4, 1.1])
    moves = {
        name: psi(z) - z * (psi(z + 1e-5) - psi(z - 1e-5)) / 2e-5
        for name, psi in ACTIVATIONS.items()
    }
    return {name for name, velocity in moves.items() if np.abs(velocity).max() < 1e-6}


def sharp_rate(lam, m):
    v = np.eye(m)[
        0
    ]  # an eigenvector of the smallest eigenvalue: there the bound is attained
    r = scipy.linalg.expm(-np.diag(lam * np.arange(1.0, m + 1)) / m) @ v
    return -np.log(r @ r / (v @ v))


def lemma_matrices():
    """The largest class of `MATRICES` that holds no counterexample."""
    u = np.random.default_rng(1).normal(size=(100, 3))

    def holds(M):
        forms = np.einsum("ki,ij,kj->k", u, M, u)
        return np.all(
            forms >= np.linalg.eigvals(M).real.min() * np.sum(u**2, axis=1) - 1e-9
        )

    return {
        next(
            name
            for name, matrices in MATRICES.items()
            if all(holds(M) for M in matrices)
        )
    }


def singular(X):
    """Whether relu's limit kernel is singular at these inputs, though none is zero and no two point the same way."""
    norms = np.linalg.norm(X, axis=1)
    if not norms.all():
        return False
    U = (
        X / norms[:, None]
    )  # the kernel of U is that of X, each row and column divided by a norm
    gap = np.linalg.norm(U[:, None] - U, axis=2) + 4 * np.eye(len(U))
    return gap.min() > 1e-3 and np.linalg.eigvalsh(relu_limit(U))[0] < 1e-7


ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.maximum(z, 0.01 * z),
    "abs": np.abs,
    "tanh": np.tanh,
    "erf": special.erf,
    "softplus": lambda z: np.logaddexp(z, 0),
}
_B = np.random.default_rng(0).normal(size=(20, 3, 3))
MATRICES = {
    "any square": _B,
    "symmetric": _B + _B.swapaxes(1, 2),
    "positive semidefinite": _B[:, :, :2] @ _B[:, :, :2].swapaxes(1, 2),
    "positive definite": _B @ _B.swapaxes(1, 2),
}
CHOICES = {"conserved": ACTIVATIONS, "lemma_matrices": MATRICES}

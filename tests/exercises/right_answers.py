"""Right answers in the styles of readers: loops, einsum, JAX, solvers."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp

from ntk_answers.autodiff import activations
from ntklib import limit_kernel, network


def ntk_by_loops(params, X, psi):
    """Entry by entry and unit by unit."""
    A, S, _ = activations(params, X, psi)
    m, n = A.shape
    K = np.zeros((m, m))
    for a, b, i in itertools.product(range(m), range(m), range(n)):
        first = X[a] @ X[b] * params.W1[i] ** 2 * S[a, i] * S[b, i]
        K[a, b] += (A[a, i] * A[b, i] + first) / n
    return K


def ntk_by_einsum(params, X, psi):
    """One sum over units and components."""
    A, S, _ = activations(params, X, psi)
    first = np.einsum("ai,bi,i,ap,bp->ab", S, S, params.W1**2, X, X)
    return (np.einsum("ai,bi->ab", A, A) + first) / len(params.W1)


@partial(jax.jit, static_argnames="psi")
def ntk_by_jax(params, X, psi):
    """Slopes by grad and vmap, in JAX throughout."""
    h = X @ params.W0.T
    slope = jax.vmap(jax.vmap(jax.grad(psi)))(h)
    E = params.W1 * slope
    return (psi(h) @ psi(h).T + (X @ X.T) * (E @ E.T)) / params.W1.size


@partial(jax.jit, static_argnames="psi")
def _jacobian(params, X, psi):
    theta, rebuild = ravel_pytree(params)
    return jax.jacrev(lambda theta: network(rebuild(theta), X, psi))(theta)


def ntk_by_gradients(params, X, psi):
    """The definition: products of the gradients of the network."""
    J = np.asarray(_jacobian(params, X, psi))
    return J @ J.T


def relu_limit_by_loops(X):
    """Entry by entry, the angle by arctan2 of the area and the inner product."""
    K = np.zeros((len(X), len(X)))
    for i, x in enumerate(X):
        for j, z in enumerate(X):
            r, s = np.sqrt(x @ x), np.sqrt(z @ z)
            angle = 2 * np.arctan2(
                np.linalg.norm(x / r - z / s), np.linalg.norm(x / r + z / s)
            )
            shape = np.sin(angle) + 2 * (np.pi - angle) * np.cos(angle)
            K[i, j] = r * s * shape / (2 * np.pi)
    return K


def relu_limit_by_area(X):
    """In the plane of two inputs, with the angle from its sine and its cosine."""
    norms = np.linalg.norm(X, axis=1)
    K = np.zeros((len(X), len(X)))
    for i, x in enumerate(X):
        for j, z in enumerate(X):
            along = x @ z / norms[i]
            across = np.linalg.norm(z - along * x / norms[i]) if i != j else 0.0
            angle = np.arctan2(across, along)
            shape = np.sin(angle) + 2 * (np.pi - angle) * np.cos(angle)
            K[i, j] = norms[i] * norms[j] * shape / (2 * np.pi)
    return K


def relu_limit_by_jax(X):
    """In JAX, with the two averages."""
    X = jnp.asarray(X)
    length = jnp.linalg.norm(X, axis=1)
    U = X / length[:, None]
    apart = jnp.linalg.norm(U[:, None] - U, axis=2)
    together = jnp.linalg.norm(U[:, None] + U, axis=2)
    angle = 2 * jnp.arctan2(apart, together)
    lengths = jnp.outer(length, length)
    share = (jnp.pi - angle) / (2 * jnp.pi)
    average = lengths * (jnp.sin(angle) / (2 * jnp.pi) + share * jnp.cos(angle))
    return average + lengths * jnp.cos(angle) * share


def erf_limit_by_loops(X):
    """Entry by entry."""
    K = np.zeros((len(X), len(X)))
    for i, x in enumerate(X):
        for j, z in enumerate(X):
            c = x @ z
            q = (1 + 2 * x @ x) * (1 + 2 * z @ z)
            average = 2 / np.pi * np.arcsin(2 * c / np.sqrt(q))
            K[i, j] = average + 4 / np.pi * c / np.sqrt(q - 4 * c**2)
    return K


def erf_limit_by_correlation(X):
    """By the correlation of the two noisy variables, in JAX."""
    C = jnp.asarray(X) @ X.T
    spread = jnp.sqrt(jnp.diag(C) + 0.5)
    rho = C / spread[:, None] / spread
    return (2 * jnp.arcsin(rho) + 2 * rho / jnp.sqrt(1 - rho**2)) / jnp.pi


def erf_limit_by_library(X):
    """The library's own closed form."""
    return limit_kernel(X, jax.scipy.special.erf).ntk


def gelu_limit_by_grad(X):
    """The derivative of c Phi by JAX."""

    def c_times_Phi(a, b, c):
        p, q = 1 + a, 1 + b
        both = 0.25 + jnp.arcsin(c / jnp.sqrt(p * q)) / (2 * jnp.pi)
        density = 1 / (2 * jnp.pi * jnp.sqrt(p * q - c**2))
        return c**2 * both + c * (a * b + c**2 * (1 / p + 1 / q - 1)) * density

    C = X @ X.T
    a = np.diag(C)
    return jnp.vectorize(jax.grad(c_times_Phi, argnums=2))(a[:, None], a, C)


def gelu_limit_by_hand(X):
    """The derivative by hand, entry by entry."""
    K = np.zeros((len(X), len(X)))
    for i, x in enumerate(X):
        for j, z in enumerate(X):
            a, b, c = x @ x, z @ z, x @ z
            D = (1 + a) * (1 + b) - c**2
            P2 = 0.25 + np.arcsin(c / np.sqrt((1 + a) * (1 + b))) / (2 * np.pi)
            s = 1 / (1 + a) + 1 / (1 + b) - 1
            B = a * b + c**2 * s
            inner = c**2 + B + 2 * c**2 * s + B * c**2 / D
            K[i, j] = 2 * c * P2 + inner / (2 * np.pi * np.sqrt(D))
    return K


def gelu_limit_by_central_difference(X):
    """A central difference of c Phi with a small step."""
    C = X @ X.T
    a = np.diag(C)
    p, q = 1 + a[:, None], 1 + a
    step = 1e-5

    def c_times_Phi(c):
        both = 0.25 + np.arcsin(c / np.sqrt(p * q)) / (2 * np.pi)
        density = 1 / (2 * np.pi * np.sqrt(p * q - c**2))
        inner = a[:, None] * a + c**2 * (1 / p + 1 / q - 1)
        return c * (c * both + inner * density)

    return (c_times_Phi(C + step) - c_times_Phi(C - step)) / (2 * step)


def output_velocity_by_gradients(params, X, y, psi):
    """Minus J J^T r over m."""
    J = np.asarray(_jacobian(params, X, psi))
    r = np.asarray(network(params, X, psi)) - y
    return -J @ (J.T @ r) / len(y)


@partial(jax.jit, static_argnames="psi")
def output_velocity_by_jvp(params, X, y, psi):
    """The outputs' derivative in the direction of minus the gradient of the loss."""

    def loss(params):
        return jnp.mean((network(params, X, psi) - y) ** 2) / 2

    downhill = jax.tree.map(jnp.negative, jax.grad(loss)(params))
    return jax.jvp(lambda p: network(p, X, psi), (params,), (downhill,))[1]


def output_velocity_by_loops(params, X, y, psi):
    """The double sum, by the kernel's entries."""
    K = ntk_by_loops(params, X, psi)
    A, _, _ = activations(params, X, psi)
    f = A @ params.W1 / np.sqrt(len(params.W1))
    v = np.zeros(len(y))
    for a in range(len(y)):
        for b in range(len(y)):
            v[a] -= K[a, b] * (f[b] - y[b]) / len(y)
    return v


def general_loss_velocity_by_loops(K, dl):
    """The double sum."""
    total = 0
    for a in range(len(dl)):
        for b in range(len(dl)):
            total += dl[a] * K[a, b] * dl[b]
    return -total / len(dl) ** 2


def general_loss_velocity_by_einsum(K, dl):
    """One einsum."""
    return -np.einsum("a,ab,b", dl, K, dl) / K.shape[0] ** 2


def general_loss_velocity_by_jax(K, dl):
    """In JAX, step by step."""
    velocity = -jnp.asarray(K) @ dl / dl.size
    return jnp.mean(dl * velocity)


def prediction_by_eigh(K, K_new, f0, f0_new, y, t):
    """In the basis of the eigenvectors, by JAX."""
    lam, V = jnp.linalg.eigh(jnp.asarray(K))
    gain = -jnp.expm1(-lam * t / len(y)) / lam
    return f0_new + K_new @ (V @ (gain * (V.T @ (y - f0))))


def prediction_by_inverse(K, K_new, f0, f0_new, y, t):
    """As the formula says."""
    share = np.eye(len(K)) - scipy.linalg.expm(-K * t / len(K))
    return f0_new + K_new @ np.linalg.inv(K) @ share @ (y - f0)


def prediction_by_solver(K, K_new, f0, f0_new, y, t):
    """The equation for all outputs, with tight tolerances."""
    m = len(y)

    def velocity(t, f):
        r = f[:m] - y
        return -np.concatenate([K @ r, K_new @ r]) / m

    start = np.concatenate([f0, f0_new])
    return solve_ivp(velocity, (0, t), start, rtol=1e-10, atol=1e-11).y[m:, -1]


def stable_step_by_eigvals(K):
    """The largest of the eigenvalues in any order."""
    return 2 * len(K) / max(np.linalg.eigvals(K))


def stable_step_by_svd(K):
    """The largest singular value."""
    return 2 * K.shape[0] / jnp.linalg.svd(jnp.asarray(K))[1][0]


def stable_step_by_bisection(K):
    """The step at which the spectral radius of one step of descent reaches 1."""
    low, high = 0.0, 1e3
    for _ in range(80):
        step = (low + high) / 2
        factors = np.linalg.eigvalsh(np.eye(len(K)) - step * K / len(K))
        low, high = (step, high) if np.abs(factors).max() < 1 else (low, step)
    return low


def sharp_rate_by_formula(lam, m):
    """A Python number."""
    return float(2 * lam) / int(m)


def sharp_rate_by_simulation(lam, m):
    """The logarithm of the loss of one mode after one unit of time."""
    r = solve_ivp(lambda t, r: -lam * r / m, (0, 1), [1.0], rtol=1e-11, atol=1e-13)
    return -2 * np.log(r.y[0, -1])


@partial(jax.jit, static_argnames="psi")
def kernel_velocity_by_turning(params, X, y, psi):
    """The product rule, with the derivative of J along the flow."""
    theta, rebuild = ravel_pytree(params)

    def outputs(theta):
        return network(rebuild(theta), X, psi)

    gradients = jax.jacrev(outputs)
    J, r = gradients(theta), outputs(theta) - y
    turning = jax.jvp(gradients, (theta,), (-r @ J / y.size,))[1]
    return turning @ J.T + J @ turning.T


def kernel_velocity_by_averages(params, X, y, psi):
    """The three averages, contracted with the residuals by loops."""
    T = third_order_by_averages(params, X, psi)
    A, _, _ = activations(params, X, psi)
    r = A @ params.W1 / np.sqrt(len(params.W1)) - y
    m = len(y)
    V = np.zeros((m, m))
    for a, b, c in itertools.product(range(m), repeat=3):
        V[a, b] -= r[c] * (T[a, b, c] + T[b, a, c]) / m
    return V


def kernel_velocity_by_difference(params, X, y, psi):
    """A central difference of the kernel along the flow."""
    A, S, _ = activations(params, X, psi)
    m, n = A.shape
    r = A @ params.W1 / np.sqrt(n) - y
    dW0 = -((S * params.W1).T * r) @ X / (m * np.sqrt(n))
    dW1 = -A.T @ r / (m * np.sqrt(n))

    def kernel_at(t):
        moved = params._replace(W0=params.W0 + t * dW0, W1=params.W1 + t * dW1)
        return ntk_by_einsum(moved, X, psi)

    return (kernel_at(2e-5) - kernel_at(-2e-5)) / 4e-5


def third_order_by_averages(params, X, psi):
    """The three averages by einsum."""
    A, S, C = activations(params, X, psi)
    W1, G = params.W1, X @ X.T
    n = len(W1)
    T = np.einsum("ac,i,bi,ai,ci->abc", G, W1, A, S, S)
    T += np.einsum("ab,i,ci,ai,bi->abc", G, W1, A, S, S)
    T += np.einsum("ab,ac,i,bi,ai,ci->abc", G, G, W1**3, S, C, S)
    return T / n**1.5


def third_order_by_loops(params, X, psi):
    """Entry by entry."""
    A, S, C = activations(params, X, psi)
    W1, G = params.W1, X @ X.T
    m, n = A.shape
    T = np.zeros((m, m, m))
    for a, b, c in itertools.product(range(m), repeat=3):
        first = G[a, c] * np.mean(W1 * A[b] * S[a] * S[c])
        second = G[a, b] * np.mean(W1 * A[c] * S[a] * S[b])
        third = G[a, b] * G[a, c] * np.mean(W1**3 * S[b] * C[a] * S[c])
        T[a, b, c] = (first + second + third) / np.sqrt(n)
    return T


@partial(jax.jit, static_argnames="psi")
def third_order_by_hessian(params, X, psi):
    """The definition, by the Hessians of all outputs."""
    theta, rebuild = ravel_pytree(params)

    def outputs(theta):
        return network(rebuild(theta), X, psi)

    J, H = jax.jacrev(outputs)(theta), jax.jacfwd(jax.jacrev(outputs))(theta)
    return jnp.einsum("bp,apq,cq->abc", J, H, J)


def lazy_exponent_by_counting(s):
    """The larger of two orders."""
    return max(s - 1.5, 2 * s - 2)


def lazy_exponent_by_squares(s):
    """The square of the motion of single weights, as an array."""
    return jnp.asarray(2 * (s - 1))


def travelled_by_inverse(K, f0, y, t):
    """Matrix functions throughout."""
    left = np.eye(len(K)) - scipy.linalg.expm(-K * t / len(K))
    moved = left @ (f0 - y)
    return moved @ np.linalg.solve(K, moved)


def travelled_by_solver(K, f0, y, t):
    """The weights of a factor of K, by a solver."""
    J, m = scipy.linalg.sqrtm(K).real, len(K)
    flow = solve_ivp(
        lambda _, d: -J.T @ (J @ d + f0 - y) / m,
        (0, t),
        np.zeros(m),
        rtol=1e-11,
        atol=1e-13,
        method="DOP853",
    )
    return np.sum(flow.y[:, -1] ** 2)


def travelled_by_jax(K, f0, y, t):
    """Eigenvectors in JAX."""
    lam, V = jnp.linalg.eigh(K)
    c = V.T @ (f0 - y)
    return jnp.sum(c**2 * jnp.expm1(-lam * t / len(y)) ** 2 / lam)


def matching_ridge_by_share(lam, m, t):
    """From the share that is learnt."""
    share = 1 - np.exp(-lam * t / m)
    return lam * (1 - share) / share


def matching_ridge_by_exponential(lam, m, t):
    """From what is left."""
    left = np.exp(-lam * t / m)
    return lam * left / (1 - left)


def random_targets_by_eigenvalues(K):
    """The sum of the inverse eigenvalues."""
    return sum(1 / np.linalg.eigvalsh(K))


def random_targets_by_columns(K):
    """One unit vector after the other."""
    return sum(np.linalg.solve(K, e)[i] for i, e in enumerate(np.eye(len(K))))


def spread_by_one_matrix(K, K_new, Phi):
    """What training makes of the start, as one matrix."""
    A = K_new @ np.linalg.inv(K)
    B = np.hstack([-A, np.eye(len(K_new))])
    return B @ Phi @ B.T


def spread_by_loops(K, K_new, Phi):
    """Entry by entry."""
    m, A = len(K), K_new @ np.linalg.inv(K)
    found = np.zeros((len(K_new), len(K_new)))
    for i, j in itertools.product(range(len(K_new)), repeat=2):
        found[i, j] = Phi[m + i, m + j] + A[i] @ Phi[:m, :m] @ A[j]
        found[i, j] -= A[i] @ Phi[:m, m + j] + A[j] @ Phi[:m, m + i]
    return found


def catapult_step_by_list(f, lam, n, eta):
    """A list of two numbers."""
    small = f**2 / n
    change = -4 * eta * small + eta**2 * lam * small
    return [f - eta * lam * f + eta**2 * f * small, lam + change]


def catapult_step_by_jax(f, lam, n, eta):
    """In JAX, both at once."""
    r = eta**2 * f**2 / n
    return jnp.array([f * (1 - eta * lam + r), lam + lam * r - 4 * r / eta])


def noise_floor_by_sum(lam, eta, variance):
    """A geometric sum over the past."""
    kept = (1 - eta * lam) ** 2
    return eta**2 * variance / (1 - kept)


def noise_floor_by_iteration(lam, eta, variance):
    """The variance after many steps."""
    size = 0.0
    for _ in range(5000):
        size = (1 - eta * lam) ** 2 * size + eta**2 * variance
    return size


def captured_share_by_counting(m, d):
    """The products counted one by one."""
    count = sum(1 for _ in itertools.combinations(range(d), 2))
    return min(m, count) / count


def margin_time_by_solver(lam, m, margin):
    """The time as a function of the margin, by a solver."""
    flow = solve_ivp(
        lambda z, _: [m * (1 + np.exp(z)) / lam],
        (0, margin),
        [0.0],
        rtol=1e-12,
        atol=1e-13,
    )
    return flow.y[0, -1]


def margin_time_by_parts(lam, m, margin):
    """Both parts of the integral."""
    return m / lam * (margin + np.expm1(margin))


RIGHT_ANSWERS = {
    "ntk": [ntk_by_loops, ntk_by_einsum, ntk_by_jax, ntk_by_gradients],
    "relu_limit": [relu_limit_by_loops, relu_limit_by_area, relu_limit_by_jax],
    "erf_limit": [erf_limit_by_loops, erf_limit_by_correlation, erf_limit_by_library],
    "gelu_limit": [
        gelu_limit_by_grad,
        gelu_limit_by_hand,
        gelu_limit_by_central_difference,
    ],
    "output_velocity": [
        output_velocity_by_gradients,
        output_velocity_by_jvp,
        output_velocity_by_loops,
    ],
    "general_loss_velocity": [
        general_loss_velocity_by_loops,
        general_loss_velocity_by_einsum,
        general_loss_velocity_by_jax,
    ],
    "prediction": [prediction_by_eigh, prediction_by_inverse, prediction_by_solver],
    "stable_step": [
        stable_step_by_eigvals,
        stable_step_by_svd,
        stable_step_by_bisection,
    ],
    "sharp_rate": [sharp_rate_by_formula, sharp_rate_by_simulation],
    "kernel_velocity": [
        kernel_velocity_by_turning,
        kernel_velocity_by_averages,
        kernel_velocity_by_difference,
    ],
    "third_order": [
        third_order_by_averages,
        third_order_by_loops,
        third_order_by_hessian,
    ],
    "lazy_exponent": [lazy_exponent_by_counting, lazy_exponent_by_squares],
    "travelled": [travelled_by_inverse, travelled_by_solver, travelled_by_jax],
    "matching_ridge": [matching_ridge_by_share, matching_ridge_by_exponential],
    "random_targets": [random_targets_by_eigenvalues, random_targets_by_columns],
    "spread": [spread_by_one_matrix, spread_by_loops],
    "catapult_step": [catapult_step_by_list, catapult_step_by_jax],
    "noise_floor": [noise_floor_by_sum, noise_floor_by_iteration],
    "captured_share": [captured_share_by_counting],
    "margin_time": [margin_time_by_solver, margin_time_by_parts],
}

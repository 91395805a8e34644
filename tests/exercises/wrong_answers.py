"""Wrong answers as readers write them, and a few words of what each has to hear.

The last column is a pattern that the message must match. The pattern ``SIZE`` stands
for wrong answers about which nothing is said but how large the error is.
"""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from scipy.integrate import solve_ivp

from ntk_answers import dynamics, kernel
from ntk_answers.autodiff import activations
from ntklib.exercises.sets import EXERCISES

SIZE = "^off by "


def given(name, formula):
    """An answer to an exercise, by a formula in everything that a case gives."""
    arguments = EXERCISES[name].arguments

    def answer(*case):
        q = SimpleNamespace(**dict(zip(arguments, case, strict=True)))
        if "params" in arguments:
            _add_network(q)
        elif "X" in arguments:
            _add_inputs(q)
        elif "K" in arguments:
            q.m = len(q.K)
            q.lam, q.V = np.linalg.eigh(q.K)
        return formula(q)

    return answer


def _add_network(q):
    """psi, psi', psi'' at the preactivations, and what is made of them."""
    q.m, q.n, q.n0 = len(q.X), len(q.params.W1), q.X.shape[1]
    q.W0, q.W1 = q.params
    q.h = q.X @ q.W0.T
    q.A, q.S, q.C = activations(q.params, q.X, q.psi)
    q.E = q.W1 * q.S
    q.G = q.X @ q.X.T
    q.last = q.A @ q.A.T / q.n
    q.first = q.G * (q.E @ q.E.T) / q.n
    q.K = q.last + q.first
    q.f = q.A @ q.W1 / np.sqrt(q.n)
    if hasattr(q, "y"):
        q.r = q.f - q.y
    q.U = np.einsum("bi,ai,ci->abc", q.A, q.E, q.S)
    q.B = np.einsum("bi,ai,ci->abc", q.S, q.C * q.W1**3, q.S)
    q.ab, q.ac = q.G[:, :, None], q.G[:, None, :]
    q.T1 = q.ac * q.U / q.n**1.5
    q.T2 = q.T1.swapaxes(1, 2)
    q.T3 = q.ab * q.ac * q.B / q.n**1.5
    q.T = q.T1 + q.T2 + q.T3
    q.both = q.T + q.T.swapaxes(0, 1)


def _add_inputs(q):
    """Inner products, lengths and angles."""
    q.m, q.n0 = q.X.shape
    q.G = q.X @ q.X.T
    q.a = np.diag(q.G)
    q.norms = np.sqrt(q.a)
    q.root = np.outer(q.norms, q.norms)
    q.cos = np.clip(q.G / q.root, -1, 1)
    q.angle = kernel._angles(q.X)
    q.pi = np.pi


def forward_difference(q, step):
    """The kernel with slopes by a forward difference."""
    S = (np.asarray(q.psi(q.h + step)) - q.A) / step
    E = q.W1 * S
    return (q.A @ q.A.T + q.G * (E @ E.T)) / q.n


def listed_slopes(q):
    """The kernel with slopes written out for the two activations that cases draw."""
    by_tanh = np.allclose(q.A, np.tanh(q.h))
    E = q.W1 * (1 - q.A**2 if by_tanh else 1 / (1 + np.exp(-q.h)))
    return q.last + q.G * (E @ E.T) / q.n


def relu_by_sampling(q):
    """The kernel of relu as a mean over 100,000 units."""
    h = q.X @ np.random.default_rng(0).normal(size=(q.n0, 100_000))
    A, S = np.maximum(h, 0), h > 0
    return (A @ A.T + q.G * (S @ S.T.astype(float))) / 100_000


def relu_kernel(q, angle, constant=2):
    """The closed form with another angle."""
    shape = np.sin(angle) + constant * (np.pi - angle) * np.cos(angle)
    return q.root * shape / (2 * np.pi)


def areas(X):
    """The areas between inputs of two or three coordinates."""
    in_space = np.zeros((len(X), 3))
    in_space[:, : X.shape[1]] = X[:, :3]
    return np.linalg.norm(np.cross(in_space[:, None], in_space), axis=2)


def partial_sum(x, terms=40):
    """The first terms of exp, for numbers."""
    return sum(x**k / math.factorial(k) for k in range(terms))


def exp_as_sum(A, terms=40):
    """The first terms of exp, for a matrix."""
    powers = (np.linalg.matrix_power(A, k) for k in range(terms))
    return sum(power / math.factorial(k) for k, power in enumerate(powers))


def laurent(x):
    """The first terms of 1 / (exp(x) - 1)."""
    coefficients = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)
    odd = sum(c * x ** (2 * k + 1) for k, c in enumerate(coefficients))
    return 1 / x - 1 / 2 + odd + -691 / 1307674368000 * x**11


def erf_kernel(q, **changed):
    """The closed form, with parts of it exchanged."""
    parts = {"side": 1 + 2 * q.a, "top": 2 * q.G, "inner": 4 * q.G**2} | changed
    Q = np.outer(parts["side"], parts["side"])
    averages = 2 / np.pi * np.arcsin(np.clip(parts["top"] / np.sqrt(Q), -1, 1))
    return averages + q.G * 4 / np.pi / np.sqrt(np.abs(Q - parts["inner"]))


def gelu_derivative(argument, c_before=True, sign=-1, quarter=0.25):
    """The derivative of c Phi, or of Phi, in one of a, b, c."""

    def average(a, b, c):
        p, q = 1 + a, 1 + b
        both = quarter + jnp.arcsin(c / jnp.sqrt(p * q)) / (2 * jnp.pi)
        density = 1 / (2 * jnp.pi * jnp.sqrt(p * q - c**2))
        inner = a * b + c**2 * (1 / p + 1 / q + sign)
        return (c if c_before else 1) * (c * both + inner * density)

    derivative = jnp.vectorize(jax.grad(average, argnums=argument))
    return lambda q: derivative(q.a[:, None], q.a, q.G)


def gelu_by_difference(q):
    """c Phi differentiated by a forward difference."""
    averages = [(q.G + step) * gelu_average(q, q.G + step) for step in (0, 1e-5)]
    return (averages[1] - averages[0]) / 1e-5


def gelu_average(q, c):
    """Phi for GELU."""
    P = np.outer(1 + q.a, 1 + q.a)
    w = 1 / (1 + q.a[:, None]) + 1 / (1 + q.a)
    cdf = 0.25 + np.arcsin(c / np.sqrt(P)) / (2 * np.pi)
    inner = np.outer(q.a, q.a) + c**2 * (w - 1)
    return c * cdf + inner / (2 * np.pi * np.sqrt(P - c**2))


def left(q):
    """exp(-K t / m)."""
    return scipy.linalg.expm(-q.K * q.t / q.m)


def learnt(q, factor=1.0):
    """K^-1 (I - exp(-K t / m))."""
    share = np.eye(q.m) - scipy.linalg.expm(-q.K * q.t / q.m * factor)
    return np.linalg.solve(q.K, share)


def prediction_by_solver(q):
    """The linear equation by solve_ivp with its defaults."""

    def velocity(t, state):
        r = state[: q.m]
        return -np.concatenate([q.K @ r, q.K_new @ r]) / q.m

    start = np.concatenate([q.f0 - q.y, q.f0_new])
    return solve_ivp(velocity, (0, q.t), start).y[q.m :, -1]


def prediction_by_steps(q):
    """The linear equation by a hundred steps of Euler's."""
    r, f = q.f0 - q.y, q.f0_new
    for _ in range(100):
        f = f - q.t / 100 * q.K_new @ r / q.m
        r = r - q.t / 100 * q.K @ r / q.m
    return f


def velocity_by_difference(q):
    """The outputs' velocity by a forward difference along the flow."""
    dW0 = -((q.S * q.W1).T * q.r) @ q.X / (q.m * np.sqrt(q.n))
    dW1 = -q.A.T @ q.r / (q.m * np.sqrt(q.n))
    h = q.X @ (q.W0 + 1e-4 * dW0).T
    later = np.asarray(q.psi(h)) @ (q.W1 + 1e-4 * dW1) / np.sqrt(q.n)
    return (later - q.f) / 1e-4


def kernel_velocity_by_difference(q):
    """The kernel's velocity by a forward difference along the flow."""
    dW0 = -((q.S * q.W1).T * q.r) @ q.X / (q.m * np.sqrt(q.n))
    dW1 = -q.A.T @ q.r / (q.m * np.sqrt(q.n))
    params = type(q.params)(q.W0 + 1e-5 * dW0, q.W1 + 1e-5 * dW1)
    A, S, _ = activations(params, q.X, q.psi)
    E = params.W1 * S
    later = (A @ A.T + q.G * (E @ E.T)) / q.n
    return (later - q.K) / 1e-5


def first_two_terms_without_W1(q):
    """The terms of the triple product without ψ'', and without W₁."""
    first = q.ac * np.einsum("bi,ai,ci->abc", q.A, q.S, q.S)
    second = q.ab * np.einsum("ci,ai,bi->abc", q.A, q.S, q.S)
    return (first + second) / q.n**1.5


def third_term(q, weights):
    """Its term with ψ'', with these weights in the place of W₁³."""
    over_units = np.einsum("bi,ai,ci->abc", q.S, q.C * weights, q.S)
    return q.ab * q.ac * over_units / q.n**1.5


def contracted(letters, T, r):
    """Minus the mean over one index of T."""
    return -np.einsum(letters, r, T) / len(r)


def printed(q):
    """Print the kernel and return nothing."""
    print(q.K)


def by_modes(q, share, r=None, t=None):
    """Sum over the modes; share of eigenvalues and of what is learnt."""
    r = q.f0 - q.y if r is None else r
    learnt = -np.expm1(-q.lam * (q.t if t is None else t) / q.m)
    return np.sum((q.V.T @ r) ** 2 * share(q.lam, learnt))


def travelled(q, **changed):
    """The squared distance, with parts of it exchanged."""
    return by_modes(q, lambda lam, learnt: learnt**2 / lam, **changed)


def gain(q):
    """A = K_* K^-1."""
    return q.K_new @ np.linalg.inv(q.K)


def joined(q, times):
    """The spread, with half of the joint part so many times."""
    A, between = gain(q), q.Phi[q.m :, : q.m]
    joint = (A @ between.T + between @ A.T) / 2
    return q.Phi[q.m :, q.m :] + A @ q.Phi[: q.m, : q.m] @ A.T - times * joint


def posterior(q):
    """The Bayesian one."""
    between = q.Phi[q.m :, : q.m]
    return (
        q.Phi[q.m :, q.m :] - between @ np.linalg.inv(q.Phi[: q.m, : q.m]) @ between.T
    )


def step(q, eta=None, n=None, output=None, kernel=None):
    """The next output and kernel, with parts of it exchanged."""
    eta, n = q.eta if eta is None else eta, q.n if n is None else n
    right = q.f * (1 - eta * q.lam + eta**2 * q.f**2 / n)
    moved = q.lam + eta * q.f**2 / n * (eta * q.lam - 4)
    return [right if output is None else output, moved if kernel is None else kernel]


def floor(q):
    """The variance of the residual in the end."""
    return q.eta * q.variance / (q.lam * (2 - q.eta * q.lam))


def share(q):
    """The share that m functions can have of the products."""
    return min(1.0, 2 * q.m / (q.d * (q.d - 1)))


def pace(q):
    """The time until the margin is reached."""
    return q.m * (np.exp(q.margin) + q.margin - 1) / q.lam


GIVEN = {
    "ntk": [
        (
            "absolute slopes",
            lambda q: q.last + q.G * (np.abs(q.E) @ np.abs(q.E).T) / q.n,
            "right for psi (tanh|softplus)",
        ),
        ("no 1/n", lambda q: q.n * q.K, "how often"),
        ("1/sqrt n", lambda q: np.sqrt(q.n) * q.K, "depends on n"),
        ("1/n^2", lambda q: q.K / q.n, "depends on n:"),
        ("1/m", lambda q: q.K * q.n / q.m, "depends on m and n:"),
        ("1/n last only", lambda q: q.last + q.n * q.first, "first layer"),
        ("1/n first only", lambda q: q.n * q.last + q.first, "last layer"),
        (
            "W1 once",
            lambda q: q.last + q.G * (q.E @ q.S.T) / q.n,
            "W₁ once",
        ),
        (
            "W1 missing",
            lambda q: q.last + q.G * (q.S @ q.S.T) / q.n,
            "W1",
        ),
        (
            "W1 twice too often",
            lambda q: q.last + q.G * ((q.W1**2 * q.S) @ (q.W1**2 * q.S).T) / q.n,
            "W1",
        ),
        ("no gram", lambda q: q.last + q.E @ q.E.T / q.n, "lacks a factor"),
        ("last", lambda q: q.last, "W₁ alone"),
        ("first", lambda q: q.first, "W₀ alone"),
        (
            "psi for psi'",
            lambda q: q.last + q.G * ((q.W1 * q.A) @ (q.W1 * q.A).T) / q.n,
            "ψ'",
        ),
        (
            "psi' for psi",
            lambda q: q.S @ q.S.T / q.n + q.first,
            "ψ",
        ),
        (
            "psi'' for psi'",
            lambda q: q.last + q.G * ((q.W1 * q.C) @ (q.W1 * q.C).T) / q.n,
            "ψ'",
        ),
        ("@ for *", lambda q: q.last + q.G @ (q.E @ q.E.T) / q.n, "entry by entry"),
        ("* for @", lambda q: q.A * q.A + q.E * q.E, "shape"),
        ("no psi", lambda q: q.h @ q.h.T / q.n + q.first, "ψ"),
        (
            "gram before both",
            lambda q: q.G * (q.last + q.E @ q.E.T / q.n),
            "both shares",
        ),
        (
            "sums",
            lambda q: q.last + q.G * np.outer(q.E.sum(1), q.E.sum(1)) / q.n,
            "one sum of products",
        ),
        ("last times first", lambda q: q.last * q.first, SIZE),
        ("units for inputs", lambda q: q.A.T @ q.A / q.m, "shape"),
        ("sum over inputs", lambda q: q.A.T @ q.A, "shape"),
        ("difference", lambda q: q.last - q.first, "first layer"),
        (
            "cosines",
            lambda q: (
                q.last
                + q.G
                / np.sqrt(np.outer(np.diag(q.G), np.diag(q.G)))
                * (q.E @ q.E.T)
                / q.n
            ),
            SIZE,
        ),
        (
            "gram added",
            lambda q: q.last + q.G + q.E @ q.E.T / q.n,
            "added|multipl|factor",
        ),
        ("diagonal as a vector", lambda q: np.diag(q.K), "shape"),
        ("diagonal", lambda q: np.diag(np.diag(q.K)), "all inputs are the same"),
        ("lower half", lambda q: np.tril(q.K), "above the diagonal"),
        (
            "tanh only",
            lambda q: (
                q.last + q.G * ((q.W1 * (1 - q.A**2)) @ (q.W1 * (1 - q.A**2)).T) / q.n
            ),
            "tanh.*softplus|psi softplus",  # the second where tanh is not drawn
        ),
        ("tanh and softplus", listed_slopes, "wrong for psi a z"),
        ("outputs", lambda q: np.outer(q.f, q.f), "outputs"),
        ("forward difference", lambda q: forward_difference(q, 1e-5), "digits"),
        ("rough difference", lambda q: forward_difference(q, 1e-2), "digit"),
        ("prints", printed, "return"),
        ("empty", lambda q: [], "shape"),
    ],
    "relu_limit": [
        (
            "cross product",
            lambda q: relu_kernel(q, np.arctan2(areas(q.X), q.G)),
            "five coordinates",
        ),
        (
            "arccos",
            lambda q: relu_kernel(q, np.arccos(q.cos)),
            "arccos near 1",
        ),
        (
            "arccos, but for the diagonal",
            lambda q: relu_kernel(q, np.where(np.eye(q.m) > 0, 0, np.arccos(q.cos))),
            "nearly parallel, .*: an entry is right to 11 digits, but 12",
        ),
        ("1/n0", lambda q: relu_kernel(q, q.angle) / q.n0, "√n₀"),
        ("1/sqrt n0", lambda q: relu_kernel(q, q.angle) / np.sqrt(q.n0), "n0"),
        ("last layer", lambda q: relu_kernel(q, q.angle, 1), "last layer alone"),
        (
            "first layer",
            lambda q: q.G * (q.pi - q.angle) / (2 * q.pi),
            "is missing",
        ),
        (
            "no gram",
            lambda q: relu_kernel(q, q.angle, 1) + (q.pi - q.angle) / (2 * q.pi),
            "comes with a factor",
        ),
        ("twice", lambda q: 2 * relu_kernel(q, q.angle), "normalised"),
        ("half", lambda q: relu_kernel(q, q.angle) / 2, "same in all cases"),
        ("degrees", lambda q: relu_kernel(q, np.degrees(q.angle)), "degrees|radian"),
        ("cosine for angle", lambda q: relu_kernel(q, q.cos), "angle"),
        (
            "angle for pi - angle",
            lambda q: (
                q.root * (np.sin(q.angle) + 2 * q.angle * np.cos(q.angle)) / (2 * q.pi)
            ),
            "angle|π",
        ),
        (
            "unit vectors",
            lambda q: relu_kernel(q, q.angle) / q.root,
            "length",
        ),
        (
            "lengths squared",
            lambda q: relu_kernel(q, q.angle) * q.root,
            "length",
        ),
        (
            "Phi without lengths",
            lambda q: (
                relu_kernel(q, q.angle, 1) / q.root
                + q.G * (q.pi - q.angle) / (2 * q.pi)
            ),
            "length",
        ),
        (
            "arcsin",
            lambda q: relu_kernel(q, np.arcsin(np.sin(q.angle))),
            "obtuse|angle",
        ),
        ("half the angle", lambda q: relu_kernel(q, q.angle / 2), "angle"),
        (
            "slope one half",
            lambda q: relu_kernel(q, q.angle, 1) + q.G / 2,
            "equal inputs only",
        ),
        (
            "no cosine",
            lambda q: q.root * (np.sin(q.angle) + 2 * (q.pi - q.angle)) / (2 * q.pi),
            "cos",
        ),
        (
            "sine and cosine exchanged",
            lambda q: (
                q.root
                * (np.cos(q.angle) + 2 * (q.pi - q.angle) * np.sin(q.angle))
                / (2 * q.pi)
            ),
            "changed places",
        ),
        ("sampling", relu_by_sampling, "digit"),
        ("sum", lambda q: relu_kernel(q, q.angle).sum(axis=1), "shape"),
        ("minus", lambda q: -relu_kernel(q, q.angle), "sign"),
        ("gram", lambda q: q.G, "argument|inner|angle"),
    ],
    "erf_limit": [
        (
            "by the cosine",
            lambda q: erf_kernel(q, top=2 * q.cos * q.root),
            "first input 0: got nan",
        ),
        (
            "bias",
            lambda q: kernel.erf_limit(np.insert(q.X, 0, 1, axis=1)),
            "Williams",
        ),
        (
            "last layer",
            lambda q: erf_kernel(q) - erf_kernel(q, top=0 * q.G),
            "last layer alone",
        ),
        ("first layer", lambda q: erf_kernel(q, top=0 * q.G), "is missing"),
        (
            "no gram",
            lambda q: (
                erf_kernel(q)
                + (1 - q.G)
                * 4
                / q.pi
                / np.sqrt(np.outer(1 + 2 * q.a, 1 + 2 * q.a) - 4 * q.G**2)
            ),
            "comes with a factor",
        ),
        ("probit", lambda q: kernel.erf_limit(q.X / np.sqrt(2)), r"erf\(z/√2\)"),
        ("1 + a", lambda q: erf_kernel(q, side=1 + q.a), r"2a|1 \+|variance"),
        ("lengths", lambda q: erf_kernel(q, side=1 + 2 * q.norms), "length|square"),
        (
            "half slopes",
            lambda q: erf_kernel(q) - erf_kernel(q, top=0 * q.G) / 2,
            r"erf'\(0\)",
        ),
        (
            "no 2/pi",
            lambda q: (
                erf_kernel(q)
                + (q.pi / 2 - 1) * (erf_kernel(q) - erf_kernel(q, top=0 * q.G))
            ),
            "is wrong by a factor",
        ),
        ("all by pi/2", lambda q: erf_kernel(q) * q.pi / 2, "same in all cases"),
        ("c for 2c", lambda q: erf_kernel(q, top=q.G), "2c|arcsin|argument"),
        ("c^2 for 4c^2", lambda q: erf_kernel(q, inner=q.G**2), "root"),
        ("2c^2 for 4c^2", lambda q: erf_kernel(q, inner=2 * q.G**2), "root"),
        (
            "arccos",
            lambda q: 2 * erf_kernel(q, top=0 * q.G) - erf_kernel(q) + 1,
            "arc|SIZE|sign",
        ),
        (
            "no root",
            lambda q: (
                erf_kernel(q)
                - erf_kernel(q, top=0 * q.G)
                + q.G * 4 / q.pi / (np.outer(1 + 2 * q.a, 1 + 2 * q.a) - 4 * q.G**2)
            ),
            "root",
        ),
        (
            "degrees",
            lambda q: (
                erf_kernel(q)
                + (180 / q.pi - 1) * (erf_kernel(q) - erf_kernel(q, top=0 * q.G))
            ),
            "is wrong by a factor",
        ),
        (
            "divides by c",
            lambda q: erf_kernel(q) / q.G * q.G,
            "five coordinates.*: got nan",
        ),
        ("vector", lambda q: np.diag(erf_kernel(q)), "shape"),
        ("transposed inputs", lambda q: q.X.T @ q.X, "shape"),
    ],
    "gelu_limit": [
        (
            "over the lengths",
            lambda q: kernel.gelu_limit(q.X) / q.root * q.root,
            "first input 0: got nan",
        ),
        (
            "tanh",
            lambda q: kernel._gelu_limit_by_tanh(q.X),
            "approximation by tanh",
        ),
        ("Phi", lambda q: gelu_average(q, q.G), "last layer alone"),
        ("c Phi", lambda q: q.G * gelu_average(q, q.G), "differentiat|derivative"),
        (
            "one term",
            lambda q: q.G * gelu_derivative(2, c_before=False)(q),
            "one more term",
        ),
        (
            "Phi'",
            gelu_derivative(2, c_before=False),
            "Φ' alone|∂Φ/∂c",
        ),
        (
            "no c",
            lambda q: gelu_average(q, q.G) + gelu_derivative(2, c_before=False)(q),
            "lacks its factor",
        ),
        ("argument a", gelu_derivative(0), "argnums"),
        ("argument b", gelu_derivative(1), "argnums"),
        ("no quarter", gelu_derivative(2, quarter=0.0), "the constant in"),
        ("half", gelu_derivative(2, quarter=0.5), "the constant in"),
        ("sign in s", gelu_derivative(2, sign=1), SIZE),
        ("difference", gelu_by_difference, "digits"),
        ("relu", lambda q: kernel.relu_limit(q.X), SIZE),
        ("twice", lambda q: 2 * kernel.gelu_limit(q.X), "same in all cases"),
        (
            "no 1/2 in front of pi",
            lambda q: kernel.gelu_limit(q.X) * 2 * q.pi,
            "same in all cases",
        ),
        (
            "divides by c",
            lambda q: kernel.gelu_limit(q.X) / q.G * q.G,
            "five coordinates.*: got nan",
        ),
        ("vector", lambda q: np.diag(kernel.gelu_limit(q.X)), "shape"),
        ("float32", lambda q: np.asarray(kernel.gelu_limit(q.X), np.float16), "digit"),
    ],
    "output_velocity": [
        (
            "absolute slopes",
            lambda q: -(q.last + q.G * (np.abs(q.E) @ np.abs(q.E).T) / q.n) @ q.r / q.m,
            "right for psi (tanh|softplus)",
        ),
        ("own only", lambda q: -np.diag(q.K) * q.r / q.m, "own residual only"),
        (
            "others only",
            lambda q: -(q.K - np.diag(np.diag(q.K))) @ q.r / q.m,
            "own",
        ),
        ("no 1/m", lambda q: -q.K @ q.r, "no effect: what of"),
        ("1/m^2", lambda q: -q.K @ q.r / q.m**2, "depends on m:"),
        ("1/n", lambda q: -q.K @ q.r / q.n, "depends on m and n:"),
        ("2/m", lambda q: -2 * q.K @ q.r / q.m, "same in all cases"),
        ("1/2m", lambda q: -q.K @ q.r / q.m / 2, "same in all cases"),
        ("uphill", lambda q: q.K @ q.r / q.m, "loss grows"),
        ("no 1/m, uphill", lambda q: q.K @ q.r, "depends on m and a sign"),
        ("f", lambda q: -q.K @ q.f / q.m, "targets have no effect"),
        ("y", lambda q: q.K @ q.y / q.m, "outputs|f "),
        ("f + y", lambda q: -q.K @ (q.f + q.y) / q.m, "y"),
        ("last", lambda q: -q.last @ q.r / q.m, "W₁ alone"),
        ("first", lambda q: -q.first @ q.r / q.m, "W₀ alone|last layer"),
        ("* for @", lambda q: -q.K * q.r / q.m, "shape"),
        (
            "f without root",
            lambda q: -q.K @ (np.sqrt(q.n) * q.f - q.y) / q.m,
            "another size",
        ),
        (
            "W1 missing",
            lambda q: -(q.last + q.G * (q.S @ q.S.T) / q.n) @ q.r / q.m,
            "W",
        ),
        (
            "no gram",
            lambda q: -(q.last + q.E @ q.E.T / q.n) @ q.r / q.m,
            "x|inner|gram|factor",
        ),
        ("row sums", lambda q: -q.K.sum(axis=1) * q.r / q.m, "SIZE|residual"),
        ("no kernel", lambda q: -q.r / q.m, "kernel|gradient"),
        (
            "gradient",
            lambda q: -np.concatenate([q.A.T @ q.r, q.S.T @ q.r]),
            "shape",
        ),
        ("difference", velocity_by_difference, "digits"),
        ("1/n missing", lambda q: -q.n * q.K @ q.r / q.m, "depends on n:"),
        ("loss velocity", lambda q: -q.r @ q.K @ q.r / q.m**2, "shape"),
        ("mean", lambda q: np.mean(-q.K @ q.r / q.m), "shape"),
    ],
    "general_loss_velocity": [
        ("1/m", lambda q: -q.dl @ q.K @ q.dl / q.m, "bring another"),
        ("no 1/m", lambda q: -q.dl @ q.K @ q.dl, "no effect: where"),
        ("1/m^3", lambda q: -q.dl @ q.K @ q.dl / q.m**3, "depends on m:"),
        ("1/2m", lambda q: -q.dl @ q.K @ q.dl / q.m / 2, "depends on m:"),
        ("twice", lambda q: -2 * q.dl @ q.K @ q.dl / q.m**2, "same in all cases"),
        ("half", lambda q: -q.dl @ q.K @ q.dl / q.m**2 / 2, "same in all cases"),
        ("diagonal", lambda q: -np.diag(q.K) @ q.dl**2 / q.m**2, "β = α"),
        (
            "off the diagonal",
            lambda q: -q.dl @ (q.K - np.diag(np.diag(q.K))) @ q.dl / q.m**2,
            "β = α|diagonal|own",
        ),
        ("uphill", lambda q: q.dl @ q.K @ q.dl / q.m**2, "grows"),
        ("uphill, 1/m", lambda q: q.dl @ q.K @ q.dl / q.m, "depends on m and a sign"),
        ("bound", lambda q: -q.lam[0] * q.dl @ q.dl / q.m**2, "smallest eigenvalue"),
        ("largest", lambda q: -q.lam[-1] * q.dl @ q.dl / q.m**2, "eigenvalue"),
        ("no kernel", lambda q: -q.dl @ q.dl / q.m**2, "K"),
        ("no kernel, 1/m", lambda q: -q.dl @ q.dl / q.m, "K"),
        ("K dl squared", lambda q: -np.sum((q.K @ q.dl) ** 2) / q.m**2, "K"),
        ("* for @", lambda q: -q.dl * q.K * q.dl / q.m**2, "shape"),
        ("one * for @", lambda q: -q.dl @ q.K * q.dl / q.m**2, "shape"),
        ("velocity of f", lambda q: -q.K @ q.dl / q.m, "shape"),
        ("sum", lambda q: -np.sum(q.K @ q.dl) / q.m**2, "dl"),
        ("mean", lambda q: -np.mean(q.K) * np.sum(q.dl**2), SIZE),
        ("all entries", lambda q: -np.sum(q.K * q.dl**2) / q.m**2, "dl"),
        (
            "inverse",
            lambda q: -q.dl @ np.linalg.solve(q.K, q.dl) / q.m**2,
            "how K enters",
        ),
        ("in a list", lambda q: [-q.dl @ q.K @ q.dl / q.m**2], "shape"),
    ],
    "prediction": [
        (
            "exp as a sum",
            lambda q: (
                q.f0_new
                + q.K_new
                @ np.linalg.solve(q.K, np.eye(q.m) - exp_as_sum(-q.K * q.t / q.m))
                @ (q.y - q.f0)
            ),
            "a long time",
        ),
        (
            "no 1/m",
            lambda q: q.f0_new + q.K_new @ learnt(q, q.m) @ (q.y - q.f0),
            "exponent lacks a factor",
        ),
        (
            "1/m^2",
            lambda q: q.f0_new + q.K_new @ learnt(q, 1 / q.m) @ (q.y - q.f0),
            "t",
        ),
        (
            "2t/m",
            lambda q: q.f0_new + q.K_new @ learnt(q, 2) @ (q.y - q.f0),
            "t",
        ),
        (
            "no t",
            lambda q: q.f0_new + q.K_new @ learnt(q, 1 / q.t) @ (q.y - q.f0),
            "t",
        ),
        (
            "grows",
            lambda q: q.f0_new + q.K_new @ learnt(q, -1) @ (q.y - q.f0),
            "how t enters",
        ),
        (
            "no f0_new",
            lambda q: q.K_new @ learnt(q) @ (q.y - q.f0),
            "at t = 0",
        ),
        (
            "no f0",
            lambda q: q.f0_new + q.K_new @ learnt(q) @ q.y,
            "before training",
        ),
        ("neither", lambda q: q.K_new @ learnt(q) @ q.y, "f0"),
        (
            "end",
            lambda q: q.f0_new + q.K_new @ np.linalg.solve(q.K, q.y - q.f0),
            "t has no effect",
        ),
        (
            "left",
            lambda q: q.f0_new + q.K_new @ np.linalg.solve(q.K, left(q) @ (q.y - q.f0)),
            "still to learn",
        ),
        (
            "m in front",
            lambda q: q.f0_new + q.m * q.K_new @ learnt(q) @ (q.y - q.f0),
            "m ",
        ),
        (
            "1/m in front",
            lambda q: q.f0_new + q.K_new @ learnt(q) @ (q.y - q.f0) / q.m,
            "m",
        ),
        (
            "np.exp",
            lambda q: (
                q.f0_new
                + q.K_new
                @ np.linalg.solve(q.K, np.eye(q.m) - np.exp(-q.K * q.t / q.m))
                @ (q.y - q.f0)
            ),
            "matrix",
        ),
        (
            "1 - np.exp",
            lambda q: (
                q.f0_new
                + q.K_new
                @ np.linalg.solve(q.K, 1 - np.exp(-q.K * q.t / q.m))
                @ (q.y - q.f0)
            ),
            "matrix",
        ),
        (
            "1 - expm",
            lambda q: (
                q.f0_new + q.K_new @ np.linalg.solve(q.K, 1 - left(q)) @ (q.y - q.f0)
            ),
            "unit matrix|identity",
        ),
        (
            "no inverse",
            lambda q: q.f0_new + q.K_new @ (np.eye(q.m) - left(q)) @ (q.y - q.f0),
            "what is the integral",
        ),
        (
            "K for its inverse",
            lambda q: q.f0_new + q.K_new @ q.K @ (np.eye(q.m) - left(q)) @ (q.y - q.f0),
            "what is the integral",
        ),
        (
            "1/K",
            lambda q: (
                q.f0_new + q.K_new @ (1 / q.K) @ (np.eye(q.m) - left(q)) @ (q.y - q.f0)
            ),
            "inverse",
        ),
        (
            "y and f0 swapped",
            lambda q: q.f0_new + q.K_new @ learnt(q) @ (q.f0 - q.y),
            "how y - f0 enters",
        ),
        (
            "minus everything",
            lambda q: -q.f0_new - q.K_new @ learnt(q) @ (q.y - q.f0),
            "sign",
        ),
        (
            "V.T first",
            lambda q: (
                q.f0_new
                + q.K_new
                @ (
                    q.V.T
                    @ ((1 - np.exp(-q.lam * q.t / q.m)) / q.lam * (q.V @ (q.y - q.f0)))
                )
            ),
            "eigenvector",
        ),
        (
            "no 1/lam",
            lambda q: (
                q.f0_new
                + q.K_new
                @ (q.V @ ((1 - np.exp(-q.lam * q.t / q.m)) * (q.V.T @ (q.y - q.f0))))
            ),
            "what is the integral",
        ),
        ("end from 0", lambda q: q.K_new @ np.linalg.solve(q.K, q.y), "starts at 0"),
        (
            "left without inverse",
            lambda q: q.f0_new + q.K_new @ left(q) @ (q.y - q.f0),
            "has to be integrated",
        ),
        ("start", lambda q: q.f0_new, "f0_new"),
        ("training points", lambda q: q.y + left(q) @ (q.f0 - q.y), "shape"),
        (
            "residual only",
            lambda q: q.K_new @ left(q) @ (q.f0 - q.y),
            "is wrong, and besides",
        ),
        ("velocity", lambda q: -q.K_new @ left(q) @ (q.f0 - q.y) / q.m, "velocity"),
        (
            "velocity times t",
            lambda q: q.f0_new - q.t * q.K_new @ left(q) @ (q.f0 - q.y) / q.m,
            "constant|velocity|integra",
        ),
        (
            "first step",
            lambda q: q.f0_new - q.t * q.K_new @ (q.f0 - q.y) / q.m,
            "constant|velocity|one step",
        ),
        ("solver", prediction_by_solver, "digits"),
        ("Euler", prediction_by_steps, "digit"),
        (
            "as a column",
            lambda q: dynamics.prediction(q.K, q.K_new, q.f0, q.f0_new, q.y, q.t)[
                :, None
            ],
            "shape",
        ),
    ],
    "stable_step": [
        ("2/max", lambda q: 2 / q.lam[-1], "no effect: how"),
        ("m/max", lambda q: q.m / q.lam[-1], "learnt at once"),
        ("1/max", lambda q: 1 / q.lam[-1], "depends on m:"),
        ("2m/min", lambda q: 2 * q.m / q.lam[0], "slowest mode"),
        ("2/min", lambda q: 2 / q.lam[0], "slowest|smallest"),
        ("2m/trace", lambda q: 2 * q.m / np.trace(q.K), "trace only bounds"),
        ("2/trace", lambda q: 2 / np.trace(q.K), "trace"),
        ("first", lambda q: 2 * q.m / np.linalg.eigvals(q.K)[0], "eigvals"),
        ("last", lambda q: 2 * q.m / np.linalg.eigvals(q.K)[-1], "eigvals|slowest"),
        ("Frobenius", lambda q: 2 * q.m / np.linalg.norm(q.K), "Frobenius"),
        ("second largest", lambda q: 2 * q.m / q.lam[-2], SIZE),
        ("largest entry", lambda q: 2 * q.m / q.K.max(), "entry"),
        (
            "largest diagonal",
            lambda q: 2 * q.m / np.diag(q.K).max(),
            "entry|diagonal",
        ),
        ("row sums", lambda q: 2 * q.m / np.linalg.norm(q.K, np.inf), "row"),
        ("inverse", lambda q: q.lam[-1] / (2 * q.m), "which way"),
        ("product", lambda q: 2 * q.m * q.lam[-1], "which way"),
        ("2/m max", lambda q: 2 / q.m / q.lam[-1], "m"),
        ("best", lambda q: 2 * q.m / (q.lam[0] + q.lam[-1]), "best|fastest|both"),
        ("all", lambda q: 2 * q.m / q.lam, "shape"),
        (
            "mean",
            lambda q: 2 * q.m / q.lam.mean(),
            "depends on m is wrong, and besides",
        ),
        ("determinant", lambda q: 2 * q.m / np.linalg.det(q.K), "determinant"),
        ("square", lambda q: 2 * q.m / q.lam[-1] ** 2, "SIZE|square"),
        ("4m", lambda q: 4 * q.m / q.lam[-1], "same in all cases"),
        ("minus", lambda q: -2 * q.m / q.lam[-1], "sign"),
        ("just below", lambda q: 1.99 * q.m / q.lam[-1], "digit"),
        ("matrix", lambda q: 2 * q.m / q.K, "shape"),
        ("string", lambda q: "2m/lam", "numbers"),
    ],
    "sharp_rate": [
        ("lecture", lambda q: q.lam / (2 * q.m), "lecture's rate"),
        ("residuals", lambda q: q.lam / q.m, "rate of the residuals"),
        ("no m", lambda q: 2 * q.lam, "no effect: what"),
        ("lam", lambda q: q.lam, "depends on m:"),
        ("m^2", lambda q: 2 * q.lam / q.m**2, "not the loss itself"),
        ("lam/m^2", lambda q: q.lam / q.m**2, "depends on m:"),
        ("4", lambda q: 4 * q.lam / q.m, "same in all cases"),
        ("times m", lambda q: 2 * q.lam * q.m, "depends on m:"),
        ("minus", lambda q: -2 * q.lam / q.m, "sign"),
        ("inverse", lambda q: q.m / (2 * q.lam), "which way"),
        ("time to fall", lambda q: q.m / q.lam, "which way"),
        ("exp", lambda q: np.exp(-2 * q.lam / q.m), "exp|exponent"),
        ("1 - exp", lambda q: 1 - np.exp(-2 * q.lam / q.m), "exp|exponent"),
        ("square", lambda q: 2 * q.lam**2 / q.m, "lam"),
        ("root", lambda q: 2 * np.sqrt(q.lam) / q.m, "lam"),
        ("swapped", lambda q: 2 * q.m / q.lam, "lam|swap|reciprocal"),
        ("vector", lambda q: np.ones(q.m), "shape"),
    ],
    "kernel_velocity": [
        (
            "printed index",
            lambda q: contracted("a,abc->ab", q.both, q.r),
            "printed index",
        ),
        ("index beta", lambda q: contracted("b,abc->ab", q.both, q.r), "index"),
        ("one Hessian", lambda q: contracted("c,abc->ab", q.T, q.r), "one of them"),
        (
            "twice one Hessian",
            lambda q: 2 * contracted("c,abc->ab", q.T, q.r),
            "symmetric",
        ),
        (
            "the other Hessian",
            lambda q: contracted("c,bac->ab", q.T, q.r),
            "one of them|other|transpos",
        ),
        (
            "gamma's Hessian",
            lambda q: contracted("c,cab->ab", q.T, q.r),
            "Hessian",
        ),
        (
            "twice gamma's Hessian",
            lambda q: 2 * contracted("c,cab->ab", q.T, q.r),
            "Hessian",
        ),
        ("no 1/m", lambda q: q.m * contracted("c,abc->ab", q.both, q.r), "no effect"),
        ("1/m^2", lambda q: contracted("c,abc->ab", q.both, q.r) / q.m, "m"),
        ("uphill", lambda q: -contracted("c,abc->ab", q.both, q.r), "loss grows"),
        (
            "half",
            lambda q: contracted("c,abc->ab", q.both, q.r) / 2,
            "same in all cases",
        ),
        ("f", lambda q: contracted("c,abc->ab", q.both, q.f), "y"),
        ("y", lambda q: -contracted("c,abc->ab", q.both, q.y), "y|outputs"),
        (
            "no psi''",
            lambda q: contracted(
                "c,abc->ab",
                q.T1 + q.T2 + (q.T1 + q.T2).swapaxes(0, 1),
                q.r,
            ),
            "ψ''",
        ),
        (
            "W1 for W1^3",
            lambda q: contracted(
                "c,abc->ab",
                (lambda T: T + T.swapaxes(0, 1))(
                    q.T1
                    + q.T2
                    + q.ab
                    * q.ac
                    * np.einsum("bi,ai,ci->abc", q.S, q.C * q.W1, q.S)
                    / q.n**1.5
                ),
                q.r,
            ),
            "W₁|W1",
        ),
        (
            "W1 moves alone",
            lambda q: contracted(
                "c,abc->ab",
                (q.both - q.T3 - q.T3.swapaxes(0, 1)) / 2,
                q.r,
            ),
            "is missing",
        ),
        ("1/n^2", lambda q: contracted("c,abc->ab", q.both, q.r) / np.sqrt(q.n), "n"),
        ("not contracted", lambda q: -q.both * q.r / q.m, "shape"),
        ("K r", lambda q: -q.K @ q.r / q.m, "shape"),
        ("K", lambda q: q.K, "kernel"),
        ("-K/m", lambda q: -q.K / q.m, "kernel"),
        ("sum of r", lambda q: -q.r.mean() * q.both.sum(axis=2), "SIZE|residual"),
        ("difference", kernel_velocity_by_difference, "digits"),
        ("prints", printed, "return"),
    ],
    "third_order": [
        (
            "printed",
            lambda q: q.ab * (q.U + q.U.swapaxes(1, 2) + q.ab * q.B) / q.n**1.5,
            "printed Gram factors",
        ),
        (
            "first corrected",
            lambda q: q.T1 + q.T2 + q.ab * q.ab * q.B / q.n**1.5,
            "first Gram factor is corrected",
        ),
        (
            "third corrected",
            lambda q: q.ab * q.U / q.n**1.5 + q.T2 + q.T3,
            "last Gram factors are corrected",
        ),
        ("other Hessian", lambda q: q.T.swapaxes(0, 1), "Hessian"),
        ("gamma first", lambda q: q.T.transpose(2, 1, 0), "Hessian|axes"),
        ("cycled", lambda q: q.T.transpose(1, 2, 0), "Hessian|axes"),
        ("no psi''", lambda q: q.T1 + q.T2, "ψ''"),
        ("T3 only", lambda q: q.T3, "term"),
        ("T1 only", lambda q: q.T1, "term"),
        ("T2 missing", lambda q: q.T1 + q.T3, "term"),
        ("T1 twice", lambda q: 2 * q.T1 + q.T3, "term"),
        ("T3 subtracted", lambda q: q.T1 + q.T2 - q.T3, "term"),
        ("T3 twice", lambda q: q.T1 + q.T2 + 2 * q.T3, "term"),
        (
            "W1 for W1^3",
            lambda q: q.T1 + q.T2 + third_term(q, q.W1),
            "W₁",
        ),
        (
            "W1^2 for W1^3",
            lambda q: q.T1 + q.T2 + third_term(q, q.W1**2),
            "W₁",
        ),
        (
            "no W1 in T1",
            lambda q: first_two_terms_without_W1(q) + q.T3,
            "W",
        ),
        (
            "no W1",
            lambda q: first_two_terms_without_W1(q) + third_term(q, 1),
            "W",
        ),
        (
            "no gram",
            lambda q: (q.U + q.U.swapaxes(1, 2) + q.B) / q.n**1.5,
            "inner products|Gram",
        ),
        (
            "both grams everywhere",
            lambda q: q.ab * q.ac * (q.U + q.U.swapaxes(1, 2) + q.B) / q.n**1.5,
            "two inner products",
        ),
        (
            "gram of beta and gamma",
            lambda q: (
                (q.G[None] * (q.U + q.U.swapaxes(1, 2)) + q.ab * q.ac * q.B) / q.n**1.5
            ),
            "Gram|inner product",
        ),
        (
            "grams swapped",
            lambda q: (q.ab * q.U + q.ac * q.U.swapaxes(1, 2)) / q.n**1.5 + q.T3,
            "Gram|inner product",
        ),
        (
            "psi'' of beta",
            lambda q: (
                q.T1
                + q.T2
                + q.ab
                * q.ac
                * np.einsum("bi,ai,ci->abc", q.C * q.W1**3, q.S, q.S)
                / q.n**1.5
            ),
            "ψ''",
        ),
        (
            "psi' for psi''",
            lambda q: (
                q.T1
                + q.T2
                + q.ab
                * q.ac
                * np.einsum("bi,ai,ci->abc", q.S, q.S * q.W1**3, q.S)
                / q.n**1.5
            ),
            "ψ''",
        ),
        ("1/n", lambda q: q.T * np.sqrt(q.n), "power of n"),
        ("1/n^2", lambda q: q.T / np.sqrt(q.n), "n"),
        ("sqrt n", lambda q: q.T * q.n, "n"),
        ("no n", lambda q: q.T * q.n**1.5, "n"),
        ("minus", lambda q: -q.T, "sign"),
        ("matrix", lambda q: q.T.sum(axis=2), "shape"),
        ("both", lambda q: q.both, "Hessian|symmetric"),
        ("third only 1/n", lambda q: q.T1 + q.T2 + q.T3 * np.sqrt(q.n), "term"),
    ],
    "lazy_exponent": [
        ("1 - s", lambda q: 1 - q.s, "check sign and size"),
        ("s - 1", lambda q: q.s - 1, "half of it"),
        ("growing", lambda q: 2 * (1 - q.s), "positive"),
        ("learning rate", lambda q: 2 * q.s - 1, "learning rate"),
        ("of the kernel", lambda q: 1 - 2 * q.s, "kernel"),
        ("-1", lambda q: -1.0, "every s"),
        ("-1/2", lambda q: -0.5, "every s"),
        ("0", lambda q: 0.0, "every value is 0|every s"),
        ("first order", lambda q: q.s - 1.5, "first order"),
        ("-2 s", lambda q: -2 * q.s, "s = 1"),
        ("-s", lambda q: -q.s, "s = 1"),
        ("s - 2", lambda q: q.s - 2, SIZE),
        ("square", lambda q: -((1 - q.s) ** 2), SIZE),
        ("kernel counted", lambda q: -1.0 + 0 * q.s, "every s"),
        ("4", lambda q: -4 * (1 - q.s), "same in all cases"),
        ("kernel's size", lambda q: 2 * q.s - 2 + 1 - 2 * q.s, "every s"),
        ("not halved", lambda q: -2 * (q.s - 0.5) - 1, "s = 1"),
        ("array", lambda q: np.ones(3), "shape"),
        ("prints", lambda q: print(q.s), "return"),
    ],
    "travelled": [
        (
            "exp as a sum",
            lambda q: by_modes(
                q, lambda a, e: (1 - partial_sum(-a * q.t / q.m)) ** 2 / a
            ),
            "a long time",
        ),
        ("distance", lambda q: travelled(q) ** 0.5, "its square"),
        ("one factor", lambda q: by_modes(q, lambda a, e: e / a), "appears once"),
        (
            "two inverses",
            lambda q: by_modes(q, lambda a, e: (e / a) ** 2),
            "power of K",
        ),
        ("no inverse", lambda q: by_modes(q, lambda a, e: e**2), "outputs have moved"),
        ("whole way", lambda q: by_modes(q, lambda a, e: 1 / a), "still to go"),
        (
            "still to go",
            lambda q: by_modes(q, lambda a, e: (1 - e) ** 2 / a),
            "still to",
        ),
        ("energy", lambda q: by_modes(q, lambda a, e: e * (2 - e) / a), "loss that is"),
        ("no 1/m", lambda q: travelled(q, t=q.t * q.m), "without 1/m"),
        ("from 0", lambda q: travelled(q, r=q.y), "do not start"),
        ("minus", lambda q: -travelled(q), "sign|minus"),
        ("half", lambda q: travelled(q) / 2, "half|factor|0.5"),
        ("per example", lambda q: travelled(q) / q.m, "depends on m:"),
        ("vector", lambda q: q.V.T @ q.y, "expected"),
    ],
    "matching_ridge": [
        (
            "a series in t",
            lambda q: laurent(q.lam * q.t / q.m) * q.lam,
            "a long time",
        ),
        ("m/t", lambda q: q.m / q.t, "hardly begun"),
        ("no 1/m", lambda q: q.lam / np.expm1(q.lam * q.t), "without 1/m"),
        ("inverse", lambda q: q.lam * np.expm1(q.lam * q.t / q.m), "smaller ridge"),
        ("no lam", lambda q: 1 / np.expm1(q.lam * q.t / q.m), "which units"),
        ("share", lambda q: -np.expm1(-q.lam * q.t / q.m), "share of the mode"),
        ("sum", lambda q: -q.lam / np.expm1(-q.lam * q.t / q.m), "together"),
        ("loss", lambda q: q.lam / np.expm1(2 * q.lam * q.t / q.m), "twice as fast"),
        ("late", lambda q: q.lam * np.exp(-q.lam * q.t / q.m), "nearly learnt"),
        (
            "over m",
            lambda q: q.lam / np.expm1(q.lam * q.t / q.m) / q.m,
            "to which matrix",
        ),
        ("minus", lambda q: -q.lam / np.expm1(q.lam * q.t / q.m), "sign|minus"),
        ("nothing", lambda q: None, "nothing|None"),
    ],
    "random_targets": [
        ("trace", lambda q: np.trace(q.K), "mean of yᵀKy"),
        ("one over trace", lambda q: 1 / np.trace(q.K), "not the inverse of a sum"),
        ("all entries", lambda q: np.linalg.inv(q.K).sum(), "all targets equal"),
        ("worst", lambda q: q.m / q.lam[0], "largest value"),
        ("best", lambda q: q.m / q.lam[-1], "smallest value"),
        ("mean eigenvalue", lambda q: q.m**2 / q.lam.sum(), "mean eigenvalue"),
        ("over m", lambda q: np.mean(1 / q.lam), "take for granted"),
        ("bound", lambda q: np.sqrt(2 * np.mean(1 / q.lam)), "put into the bound"),
        ("squares", lambda q: np.sum(1 / q.lam**2), "how often does its inverse"),
        ("diagonal", lambda q: np.sum(1 / np.diag(q.K)), "inverse of the diagonal"),
        ("matrix", lambda q: np.linalg.inv(q.K), "expected"),
        ("minus", lambda q: -np.sum(1 / q.lam), "sign|minus"),
    ],
    "spread": [
        ("posterior", lambda q: posterior(q), "Gaussian process"),
        ("no joint part", lambda q: joined(q, 0), "correlated"),
        ("plus", lambda q: joined(q, -2), "wrong sign|sign"),
        ("start", lambda q: q.Phi[q.m :, q.m :], "before training"),
        ("kernel", lambda q: q.Phi[q.m :, q.m :] - gain(q) @ q.K_new.T, "K_\\*"),
        ("diagonal", lambda q: np.diag(np.diag(joined(q, 2))), "diagonal is right"),
        ("variances", lambda q: np.diag(joined(q, 2)), "expected"),
        ("minus", lambda q: -joined(q, 2), "sign|minus"),
        (
            "correction",
            lambda q: gain(q) @ q.Phi[: q.m, : q.m] @ gain(q).T,
            "what training changes",
        ),
        (
            "difference",
            lambda q: 2 * q.Phi[q.m :, q.m :] - joined(q, 0),
            "variances of differences",
        ),
        (
            "once",
            lambda q: joined(q, 0) - gain(q) @ q.Phi[q.m :, : q.m].T,
            "comes twice",
        ),
    ],
    "catapult_step": [
        ("fixed", lambda q: [q.f * (1 - q.eta * q.lam), q.lam], "fixed kernel"),
        ("held", lambda q: step(q, kernel=q.lam), "changes as well"),
        ("first order", lambda q: step(q, output=q.f * (1 - q.eta * q.lam)), "product"),
        ("swapped", lambda q: step(q)[::-1], "other order"),
        ("no width", lambda q: step(q, n=1), "no effect: what"),
        ("root", lambda q: step(q, n=np.sqrt(q.n)), "another power of n"),
        ("uphill", lambda q: step(q, eta=-q.eta), "loss grows"),
        ("output alone", lambda q: step(q)[0], "expected"),
        ("minus", lambda q: [-v for v in step(q)], "sign|minus"),
        ("a sum", lambda q: sum(step(q)), "expected"),
        (
            "kernel to first order",
            lambda q: step(q, kernel=q.lam - 4 * q.eta * q.f**2 / q.n),
            "squares of the changes",
        ),
    ],
    "noise_floor": [
        ("small steps", lambda q: q.eta * q.variance / (2 * q.lam), "much smaller"),
        ("one step", lambda q: q.eta**2 * q.variance, "one step adds"),
        ("not squared", lambda q: q.eta * q.variance / q.lam, "its square"),
        (
            "plus",
            lambda q: floor(q) * (2 / q.eta / q.lam - 1) / (2 / q.eta / q.lam + 1),
            "grow without bound",
        ),
        ("no lam", lambda q: floor(q) * q.lam, "power of λ"),
        ("deviation", lambda q: floor(q) ** 0.5, "standard deviation"),
        ("loss", lambda q: floor(q) / 2, "is the loss"),
        ("eta twice", lambda q: floor(q) * q.eta, "half of it"),
        ("no eta", lambda q: floor(q) / q.eta, "comes with a factor"),
        ("minus", lambda q: -floor(q), "sign|minus"),
        ("list", lambda q: [floor(q)], "expected"),
    ],
    "captured_share": [
        (
            "a cap at d",
            lambda q: 2 * q.m / q.d / (q.d - 1) if q.m <= q.d else 1.0,
            "nearly as many functions as products",
        ),
        ("no cap", lambda q: 2 * q.m / q.d / (q.d - 1), "at most 1"),
        ("ordered", lambda q: min(1.0, q.m / q.d / (q.d - 1)), "same product"),
        ("squares too", lambda q: min(1.0, 2 * q.m / q.d / (q.d + 1)), "always 1"),
        ("all", lambda q: min(1.0, q.m / q.d**2), "fewer products"),
        ("large d", lambda q: min(1.0, 2 * q.m / q.d**2), "count exactly"),
        ("coordinates", lambda q: min(1.0, q.m / q.d), "counts coordinates"),
        ("length", lambda q: share(q) ** 0.5, "its square"),
        ("corners", lambda q: min(1.0, q.m / 2.0**q.d), "corners"),
        (
            "pairs",
            lambda q: min(1.0, q.m * (q.m - 1) / q.d / (q.d - 1)),
            "m functions",
        ),
        ("missed", lambda q: 1 - share(q), SIZE),
        ("array", lambda q: [share(q)], "expected"),
    ],
    "margin_time": [
        (
            "exp as a sum",
            lambda q: q.m * (partial_sum(q.margin) + q.margin - 1) / q.lam,
            "a large margin",
        ),
        ("late", lambda q: q.m * np.exp(q.margin) / q.lam, "large margins"),
        ("one part", lambda q: q.m * np.expm1(q.margin) / q.lam, "term by term"),
        ("no start", lambda q: pace(q) + q.m / q.lam, "at margin 0"),
        ("no m", lambda q: pace(q) / q.m, "no effect"),
        ("no lam", lambda q: pace(q) * q.lam, "no effect"),
        ("lam above", lambda q: pace(q) * q.lam**2, "slower"),
        ("first speed", lambda q: 2 * q.m * q.margin / q.lam, "speed of the start"),
        ("slope 1", lambda q: q.m * q.margin / q.lam, "slope 1"),
        ("minus", lambda q: -pace(q), "sign|minus"),
        ("both", lambda q: [pace(q), q.margin], "expected"),
        (
            "last speed",
            lambda q: q.m * q.margin * (1 + np.exp(q.margin)) / q.lam,
            "speed of the end",
        ),
    ],
}

VALUES = {
    "conserved": [
        ("relu", "relu", "not all"),
        ("relu and leaky", {"relu", "leaky_relu"}, "not all"),
        ("relu and abs", ["relu", "abs"], "not all"),
        ("abs", {"abs"}, "not all"),
        ("tanh", "tanh", "bounded"),
        ("odd ones", {"tanh", "erf"}, "bounded"),
        ("all", {"relu", "leaky_relu", "abs", "tanh", "erf", "softplus"}, "bounded"),
        ("monotone", {"relu", "leaky_relu", "softplus"}, "softplus"),
        ("softplus", {"softplus"}, "softplus"),
        ("none", set(), "there are some"),
        ("empty list", [], "there are some"),
        ("capitals", {"ReLU", "abs"}, "not one of the choices"),
        ("one string", "relu, leaky_relu, abs", "not one of the choices"),
        ("booleans", [True, True, True], "choice from"),
        ("unanswered", None, "not answered yet"),
        ("number", 3, "choice"),
    ],
    "lemma_matrices": [
        ("definite", "positive definite", r"diag\(1, 0\)"),
        ("semidefinite", "positive semidefinite", r"diag\(1, -1\)"),
        ("any", "any square", r"rows \(1, -4\)"),
        ("two", {"symmetric", "positive definite"}, "name one class"),
        ("list", ["positive semidefinite", "positive definite"], "name one class"),
        ("capital", "Symmetric", "not one of the choices"),
        ("other word", "real symmetric", "not one of the choices"),
        ("empty string", "", "not one of the choices"),
        ("number", 2, "choice"),
        ("empty", [], "name one"),
        ("unanswered", None, "not answered yet"),
    ],
    "singular_inputs": [
        ("zero row", [[0, 0], [1, 2], [-1, -2]], "row is zero"),
        ("twice", [[1, 0], [1, 0]], "appears twice"),
        ("multiple", [[1, 2], [3, 6]], "same way"),
        ("free", [[1, 0], [0, 1], [1, 1]], "opposite directions"),
        ("one pair", [[1, 0], [-1, 0]], "count how many"),
        ("one pair and one", [[1, 0], [-1, 0], [0, 1]], "count how many"),
        ("two pairs", [[1, 0], [-1, 0], [0, 1], [0, -1]], "room for two"),
        (
            "transposed",
            [[1, 0, 1, -1, 0, -1], [0, 1, 1, 0, -1, -1]],
            "transposed",
        ),
        ("empty", np.zeros((0, 2)), "m >= 1"),
        ("empty list", [], "shape"),
        ("in space", np.eye(3), r"shape \(m, 2\)"),
        ("flat", [1, 0, 0, 1], r"shape \(m, 2\)"),
        ("one", [[1, 2]], "opposite"),
        (
            "nearly opposite",
            [[1, 0], [0, 1], [1, 1], [-1, 1e-4], [0, -1], [-1, -1]],
            "room for two|exactly",
        ),
        (
            "twins besides",
            [[1, 0], [0, 1], [1, 1], [-1, 0], [0, -1], [-1, -1], [2, 2]],
            "same way",
        ),
        ("not finite", [[np.nan, 1], [0, 1]], "got nan"),
        ("ragged", [[1, 0], [1]], "rectangular"),
    ],
    "drift_slope": [
        ("lecture", -0.5, "lecture's bound"),
        ("relu", -0.7, "relu shows"),
        ("measured relu", -0.72, "relu shows"),
        ("grows", 1.0, "more, not less"),
        ("grows slowly", 0.5, "more, not less|positive"),
        ("-3/2", -1.5, "how large is that sum"),
        ("measured", -0.94, "measure"),
        ("measured steeper", -1.07, "measure"),
        ("measured worse", -0.89, "measure"),
        ("constant", 0, "fall|width"),
        ("-2", -2, "SIZE|another|square"),
        ("-1/4", -0.25, "another number"),
        ("a list", [-1.0], "shape"),
        ("a function", lambda n: -1.0, "function"),
        ("a string", "-1", "numbers"),
        ("unanswered", None, "not answered yet"),
        ("a string of letters", "1/n", "numbers"),
    ],
}

WRONG_ANSWERS = {
    name: [(title, given(name, formula), hears) for title, formula, hears in answers]
    for name, answers in GIVEN.items()
} | VALUES

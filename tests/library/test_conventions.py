"""The page on conventions: each line of its tables, against networks as their authors
write them.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ntklib
from ntklib import Params, empirical_ntk, linear_flow, network

PAGE = Path(__file__).parents[2] / "book" / "conventions.md"
X = np.array([[0.9, 0.3, -0.4], [0.2, -1.1, 0.5]])
m, n0 = X.shape
W_std, b_std, beta, alpha, L = 1.4, 0.3, 0.2, 3.0, 2
psi = jax.scipy.special.erf  # not homogeneous: it matters where a factor stands
c = math.pi / (2 * math.asin(2 / 3))  # 1/E psi(z)^2


def lines(heading):
    """The lines of a table of the page: their first cell, and the code in the last."""
    section = PAGE.read_text("utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    rows = [line.strip("| ") for line in section.splitlines() if line.startswith("|")]
    cells = [re.split(r" \| ", row) for row in rows[2:]]
    return {row[0]: row[-1].strip("`") for row in cells}


class Convention(NamedTuple):
    """A network as its authors define it.

    Attributes:
        start: the parameters, from standard normal numbers of one or of two hidden
            layers.
        outputs: the outputs, of the parameters.
        rates: for a width, the learning rate of each parameter, divided by eta.
        layers: number of hidden layers.
    """

    start: Callable
    outputs: Callable
    rates: Callable = lambda n: None
    layers: int = 1


def as_drawn(*numbers):
    """The parameters are the standard normal numbers themselves."""
    return numbers


def book(u, v):
    """The network of this book."""
    return psi(X @ u.T) @ v / math.sqrt(len(v))


def jacot(W0, b0, W1, b1, W2, b2):
    """Jacot, Gabriel and Hongler 2018, section 3, with two hidden layers."""
    n = len(W1)
    preactivation = X @ W0.T / math.sqrt(n0) + beta * b0[None, :]
    preactivation = psi(preactivation) @ W1.T / math.sqrt(n) + beta * b1[None, :]
    return psi(preactivation) @ W2 / math.sqrt(n) + beta * b2


def neural_tangents(W0, b0, W1, b1, W2, b2):
    """stax.serial(Dense, Relu, Dense, Relu, Dense), parameterization="ntk"."""

    def dense(x, W, b):
        return W_std / math.sqrt(x.shape[-1]) * x @ W.T + b_std * b[None, :]

    hidden = psi(dense(psi(dense(X, W0, b0)), W1, b1))
    return dense(hidden, W2[None, :], b2[None])[:, 0]


def arora(W0, b0, W1, b1, W2, b2):
    """Arora et al. 2019, section 3: f^1 = W^1 x, g^h = sqrt(c/d_h) psi(f^h)."""
    del b0, b1, b2
    g = math.sqrt(c / len(W0)) * psi(X @ W0.T)
    g = math.sqrt(c / len(W1)) * psi(g @ W1.T)
    return g @ W2


def standard_start(u, v):
    """Standard deviations W_std over the root of the fan-in."""
    return W_std * u / math.sqrt(n0), W_std * v / math.sqrt(len(v))


def without_factor(u, v):
    """A network as everyday code writes it."""
    return psi(X @ u.T) @ v


def mu_p_start(u, v):
    """Both layers start with the variance 1/n."""
    return u / math.sqrt(len(v)), v / math.sqrt(len(v))


def mu_p(u, v):
    """Yang and Hu 2021, table 1, for one hidden layer."""
    n = len(v)
    return psi(math.sqrt(n) * X @ u.T) @ v / math.sqrt(n)


CONVENTIONS = {
    "This book": Convention(as_drawn, book),
    "{cite:t}`jacot2018neural`": Convention(as_drawn, jacot, layers=2),
    '{cite:t}`lee2019wide`; neural-tangents, `parameterization="ntk"`': Convention(
        as_drawn, neural_tangents, layers=2
    ),
    "{cite:t}`arora2019exact`": Convention(as_drawn, arora, layers=2),
    "{cite:t}`du2019gradient`": Convention(
        lambda u, v: (u, jnp.sign(v)), book, rates=lambda n: (1, 0)
    ),
    "Standard, rate over fan-in": Convention(
        standard_start, without_factor, rates=lambda n: (1 / n0, 1 / n)
    ),
    "Standard, one rate": Convention(
        standard_start, without_factor, rates=lambda n: (1 / n, 1 / n)
    ),
    "Mean-field": Convention(
        as_drawn, lambda u, v: psi(X @ u.T) @ v / len(v), rates=lambda n: (n, n)
    ),
    "μP": Convention(mu_p_start, mu_p),
    "{cite:t}`chizat2019lazy`": Convention(
        as_drawn,
        lambda u, v: alpha * book(u, v),
        rates=lambda n: (1 / alpha**2, 1 / alpha**2),
    ),
}


def numbers(key, n, layers):
    """Standard normal numbers for all weights (and biases, of two hidden layers)."""
    shapes = [(n, n0), (n,)] if layers == 1 else [(n, n0), n, (n, n), n, (n,), ()]
    keys = jax.random.split(key, len(shapes))
    return [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]


def kernel(convention, drawn):
    """The tangent kernel in the network's own parameters, layers weighted by rates."""
    params = convention.start(*drawn)
    rates = convention.rates(len(drawn[0])) or (1,) * len(params)
    J = jax.jacobian(lambda params: convention.outputs(*params))(params)
    J = [jnp.reshape(part, (m, -1)) for part in J]
    return sum(rate * part @ part.T for rate, part in zip(rates, J, strict=True))


def test_conventions_of_every_line_are_tried():
    """No line of the table is without its network."""
    assert list(lines("Kernels")) == list(CONVENTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_have_the_kernel_that_the_page_says(name):
    """The call in the table is the mean kernel of wide random networks of this kind."""
    convention = CONVENTIONS[name]
    n, draws = (300, 100) if convention.layers == 1 else (100, 300)

    def one(key):
        return kernel(convention, numbers(key, n, convention.layers))

    keys = jax.random.split(jax.random.key(len(name)), draws)
    drawn = np.asarray(jax.lax.map(one, keys, batch_size=50))
    mean = drawn.mean(axis=0)
    error = drawn.std(axis=0, ddof=1) / math.sqrt(draws)
    names = {name: getattr(ntklib, name) for name in ntklib.__all__}
    call = lines("Kernels")[name]
    expected = eval(call, {**names, **globals()})
    # with two hidden layers, or with a layer that fades, the mean is off by about 1/n
    exact = convention.layers == 1 and name != "Standard, one rate"
    allowed = 4.5 * error + (0 if exact else 3 / n) * np.abs(expected).max()
    assert np.max(np.abs(mean - expected) / allowed) < 1
    assert np.max(allowed) < 0.1 * np.max(np.abs(expected))  # it could have failed


# Inputs of this book's network, and a factor of its outputs, that make it this network.
BOOK_AT = {
    "{cite:t}`du2019gradient`": (X, 1),
    "Standard, rate over fan-in": (W_std * X / math.sqrt(n0), W_std),
    "Standard, one rate": (W_std * X / math.sqrt(n0), W_std),
    "Mean-field": (X, 1 / math.sqrt(7)),
    "μP": (X, 1 / math.sqrt(7)),
    "{cite:t}`chizat2019lazy`": (X, alpha),
}


@pytest.mark.parametrize("name", BOOK_AT)
def test_conventions_are_one_network_in_two_notations(name):
    """With the same random numbers, at width 7: outputs that are those of this book's
    network times a factor, and a kernel made of the shares of its layers.
    """
    convention, (inputs, factor) = CONVENTIONS[name], BOOK_AT[name]
    n = 7
    u, v = numbers(jax.random.key(0), n, 1)
    if name == "{cite:t}`du2019gradient`":
        v = jnp.sign(v)
    found = convention.outputs(*convention.start(u, v))
    params = Params(u, v)
    np.testing.assert_allclose(found, factor * network(params, inputs, psi), rtol=1e-12)
    whole = empirical_ntk(params, inputs, psi)
    last = empirical_ntk(Params(u, 0 * v), inputs, psi)  # what W1 adds: Phi
    expected = {
        "{cite:t}`du2019gradient`": whole - last,
        "Standard, one rate": last + n0 / n * (whole - last),
    }.get(name, whole)
    np.testing.assert_allclose(kernel(convention, (u, v)), expected, rtol=1e-12)


def book_deep(drawn, X, w, b):
    """eq-deep-network with two hidden layers."""
    W0, b0, W1, b1, W2, b2 = drawn
    n = len(W1)
    h = w * X @ W0.T + b * b0[None, :]
    h = w * psi(h) @ W1.T / math.sqrt(n) + b * b1[None, :]
    return w * psi(h) @ W2 / math.sqrt(n) + b * b2


@pytest.mark.parametrize(
    ("network", "scales"),
    [
        (jacot, {"X": X / math.sqrt(n0), "w": 1, "b": beta}),
        (neural_tangents, {"X": X / math.sqrt(n0), "w": W_std, "b": b_std}),
        (arora, {"X": X / math.sqrt(c), "w": math.sqrt(c), "b": 0}),
    ],
)
def test_conventions_of_deep_networks_are_eq_deep_network(network, scales):
    """With the same random numbers these are the same functions of all parameters."""
    drawn = numbers(jax.random.key(1), 7, layers=2)
    np.testing.assert_allclose(network(*drawn), book_deep(drawn, **scales), rtol=1e-12)


LOSSES = {
    "This book": lambda f, y: jnp.sum((f - y) ** 2) / (2 * m),
    "Sum of squares: {cite:t}`du2019gradient`, {cite:t}`arora2019exact`": (
        lambda f, y: jnp.sum((f - y) ** 2) / 2
    ),
    "Mean of squares: PyTorch's `MSELoss`, scikit-learn": (
        lambda f, y: jnp.mean((f - y) ** 2)
    ),
    "neural-tangents, `gradient_descent_mse(K, y, eta)`": (
        lambda f, y: eta * jnp.mean((f - y) ** 2) / 2
    ),
}
eta = 0.3


@pytest.mark.parametrize("name", LOSSES)
def test_conventions_of_losses_change_the_time(name):
    """The call in the table moves as d f/dt = -K dL/df says, from any residuals."""
    assert list(lines("Losses and times")) == list(LOSSES)
    K, y = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.3, -0.7])
    f = np.array([1.0, 0.4])
    slopes = np.asarray(jax.grad(LOSSES[name])(jnp.asarray(f), y))
    step = 1e-6
    call = lines("Losses and times")[name]
    names = {"K": K, "r0": f - y, "ts": np.array([0, step]), "linear_flow": linear_flow}
    start, after = eval(call, {**globals(), **names})
    np.testing.assert_allclose((after - start) / step, -K @ slopes, rtol=1e-5)

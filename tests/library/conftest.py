"""What the tests of the library share: activations written by hand, bad input."""

import re
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, ndtr

from ntklib import Params
from tests.numerics import _bounded_memory, close, problem

__all__ = ["_bounded_memory", "close", "problem"]  # fixtures


def pytest_configure(config):
    """Name the tests that also run in float32, with JAX_ENABLE_X64=0."""
    config.addinivalue_line(
        "markers", "array_function: a claim that also holds in float32"
    )


class Activation(NamedTuple):
    """An activation for the library, and the same function and its derivative written
    by hand in NumPy.
    """

    psi: Callable
    value: Callable
    slope: Callable


ACTIVATIONS = {
    "tanh": Activation(jnp.tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": Activation(
        jax.nn.relu, lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)
    ),
    "gelu": Activation(
        lambda z: jax.nn.gelu(z, approximate=False),
        lambda z: z * ndtr(z),
        lambda z: ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "sin": Activation(jnp.sin, np.sin, np.cos),
    "softplus": Activation(jax.nn.softplus, lambda z: np.log1p(np.exp(z)), expit),
    "z^2+z": Activation(lambda z: z**2 + z, lambda z: z**2 + z, lambda z: 2 * z + 1),
}

# A kernel K that is none, a vector of its length, and how the message begins.
BAD_KERNELS = [
    (np.ones((3, 2)), np.ones(3), "K must be square; got shape (3, 2)"),
    (
        [[1.0, 2.0], [2.1, 1.0]],
        np.ones(2),
        "K must be symmetric; got max|K - K^T| = 0.1 where max|K| = 2.1",
    ),
    (
        np.ones(2),
        np.ones(2),
        "K must be a real array of shape (m, m); got shape (2,)",
    ),
    (
        np.eye(2) * 1j,
        np.ones(2),
        "K must be a real array of shape (m, m); got dtype complex128",
    ),
    (np.diag([1, np.nan]), np.ones(2), "K must be finite; got nan at index (1, 1)"),
]

# Arguments ts that no flow takes, and how the message begins.
BAD_TIMES = [
    ("ts", 1.0, "ts must be a real array of shape (T,); got shape ()"),
    (
        "ts",
        [],
        "ts must be a real array of shape (T,) and must not be empty; got shape",
    ),
    ("ts", [0.0, np.inf], "ts must be finite; got inf at index (1,)"),
    ("ts", [-0.5, 1.0], "ts must be non-negative; got ts[0] = -0.5"),
    (
        "ts",
        [0.0, 2.0, 1.0],
        "ts must be non-decreasing; got ts[1] = 2.0 before ts[2] = 1.0",
    ),
]

# For params of shape W0 (5, 3), W1 (5,) and X (4, 3): what replaces one of them, and
# how the message begins.
W0, W1, X = np.ones((5, 3)), np.ones(5), np.ones((4, 3))
BAD_DATA = {
    "params, a list": ("params", [W0, W1], "params must be Params(W0, W1); got list"),
    "params, three of them": (
        "params",
        (W0, W1, W1),
        "params must be Params(W0, W1); got tuple",
    ),
    "params, text": ("params", "random", "params must be Params(W0, W1); got str"),
    "W0, a vector": (
        "params",
        Params(W1, W1),
        "params.W0 must be a real array of shape (n, n0); got shape (5,)",
    ),
    "W0, no units": (
        "params",
        Params(W0[:0], W1),
        "params.W0 must be a real array of shape (n, n0) and must not be em",
    ),
    "W0, nan": (
        "params",
        Params(W0 * np.nan, W1),
        "params.W0 must be finite; got nan at index (0, 0)",
    ),
    "W0, complex": (
        "params",
        Params(W0 * 1j, W1),
        "params.W0 must be a real array of shape (n, n0); got dtype compl",
    ),
    "W1, a row": (
        "params",
        Params(W0, W1[None]),
        "params.W1 must be a real array of shape (n,); got shape (1, 5)",
    ),
    "W1, too short": (
        "params",
        Params(W0, W1[:4]),
        "params.W1 has length 4, but params.W0 expects n = 5",
    ),
    "W1, infinite": (
        "params",
        Params(W0, W1 * -np.inf),
        "params.W1 must be finite; got -inf at index (0,)",
    ),
    "X, one input": (
        "X",
        X[0],
        "X must be a real array of shape (m, n0); got shape (3,)",
    ),
    "X, transposed": ("X", X.T, "X has 4 columns, but params.W0 expects n0 = 3"),
    "X, no inputs": (
        "X",
        X[:0],
        (
            "X must be a real array of shape (m, n0) and must not be empty; got "
            "shape (0, 3)"
        ),
    ),
    "X, no columns": (
        "X",
        X[:, :0],
        (
            "X must be a real array of shape (m, n0) and must not be empty; got "
            "shape (4, 0)"
        ),
    ),
    "X, one nan": (
        "X",
        [[1, 2, 3], [4, 5, np.nan]],
        "X must be finite; got nan at index (1, 2)",
    ),
    "X, infinite": (
        "X",
        jnp.full((4, 3), jnp.inf),
        "X must be finite; got inf at index (0, 0)",
    ),
    "X, text": ("X", "data", "X must be a real array of shape (m, n0); got 'data'"),
    "X, numbers as text": (
        "X",
        [["1", "2", "3"]],
        "X must be a real array of shape (m, n0); got dtype <U1",
    ),
    "X, complex": (
        "X",
        X + 0j,
        "X must be a real array of shape (m, n0); got dtype complex128",
    ),
    "X, ragged": (
        "X",
        [[1, 2, 3], [4]],
        "X must be a real array of shape (m, n0); got a list that is not a rectangular",
    ),
    "X, None": ("X", None, "X must be a real array of shape (m, n0); got None"),
    "X, objects": (
        "X",
        np.array([[1, 2, None]]),
        "X must be a real array of shape (m, n0); got dtype object",
    ),
}
BAD_PSI = {
    "text": "tanh",
    "None": None,
    "in NumPy": lambda z: np.tanh(z),
    "a ufunc of NumPy": np.tanh,
    "of two arguments": jnp.maximum,
    "a sum": jnp.sum,
    "a softmax": lambda z: jax.nn.softmax(z, axis=-1),
    "a constant": lambda z: 1.0,
    "boolean": lambda z: z > 0,
    "integer": lambda z: jnp.round(z).astype(int),
    "complex": lambda z: z + 1j,
    "a pair": lambda z: (z, z),
}


@pytest.fixture(params=ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def activation(request):
    """One activation after another."""
    return request.param


@pytest.fixture(scope="session")
def activations():
    """All activations by name."""
    return ACTIVATIONS


@pytest.fixture(params=[(1, 1, 1), (4, 5, 3)], ids="m{0[0]}-n{0[1]}-n0{0[2]}".format)
def shape(request):
    """(m, n, n0), the smallest among them."""
    return request.param


@pytest.fixture(params=BAD_DATA.values(), ids=BAD_DATA.keys())
def bad_data(request):
    """The arguments params and X, one of them bad, and the beginning of the message."""
    name, value, message = request.param
    return {"params": Params(W0, W1), "X": X, name: value}, message


@pytest.fixture(params=BAD_PSI.values(), ids=BAD_PSI.keys())
def bad_psi(request):
    """A psi that is no activation, and the beginning of the message."""
    return (
        request.param,
        (
            "psi must be an elementwise function, such as jnp.tanh, that JAX can "
            "trace and that returns a"
        ),
    )


@pytest.fixture(scope="session")
def refuses():
    """refuses(message, function, *args): a ValueError of one line that begins with the
    message.
    """

    def check(message, function, *args, **kwargs):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
            function(*args, **kwargs)
        assert "\n" not in str(caught.value)

    return check

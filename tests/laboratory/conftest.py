"""A Node process that answers what the tests ask, and the cases for the library."""

import json
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf

from book._ext.katex_math import node_program
from ntklib import Params
from tests.numerics import _bounded_memory

__all__ = ["_bounded_memory"]  # fixtures

jax.config.update("jax_enable_x64", True)

RUNNER = Path(__file__).parent / "run.mjs"

# What a reader chooses or types, and the same function for the library.
ACTIVATIONS = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "erf": erf,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "sin": jnp.sin,
    "softplus": jax.nn.softplus,
    "tanh(2*z)": lambda z: jnp.tanh(2 * z),
    "z^2+z": lambda z: z**2 + z,
    "max(z, 0.1*z)": lambda z: jnp.maximum(z, 0.1 * z),
    "exp(-z^2/2)*cos(3*z)": lambda z: jnp.exp(-(z**2) / 2) * jnp.cos(3 * z),
}

# Two close inputs, and some in all quarters; then one alone.
ANGLES = [
    [-2.9, -1.3, -1.2, 0.4, 1.1, 2.6],
    [0.7],
]

STATE = {
    "points": [
        {"at": at, "y": y}
        for at, y in [(-2.5, 0.6), (-1.0, -0.9), (0.3, 0.2), (1.2, 1.0), (2.4, -0.4)]
    ],
    "constant": True,
    "psi": "tanh",
    "width": 24,
    "seed": 3,
    "paired": False,
    "s": 0.5,
    "loss": "square",
    "rule": "flow",
    "rate": 0.5,
    "time": 3.0,
}


class Laboratory:
    """Calls functions of the laboratory's modules in one Node process."""

    def __init__(self):
        self.process = subprocess.Popen(
            [node_program(), RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            bufsize=1,
        )

    def reply(self, module, name, *args, over=None):
        """What the runner answers: a value or an error."""
        request = {"module": module, "name": name, "args": args, "over": over}
        self.process.stdin.write(json.dumps(request, default=as_list) + "\n")
        return json.loads(self.process.stdout.readline())

    def __call__(self, module, name, *args, over=None):
        """The value that the function returns."""
        reply = self.reply(module, name, *args, over=over)
        assert "error" not in reply, reply["error"]
        return reply.get("value")

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def as_list(value):
    """Arrays as lists, and parameters as the laboratory has them."""
    return np.asarray(value).tolist()


@pytest.fixture(scope="session")
def laboratory():
    """The laboratory's functions: laboratory(module, function, *args)."""
    process = Laboratory()
    yield process
    process.close()


def params_of(drawn):
    """The parameters that the laboratory drew, for the library."""
    return Params(np.array(drawn["W0"]), np.array(drawn["W1"]))


def changed(**changes):
    """The state above with other values."""
    return {**STATE, **changes}

"""This library, as it is and compiled by the caller."""

from functools import partial

import jax
import jax.numpy as jnp

from ntklib import Params, empirical_ntk, limit_kernel
from tools.bench.peers.problem import PROBLEMS, draw, measure


def infinite(function, X):
    """A call for the tangent kernel at infinite width."""
    return lambda: jax.block_until_ready(function(X)).ntk


def finite(function, params, X):
    """A call for the tangent kernel of one network."""
    return lambda: jax.block_until_ready(function(params, X))


def modes():
    """All problems, in both modes."""
    calls = {}
    for name, sizes in PROBLEMS.items():
        X, W0, W1 = map(jnp.asarray, draw(**sizes))
        if "n" in sizes:
            kernel = partial(empirical_ntk, psi=jnp.tanh)
            both = (
                finite(each, Params(W0, W1), X) for each in (kernel, jax.jit(kernel))
            )
        else:
            kernel = partial(limit_kernel, psi=jax.nn.relu)
            both = (infinite(each, X) for each in (kernel, jax.jit(kernel)))
        calls[name] = dict(zip(("eager", "jit"), both, strict=True))
    return calls


if __name__ == "__main__":
    measure(modes())

"""neural-tangents: closed forms, and each of its ways to a kernel at finite width."""

import jax
import jax.numpy as jnp
import neural_tangents as nt  # pyright: ignore[reportMissingImports]  # in its own environment
from jax._src import source_info_util
from jax.interpreters import ad
from neural_tangents import stax  # pyright: ignore[reportMissingImports]

from tools.bench.peers.problem import PROBLEMS, draw, measure

# Structured derivatives look for two names here that JAX 0.4.38 has moved away.
ad.__dict__.update(config=jax.config, source_info_util=source_info_util)

# Its third way, NTK-vector products, needs 17 GB for the problem below.
WAYS = {
    "Jacobian contraction": nt.NtkImplementation.JACOBIAN_CONTRACTION,
    "structured derivatives": nt.NtkImplementation.STRUCTURED_DERIVATIVES,
}


def infinite(X):
    """Both kernels at infinite width, as it is and compiled."""
    _, _, kernel = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
    X = X * X.shape[1] ** 0.5  # it divides inner products by the dimension

    def kernels(X):
        return kernel(X, None, ("nngp", "ntk"))

    calls = {"eager": kernels, "jit": jax.jit(kernels)}
    return {
        mode: lambda call=call: jax.block_until_ready(call(X)).ntk
        for mode, call in calls.items()
    }


def finite(X, W0, W1):
    """The kernel of one network, each way compiled."""

    def network(params, X):
        W0, W1 = params
        return (jnp.tanh(X @ W0.T) @ W1 / len(W1) ** 0.5)[:, None]

    calls = {}
    for name, way in WAYS.items():
        kernel = nt.empirical_ntk_fn(
            network, trace_axes=(-1,), vmap_axes=0, implementation=way
        )
        compiled = jax.jit(lambda params, X, kernel=kernel: kernel(X, None, params))
        calls[f"{name}, jit"] = lambda compiled=compiled: jax.block_until_ready(
            compiled((W0, W1), X)
        )
    return calls


def modes():
    """All problems."""
    calls = {}
    for name, sizes in PROBLEMS.items():
        X, W0, W1 = map(jnp.asarray, draw(**sizes))
        calls[name] = finite(X, W0, W1) if "n" in sizes else infinite(X)
    return calls


if __name__ == "__main__":
    measure(modes())

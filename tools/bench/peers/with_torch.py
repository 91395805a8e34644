"""torch.func: the product of all gradients, by its two ways to the gradients."""

import torch  # pyright: ignore[reportMissingImports]  # in its own environment
from torch.func import grad, jacrev, vmap  # pyright: ignore[reportMissingImports]

from tools.bench.peers.problem import PROBLEMS, draw, measure


def network(params, x):
    """The output for one input."""
    W0, W1 = params
    return torch.tanh(W0 @ x) @ W1 / len(W1) ** 0.5


def kernel(derivative, params, X):
    """The products of all gradients, without a graph for further derivatives."""
    with torch.no_grad():
        parts = vmap(derivative(network), (None, 0))(params, X)
        return sum(part.flatten(1) @ part.flatten(1).T for part in parts)


def modes():
    """The problem at finite width: it knows no kernel at infinite width."""
    X, W0, W1 = map(torch.from_numpy, draw(**PROBLEMS["finite"]))
    ways = {"vmap of grad": grad, "vmap of jacrev": jacrev}
    calls = {
        mode: lambda derivative=derivative: kernel(derivative, (W0, W1), X)
        for mode, derivative in ways.items()
    }
    return {"finite": calls}


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure(modes())

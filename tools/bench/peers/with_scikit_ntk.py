"""scikit-ntk: a kernel of scikit-learn, relu alone."""

from skntk import (  # pyright: ignore[reportMissingImports]  # in its own environment
    NeuralTangentKernel,
)

from tools.bench.peers.problem import PROBLEMS, draw, measure


def modes():
    """The problems at infinite width."""
    kernel = NeuralTangentKernel(depth=1, bias=0.0, bias_bounds="fixed")
    calls = {}
    for name, sizes in PROBLEMS.items():
        if "n" not in sizes:
            X, _, _ = draw(**sizes)
            calls[name] = {"as it is": lambda X=X: kernel(X)}
    return calls


if __name__ == "__main__":
    measure(modes())

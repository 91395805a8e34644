"""Other libraries for the same kernels, each in an environment of its own."""

from typing import NamedTuple


class Peer(NamedTuple):
    """A library: what pip installs, and the module that measures it there."""

    name: str
    requirements: tuple[str, ...]
    module: str


OURS = "ntklib"
PEERS = (
    Peer(
        "neural-tangents",
        ("neural-tangents==0.6.5", "jax==0.4.38", "jaxlib==0.4.38"),
        "tools.bench.peers.with_neural_tangents",
    ),
    Peer("torch.func", ("torch==2.14.1", "numpy"), "tools.bench.peers.with_torch"),
    Peer("scikit-ntk", ("scikit-ntk==1.2.1",), "tools.bench.peers.with_scikit_ntk"),
)

"""The set "kernel": the tangent kernel at finite width and in the infinite limit."""

import numpy as np

from ntklib.exercises import psis
from ntklib.exercises.exercise import Exercise, network_of

NTK = Exercise(
    name="ntk",
    arguments=("params", "X", "psi"),
    route="automatic differentiation",
    by_hand="ψ(z) = z², W₀ = (1, 2)ᵀ, W₁ = (3, -1), x = 1, x' = 2 give K(x, x') = 138",
    example=(
        network_of([[1.0], [2.0]], [3.0, -1.0]),
        np.array([[1.0], [2.0]]),
        psis.square,
    ),
)

RELU_LIMIT = Exercise(
    name="relu_limit",
    arguments=("X",),
    route="quadrature",
    by_hand="x = (1, 0), x' = (1, 1) give K(x, x') = 3/4 + 1/(2π) = 0.9092",
    example=(np.array([[1.0, 0.0], [1.0, 1.0]]),),
    # A route that loses digits on the diagonal happens now and then to be right on all
    # of it where inputs are few; with twelve that is rare, and the special cases have
    # nearly parallel inputs besides.
    entry_tol=1e-12,
    sizes=((4, 7, 3), (12, 6, 2)),
)

ERF_LIMIT = Exercise(
    name="erf_limit",
    arguments=("X",),
    route="quadrature",
    by_hand="|x| = |x'| = 1 and ⟨x, x'⟩ = 1/2 give K(x, x') = 0.4414",
    example=(np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]]),),
)

GELU_LIMIT = Exercise(
    name="gelu_limit",
    arguments=("X",),
    route="quadrature",
    by_hand="orthogonal unit vectors give 1/(4π) = 0.07958, and K(x, x) = 0.8811 "
    "for a unit vector",
    example=(np.eye(2),),
)

EXERCISES = (NTK, RELU_LIMIT, ERF_LIMIT, GELU_LIMIT)

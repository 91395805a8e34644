"""The set "drift": the motion of the kernel."""

import numpy as np

from ntklib.exercises import psis
from ntklib.exercises.exercise import Exercise, network_of

KERNEL_VELOCITY = Exercise(
    name="kernel_velocity",
    arguments=("params", "X", "y", "psi"),
    route="automatic differentiation",
    by_hand="n = n0 = m = 1, W₀ = 1, W₁ = 2, ψ(z) = z², x = 1 and y = 1 give -160",
    example=(
        network_of([[1.0]], [2.0]),
        np.array([[1.0]]),
        np.array([1.0]),
        psis.square,
    ),
)

THIRD_ORDER = Exercise(
    name="third_order",
    arguments=("params", "X", "psi"),
    route="automatic differentiation",
    by_hand="n = n0 = 1, W₀ = 1, W₁ = 2, ψ(z) = z², inputs 1, 1 and 2 give 320",
    example=(
        network_of([[1.0]], [2.0]),
        np.array([[1.0], [2.0]]),
        psis.square,
    ),
)

COUNTING = "powers of n, counted to second order"

DRIFT_SLOPE = Exercise(
    name="drift_slope",
    arguments=(),
    route=COUNTING,
    kind="exponent",
    tol=0.05,  # readers measure it, too
)

LAZY_EXPONENT = Exercise(
    name="lazy_exponent",
    arguments=("s",),
    route=COUNTING,
    by_hand="at s = 1/2 it is the exponent of the exercise before",
    example=(0.5,),
)

EXERCISES = (KERNEL_VELOCITY, THIRD_ORDER, DRIFT_SLOPE, LAZY_EXPONENT)

"""The set "dynamics": outputs, losses and weights through training."""

import numpy as np

from ntklib.exercises import psis
from ntklib.exercises.exercise import Exercise, network_of

OUTPUT_VELOCITY = Exercise(
    name="output_velocity",
    arguments=("params", "X", "y", "psi"),
    route="automatic differentiation",
    by_hand="the kernel with the rows (2, 1) and (1, 2), and r = (1, 0), give "
    "(-1, -1/2)",
    example=(
        # This network has the kernel, and the outputs (1, 1).
        network_of([[1.0, 1.0]], [1.0]),
        np.eye(2),
        np.array([0.0, 1.0]),
        psis.identity,
    ),
)

GENERAL_LOSS_VELOCITY = Exercise(
    name="general_loss_velocity",
    arguments=("K", "dl"),
    route="the squared norm of the gradient",
    by_hand="K with the rows (2, 1) and (1, 2), and dl = (1, 2), give -3.5",
    example=(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([1.0, 2.0])),
)

PREDICTION = Exercise(
    name="prediction",
    arguments=("K", "K_new", "f0", "f0_new", "y", "t"),
    route="a matrix exponential",
    by_hand="m = 1, K = 2, K_new = 1, f0 = 0, f0_new = 1/2, y = 1, t = (ln 2)/2 give "
    "3/4",
    example=(
        np.array([[2.0]]),
        np.array([[1.0]]),
        np.array([0.0]),
        np.array([0.5]),
        np.array([1.0]),
        np.log(2) / 2,
    ),
)

STABLE_STEP = Exercise(
    name="stable_step",
    arguments=("K",),
    route="the spectral norm",
    by_hand="K with the rows (2, 1) and (1, 2) gives 4/3",
    example=(np.array([[2.0, 1.0], [1.0, 2.0]]),),
    # The third kernel is for those who take eigvals' first or last for the largest.
    sizes=((4, 7, 3), (5, 6, 2), (6, 6, 2)),
)

CONSERVED = Exercise(
    name="conserved",
    arguments=(),
    route="the velocity along the flow",
    kind="choice",
    choices=("relu", "leaky_relu", "abs", "tanh", "erf", "softplus"),
)

EXERCISES = (OUTPUT_VELOCITY, GENERAL_LOSS_VELOCITY, PREDICTION, STABLE_STEP, CONSERVED)

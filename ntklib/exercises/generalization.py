"""The set "generalization": distance, ridge, random targets, the spread of starts."""

import numpy as np

from ntklib.exercises.exercise import Exercise

TRAVELLED = Exercise(
    name="travelled",
    arguments=("K", "f0", "y", "t"),
    route="the flow of the weights",
    by_hand="K = 2, f0 = 0, y = 1 and t = ln(2)/2, with m = 1, give 1/8",
    example=(np.array([[2.0]]), np.array([0.0]), np.array([1.0]), np.log(2) / 2),
)

MATCHING_RIDGE = Exercise(
    name="matching_ridge",
    arguments=("lam", "m", "t"),
    route="a search for the ridge",
    by_hand="λ = ln 2 with m = 1 and t = 1 gives ln 2 = 0.6931",
    example=(np.log(2), 1, 1.0),
)

RANDOM_TARGETS = Exercise(
    name="random_targets",
    arguments=("K",),
    route="a mean over all signs",
    by_hand="K with rows (2, 1) and (1, 2) gives 4/3",
    example=(np.array([[2.0, 1.0], [1.0, 2.0]]),),
)

SPREAD = Exercise(
    name="spread",
    arguments=("K", "K_new", "Phi"),
    route="the linear flow of each direction",
    by_hand="K = 2, K_new = 1 and Φ with rows (1, 1/2) and (1/2, 1) give 3/4",
    example=(
        np.array([[2.0]]),
        np.array([[1.0]]),
        np.array([[1.0, 0.5], [0.5, 1.0]]),
    ),
)

EXERCISES = (TRAVELLED, MATCHING_RIDGE, RANDOM_TARGETS, SPREAD)

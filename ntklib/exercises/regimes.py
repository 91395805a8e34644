"""The set "regimes": large steps, noise, features, and another loss."""

import numpy as np

from ntklib.exercises.exercise import Exercise

CATAPULT_STEP = Exercise(
    name="catapult_step",
    arguments=("f", "lam", "n", "eta"),
    route="a step of a linear network",
    by_hand="f = 1, λ = 2, n = 2 and η = 1 give -1/2 and 1",
    example=(1.0, 2.0, 2, 1.0),
)

NOISE_FLOOR = Exercise(
    name="noise_floor",
    arguments=("lam", "eta", "variance"),
    route="a Lyapunov equation",
    by_hand="λ = 1, η = 1 and variance 2 give 2",
    example=(1.0, 1.0, 2.0),
)

CAPTURED_SHARE = Exercise(
    name="captured_share",
    arguments=("m", "d"),
    route="a projection",
    by_hand="m = 3 examples in dimension 4 capture 1/2",
    example=(3, 4),
    sizes=((5, 7, 3), (200, 6, 2), (9, 4, 3)),
)

MARGIN_TIME = Exercise(
    name="margin_time",
    arguments=("lam", "m", "margin"),
    route="numerical integration",
    by_hand="λ = 1, m = 1 and margin ln 2 give 1 + ln 2 = 1.693",
    example=(1.0, 1, np.log(2)),
)

EXERCISES = (CATAPULT_STEP, NOISE_FLOOR, CAPTURED_SHARE, MARGIN_TIME)

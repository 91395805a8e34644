"""The sets of exercises, and all exercises by name, in the order of the book."""

from ntklib.exercises import (
    bounds,
    drift,
    dynamics,
    generalization,
    kernel,
    regimes,
)

EXERCISES = {
    exercise.name: exercise
    for one_set in (kernel, dynamics, bounds, drift, generalization, regimes)
    for exercise in one_set.EXERCISES
}

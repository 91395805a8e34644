"""The set "bounds": from a smallest eigenvalue to a rate of training."""

from ntklib.exercises.exercise import Exercise

SHARP_RATE = Exercise(
    name="sharp_rate",
    arguments=("lam", "m"),
    route="a flow that attains the bound",
    by_hand="m = 1 and K = 3 give the rate 6",
    example=(3.0, 1),
)

LEMMA_MATRICES = Exercise(
    name="lemma_matrices",
    arguments=(),
    route="a search for counterexamples",
    kind="choice",
    choices=(
        "any square",
        "symmetric",
        "positive semidefinite",
        "positive definite",
    ),
)

SINGULAR_INPUTS = Exercise(
    name="singular_inputs",
    arguments=(),
    route="the smallest eigenvalue",
    kind="points",
)

EXERCISES = (SHARP_RATE, LEMMA_MATRICES, SINGULAR_INPUTS)

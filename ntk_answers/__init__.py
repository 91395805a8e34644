"""The answers to the exercises, which students must not get.

A checkout of the book has this package beside the library. What is installed as ntklib
does not have it, and there ``check`` compares with stored values.
"""

from ntk_answers import bounds, drift, dynamics, generalization, kernel, regimes

# The answers to all exercises by name, in the order of the book.
ANSWERS = {
    answers.name: answers
    for one_set in (kernel, dynamics, bounds, drift, generalization, regimes)
    for answers in one_set.ANSWERS
}

"""Store for the installed library what is right and wrong: its values, no formulas.

Run it after a change of an exercise, of its answers or of the cases:

    python -m ntk_answers.store
"""

import itertools
import json

import jax
import numpy as np

from ntk_answers import ANSWERS, variants
from ntk_answers.computed import Computed
from ntklib.exercises.cases import cases
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.stored import SEEDS, VALUES, WORDS, digest, key, sums


def everything():
    """The words by exercise, and the arrays by name, as the two files hold them."""
    words, values = {}, {}
    with jax.enable_x64(True), np.errstate(all="ignore"):
        for name, exercise in EXERCISES.items():
            if exercise.arguments:
                for variant in ("", *variants.codes(name)):
                    start = key(name, variant)
                    words[start] = words_of(name, variant)
                    for kind, rows in values_of(name, variant).items():
                        values[f"{start}/{kind}"] = rows
                values[f"{name}/sums"] = sums_of(name)
            elif exercise.kind == "choice":
                words[name] = choices_of(name)
            elif exercise.kind == "exponent":
                words[name] = {"hints": intervals_of(name)}
                (values[f"{name}/right"],) = Computed(name, SEEDS[0]).right
            else:
                words[name] = {}  # the library has the test for points itself
    return words, values


def words_of(name, variant):
    """The hints and terms of an exercise whose answer is a function."""
    known = Computed(name, SEEDS[0], variant)
    return {
        "shapes": [np.shape(value) for value in known.right],
        "slips": [hint for hint, _ in known.slips],
        "mistaken": [hint for hint, _ in known.mistaken],
        "terms": [list(cases_of_way[0]) for cases_of_way in known.terms],
    }


def sums_of(name):
    """What tells the cases of every seed from those of other random numbers."""
    return np.array([sums(cases(name, seed)) for seed in SEEDS])


def values_of(name, variant):
    """Its right values for every seed, and for the first those of wrong answers."""
    every_seed = [Computed(name, seed, variant) for seed in SEEDS]
    first = every_seed[0]
    found = {
        "right": np.array([in_a_row(known.right) for known in every_seed]),
        "slips": rows(values for _, values in first.slips),
        "mistaken": rows(values for _, values in first.mistaken),
    }
    shapes = [value.shape for value in first.right]
    for number, way in enumerate(first.terms):
        by_term = zip(*(terms.values() for terms in way), strict=True)
        found[f"terms/{number}"] = rows(
            map(np.broadcast_to, term, shapes) for term in by_term
        )
    return found


def in_a_row(values):
    """The entries of all cases, one after the other."""
    return np.concatenate([np.ravel(value) for value in values])


def rows(many):
    """A row for each; seven digits are enough to recognise a wrong answer."""
    return np.array([in_a_row(values) for values in many], np.float32)


def choices_of(name):
    """What is said of each choice, under a digest that does not name it."""
    known, names = Computed(name, SEEDS[0]), EXERCISES[name].choices
    sizes = range(len(names) + 1)
    chosen = [set(some) for k in sizes for some in itertools.combinations(names, k)]
    (right,) = [digest(some) for some in chosen if known.is_right(some)]
    hints = {digest(some): known.hint(some) for some in chosen}
    return {"right": right, "hints": dict(sorted(hints.items()))}


def intervals_of(name):
    """The lowest and the highest number that get a hint, and the hint."""
    return [(*map(float, slip.between), slip.hint) for slip in ANSWERS[name].slips]


def main():
    """Write the two files."""
    words, values = everything()
    text = json.dumps(words, ensure_ascii=False, indent=1)
    WORDS.write_text(text + "\n", "utf-8")
    np.savez_compressed(VALUES, **values)


if __name__ == "__main__":
    main()

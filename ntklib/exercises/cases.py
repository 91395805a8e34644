"""The cases on which an answer is tried.

A case holds the arguments of an answer: NumPy float64 arrays, numbers, and an
activation out of :mod:`psis`. Most are drawn at random. A few special ones follow, for
answers that are right by luck on random inputs. They have shapes that were drawn
already where that can be: every new shape has JAX compile an answer once more.
"""

from typing import Any

import numpy as np

from ntklib.exercises import psis
from ntklib.exercises.sets import EXERCISES
from ntklib.network import Params

PSIS = ("tanh", "softplus")

# Inputs at which formulas for the infinite limit divide by 0 or lose their digits: the
# first two are nearly parallel, each is orthogonal to the third, and the last is
# opposite to the first.
SPECIAL_INPUTS = np.array([[1.0, 0.0], [1.0, 1e-6], [0.0, 1.0], [-2.0, 0.0]])
SPECIAL_INPUTS_IN_WORDS = (
    "nearly parallel, orthogonal or opposite inputs, such as (1, 0) and (1, 1e-6), "
    "(0, 1) or (-2, 0)"
)


def cases(name, seed):
    """One tuple of arguments for each case: the drawn ones, then the special ones.

    There are none for an exercise whose answer is not a function.
    """
    return [*drawn(name, seed), *special(name, seed).values()]


def drawn(name, seed):
    """The cases that are drawn at random from the seed, one for each of the sizes."""
    exercise = EXERCISES[name]
    if not exercise.arguments:
        return []
    rng = np.random.default_rng(seed)
    known = psis.activation(str(rng.permutation(PSIS)[0]))
    tried = []
    for number, size in enumerate(exercise.sizes):
        values = _draw(rng, *size)
        # The second is one whose derivatives no answer can list.
        values["psi"] = _mixture(seed) if number == 1 else known
        if number == 2 and "K" in exercise.arguments:
            values["K"] = _in_pairs(values["K"])
        tried.append(_chosen(exercise, values))
    return tried


def special(name, seed):
    """Further cases, by the words that say what is special about them."""
    exercise = EXERCISES[name]
    if not exercise.arguments:
        return {}
    rng = _rng_of_special(seed)
    values = _draw(rng, *exercise.sizes[0])
    found = {}
    if exercise.arguments == ("X",):
        X = rng.normal(size=(exercise.sizes[-1][0], 2))
        rows = np.unique(np.vstack([SPECIAL_INPUTS, *exercise.example]), axis=0)
        X[: len(rows)] = rows  # with the case by hand among them
        in_space = rng.normal(size=(len(X), 5))
        words = "inputs with five coordinates"
        if exercise.entry_tol is None:  # which is a share of the lengths
            in_space[0] = 0
            words += ", the first input 0"
        return {words: (in_space,), SPECIAL_INPUTS_IN_WORDS: (X,)}
    if "t" in exercise.arguments:
        # For one mode not so long: then no digits are left of 1 - exp(-lam t / m).
        t = 100.0 if "K" in exercise.arguments else 8 * values["m"] / values["lam"]
        found["a long time"] = _chosen(exercise, values | {"t": t})
    if "margin" in exercise.arguments:
        found["a large margin"] = _chosen(exercise, values | {"margin": 20.0})
    if "K" in exercise.arguments:
        # A power iteration that starts from (1, 1, 1, 1) misses the largest as well.
        v = np.array([1.0, -1.0, 1.0, -1.0])
        values["K"] = np.eye(len(v)) + np.outer(v, v)
        found["a K with an eigenvalue that repeats"] = _chosen(exercise, values)
    if "f" in exercise.arguments:
        values |= {"f": -values["f"], "eta": 5 / values["lam"]}
        found["a negative output and a very large step"] = _chosen(exercise, values)
    if "variance" in exercise.arguments:
        values["eta"] = 1.95 / values["lam"]
        found["a step near the largest stable one"] = _chosen(exercise, values)
    if "d" in exercise.arguments:
        found["a small dimension"] = _chosen(exercise, values | {"m": 4, "d": 3})
        nearly_all = values | {"m": 14, "d": 6}
        found["nearly as many functions as products"] = _chosen(exercise, nearly_all)
    by_hand = dict(zip(exercise.arguments, exercise.example, strict=True))
    found["the case by hand"] = _chosen(exercise, by_hand)
    return found


def _rng_of_special(seed):
    """Another generator, so that the drawn cases of a seed stay as they are."""
    return np.random.default_rng([seed, 1])


def _mixture(seed):
    """An activation of its own for every seed.

    Its values and slopes have both signs, for answers that lose one. It is no steeper,
    so that central differences have the digits that are asked for.
    """
    low, high = [-0.7, 1, 0.7, -1.5], [-0.3, 2, 1, -0.5]
    numbers = _rng_of_special(seed).uniform(low, high)
    return psis.Mixture(*numbers.tolist())


def _chosen(exercise, values):
    """The arguments of the exercise out of all values.

    Numbers are Python's, as they are where a submission is graded: 1 / 0 is an error.
    """
    chosen = [values[argument] for argument in exercise.arguments]
    return tuple(a.item() if isinstance(a, np.generic) else a for a in chosen)


def _in_pairs(K):
    """The kernel of three pairs of inputs, small, large and in between, 0 otherwise.

    LAPACK's solver for matrices of any kind returns the eigenvalues pair by pair: the
    largest is neither first nor last, and the last is not the smallest.
    """
    pair = np.arange(len(K)) // 2
    size = np.array([1, 100, 10])[pair]
    return np.where(pair[:, None] == pair, K * size, 0)


def _draw(rng, m, n, n0) -> dict[str, Any]:
    """Everything that exercises take as an argument, by name.

    The order of the draws decides what comes for a seed, and grades are reproduced from
    their seed: draw new arguments last.
    """
    X = rng.normal(size=(m, n0)) * rng.uniform(0.6, 1.6, size=(m, 1))
    B = rng.normal(size=(m, m + 2))
    y, f0, dl, f0_long = rng.normal(size=(4, m))
    params = Params(rng.normal(size=(n, n0)), rng.normal(size=n))
    K_new = rng.normal(size=(m - 2, m))
    t = rng.uniform(1, 4)
    lam = rng.uniform(0.2, 2)
    s = rng.uniform(0.55, 0.95)
    eta, variance, margin = rng.uniform([0.2, 0.6, 1], [0.6, 1.8, 3])
    f = lam * np.sqrt(n) / 2 * rng.uniform(0.3, 0.9)  # no larger one has this lam
    C = rng.normal(size=(2 * m - 2, 2 * m))
    # fewer products of two of d coordinates than examples where those are many
    d = int(rng.integers(5, 21)) if m > 190 else int(rng.integers(8, 41))
    return {
        "params": params,
        "X": X,
        "y": y,
        "K": B @ B.T / m + np.eye(m) / 4,  # no eigenvalue below 1/4
        "K_new": K_new,
        "f0": f0,
        "f0_new": f0_long[2:],
        "dl": dl,
        "t": t,
        "lam": lam,
        "m": m,
        "s": s,
        "n": n,
        "d": d,
        "eta": eta,
        "variance": variance,
        "margin": margin,
        "f": f,
        "Phi": C @ C.T / (2 * m),
    }


def described(name, case):
    """The arguments of a case in words: names and shapes."""
    words = []
    for argument, value in zip(EXERCISES[name].arguments, case, strict=True):
        if argument == "params":
            words.append(f"params.W0 {value.W0.shape}, params.W1 {value.W1.shape}")
        elif argument == "psi":
            words.append(f"psi {psis.name_of(value)}")
        elif np.ndim(value):
            words.append(f"{argument} {value.shape}")
        else:
            words.append(f"{argument} = {value:.3g}")
    return ", ".join(words)


def label(name, case, size):
    """A case in words that tell it from the others: psi and the sizes."""
    arguments = EXERCISES[name].arguments
    m, n, n0 = size
    words = [f"psi {psis.name_of(psi)}" for psi in case if callable(psi)]
    words.append(f"m = {m}")
    if "params" in arguments:
        words.append(f"n = {n}")
    if "X" in arguments:
        words.append(f"n0 = {n0}")
    return ", ".join(words)

"""What the exercises ask, the random cases on which an answer is tried, and the judgement of what it returned.

A case holds the arguments of an answer: NumPy float64 arrays, numbers, and an activation out of `PSIS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ntklib import _diagnosis as diagnosis
from ntklib import _references as ref
from ntklib._slips import HINTS, WRONG
from ntklib.network import Params

PSIS = {"tanh": jnp.tanh, "softplus": jax.nn.softplus}
SHAPES = [
    (4, 7, 3),
    (5, 6, 2),
]  # m, n, n0: all change from case to case, so that a factor n is not taken for a number


@dataclass(frozen=True)
class Result:
    """The judgement of one answer: true if it is right, and printed as one line."""

    right: bool
    line: str

    def __bool__(self):
        """Whether the answer is right."""
        return self.right

    def __repr__(self):
        """The line that the reader sees."""
        return self.line


class Exercise(NamedTuple):
    """Arguments (none: the answer is no function), what an answer looks like, the reference, and its description."""

    arguments: str
    looks: str
    reference: Callable[..., Any]
    route: str
    tol: float = diagnosis.FINE


AUTODIFF, GAUSS = "automatic differentiation", "quadrature"
EXERCISES = {
    "ntk": Exercise("params X psi", "m, m", partial(ref.autodiff, "K"), AUTODIFF),
    "relu_limit": Exercise("X", "m, m", ref.relu_limit, GAUSS),
    "erf_limit": Exercise("X", "m, m", ref.erf_limit, GAUSS),
    "gelu_limit": Exercise("X", "m, m", ref.gelu_limit, GAUSS),
    "output_velocity": Exercise(
        "params X y psi", "m,", partial(ref.autodiff_flow, "f"), AUTODIFF
    ),
    "general_loss_velocity": Exercise(
        "K dl", "", ref.general_loss_velocity, "the squared norm of the gradient"
    ),
    "prediction": Exercise(
        "K K_new f0 f0_new y t", "m_new,", ref.prediction, "a matrix exponential"
    ),
    "stable_step": Exercise("K", "", ref.stable_step, "the spectral norm"),
    "conserved": Exercise("", "choice", ref.conserved, "the velocity along the flow"),
    "sharp_rate": Exercise("lam m", "", ref.sharp_rate, "a flow that attains it"),
    "lemma_matrices": Exercise(
        "", "choice", ref.lemma_matrices, "a search for counterexamples"
    ),
    "singular_inputs": Exercise("", "m, 2", ref.singular, "the smallest eigenvalue"),
    "kernel_velocity": Exercise(
        "params X y psi", "m, m", partial(ref.autodiff_flow, "K"), AUTODIFF
    ),
    "third_order": Exercise(
        "params X psi", "m, m, m", partial(ref.autodiff, "T"), AUTODIFF
    ),
    "drift_slope": Exercise("", "", lambda: -1.0, "measured drift", 0.05),
    "lazy_exponent": Exercise("s", "", lambda s: 2 * s - 2, "measured drift"),
}


def _shapes(name):
    """With few inputs arccos now and then rounds right on the whole diagonal; with forty it does not."""
    return [*SHAPES[:1], (40, *SHAPES[1][1:])] if name == "relu_limit" else SHAPES


def cases(name, seed):
    """The argument tuples on which a function is tried, drawn from the seed; none for other kinds of answers."""
    arguments, rng = EXERCISES[name].arguments.split(), np.random.default_rng(seed)
    psis = rng.permutation(list(PSIS))
    problems = [
        _problem(rng, *shape, PSIS[str(psi)])
        for shape, psi in zip(_shapes(name), psis, strict=True)
    ]
    return [tuple(problem[a] for a in arguments) for problem in problems if arguments]


def _problem(rng, m, n, n0, psi):
    X = rng.normal(size=(m, n0)) * rng.uniform(0.6, 1.6, size=(m, 1))
    B, vectors = rng.normal(size=(m, m + 2)), rng.normal(size=(4, m))
    return {
        **{
            "params": Params(rng.normal(size=(n, n0)), rng.normal(size=n)),
            "X": X,
            "psi": psi,
        },
        **{"K": B @ B.T / m + np.eye(m) / 4, "K_new": rng.normal(size=(m - 2, m))},
        **{
            "y": vectors[0],
            "f0": vectors[1],
            "dl": vectors[2],
            "f0_new": vectors[3, 2:],
            "t": rng.uniform(1, 4),
        },
        **{"lam": rng.uniform(0.2, 2), "m": m, "s": rng.uniform(0.55, 0.95)},
    }


@np.errstate(all="ignore")
def judge(name, seed, values):
    """Whether the values, one for each case or the answer itself, agree with the reference; if not, a hint."""
    exercise, tried = EXERCISES[name], cases(name, seed) or [()]
    compare = {"choice": _choice, "m, 2": _points}.get(exercise.looks, _numbers)
    single = (
        not diagnosis.x64()
    )  # then whatever JAX has touched has float32's digits only
    try:
        if len(values) != len(tried):
            raise ValueError(f"{len(tried)} values are asked, {len(values)} came")
        with jax.enable_x64(True):
            hint = compare(name, tried, values, single)
    except ValueError as error:
        hint = str(error)
    return Result(not hint, f"{name}: {hint or f'right, says {exercise.route}'}")


def _choice(name, tried, values, single):
    got = diagnosis.choices(values[0], ref.CHOICES[name])
    right = got == EXERCISES[name].reference()
    return (
        None
        if right
        else _slip(name, lambda wrong: wrong.fits(got)) or "another choice is right"
    )


def _points(name, tried, values, single):
    X, _ = diagnosis.numbers(values[0])
    diagnosis.fit((len(np.atleast_1d(X)), 2), X, "")
    if len(X) > 500:
        raise ValueError(f"{len(X)} inputs came; a handful is enough")
    right = EXERCISES[name].reference(X)
    return (
        None
        if right
        else _slip(name, lambda wrong: wrong.fits(X))
        or "nearly, but opposite has to be exactly so"
    )


def _numbers(name, tried, values, single):
    exercise, pairs = EXERCISES[name], [diagnosis.numbers(value) for value in values]
    got, short = [a for a, _ in pairs], any(short for _, short in pairs)
    want = [np.asarray(exercise.reference(*case)) for case in tried]
    for a, w, case in zip(got, want, tried, strict=True):
        diagnosis.fit(w.shape, a, f" for {described(name, case)}" if case else "")
    tol = max(exercise.tol, diagnosis.COARSE if single or short else diagnosis.FINE)
    if diagnosis.agree(got, want, tol):
        diagonals = [
            (np.diag(a), np.diag(w))
            for a, w in zip(got, want, strict=True)
            if name == "relu_limit"
        ]
        if all(np.allclose(a, w, 1e-12, 0) for a, w in diagonals):
            return None
        if short:
            return "right to float32's 7 digits, the diagonal needs 12: use NumPy's float64, or turn JAX's x64 on"

    def fits(wrong):
        made = [
            np.asarray(wrong(*case) if callable(wrong) else wrong) for case in tried
        ]
        return diagnosis.agree(got, made, max(tol, 10 * diagnosis.FINE))

    if not exercise.arguments:  # a factor would give the number away
        return (
            _slip(name, fits) or "another number is right; measure it at several widths"
        )
    sizes = [
        dict(zip(diagnosis.LETTERS, shape, strict=True)) for shape in _shapes(name)
    ]
    return _slip(name, fits) or diagnosis.difference(got, want, sizes)


def _slip(name, fits):
    return next(
        (HINTS[name][title] for title, wrong in WRONG[name].items() if fits(wrong)),
        None,
    )


def described(name, case):
    """The arguments of a case in words: names and shapes."""
    words = []
    for argument, value in zip(EXERCISES[name].arguments.split(), case, strict=True):
        if argument == "params":
            words += [
                f"params.{key} {np.shape(a)}" for key, a in value._asdict().items()
            ]
        elif argument == "psi":
            words.append(
                f"psi {next(key for key, psi in PSIS.items() if psi is value)}"
            )
        else:
            words.append(
                f"{argument} {np.shape(value)}"
                if np.ndim(value)
                else f"{argument} = {value:.3g}"
            )
    return ", ".join(words)

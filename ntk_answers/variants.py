"""Variants: the same exercise with another constant, drawn for each student.

A variant is the book's exercise for other arguments, or a multiple of it: with the loss
``|f - y|^2 / 5m`` everything goes at 2/5 of the book's speed. So one function for each
exercise turns every answer to the book's task into the same answer to the variant: the
reference, the model answer and the known wrong ones. The tests compare it with another
route.

The text of a variant stands in the metadata of the exercise's text cell, see
:mod:`tools.variants`. A code such as "c" tells `check` which variant it is; the code
says nothing to those who do not have this module.
"""

import ast
import functools
import hashlib
import hmac
import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ntk_answers import ANSWERS
from ntk_answers.answers import Answers, Slip
from ntklib.exercises.known import NothingKnown
from ntklib.network import Params

BOOK_HINT = (
    "this is right with the constant of the book; the text of your own copy has another"
)
OTHERS_HINT = (
    "this is right with the constant of another student; the text of your own copy has "
    "yours"
)


@dataclass(frozen=True)
class Variation:
    """How one exercise varies.

    Attributes:
        constant: its name.
        book: its value in the book.
        values: those in the variants. No known wrong answer to one variant may be right
            for another, so that none of them is 2 or 4 times another where a 2 is a
            known slip.
        adapted: turns an answer to the book's task into one to the task with another
            constant.
        case: the arguments of the case by hand.
        entry: the entry of its result that the text states.
        hints: words of the book's hints that are wrong here, and what stands there
            instead. It names no constant: the installed library has the hints, too.
        left_out: titles of known wrong answers to the book's task that mean nothing
            here.
        keeps_terms: whether `adapted` can be applied to the terms of a sum.
    """

    constant: str
    book: int
    values: tuple[Fraction, ...]
    adapted: Callable[[Callable, float], Callable]
    case: tuple[Any, ...]
    entry: tuple[int, ...] = ()
    hints: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    keeps_terms: bool = True


# --- What an answer to the book's task becomes ----------------------------------------


def _with_scaled_preactivations(answer, scale):
    """The network of h = scale W0 x is the book's for the inputs scale x."""
    return lambda params, X, psi: answer(params, scale * X, psi)


def _of_leaky_relu(answer, slope):
    """A leaky relu is (1 - slope) relu(z) + slope z."""
    return lambda X: (1 - slope) ** 2 * answer(X) + 2 * slope * X @ X.T


def _of_stretched_erf(answer, stretch):
    """The network of erf(stretch h) is the book's for the inputs stretch x."""
    return lambda X: answer(stretch * X)


# With the loss |f - y|^2 / (divisor m) a flow has 2/divisor times the book's speed.


def _predicted_with_other_loss(answer, divisor):
    return lambda K, K_new, f0, f0_new, y, t: answer(
        K, K_new, f0, f0_new, y, 2 * t / divisor
    )


def _travelled_with_other_loss(answer, divisor):
    return lambda K, f0, y, t: answer(K, f0, y, 2 * t / divisor)


def _ridge_with_other_loss(answer, divisor):
    return lambda lam, m, t: answer(lam, m, 2 * t / divisor)


def _rate_with_other_loss(answer, divisor):
    return lambda lam, m: answer(2 * lam / divisor, m)


def _step_with_other_loss(answer, divisor):
    """At a slower flow, a longer step is stable."""
    return lambda K: answer(K) * divisor / 2


def _of_larger_targets(answer, size):
    """The cost is quadratic in the targets."""
    return lambda K: answer(K) * size**2


def _of_mean_noise(answer, batch):
    """The mean of independent numbers has a smaller variance."""
    return lambda lam, eta, variance: answer(lam, eta, variance / batch)


def _from_other_margin(answer, start):
    """The time from one margin to another."""
    return lambda lam, m, margin: answer(lam, m, margin) - answer(lam, m, start)


# --- The exercises that have variants -------------------------------------------------


def _numbers(text):
    """Numbers out of a line."""
    return tuple(map(Fraction, text.split()))


def _square(z):
    """The activation of the case by hand."""
    return z**2


_K = np.array([[2.0, 1.0], [1.0, 2.0]])
_ONE = np.ones((1, 1))
_ZERO_TO_ONE = (np.zeros(1), np.ones(1), np.log(2) / 2)  # f0, y and t
_WEIGHTS: Any = np.array([[1.0], [2.0]]), np.array([3.0, -1.0])
_ODD = _numbers("3 5 7 9 11 13")
_LOSS = {"‖f - y‖²/2m": "the loss of your copy"}

VARIATIONS = {
    "ntk": Variation(
        constant="scale",
        book=1,
        values=_numbers("2 1/2 3/2 1/3 2/3 3/4"),
        adapted=_with_scaled_preactivations,
        case=(Params(*_WEIGHTS), np.array([[1.0], [2.0]]), _square),
        entry=(0, 1),
        hints={"h = W₀x": "h"},
    ),
    "relu_limit": Variation(
        constant="slope",
        book=0,
        values=_numbers("1/10 1/5 1/4 1/2 -1/4 -1/2"),
        adapted=_of_leaky_relu,
        case=(np.array([[1.0, 0.0], [1.0, 1.0]]),),
        entry=(0, 1),
        # these are wrong in both parts of a leaky relu, and adapted is one alone
        left_out=(
            "a factor 1/n₀",
            "the covariance of the outputs",
            "no ⟨x, x'⟩ before E ψ'(h)ψ'(h')",
            "twice the average",
            "lengths squared",
            "no lengths before E ψ(h)ψ(h')",
            "1/2 for E ψ'(h)ψ'(h')",
            "⟨x, x'⟩ alone",
        ),
        keeps_terms=False,
    ),
    "erf_limit": Variation(
        constant="stretch",
        book=1,
        # no larger ones: the quadrature is made for functions as smooth as erf
        values=_numbers("1/5 2/5 3/5 4/5 1/2 1/3"),
        adapted=_of_stretched_erf,
        case=(np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]]),),
        entry=(0, 1),
    ),
    "prediction": Variation(
        constant="divisor",
        book=2,
        values=_ODD,
        adapted=_predicted_with_other_loss,
        case=(2 * _ONE, _ONE, np.zeros(1), np.full(1, 0.5), np.ones(1), np.log(2) / 2),
        entry=(0,),
        hints=_LOSS,
    ),
    "stable_step": Variation(
        constant="divisor",
        book=2,
        values=_ODD,
        adapted=_step_with_other_loss,
        case=(_K,),
        hints=_LOSS,
    ),
    "sharp_rate": Variation(
        constant="divisor",
        book=2,
        values=_ODD,
        adapted=_rate_with_other_loss,
        case=(3.0, 1),
    ),
    "travelled": Variation(
        constant="divisor",
        book=2,
        values=_ODD,
        adapted=_travelled_with_other_loss,
        case=(2 * _ONE, *_ZERO_TO_ONE),
    ),
    "matching_ridge": Variation(
        constant="divisor",
        book=2,
        values=_ODD,
        adapted=_ridge_with_other_loss,
        case=(np.log(2), 1, 1.0),
        hints={"m/t is right": "this is right"},
    ),
    "random_targets": Variation(
        constant="size",
        book=1,
        values=_numbers("2 3 4 5 1/2 1/3"),
        adapted=_of_larger_targets,
        case=(_K,),
    ),
    "noise_floor": Variation(
        constant="batch",
        book=1,
        values=_ODD,
        adapted=_of_mean_noise,
        case=(1.0, 1.0, 2.0),
    ),
    "margin_time": Variation(
        constant="start",
        book=0,
        values=_numbers("-1 -3/4 -1/2 -1/4 1/4 1/2"),
        adapted=_from_other_margin,
        case=(1.0, 1, np.log(2)),
        # a start at another margin than 0 does not forget it, and has no late times
        left_out=("late times only", "the start forgotten"),
    ),
}


def codes(name):
    """The codes of an exercise's variants; none if it has no variants."""
    if name not in VARIATIONS:
        return ()
    return tuple(string.ascii_lowercase[: len(VARIATIONS[name].values)])


def constant(name, code):
    """The value of the constant in a variant; NothingKnown for an unknown code."""
    if code not in codes(name):
        known = ", ".join(codes(name)) or "none"
        raise NothingKnown(f"there is no variant {code!r}; the variants are: {known}")
    return VARIATIONS[name].values[codes(name).index(code)]


def in_words(name, code):
    """The constant of a variant in words, for those who grade; "" for no variant."""
    if not code:
        return ""
    variation = VARIATIONS[name]
    value = constant(name, code)
    return f"{variation.constant} = {value} (in the book {variation.book})"


@functools.cache
def answers(name, code=""):
    """What is known of a variant; of the book's exercise if the code is empty."""
    book = ANSWERS[name]
    if not code:
        return book
    variation = VARIATIONS[name]
    value = constant(name, code)
    adapted = functools.partial(_adapted, variation, value)
    others = [_adapted(variation, v, book.solution) for v in variation.values]
    del others[codes(name).index(code)]
    slips = [
        Slip("the book's constant", book.solution, BOOK_HINT),
        Slip("another's constant", others[0], OTHERS_HINT, others=tuple(others[1:])),
    ]
    for slip in book.slips:
        if slip.title in variation.left_out:
            continue
        changed = replace(
            slip,
            answer=adapted(slip.answer),
            hint=_hint(variation, slip.hint),
            others=tuple(map(adapted, slip.others)),
        )
        slips.append(changed)
    return Answers(
        name=name,
        reference=adapted(book.reference),
        solution=adapted(book.solution),
        slips=tuple(slips),
        terms=tuple(map(adapted, book.terms)) if variation.keeps_terms else (),
    )


def _adapted(variation, value, answer):
    return variation.adapted(answer, float(value))


def _hint(variation, hint):
    """A hint of the book in the words of its variants."""
    for words, instead in variation.hints.items():
        hint = hint.replace(words, instead)
    return hint


@functools.cache
def by_hand(name, code):
    """The result of the case by hand in a variant, rounded to four digits."""
    variation = VARIATIONS[name]
    result = np.asarray(answers(name, code).reference(*variation.case))
    return f"{float(result[variation.entry]):.4g}"


# --- Who gets which ---------------------------------------------------------------


def drawn(secret, student):
    """The codes of a student's variants by exercise, from the course's secret.

    The same secret and student give the same codes, in any order and on any machine.
    Capitals, spaces around and forms of accents in the student's name do not matter,
    nor zeros before a number, which a spreadsheet drops.
    """
    return {name: _draw(secret, student, name) for name in VARIATIONS}


def _draw(secret, student, name):
    who = " ".join(unicodedata.normalize("NFC", student).casefold().split())
    who = re.sub(r"^0+(?=\d+$)", "", who)
    message = f"{who}\n{name}".encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return codes(name)[int.from_bytes(digest) % len(codes(name))]


CLAIM = re.compile(r"^check = partial\(check, variants=(\{[^}]*\})\)", re.M)


def claimed(sources):
    """The codes that the cells of a notebook hand to `check`, by exercise."""
    found = {}
    for source in sources:
        for codes_written in CLAIM.findall(source):
            try:
                found |= ast.literal_eval(codes_written)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue  # a student may write what they like
    return found


def foreign(sources, mine):
    """A sentence if a notebook does not ask for the variants of its student."""
    asked = claimed(sources)
    if mine and not asked:
        return [
            "the notebook has no constants of the student's own, as the common copy; "
            "it was graded with them"
        ]
    wrong = [name for name in mine if name in asked and asked[name] != mine[name]]
    if not wrong:
        return []
    return [
        "the notebook has the constants of another student's copy in "
        f"{', '.join(wrong)}; it was graded with the student's own"
    ]

"""Variants: each is judged by its own constant, and drawn from the secret alone."""

import itertools
import re
from collections import Counter
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy

from ntk_answers import ANSWERS, variants
from ntk_answers.kernel import smooth_limit_by_quadrature
from ntk_answers.variants import VARIATIONS, answers, codes, constant, drawn
from ntklib import limit_kernel
from ntklib.exercises import check, names
from ntklib.exercises.cases import cases
from ntklib.exercises.difference import error
from ntklib.exercises.judge import judge
from ntklib.exercises.known import known
from ntklib.exercises.sets import EXERCISES
from ntklib.exercises.stored import Stored
from tests.exercises.test_stored import installed

__all__ = ["installed"]  # a fixture
ALL = [(name, code) for name in VARIATIONS for code in codes(name)]
every_exercise = pytest.mark.parametrize("name", VARIATIONS)
every_variant = pytest.mark.parametrize(("name", "code"), ALL)


@np.errstate(all="ignore")
def values(name, answer, seed=0):
    """What an answer returns for the cases; a wrong one may divide by 0."""
    return [answer(*case) for case in cases(name, seed)]


# --- Another route to each variant: its constant stands where the text has it ---------


def flow(velocity, start, t):
    """The end of a flow, by an integrator."""
    solved = scipy.integrate.solve_ivp(
        lambda t, z: np.asarray(velocity(z)),
        (0, t),
        start,
        method="DOP853",
        rtol=1e-11,
        atol=1e-13,
    )
    return solved.y[:, -1]


def gradient_of_loss(divisor):
    """The gradient of |r|^2 / (divisor m)."""
    return jax.jit(jax.grad(lambda r: jnp.sum(r**2) / (divisor * len(r))))


def ntk(scale, params, X, psi):
    """Products of the gradients of the network with h = scale W0 x."""

    def f(params):
        return psi(scale * X @ params.W0.T) @ params.W1 / jnp.sqrt(len(params.W1))

    J = jnp.hstack([g.reshape(len(X), -1) for g in jax.jacrev(f)(params)])
    return J @ J.T


def relu_limit(slope, X):
    """The library's limit for a psi with two slopes."""
    return limit_kernel(X, lambda z: jnp.where(z > 0, z, slope * z)).ntk


def erf_limit(stretch, X):
    """The quadrature for psi(z) = erf(stretch z)."""

    def psi(z):
        return scipy.special.erf(stretch * z)

    def slope(z):
        return 2 * stretch / np.sqrt(np.pi) * np.exp(-((stretch * z) ** 2))

    return smooth_limit_by_quadrature(X, psi, slope)


def prediction(divisor, K, K_new, f0, f0_new, y, t):
    """The flow of all outputs along the gradient of the loss."""
    m, both, gradient = len(K), np.vstack([K, K_new]), gradient_of_loss(divisor)
    start = np.concatenate([f0, f0_new])
    return flow(lambda f: -both @ gradient(f[:m] - y), start, t)[m:]


def stable_step(divisor, K):
    """2 over the largest eigenvalue of what a step of size 1 takes away."""
    taken = jax.jacobian(lambda r: K @ gradient_of_loss(divisor)(r))(np.ones(len(K)))
    return 2 / np.linalg.eigvals(taken).real.max()


def sharp_rate(divisor, lam, m):
    """The rate of the slowest of m modes."""
    K, gradient = np.diag(lam * np.arange(1, m + 1)), gradient_of_loss(divisor)
    r = flow(lambda r: -K @ gradient(r), np.eye(m)[0], 1.0)
    return -np.log(r @ r)


def travelled(divisor, K, f0, y, t):
    """The flow of the weights of a linear model."""
    J, gradient = np.linalg.cholesky(K), gradient_of_loss(divisor)
    d = flow(lambda d: -J.T @ gradient(f0 + J @ d - y), np.zeros(len(y)), t)
    return d @ d


def matching_ridge(divisor, lam, m, t):
    """From what the flow leaves of one of m modes."""
    gradient = gradient_of_loss(divisor)
    left = flow(lambda r: -lam * gradient(r), np.eye(m)[0], t)[0]
    return left * lam / (1 - left)


def random_targets(size, K):
    """The mean over all targets."""
    targets = itertools.product([-size, size], repeat=len(K))
    return np.mean([y @ np.linalg.solve(K, y) for y in map(np.array, targets)])


def noise_floor(batch, lam, eta, variance):
    """Many steps, each with the mean of the noise of a batch."""
    of_mean = sum(variance / batch**2 for _ in range(int(batch)))
    floor = 0.0
    for _ in range(3000):
        floor = (1 - eta * lam) ** 2 * floor + eta**2 * of_mean
    return floor


def margin_time(start, lam, m, margin):
    """The integral of one over the speed."""
    pace = scipy.integrate.quad(lambda z: 1 + np.exp(z), start, margin, epsrel=1e-12)
    return m / lam * pace[0]


ROUTES = {
    route.__name__: route
    for route in (
        ntk,
        relu_limit,
        erf_limit,
        prediction,
        stable_step,
        sharp_rate,
        travelled,
        matching_ridge,
        random_targets,
        noise_floor,
        margin_time,
    )
}


@pytest.mark.slow
@every_variant
def test_answers_agree_with_another_route(name, code):
    """Reference and model answer have the constant where the text has it."""
    value = float(constant(name, code))
    for case in cases(name, 3):
        want = np.asarray(ROUTES[name](value, *case))
        assert error(np.asarray(answers(name, code).reference(*case)), want) < 1e-8
        assert error(np.asarray(answers(name, code).solution(*case)), want) < 1e-8


@every_exercise
def test_answers_of_the_book_have_the_books_constant(name):
    """The other routes give the book's own answer for the constant of the book."""
    case = cases(name, 3)[0]
    want = np.asarray(ROUTES[name](float(VARIATIONS[name].book), *case))
    assert error(np.asarray(ANSWERS[name].solution(*case)), want) < 1e-8
    assert VARIATIONS[name].book not in VARIATIONS[name].values
    assert answers(name) is ANSWERS[name]


# --- What is right for one is wrong for all others ------------------------------------


@every_exercise
def test_judge_accepts_each_solution_for_its_own_variant_alone(name):
    """A model answer is right under its own code, and named under every other."""
    for code in ("", *codes(name)):
        found = values(name, answers(name, code).solution)
        for other in ("", *codes(name)):
            result = judge(name, 0, found, variant=other)
            assert bool(result) == (code == other)
            if other and not result:
                hint = variants.OTHERS_HINT if code else variants.BOOK_HINT
                assert str(result).startswith(f"{name}: {hint}. Expected ")
                assert str(result).endswith(". By hand: see the text of your copy")


@pytest.mark.slow
@every_exercise
@pytest.mark.parametrize("seed", [0, 20])
def test_judge_recognises_known_wrong_answers(name, seed):
    """Each gets its own hint in every variant, under more than one seed."""
    for code in codes(name):
        for slip in answers(name, code).slips:
            for answer in (slip.answer, *slip.others):
                with np.errstate(all="ignore"):  # some divide by 0 at special inputs
                    found = values(name, answer, seed)
                result = judge(name, seed, found, variant=code)
                assert not result
                assert str(result).startswith(f"{name}: {slip.hint}")


@every_variant
def test_answers_have_terms_that_add_up(name, code):
    """The terms of a variant are those of its own right answer."""
    (case, *_) = cases(name, 0)
    for terms in answers(name, code).terms:
        total = sum(terms(*case).values())
        assert error(total, answers(name, code).solution(*case)) < 1e-11


@every_exercise
def test_hints_name_no_constant_of_the_book(name):
    """Words that are wrong in a variant are replaced, and all of them occur."""
    hints = "\n".join(slip.hint for slip in ANSWERS[name].slips)
    for words in VARIATIONS[name].hints:
        assert words in hints
    for code in codes(name):
        for slip in answers(name, code).slips:
            assert not any(
                words in slip.hint and words not in instead
                for words, instead in VARIATIONS[name].hints.items()
            )
            if VARIATIONS[name].constant == "divisor":
                assert not re.search(r"(?<!\d)2m\b|Kr/m|ηλ/m", slip.hint)
    titles = {slip.title for slip in ANSWERS[name].slips}
    assert titles.issuperset(VARIATIONS[name].left_out)


# --- The codes ------------------------------------------------------------------------


def test_check_takes_the_codes_of_a_copy():
    """`partial` gives a check with the student's constants; others stay the book's."""
    mine = partial(check, variants={"sharp_rate": "c"})
    assert mine("sharp_rate", lambda lam, m: 4 * lam / (7 * m))
    assert not mine("sharp_rate", lambda lam, m: 2 * lam / m)
    assert mine("lemma_matrices", "symmetric")
    assert check("sharp_rate", lambda lam, m: 2 * lam / m, variants=None)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"sharp_rate": "z"}, "there is no variant 'z'; the variants are: a, b, c, d"),
        ({"sharp_rate": 3}, "variants must be a dict from exercises to their codes"),
        ("sharp_rate", "variants must be a dict from exercises to their codes"),
    ],
)
def test_check_refuses_other_codes(given, line):
    """In one sentence; nothing is raised."""
    result = check("sharp_rate", lambda lam, m: 2 * lam / m, variants=given)
    assert not result
    assert str(result).startswith(f"sharp_rate: {line}")


@every_exercise
def test_stored_values_tell_variants_apart(name, installed):
    """The installed library accepts a variant's own model answer and no other."""
    found = {code: values(name, answers(name, code).solution) for code in codes(name)}
    found[""] = values(name, answers(name).solution)
    for code in codes(name):
        assert isinstance(known(name, 0, code), Stored)
        for other, given in found.items():
            assert bool(judge(name, 0, given, variant=code)) == (other == code)


@every_exercise
def test_stored_values_name_wrong_answers_to_variants(name, request):
    """The hints are those of a checkout."""
    slips = answers(name, "b").slips
    given = [values(name, slip.answer) for slip in slips]
    with_answers = [str(judge(name, 0, got, variant="b")) for got in given]
    request.getfixturevalue("installed")
    assert [str(judge(name, 0, got, variant="b")) for got in given] == with_answers


@pytest.mark.parametrize(
    ("seed", "code", "line"),
    [
        (0, "z", "the exercise has no variant 'z'"),
        (5, "a", "the installed library can check answers for NTK_SEED from 0 to 4"),
    ],
)
def test_stored_values_are_missing_for_others(seed, code, line, installed):
    """Unknown codes and other seeds are refused in one sentence."""
    result = judge("sharp_rate", seed, [1.0, 1.0], variant=code)
    assert not result
    assert str(result).startswith(f"sharp_rate: {line}")


def test_codes_are_there_for_eleven_exercises_of_five_sets():
    """The others have none, and say so."""
    assert set(VARIATIONS) <= set(names())
    assert len(VARIATIONS) == 11
    assert all(len(codes(name)) == 6 for name in VARIATIONS)
    assert all(not codes(name) for name in names() if name not in VARIATIONS)
    with pytest.raises(ValueError, match="no variant 'a'; the variants are: none"):
        constant("spread", "a")
    assert all(EXERCISES[name].kind == "numbers" for name in VARIATIONS)


def test_drawn_never_changes():
    """Grades are reproduced from the secret and the names, so these codes stay."""
    assert drawn("a secret", "Ann Lee") == {
        "ntk": "b",
        "relu_limit": "f",
        "erf_limit": "a",
        "prediction": "b",
        "stable_step": "b",
        "sharp_rate": "e",
        "travelled": "f",
        "matching_ridge": "c",
        "random_targets": "d",
        "noise_floor": "a",
        "margin_time": "c",
    }


def test_drawn_depends_on_nothing_but_the_letters_of_a_name():
    """Accents in either form, capitals, and spaces around a name do not matter."""
    assert drawn("s", "Zoë Müller") == drawn("s", "  zoe\u0308 MU\u0308LLER ")
    assert drawn("s", "Ann Lee") != drawn("s", "Ann Leeb")
    assert drawn("s", "Ann Lee") != drawn("t", "Ann Lee")
    assert drawn("s", "00123") == drawn("s", "123") != drawn("s", "1230")


@every_exercise
def test_drawn_gives_each_variant_as_often(name):
    """Of 3000 students each variant gets a sixth, within five standard deviations."""
    students = [f"student {number}" for number in range(3000)]
    counted = Counter(drawn("s", student)[name] for student in students)
    assert set(counted) == set(codes(name))
    deviation = np.sqrt(3000 * 1 / 6 * 5 / 6)
    assert all(abs(count - 500) < 5 * deviation for count in counted.values())


def test_drawn_tells_nothing_of_another_exercise():
    """Students with one variant in common get all variants of another exercise."""
    students = [drawn("s", f"student {number}") for number in range(600)]
    for first, second in itertools.pairwise(VARIATIONS):
        common = {codes[second] for codes in students if codes[first] == "a"}
        assert common == set(codes(second))


def test_in_words_names_both_constants():
    """For those who read a derivation; nothing where there is no variant."""
    assert variants.in_words("sharp_rate", "c") == "divisor = 7 (in the book 2)"
    assert variants.in_words("margin_time", "b") == "start = -3/4 (in the book 0)"
    assert variants.in_words("sharp_rate", "") == ""
    assert variants.in_words("spread", "") == ""


def test_foreign_names_the_constants_of_others():
    """One sentence for a copy made for somebody else; none for the student's own."""
    mine = {"sharp_rate": "c", "ntk": "a"}
    line = "check = partial(check, variants={})"
    own = "import jax\n" + line.format('{"sharp_rate": "c"}')
    other = line.format('{"sharp_rate": "b", "ntk": "a"}')
    assert variants.foreign([own, "x = 1"], mine) == []
    assert variants.foreign(["x = 1"], {}) == []
    (sentence,) = variants.foreign(["x = 1"], mine)
    assert "as the common copy" in sentence
    (sentence,) = variants.foreign([own, other], mine)
    assert "another student's copy in sharp_rate; it was graded" in sentence


@pytest.mark.parametrize("text", ["{1: 2, [3]: 4}", "{" * 300, "{open()}", "{1, 2}"])
def test_foreign_reads_whatever_stands_there(text):
    """A student may write anything in the place of the codes."""
    cell = f"check = partial(check, variants={text}}})"
    (sentence,) = variants.foreign([cell, cell.replace("}})", "})")], {"ntk": "a"})
    assert "as the common copy" in sentence

"""What the installed library knows: the stored values say what the answers say."""

import json

import jax
import numpy as np
import pytest

from ntk_answers import ANSWERS, store, variants
from ntk_answers.computed import Computed
from ntklib.exercises import known, stored
from ntklib.exercises.cases import cases
from ntklib.exercises.judge import judge
from ntklib.exercises.sets import EXERCISES
from tests.exercises.right_answers import RIGHT_ANSWERS
from tests.exercises.wrong_answers import WRONG_ANSWERS


@pytest.fixture
def installed(monkeypatch):
    """The library without the answers beside it."""
    monkeypatch.setattr(known, "answers_are_here", lambda: False)
    known.known.cache_clear()
    yield
    known.known.cache_clear()


pytestmark = pytest.mark.usefixtures("as_readers_have_it")


def answers_to(name):
    """The model answer, all slips, and answers as readers write them."""
    slips = ANSWERS[name].slips
    known_wrong = [one for slip in slips for one in (slip.answer, *slip.others)]
    of_readers = [answer for _, answer, _ in WRONG_ANSWERS[name]]
    return [
        ANSWERS[name].solution,
        *RIGHT_ANSWERS.get(name, []),
        *known_wrong,
        *of_readers,
    ]


@np.errstate(all="ignore")
def values_of(name, seed):
    """What each answer returns for the cases, or the answer itself."""
    answers, tried = answers_to(name), cases(name, seed)
    return [[answer(*case) for case in tried] or [answer] for answer in answers]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_stored_says_what_is_computed(name, request):
    """Every right and wrong answer hears the same line with and without the answers."""
    values = values_of(name, 0)
    with_answers = [str(judge(name, 0, value)) for value in values]
    request.getfixturevalue("installed")
    assert isinstance(known.known(name, 0), stored.Stored)
    assert [str(judge(name, 0, value)) for value in values] == with_answers


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_stored_accepts_the_solution_and_no_slip(name, installed):
    """With every stored seed, and with one that is not stored for choices."""
    answers = ANSWERS[name]
    seeds = stored.SEEDS if EXERCISES[name].arguments else [0, 17]
    for seed in seeds:
        tried = cases(name, seed)
        for answer in (answers.solution, answers.slips[0].answer):
            values = [answer(*case) for case in tried] or [answer]
            assert bool(judge(name, seed, values)) == (answer is answers.solution)


@pytest.mark.slow
def test_stored_files_are_up_to_date():
    """`python -m ntk_answers.store` would write what is there."""
    words, values = store.everything()
    advice = "run `.venv/bin/python -m ntk_answers.store`"
    assert json.loads(json.dumps(words)) == json.loads(stored.WORDS.read_text()), advice
    with np.load(stored.VALUES) as there:
        assert sorted(there) == sorted(values), advice
        for name, value in values.items():
            np.testing.assert_allclose(
                there[name], value, rtol=1e-5, atol=1e-9, err_msg=f"{name}: {advice}"
            )


def test_stored_right_values_have_all_digits():
    """They are those of the reference to rounding."""
    with jax.enable_x64(True):
        for name in ("relu_limit", "ntk", "lazy_exponent"):
            right = Computed(name, 3).right
            for got, want in zip(stored.Stored(name, 3).right, right, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-13)


def test_stored_refuses_other_seeds(installed):
    """A seed without stored values is refused in one sentence."""
    line = (
        "sharp_rate: the installed library can check answers for NTK_SEED from 0 to 4; "
        "got 5"
    )
    assert str(judge("sharp_rate", 5, [1.0, 1.0])) == line


def test_stored_refuses_other_random_numbers(installed, monkeypatch):
    """Where NumPy drew other cases, no answer is called wrong."""

    def others(name, seed):
        return cases(name, seed + 1)

    monkeypatch.setattr(stored, "cases", others)
    line = str(judge("sharp_rate", 0, [1.0, 1.0]))
    assert line.startswith(f"sharp_rate: NumPy {np.__version__} draws other random")


def test_stored_names_no_choice(installed):
    """No choice and no number stands in the words."""
    words = json.loads(stored.WORDS.read_text("utf-8"))
    assert set(words["conserved"]) == {"right", "hints"}
    assert len(words["conserved"]["hints"]) == 2 ** len(EXERCISES["conserved"].choices)
    assert "right" not in words["drift_slope"]
    assert words["singular_inputs"] == {}


def test_store_writes_what_is_there(tmp_path, monkeypatch):
    """Its command writes the two files, which can be read again."""
    monkeypatch.setattr(store, "WORDS", tmp_path / "words.json")
    monkeypatch.setattr(store, "VALUES", tmp_path / "values.npz")
    monkeypatch.setattr(store, "everything", lambda: ({"a": "ψ"}, {"a/b": np.ones(2)}))
    store.main()
    assert json.loads((tmp_path / "words.json").read_text("utf-8")) == {"a": "ψ"}
    with np.load(tmp_path / "values.npz") as values:
        assert values["a/b"].tolist() == [1, 1]


@pytest.mark.parametrize("code", ["a", "c"])
def test_stored_knows_variants(installed, code):
    """A variant's answer is right, the book's hears so, and other codes are refused."""
    right = variants.answers("sharp_rate", code).solution
    for seed in stored.SEEDS:
        tried = cases("sharp_rate", seed)
        values = [right(*case) for case in tried]
        assert judge("sharp_rate", seed, values, variant=code)
        assert not judge("sharp_rate", seed, values)
    of_the_book = [2 * lam / m for lam, m in cases("sharp_rate", 0)]
    line = str(judge("sharp_rate", 0, of_the_book, variant=code))
    assert variants.BOOK_HINT in line
    line = str(judge("sharp_rate", 0, of_the_book, variant="zz"))
    assert line == "sharp_rate: the exercise has no variant 'zz'"


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in EXERCISES if EXERCISES[n].arguments])
def test_stored_values_are_wrong_for_another_seed(name):
    """Whoever hands in what the library stores has nothing under a drawn seed."""
    for seed in stored.SEEDS:
        assert not judge(name, 20261220, stored.Stored(name, seed).right)

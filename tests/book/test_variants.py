"""Students' copies with constants of their own: the text says what `check` wants."""

import re
import zipfile

import nbformat
import numpy as np
import pytest

from book._ext.exercise_sets import SETS
from ntk_answers import variants
from ntk_answers.variants import VARIATIONS, answers, codes, constant, drawn
from tools import variants as copies
from tools.archive import FOLDER
from tools.assignment import plain
from tools.downloads import wheel_name

BOOK = {path.stem: nbformat.read(path, as_version=4) for path in SETS}
PLAIN = {stem: plain(notebook) for stem, notebook in BOOK.items()}
TEXTS = {
    cell.id.removesuffix("-text"): cell
    for notebook in BOOK.values()
    for cell in notebook.cells
    if cell.id.endswith("-text")
}
every_exercise = pytest.mark.parametrize("name", VARIATIONS)
VARYING = ("kernel", "dynamics", "bounds", "generalization", "regimes")


def source(notebook, cell_id):
    """The text of a cell."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return cell.source


def text(name, code):
    """The text of an exercise in a variant."""
    cell = TEXTS[name]
    return copies.text(cell.source, cell.metadata["variant"], name, code)


def test_texts_of_variants_are_there_for_the_exercises_that_vary():
    """The metadata of the book's cells and the library name the same exercises."""
    written = {name for name, cell in TEXTS.items() if "variant" in cell.metadata}
    assert written == set(VARIATIONS)


@every_exercise
def test_text_says_what_check_wants(name):
    """The constant, and the result by hand that the model answer gives with it."""
    variation = VARIATIONS[name]
    for code in codes(name):
        found = text(name, code)
        assert found != TEXTS[name].source
        assert not set("«»") & set(found)
        new = found.split("**Code.**")[0]
        assert copies.tex(constant(name, code)) in new
        value = np.asarray(answers(name, code).solution(*variation.case))
        (stated,) = re.findall(r"by hand:\*.*", found)
        assert f"{float(value[variation.entry]):.4g}" in stated
    assert len({text(name, code) for code in codes(name)}) == len(codes(name))


@every_exercise
def test_text_keeps_no_formula_with_the_books_constant(name):
    """Where the loss is another one, nothing in the text goes at the book's speed."""
    if VARIATIONS[name].constant == "divisor":
        found = text(name, "a")
        assert r"\frac{1}{3 m}" in found
        for words in (r"\frac{1}{2m}", r"-\frac1m K", r"e^{-Kt/m} (", r"\eta m"):
            assert words not in found


def test_text_needs_its_words_once():
    """A text of the book that was changed is named, before a copy is made."""
    with pytest.raises(
        ValueError, match=r"text of ntk must have .*: 'x'; it has them 2"
    ):
        copies.text("x x", {"x": "y"}, "ntk", "a")


@pytest.mark.parametrize(
    ("number", "written"),
    [(3, "3"), (0.5, r"\frac{1}{2}"), (-0.75, r"-\frac{3}{4}"), (-1, "-1")],
)
def test_tex_writes_fractions(number, written):
    """As TeX does, with the sign in front."""
    assert copies.tex(number) == written


@pytest.mark.parametrize("stem", BOOK)
def test_varied_changes_texts_and_the_setup_alone(stem):
    """Answers, derivations and tests stay, so grading finds them as it does in all."""
    codes_drawn = drawn("s", "Ann Lee")
    new = copies.varied(PLAIN[stem], BOOK[stem], codes_drawn)
    assert [cell.id for cell in new.cells] == [cell.id for cell in PLAIN[stem].cells]
    changed = set()
    for old, cell in zip(PLAIN[stem].cells, new.cells, strict=True):
        assert cell.metadata == old.metadata
        if cell.source != old.source:
            changed.add(cell.id)
    texts = {f"{name}-text" for name in VARIATIONS}
    expected = texts & {cell.id for cell in new.cells}
    assert changed == (expected | {"intro", "setup"} if expected else set())
    assert bool(expected) == (stem in VARYING)


@pytest.mark.parametrize("stem", VARYING)
def test_varied_makes_a_check_with_the_students_constants(stem):
    """The first cell of a copy judges by them, and grading reads them there."""
    codes_drawn = drawn("s", "Ann Lee")
    new = copies.varied(PLAIN[stem], BOOK[stem], codes_drawn)
    setup = source(new, "setup")
    names = {}
    exec(setup, names)
    mine = variants.claimed([setup])
    assert mine
    for name, code in mine.items():
        assert code == codes_drawn[name]
        assert names["check"](name, answers(name, code).solution)
        assert not names["check"](name, answers(name).solution)
    assert variants.foreign([setup], codes_drawn) == []
    assert "**Your own copy.**" in source(new, "intro")


def test_copies_for_all_are_those_of_the_book():
    """What is written for variants changes neither the page nor the copy for all."""
    for notebook in PLAIN.values():
        for cell in notebook.cells:
            assert "variant" not in cell.metadata
            assert "«" not in cell.source
        for name in VARIATIONS:
            if f"{name}-text" in [cell.id for cell in notebook.cells]:
                for words in TEXTS[name].metadata["variant"]:
                    assert source(notebook, f"{name}-text").count(words) == 1


@pytest.fixture
def handed_out(tmp_path, monkeypatch):
    """A folder with the copies for all."""
    folder = tmp_path / "assignment"
    folder.mkdir()
    for stem, notebook in PLAIN.items():
        nbformat.write(notebook, folder / f"{stem}.ipynb")
    monkeypatch.setattr(copies, "COPIES", folder)
    return folder


@pytest.mark.usefixtures("handed_out")
def test_main_writes_an_archive_for_each_student(tmp_path):
    """Every set and the library, with the constants that grading draws."""
    settings = tmp_path / "course.toml"
    settings.write_text('secret = "s"\nvariants = true\n', "utf-8")
    roster = tmp_path / "list.csv"
    roster.write_text("Name,Email\nAnn Lee,ann@a.edu\nBo Chen,bo@a.edu\n", "utf-8")
    out = tmp_path / "copies"
    copies.main([str(roster), "--course", str(settings), "--out", str(out)])
    assert {path.name for path in out.iterdir()} == {"Ann_Lee.zip", "Bo_Chen.zip"}
    for student, key in (("Ann_Lee", "ann@a.edu"), ("Bo_Chen", "bo@a.edu")):
        with zipfile.ZipFile(out / f"{student}.zip") as archive:
            names = {name.removeprefix(f"{FOLDER}/") for name in archive.namelist()}
            text = archive.read(f"{FOLDER}/bounds.ipynb").decode()
        assert names >= {path.name for path in SETS} | {wheel_name(), "README.md"}
        notebook = nbformat.reads(text, as_version=4)
        code = drawn("s", key)["sharp_rate"]
        assert variants.claimed([source(notebook, "setup")]) == {"sharp_rate": code}


@pytest.mark.parametrize("line", ['secret = "s"', "anonymous = false"])
def test_main_needs_a_secret_and_the_switch(tmp_path, line):
    """Otherwise grading would not draw what stands in the copies."""
    settings = tmp_path / "course.toml"
    settings.write_text(line, "utf-8")
    with pytest.raises(SystemExit, match="must say variants = true and give a secret"):
        copies.main(["list.csv", "--course", str(settings)])


@pytest.mark.usefixtures("handed_out")
@pytest.mark.parametrize(
    ("names", "message"),
    [("", "list.csv names no student$"), ("Ann\n", "file cannot be written: .*exists")],
)
def test_main_says_what_is_wrong(tmp_path, names, message):
    """A list without students, and a place where no folder can be made."""
    settings = tmp_path / "course.toml"
    settings.write_text('secret = "s"\nvariants = true\n', "utf-8")
    roster = tmp_path / "list.csv"
    roster.write_text("Name\n" + names, "utf-8")
    out = tmp_path / "file"
    out.write_text("", "utf-8")
    with pytest.raises(SystemExit, match=message):
        copies.main([str(roster), "--course", str(settings), "--out", str(out)])


def test_main_says_that_it_was_interrupted(tmp_path, monkeypatch):
    """Ctrl-C ends in a sentence, for the last archive may be a part of one."""

    def interrupted(students, secret, out):
        raise KeyboardInterrupt

    monkeypatch.setattr(copies, "make", interrupted)
    settings = tmp_path / "course.toml"
    settings.write_text('secret = "s"\nvariants = true\n', "utf-8")
    roster = tmp_path / "list.csv"
    roster.write_text("Name\nAnn\n", "utf-8")
    with pytest.raises(SystemExit, match=r"^Interrupted; run the same command again"):
        copies.main([str(roster), "--course", str(settings)])


def test_make_needs_the_copies_for_all(tmp_path, monkeypatch):
    """They are made by another target, which is named."""
    monkeypatch.setattr(copies, "COPIES", tmp_path)
    with pytest.raises(
        ValueError, match=r"there is no .*\.ipynb; run make assignment first"
    ):
        copies.make([], "s", tmp_path / "out")

"""A course of one's own: course.toml decides what pages, copies and the PDF say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from selectolax.lexbor import LexborHTMLParser
from sphinx.errors import ConfigError

from book._ext import course as on_the_site
from book._ext.exercise_sets import ABSENT, SETS
from grading import course, pages
from grading.results import Student
from tools import archive, assignment, nbgrader_course, print_book
from tools.execute import ROOT
from tools.gradescope import __main__ as gradescope

CHANGED = """
name = "Stat 946, *fall* 2026"
title = 'Kernels & *networks*, "<wide>"'
authors = "Ada Byron & Bo <Chen>"
copyright = "2027"
logo = "my crest.svg"
solutions = "no"

[due]
bounds = 2026-10-01T23:59:00-04:00
"""
TITLE = 'Kernels & *networks*, "<wide>"'
CREST = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'
DUE = "Thursday, 1 October 2026, 23:59 (UTC-04:00)"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """The file of another's course."""
    folder = tmp_path_factory.mktemp("fork")
    (folder / "my crest.svg").write_text(CREST)
    path = folder / "course.toml"
    path.write_text(CHANGED, "utf-8")
    return path


@pytest.fixture
def changed(settings, monkeypatch):
    """The book with these settings."""
    monkeypatch.setenv("NTK_COURSE", str(settings))
    return course.read_public()


@pytest.fixture
def unchanged(monkeypatch):
    """The book without any settings."""
    monkeypatch.setenv("NTK_COURSE", os.devnull)


@pytest.fixture(scope="module")
def site(settings, tmp_path_factory):
    """The site of a first page and one set, built with these settings."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "_config.yml", folder)
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/start\nchapters:\n- file: book/exercises/bounds\n"
    )
    start = "# Start\n\nA lecture.\n\n```{course-of-this-book}\n```\n"
    (folder / "book" / "start.md").write_text(start)
    for name in ("book/exercises", "_build/assignment"):  # the page, and what it offers
        (folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "book" / "exercises" / "bounds.ipynb", folder / name)
    # Without -W: there are links to chapters, which are not there.
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    environment = os.environ | {"NTK_COURSE": str(settings), "NTK_SOLUTIONS": ""}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "_build" / "html"


def page(site, name):
    """The tree of a page of the site."""
    return LexborHTMLParser((site / name).read_text("utf-8"))


@pytest.mark.slow
def test_site_has_the_title_and_the_name_of_the_course(site):
    """The first page, the tab, the card, and the page for wrong addresses."""
    start = page(site, "book/start.html")
    heading = start.css("article h1")[0].text().removesuffix("#")
    assert re.sub("[“”]", '"', heading) == TITLE  # Sphinx turns them
    assert start.css("title")[0].text() == TITLE
    (card,) = start.css('meta[property="og:site_name"]')
    assert card.attrs["content"] == TITLE
    assert "Stat 946, *fall* 2026" in start.css("article")[0].text()
    for name in ("index.html", "404.html", "book/exercises/bounds.html"):
        assert TITLE in page(site, name).css("title")[0].text()


@pytest.mark.slow
def test_site_names_its_authors_and_the_book(site):
    """Below each page stand the new authors, and what they have changed."""
    start = page(site, "book/start.html")
    foot = start.css(".component-author")[0].text().strip()
    assert re.sub(r"\s+", " ", foot) == (
        "By Ada Byron & Bo <Chen>; based on “The neural tangent kernel: an executable "
        "lecture”; after a lecture by Mufan Li, notes by Sidharth Bajaj"
    )
    assert "2027" in start.css(".copyright")[0].text()


@pytest.mark.slow
def test_site_shows_the_logo(site):
    """The picture stands in place of the title, and is there to be loaded."""
    for name in ("book/start.html", "book/exercises/bounds.html"):
        images = page(site, name).css(".navbar-brand img")
        assert images
        for image in images:
            path = (site / name).parent / image.attrs.sget("src").replace("%20", " ")
            assert path.read_text() == CREST
            assert image.attrs["alt"] == f"{TITLE} - Home"
        assert not page(site, name).css(".navbar-brand .title")


@pytest.mark.slow
def test_site_has_due_dates_and_no_solutions(site):
    """The set says when it is due, and its solutions wait for another word."""
    article = page(site, "book/exercises/bounds.html").css("article")[0]
    text = " ".join(article.text().split())
    assert f"Due. {DUE}." in text
    assert ABSENT in text
    start = page(site, "book/start.html").css("article")[0].text()
    assert f"Exercises: bounds is due on {DUE}" in start


def read(path, name):
    """What Sphinx reads of a file, after the settings of the course."""
    env = SimpleNamespace(doc2path=lambda _: path)
    app = SimpleNamespace(env=env, config=SimpleNamespace(root_doc="book/index"))
    source = [path.read_text("utf-8")]
    on_the_site.show(app, name, source)
    return source[0]


@pytest.mark.usefixtures("unchanged")
def test_show_adds_nothing_without_settings():
    """No due date, no other title: each page is read as it stands."""
    for path in (ROOT / "book" / "index.md", *SETS):
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        assert read(path, name) == path.read_text("utf-8")


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_show_dates_the_sets_that_are_due(path):
    """Each set has a place for its date, and only those with a date show one."""
    cells = nbformat.reads(read(path, f"book/exercises/{path.stem}"), 4).cells
    assert (f"**Due.** {DUE}." in cells[0].source) == (path.stem == "bounds")
    dated = on_the_site.with_due_date({"cells": [cells[0]]}, "Monday")
    assert re.search(
        r"minutes\.\n\n\*\*Due\.\*\* Monday\.", dated["cells"][0]["source"]
    )


def test_with_due_date_asks_for_its_place():
    """A set without the paragraph after which a date stands is named."""
    notebook = {"cells": [{"id": "intro", "source": ["# Exercises: new"]}]}
    with pytest.raises(ValueError, match=r"must have a paragraph .* got '# Exer"):
        on_the_site.with_due_date(notebook, "Monday")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[due]\nbonds = 2026-10-01T23:59:00Z",
            "due has no set 'bonds'; the sets are b",
        ),
        ("heading = 'Kernels'", "has no setting 'heading'"),
    ],
)
def test_apply_stops_the_build_in_one_sentence(tmp_path, monkeypatch, text, sentence):
    """What no page would show is refused before anything is built."""
    path = tmp_path / "course.toml"
    path.write_text(text)
    monkeypatch.setenv("NTK_COURSE", str(path))
    with pytest.raises(ConfigError, match=sentence) as caught:
        on_the_site.apply(None, SimpleNamespace())
    assert "\n" not in str(caught.value)


def test_apply_hands_the_theme_html(tmp_path, monkeypatch):
    """Without a logo the title stands at the top; no sign of it is taken for a tag."""
    path = tmp_path / "course.toml"
    path.write_text("title = 'm << n & n'")
    monkeypatch.setenv("NTK_COURSE", str(path))
    config = SimpleNamespace(html_theme_options={"toc_title": "x"})
    on_the_site.apply(None, config)
    assert config.html_title == "m << n & n"
    assert config.html_theme_options == {
        "toc_title": "x",
        "logo": {
            "alt_text": "m &lt;&lt; n &amp; n - Home",
            "text": "m &lt;&lt; n &amp; n",
        },
    }


WRONG = {
    "[due]\nbounds = 2026-10-01": r"course\.toml: due\.bounds must be a time with its ",
    "[due]\nbonds = 2026-10-01T23:59:00Z": r"course\.toml: due has no set 'bonds'; ",
}


@pytest.mark.parametrize("program", [assignment, gradescope], ids=["copies", "zips"])
@pytest.mark.parametrize("text", WRONG)
def test_programs_refuse_wrong_settings_in_one_sentence(
    tmp_path, monkeypatch, text, program
):
    """The students' copies and the autograders are not made without their dates."""
    path = tmp_path / "course.toml"
    path.write_text(text)
    monkeypatch.setenv("NTK_COURSE", str(path))
    monkeypatch.setenv("NTK_ALONE", "yes")  # whatever else is built here
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit, match=WRONG[text]) as end:
        program.main()
    assert "\n" not in end.value.code


def test_copies_say_when_they_are_due(changed, monkeypatch, tmp_path):
    """nbgrader's course, and the README of the archive, with the course's name."""
    monkeypatch.setattr(nbgrader_course, "_generate", lambda folder, names: None)
    assignment.make_course(tmp_path)
    notebook = nbformat.read(tmp_path / "source" / "bounds" / "bounds.ipynb", 4)
    assert f"**Due.** {DUE}." in notebook.cells[0].source
    config = (tmp_path / "nbgrader_config.py").read_text("utf-8")
    assert "course_id = 'Stat-946-fall-2026'" in config
    text = archive.readme({"bounds.ipynb": notebook, "drift.ipynb": notebook})
    assert text.startswith(f"# Exercises: {changed.name}\n")
    assert f"- `bounds.ipynb`: Exercises: bounds, due {DUE}\n" in text
    assert "- `drift.ipynb`: Exercises: bounds\n" in text


@pytest.mark.usefixtures("unchanged")
def test_copies_say_nothing_without_settings(monkeypatch, tmp_path):
    """Nothing is due, and the folder names nbgrader's course."""
    monkeypatch.setattr(nbgrader_course, "_generate", lambda folder, names: None)
    assignment.make_course(tmp_path)
    notebook = nbformat.read(tmp_path / "source" / "bounds" / "bounds.ipynb", 4)
    assert "Due." not in notebook.cells[0].source
    config = (tmp_path / "nbgrader_config.py").read_text("utf-8")
    assert f"course_id = {tmp_path.name!r}" in config
    text = archive.readme({"bounds.ipynb": notebook})
    assert text.startswith("# Exercises: The neural tangent kernel\n")
    assert "- `bounds.ipynb`: Exercises: bounds\n" in text


@pytest.mark.usefixtures("changed")
def test_title_page_of_the_pdf_names_the_course_and_the_book():
    """Title, authors and course are new; what it is based on stands below."""
    text = print_book.TITLE_PAGE.format(**print_book.about())
    assert f"{TITLE}: an executable lecture</p>" in text
    assert "<p>Ada Byron & Bo <Chen>, for Stat 946, *fall* 2026</p>" in text
    assert "<p>Based on “The neural tangent kernel: an executable lecture”. Aft" in text


@pytest.mark.usefixtures("unchanged")
def test_title_page_of_the_pdf_is_the_books_without_settings():
    """The book is based on nothing but its lecture, and for no course."""
    text = print_book.TITLE_PAGE.format(**print_book.about())
    assert "<p>The authors of the executable lecture</p>" in text
    assert "<p>After Stat 946" in text


def test_feedback_begins_with_the_name_of_the_course():
    """A student sees which course a page is from; without a name, that it is one."""
    nobody = Student("Lee, Ann", [], {})
    assert "<h1>Stat 946: Lee, Ann</h1>" in pages.feedback(nobody, "Stat 946")
    assert "<h1>Exercises: Lee, Ann</h1>" in pages.feedback(nobody)

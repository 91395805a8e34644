"""Other versions of the packages: `make drift`, and what it says has moved."""

import base64
import io
import sys

import nbformat
import numpy as np
import pytest
from PIL import Image

from tests.book.conftest import write_notebook
from tools import drift, trial
from tools.drift import (
    changed,
    findings,
    moved_cells,
    moved_numbers,
    moved_pixels,
    rerun,
    rerun_all,
)
from tools.execute import ROOT


def picture(*, marked=0):
    """A white picture of 10 by 10 pixels, some of them black, as a notebook has it."""
    pixels = np.full((100, 3), 255, np.uint8)
    pixels[:marked] = 0
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(10, 10, 3)).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def notebook(*outputs):
    """A notebook of one executed cell."""
    cell = nbformat.v4.new_code_cell("", id="one", outputs=list(outputs))
    return nbformat.v4.new_notebook(cells=[cell])


def printed(text):
    """What a cell prints."""
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def shown(**data):
    """What a cell shows."""
    return nbformat.v4.new_output("display_data", data=data)


def test_moved_numbers_names_the_largest_relative_change():
    """Of three numbers two moved; the second by a tenth of what it was."""
    old, new = "K = 1.000, loss −2.0e-3, t = 3", "K = 1.001, loss −2.2e-3, t = 3"
    said = moved_numbers(old, new)
    assert said == "2 of 3 numbers, by up to 1.0e-01 of itself (−2.0e-3 is −2.2e-3)"
    assert moved_numbers(old, old) is None


def test_moved_numbers_takes_a_digit_in_a_name_for_a_word():
    """W0 is a name: another one is no number that moved."""
    assert moved_numbers("W0 = 1", "W1 = 1") == "other words"


def test_moved_pixels_gives_the_share_of_the_picture():
    """Three of a hundred pixels."""
    assert moved_pixels(picture(), picture(marked=3)) == "3.00% of its pixels"
    assert moved_pixels(picture(marked=3), picture(marked=3)) is None


def test_moved_cells_compares_every_kind_of_output():
    """Text, a picture, and an output that came to one that there was."""
    stored = notebook(printed("1.0"), shown(**{"image/png": picture()}))
    picture_now = {"image/png": picture(marked=1), "text/plain": "<Figure>"}
    fresh = notebook(printed("1.5"), shown(**picture_now))
    assert list(moved_cells(stored, fresh)) == [
        ("one", "stdout", "1 of 1 numbers, by up to 5.0e-01 of itself (1.0 is 1.5)"),
        ("one", "picture", "1.00% of its pixels"),
        ("one", "text/plain", "came"),
    ]
    assert list(moved_cells(stored, stored)) == []


def test_moved_cells_counts_outputs_that_went():
    """A cell that prints no more is reported, too."""
    rows = list(moved_cells(notebook(printed("1.0")), notebook()))
    assert rows == [("one", "outputs", "1 became 0")]


def test_moved_cells_compares_the_widgets():
    """A slider whose state moved is in the metadata of the notebook."""
    stored, fresh = notebook(), notebook()
    stored.metadata["widgets"] = {"state": {"value": 1.0}}
    fresh.metadata["widgets"] = {"state": {"value": 1.25}}
    ((_, kind, how),) = moved_cells(stored, fresh)
    assert kind == "widgets"
    assert "by up to 2.5e-01" in how


@pytest.mark.slow
def test_rerun_reports_numbers_that_moved_and_notebooks_that_fail(
    tmp_path, monkeypatch
):
    """The stored outputs are compared with those of the Python that is named."""
    for name in ("tools", "book"):
        (tmp_path / name).symlink_to(ROOT / name)
    moved, broken = tmp_path / "moved.ipynb", tmp_path / "broken.ipynb"
    write_notebook(moved, ["print(2.5)"])
    write_notebook(broken, ["raise ValueError('psi has a jump')"])
    content = nbformat.read(moved, as_version=4)
    content.cells[0].outputs = [printed("2.0\n")]
    nbformat.write(content, moved)

    monkeypatch.setattr(drift, "ROOT", tmp_path)
    ((_, kind, how),) = rerun(sys.executable, tmp_path, moved)
    assert kind == "stdout"
    assert how.endswith("(2.0 is 2.5)")
    assert rerun(sys.executable, tmp_path, broken) == [
        ("all", "run", "failed: ValueError: psi has a jump")
    ]


def test_reason_finds_the_error_in_what_was_said():
    """The last line that names an error; else the last line."""
    said = "Traceback\nKeyError: 1\nyaml.ParserError: no\nThe notebook was left."
    assert trial.reason(said) == "yaml.ParserError: no"
    assert trial.reason("killed\n") == "killed"
    assert trial.reason("") == "it said nothing"


def test_changed_lists_packages_that_differ_come_or_go():
    """Equal versions are no news."""
    before = {"jax": "1", "numpy": "2", "old": "1"}
    after = {"jax": "1", "numpy": "3", "new": "1"}
    assert changed(before, after) == [
        ("new", "—", "1"),
        ("numpy", "2", "3"),
        ("old", "1", "—"),
    ]


def test_findings_count_the_notebooks_that_stood_still():
    """The last sentence is the summary, which a job shows."""
    rows = [("ntk", "a", "stdout", "other words"), ("ntk", "b", "picture", "1%")]
    text = findings([("jax", "1", "2")], 3, rows)
    assert "| jax | 1 | 2 |" in text
    assert "| ntk | b | picture | 1% |" in text
    assert text.endswith(
        "1 packages changed; 2 of 3 notebooks print and draw what they did."
    )


def test_rerun_all_keeps_what_it_found_before_an_interrupt(monkeypatch, capsys):
    """Two of three ran; a chapter and a set of the same stem are told apart."""
    found = iter([[("a", "stdout", "x")], [("b", "stdout", "y")]])

    def rerun(python, tree, path):
        rows = next(found, None)
        if rows is None:
            raise KeyboardInterrupt
        return rows

    monkeypatch.setattr(drift, "rerun", rerun)
    book = ROOT / "book"
    same = [book / "generalization.ipynb", book / "exercises" / "generalization.ipynb"]
    moved, ran = rerun_all("python", book, [*same, book / "ntk.ipynb"])
    assert ran == 2
    names = ["generalization", "exercises/generalization"]
    assert [row[0] for row in moved] == names
    assert capsys.readouterr().out.startswith("Interrupted.")


@pytest.mark.parametrize("rows", [[], [("one", "stdout", "other words")]])
def test_main_ends_with_one_where_something_moved(monkeypatch, rows):
    """The newest versions of what the book asks for are installed, and all is said."""
    asked, said = [], []
    monkeypatch.setattr(sys, "argv", ["drift", "ntk", "--oldest"])
    monkeypatch.setattr(drift, "copy_tree", lambda folder: folder)
    monkeypatch.setattr(drift, "environment", lambda _, wanted: asked.extend(wanted))
    monkeypatch.setattr(drift, "installed", lambda _: {})
    monkeypatch.setattr(drift, "rerun", lambda *_: rows)
    monkeypatch.setattr(drift, "report", lambda name, text: said.append((name, text)))
    with pytest.raises(SystemExit) as end:
        drift.main()
    assert end.value.code == len(rows)
    assert {"jax>=0.10", "--resolution=lowest-direct"} <= set(asked)
    ((name, text),) = said
    assert name == "drift"
    assert text.endswith(
        f"{1 - len(rows)} of 1 notebooks print and draw what they did."
    )


def test_needs_resolves_the_extras_of_ntklib():
    """The extra `book` asks for that of the notebooks, and for the dependencies."""
    names = {need.name for need in trial.needs("book")}
    assert {"jax", "matplotlib", "jupyter-book", "flit_core"} <= names
    assert "ntklib" not in names


def test_pins_leave_out_what_other_systems_need(tmp_path):
    """A line with a marker counts where it holds."""
    lock = tmp_path / "lock"
    lock.write_text("a-b==1.2\nc==3 ; sys_platform == 'nowhere'\n", "utf-8")
    assert trial.pins(lock) == {"a-b": "1.2"}


def test_copy_tree_has_the_files_of_the_book_and_no_builds(tmp_path):
    """What is installed or built stays, but for the links to the JavaScript."""
    tree = trial.copy_tree(tmp_path)
    assert (tree / "book" / "ntk.ipynb").read_bytes() == (
        ROOT / "book" / "ntk.ipynb"
    ).read_bytes()
    assert (tree / ".github").is_dir()
    assert not [
        tree / name for name in (".git", ".venv", "_build") if (tree / name).exists()
    ]
    assert (tree / "book" / "_ext" / "node_modules").is_symlink()


def test_report_is_printed_and_stored(tmp_path, monkeypatch, capsys):
    """A workflow shows the file, a person reads the terminal."""
    monkeypatch.setattr(trial, "ROOT", tmp_path)
    monkeypatch.setattr(trial, "REPORTS", tmp_path / "reports")
    trial.report("drift", trial.table(["a", "b"], [(1, "|r| = 2")]))
    assert (tmp_path / "reports" / "drift.md").read_text("utf-8") == (
        "| a | b |\n| --- | --- |\n| 1 | \\|r\\| = 2 |\n"
    )
    assert "| 1 | " in capsys.readouterr().out

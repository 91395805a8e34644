"""The site without Jupyter Book 1: `make escape`, and what it says."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tools import escape
from tools.compare_sites import changes
from tools.escape import SPHINX, findings, kinds, repeated, requirements
from tools.execute import ROOT
from tools.trial import pins

VERSIONS = {
    "sphinx": "9.0.4",
    "docutils": "0.22.4",
    "myst-parser": "5.2.0",
    "sphinx-book-theme": "1.4.0",
}
# What Sphinx prints for two warnings, and for an error and a warning without a kind.
SAID = """\
/tmp/x/book/ntk.ipynb:10: WARNING: undefined label: 'a' [ref.ref]
/tmp/x/book/rayleigh.ipynb:3: WARNING: undefined label: 'b' [ref.ref]
/tmp/x/book/api.md:7: ERROR: Unknown directive type
WARNING: the theme has no option 'toc_title'
a line of Python's own [not.a.warning]"""


def site(folder, words):
    """A site of one page."""
    folder.mkdir()
    page = f"<html><head><title>t</title></head><body><p>{words}</p></body></html>"
    (folder / "page.html").write_text(page, "utf-8")
    return folder


def test_kinds_counts_warnings_and_errors():
    """Sphinx names the kind in brackets at the end of most lines."""
    assert kinds(SAID) == {"ref.ref": 2, "of no kind": 2}
    assert not kinds("")


def test_changes_gives_the_lines_that_differ_by_page(tmp_path):
    """Of two sites with one page each; equal sites differ nowhere."""
    old, new = site(tmp_path / "old", "four words stand here"), tmp_path / "new"
    site(new, "five words stand here")
    number, found = changes(old, new)
    assert number == 1
    assert list(found) == [Path("page.html")]
    assert changes(old, old) == (1, {})
    assert repeated(found) == {"-four words stand here": 1, "+five words stand here": 1}


def test_repeated_counts_pages_and_not_lines():
    """A word that stands twice on a page has come to one page."""
    differences = {"a": ["--- old", "+++ new", "+Dark", "+Dark"], "b": ["+Dark"]}
    assert repeated(differences) == {"+Dark": 2}


def test_findings_say_what_warned_and_what_differs():
    """Versions first, the lines on most pages at the top of the last table."""
    differences = {"a": ["+Dark", "-gone"], "b": ["+Dark"]}
    text = findings(VERSIONS, True, SAID, 44, differences)
    assert "sphinx 9.0.4, docutils 0.22.4" in text
    assert "4 warnings; `make book` has none." in text
    assert "| 2 | ref.ref |" in text
    assert "2 of 44 pages differ" in text
    assert text.index("| 2 | `+Dark` |") < text.index("| 1 | `-gone` |")


def test_findings_show_the_error_of_a_build_that_stopped():
    """Sphinx's list of versions before it is left out."""
    said = "Versions\n* Sphinx\nTraceback\n  ExtensionError: no such font"
    text = findings(VERSIONS, False, said, 0, {})
    assert "The build stopped:\n\n```\nTraceback\n  ExtensionError" in text
    assert "* Sphinx" not in text


def test_requirements_name_every_extension_of_the_book():
    """A package for each entry of _config.yml, at a version that is free to rise."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    extensions = config["sphinx"]["config"]["extensions"]
    packages = {text.split(">=")[0].replace("-", "_") for text in SPHINX}
    ours = {"jupyter_book", "book._ext"}
    for name in set(extensions) - ours:
        package = name.replace(".", "_")
        assert package in packages | {"sphinx_ext_autodoc", "sphinx_ext_napoleon"}


def test_requirements_hold_everything_else_at_its_pin():
    """What warns or differs is then due to Sphinx and its extensions."""
    asked = requirements()
    pinned = pins(ROOT / "requirements.lock")
    assert f"fonttools=={pinned['fonttools']}" in asked
    assert f"flit-core=={pinned['flit-core']}" in asked
    assert not [text for text in asked if text.startswith(("jupyter-book", "nbgrader"))]
    assert not [text for text in asked if text.startswith("sphinx") and "==" in text]


@pytest.mark.parametrize(
    ("well", "said", "code"), [(True, "", 0), (True, SAID, 1), (False, "stopped", 1)]
)
def test_main_ends_with_one_at_a_warning(monkeypatch, well, said, code):
    """Pages that differ are reported and are no fault."""
    reports = []
    monkeypatch.setattr(escape, "copy_tree", lambda folder: folder)
    monkeypatch.setattr(escape, "environment", lambda *_: sys.executable)
    monkeypatch.setattr(escape, "installed", lambda _: VERSIONS)
    monkeypatch.setattr(escape, "build", lambda *_: (well, said))
    monkeypatch.setattr(escape, "changes", lambda *_: (44, {"a": ["+Dark"]}))
    monkeypatch.setattr(escape, "report", lambda name, text: reports.append(name))
    with pytest.raises(SystemExit) as end:
        escape.main()
    assert end.value.code == code
    assert reports == ["escape"]


PROGRAM = """#!{python}
import sys
from pathlib import Path
with open({log!r}, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "config":
    settings = Path(sys.argv[-1], "conf.py")
    settings.write_text("extensions = ['jupyter_book', 'myst_nb']")
if sys.argv[1:3] == ["-m", "sphinx"]:
    sys.exit("page.md:1: WARNING: no such label [ref.ref]")
"""


@pytest.mark.parametrize("failing", ["config", "tools.assignment"])
def test_build_says_in_one_sentence_what_failed_before_it(
    tmp_path, monkeypatch, failing
):
    """No traceback of this program stands around what the other one said."""
    program = tmp_path / "jupyter-book"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n"
        f"Path({str(tmp_path)!r}, 'conf.py').touch()\n"
        f"if {failing!r} in sys.argv:\n    raise ValueError('no title')\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(escape, "BIN", tmp_path)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(SystemExit) as end:
        escape.build(str(program), tmp_path)
    assert re.fullmatch(
        rf"The build did not begin, since .*{failing}.* failed: ValueError: no title",
        end.value.code,
    )


def test_build_takes_jupyter_books_settings_without_jupyter_book(tmp_path, monkeypatch):
    """conf.py is written from _config.yml, then one extension leaves it."""
    program, log = tmp_path / "jupyter-book", tmp_path / "log"
    program.write_text(PROGRAM.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    monkeypatch.setattr(escape, "BIN", tmp_path)
    monkeypatch.setattr(sys, "executable", str(program))
    well, said = escape.build(str(program), tmp_path)
    assert (well, Counter(kinds(said))) == (False, {"ref.ref": 1})
    settings = {}
    exec((tmp_path / "conf.py").read_text("utf-8"), settings)
    assert settings["extensions"] == ["myst_nb"]
    config, copies, build = log.read_text().splitlines()
    assert config == f"config sphinx {tmp_path}"
    assert copies == "-m tools.assignment"
    assert build == "-m sphinx -n --keep-going --quiet . _build/html"

"""Gradescope's autograder: the zip, and what comes out of a tree like /autograder."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grading import gradescope, layouts, pool, sandbox
from grading.submissions import Submission
from tools.execute import ROOT
from tools.gradescope.__main__ import write

SEED = 987654321
SET = ROOT / "book" / "exercises" / "bounds.ipynb"
PYTHON = "/opt/grading/bin/python"  # as setup.sh installs it


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    """The zip for one set."""
    return write(tmp_path_factory.mktemp("zips"), "bounds", SEED)


@pytest.fixture(scope="module")
def autograder(tmp_path_factory, zipped):
    """A folder as Gradescope makes /autograder of the zip, with this Python."""
    home = tmp_path_factory.mktemp("autograder")
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(home / "source")
    script = (home / "source" / "run_autograder").read_text("utf-8")
    assert PYTHON in script
    (home / "run_autograder").write_text(script.replace(PYTHON, sys.executable))
    (home / "run_autograder").chmod(0o755)
    return home


def run(home, notebooks, **environment):
    """Run the autograder on files that a student handed in, by name."""
    for name in ("submission", "results"):
        shutil.rmtree(home / name, ignore_errors=True)
        (home / name).mkdir()
    for name, text in notebooks.items():
        (home / "submission" / name).write_text(text, "utf-8")
    (home / "results" / "results.json").write_text("from an earlier run")
    return subprocess.run(
        [home / "run_autograder"],
        cwd=home,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def results(home):
    """What Gradescope reads."""
    return json.loads((home / "results" / "results.json").read_text("utf-8"))


def scores(home):
    """The points, those that can be had, and the first words about each exercise."""
    found = []
    for test in results(home)["tests"]:
        words = " ".join(test["output"].split()[:2])
        found.append((test["name"], test["score"], test["max_score"], words))
    return found


def test_zip_holds_what_gradescope_asks_for_at_its_root(zipped):
    """setup.sh and run_autograder are executable; of the sets only one is there."""
    with zipfile.ZipFile(zipped) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        settings = json.loads(archive.read("autograder.json"))
    for name in ("setup.sh", "run_autograder"):
        assert infos[name].external_attr >> 16 & 0o111
    assert settings == {"set": "bounds", "seed": SEED}
    sets = [name for name in infos if name.endswith(".ipynb")]
    assert sets == ["book/exercises/bounds.ipynb"]
    assert not [name for name in infos if "__pycache__" in name]


@pytest.mark.parametrize("file", ["tools/gradescope/setup.sh", "Containerfile"])
def test_setup_and_container_install_the_lock_of_grading(file):
    """Both take uv at its pin, the same packages, and the sandbox of the system."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    (pinned,) = re.findall(r"^uv==\S+$", lock, re.M)
    text = (ROOT / file).read_text("utf-8")
    commands = text.replace("\\\n", " ")
    assert re.findall(r"uv==\S+", text) == [pinned]
    assert re.search(
        r"uv pip install .*--requirements \S*-grade\.lock$", commands, re.M
    )
    assert {"bubblewrap", "libseccomp2"} <= set(text.split())


@pytest.mark.slow
def test_autograder_gives_points_to_each_exercise(autograder):
    """The book's answers have all points; the seed stands where instructors look."""
    text = SET.read_text("utf-8")
    result = run(autograder, {"my bounds (1).ipynb": text})
    assert result.returncode == 0, result.stderr
    assert scores(autograder) == [
        ("1. The sharp rate", 2, 2, "sharp_rate: correct"),
        ("2. What the lemma needs", 2, 2, "lemma_matrices: correct"),
        ("3. Inputs with a singular kernel", 4, 4, "singular_inputs: correct"),
    ]
    assert f"Seed {SEED}" in result.stdout
    assert results(autograder)["stdout_visibility"] == "hidden"
    assert str(SEED) not in json.dumps(results(autograder))


@pytest.mark.slow
def test_autograder_grades_without_bubblewrap_and_says_so(autograder, tmp_path):
    """In a plain process one answer is wrong, and one reads what no sandbox shows."""
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(Path(shutil.which(name) or name))
    reading = "open('/etc/passwd').close(); return 2 * lam / m"
    text = SET.read_text("utf-8").replace("return 2 * lam / m", reading)
    text = text.replace(
        'lemma_matrices = \\"symmetric', 'lemma_matrices = \\"any square'
    )
    result = run(autograder, {"bounds.ipynb": text}, PATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "nothing is protected" in result.stdout
    assert [test["status"] for test in results(autograder)["tests"]] == [
        *("passed", "failed", "passed"),
    ]


@pytest.mark.slow
def test_autograder_says_why_a_file_earns_nothing(autograder, tmp_path):
    """A file that is no notebook is the student's to mend: 0, and a sentence."""
    files = {"bounds.ipynb": "no notebook"}
    result = run(autograder, files, TMPDIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []
    assert [score for _, score, _, _ in scores(autograder)] == [0, 0, 0]
    assert results(autograder)["output"].startswith("bounds.ipynb is not a notebook")


@pytest.mark.slow
def test_autograder_takes_all_files_for_one_students(autograder):
    """Names like those of several people are versions of one notebook."""
    names = ["ann_bounds.ipynb", "bob_bounds.ipynb", "cy_bounds.ipynb"]
    files = {**dict.fromkeys(names, ""), "di_bounds.ipynb": SET.read_text("utf-8")}
    assert run(autograder, files).returncode == 0
    assert [score for _, score, _, _ in scores(autograder)] == [2, 2, 4]
    output = results(autograder)["output"]
    assert output.startswith("di_bounds.ipynb was taken, not ")
    assert "ann_bounds.ipynb (is an empty file)" in output


@pytest.mark.slow
def test_autograder_without_a_file_says_so(autograder):
    """An empty submission is told that it holds no notebook."""
    assert run(autograder, {}).returncode == 0
    assert "no notebook" in results(autograder)["output"]


@pytest.mark.slow
def test_autograder_that_fails_writes_no_points(autograder):
    """An error of ours leaves no results, which Gradescope reports as a failure."""
    settings = autograder / "source" / "autograder.json"
    before = settings.read_text()
    settings.write_text(json.dumps({"set": "bounds", "seed": "no number"}))
    try:
        result = run(autograder, {"bounds.ipynb": SET.read_text("utf-8")})
    finally:
        settings.write_text(before)
    assert result.returncode != 0
    assert not (autograder / "results" / "results.json").exists()


def test_autograder_that_cannot_read_a_file_writes_no_points(tmp_path, monkeypatch):
    """What we cannot look at is no 0 for the student, whatever it is called."""
    (tmp_path / "submission").mkdir()
    (tmp_path / "book").symlink_to(ROOT / "book")
    settings = {"set": "bounds", "seed": SEED}
    (tmp_path / gradescope.SETTINGS).write_text(json.dumps(settings))
    unread = Submission("student", "x.ipynb", not_graded="cannot be read")
    monkeypatch.setattr(layouts, "collect", lambda *given, **options: [unread])
    monkeypatch.setattr(gradescope, "SOURCE", tmp_path)
    monkeypatch.setattr(pool, "JAX_SETTINGS", {})
    monkeypatch.setattr(sandbox, "why_unprotected", lambda: "")
    with pytest.raises(SystemExit, match=r"^Not graded: cannot be read$"):
        gradescope.main(tmp_path)
    assert not (tmp_path / "results").exists()

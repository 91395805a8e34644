"""The part of the library that submissions see: what is in it, and what is not."""

import ast
import io
import zipfile
from textwrap import dedent

import pytest

from grading import library
from ntklib import exercises
from tools.execute import ROOT

# A small library in the house's layout: formulas are private, and some are answers.
SMALL = {
    "__init__.py": """
        from ntklib.exercises import check
        from ntklib.limit_kernel import limit_kernel
        from ntklib.network import Params, network
        from ntklib.rayleigh import lambda_min
    """,
    "_check.py": "from ntklib import _words, limit_kernel",
    "_words.py": "",
    "_gaussian/__init__.py": "from ntklib._gaussian import kinks",
    "_gaussian/kinks.py": "",
    "_unused.py": "",
    "exercises/__init__.py": "def check(name, answer): return True",
    "exercises/kernel.py": "def reference(X): return X",
    "exercises/plain.py": "",
    "exercises/psis.py": "",
    "exercises/result.py": "",
    "gradient_flow.py": "from ntklib.network import network",
    "limit_kernel.py": "def limit_kernel(X): return X",
    "network.py": """
        from ntklib import _check
        class Params: pass
        def network(X):
            from ntklib._gaussian import kinks
    """,
    "rayleigh.py": "import math\ndef lambda_min(M): return M",
}


@pytest.fixture
def small(tmp_path):
    """The folder of the small library."""
    for name, source in SMALL.items():
        path = tmp_path / "ntklib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))
    return tmp_path / "ntklib"


def test_copied_follows_imports_into_private_modules(small):
    """What an offered module imports comes, if it is private; so do packages."""
    assert library.copied(small) == {
        "network.py",
        "gradient_flow.py",
        "rayleigh.py",
        "_check.py",
        "_words.py",
        "_gaussian/__init__.py",
        "_gaussian/kinks.py",
    }


def test_contents_refuse_what_is_not_copied(small):
    """Other public modules are there and refuse; other private ones are not there."""
    found = library.contents(small)
    for name in ("limit_kernel.py", "exercises/kernel.py"):
        assert found[f"ntklib/{name}"] == library.REFUSING
    assert found["ntklib/_words.py"] == SMALL["_words.py"]
    assert "ntklib/_unused.py" not in found
    assert "reference" not in "".join(found.values())


def test_front_door_has_every_public_name(small):
    """Copied names are imported, others refuse, and `check` is the small one."""
    lines = library.front_door(small, library.copied(small)).splitlines()
    assert "from ntklib.network import Params" in lines
    assert "from ntklib.rayleigh import lambda_min" in lines
    assert "limit_kernel = Missing('ntklib.limit_kernel')" in lines
    assert [line for line in lines if "check" in line] == [
        "from ntklib.exercises import check"
    ]


def test_program_holds_no_answer():
    """No function of a solution, a reference or a slip is in the zip."""
    with zipfile.ZipFile(io.BytesIO(library.program())) as archive:
        names = set(archive.namelist())
        compiled = b"".join(archive.read(name) for name in names)
    assert {"__main__.pyc", "shell.pyc", "ntklib/network.pyc"} <= names
    assert not any(name.startswith("ntk_answers") for name in names)
    offered = functions(ROOT / "grading" / "inside")
    for path in library.copied(ROOT / "ntklib"):
        offered |= functions(ROOT / "ntklib" / path)
    answers = functions(ROOT / "ntk_answers") - offered - set(exercises.names())
    telling = [name for name in answers if "_" in name.strip("_")]  # no common words
    assert len(telling) > 50
    for name in telling:
        assert name.encode() not in compiled, name


def functions(path):
    """The names of all functions in a file, or in the files of a folder."""
    found = set()
    for file in [path] if path.is_file() else path.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
    return found

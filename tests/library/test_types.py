"""The annotations, as a type checker and a user's code see them."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER_CODE = Path(__file__).with_name("user_code.py")

SETUP = """
import jax, jax.numpy as jnp
from ntklib import chernoff_width, gronwall_bound, init_params, lambda_min, network
params = init_params(jax.random.key(0), 4, 3)
"""
REFUSED = [
    'lambda_min("K")',
    'lambda_min([["1", "0"], ["0", "1"]])',
    "lambda_min(None)",
    "lambda_min(1j)",
    'network(params, {"X": 1}, jnp.tanh)',
    "network([[1.0]], [[1.0]], jnp.tanh)",
    'network(params, [[1.0, 2.0, 3.0]], "tanh")',
    "network(params, [[1.0, 2.0, 3.0]], lambda z, y: z)",
    "init_params(jax.random.key(0), 4.5, 3)",
    'gronwall_bound("1", 1.0, 4, [1.0])',
    "gronwall_bound(1.0, 1.0, 4.0, [1.0])",
    "chernoff_width(1j, 1.0, 4)",
]


def complaints(code, folder):
    """The line numbers of what pyright finds in some code, with its messages.

    It judges by its own defaults, as for a user who has installed the library.
    """
    (folder / "code.py").write_text(code, "utf-8")
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps({"extraPaths": [str(ROOT)]}), "utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--project", config]
    command += ["--pythonpath", sys.executable]
    run = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    return [
        (found["range"]["start"]["line"], found["message"])
        for found in report["generalDiagnostics"]
    ]


def test_types_accept_what_a_user_writes(tmp_path):
    """pyright has nothing to say about a file of ordinary calls."""
    code = USER_CODE.read_text("utf-8")
    assert complaints(code, tmp_path) == []
    assert not re.search("type: *ignore|pyright:|cast|Any", code)


@pytest.mark.slow
def test_types_of_calls_that_run(capsys):
    """The calls that pyright accepts are accepted by the library too."""
    seen = runpy.run_path(str(USER_CODE))
    assert seen["error"] == pytest.approx(0, abs=1e-12)
    assert capsys.readouterr().out.startswith("ntk: correct")


def test_types_refuse_what_the_library_refuses(tmp_path):
    """Each such call is marked, and nothing else is."""
    names = {}
    exec(SETUP, names)
    for call in REFUSED:
        with pytest.raises(ValueError, match=r"^\w+ must be .*; got "):
            exec(call, names)
    first = len(SETUP.splitlines())
    marked = {line for line, _ in complaints("\n".join([SETUP, *REFUSED]), tmp_path)}
    assert marked == set(range(first + 1, first + 1 + len(REFUSED)))

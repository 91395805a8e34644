"""What `import ntklib` loads: JAX, and nothing that takes nearly as long to load."""

import subprocess
import sys

import pytest

# What only some functions need, and load when they are called.
LATER = ("diffrax", "equinox", "lineax", "matplotlib", "optimistix", "scipy.linalg")
LATER += ("scipy.integrate", "scipy.optimize", "scipy.sparse", "scipy.special")


@pytest.fixture(scope="module")
def loaded():
    """The modules that `import ntklib` loads and `import jax` does not."""
    code = (
        "import sys, jax; before = set(sys.modules); import ntklib\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = [sys.executable, "-c", code]
    return subprocess.run(
        run, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("name", LATER)
def test_ntklib_loads_later_what_few_functions_need(name, loaded):
    """Not with the library; a submodule of SciPy loads when it is first used."""
    assert "ntklib.exercises" in loaded
    assert name not in loaded

"""The quick tests, or all tests of one thing: `make check`, `make check WHAT=ntk`."""

import os
import subprocess
import sys

from tools.execute import ROOT

# XLA keeps what it compiled from one check to the next. `make test` does without, as
# CI does, so that nothing left behind can make it pass.
CACHE = {
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}
# The processes below share the processors, and more threads would wait for each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
# The tests of the site need it built, and a browser.
QUICK = ["-n", "2", "--dist", "loadfile", "-m", "not slow", "--ignore=tests/site"]
# What a module leaves to the tests of its users; some have no tests of their own.
MORE_TESTS = {
    "_check": ["network", "ntk", "linear_flow"],
    "_flow": ["gradient_flow", "general_loss"],
    "_functions": ["ntk", "general_loss", "limit_kernel"],
    "_rounding": ["linear_flow"],
}
NOTEBOOK = ["--nbval", "--nbval-current-env", "-p", "tools.notebook_gate"]


def files_testing(module):
    """The files that test a module of the library, a tool or an extension."""
    names = [module.strip("_"), *MORE_TESTS.get(module, [])]
    return [file for name in names for file in ROOT.glob(f"tests/*/test_{name}.py")]


def selection(what):
    """pytest's arguments for what a person names.

    Args:
        what: nothing for the quick tests; a path to tests, a notebook or a module; the
            name of a module; or an expression for pytest's option -k.
    """
    path = ROOT / what
    if not what:
        return QUICK
    if path.suffix == ".ipynb":
        return [*NOTEBOOK, str(path)]
    if path.is_relative_to(ROOT / "tests") and path.exists():
        return [str(path)]
    files = files_testing(path.stem)
    if files:
        return [str(file) for file in files]
    return ["-k", what]


def main():
    """Run the tests that the command line names, and end as they do."""
    what = " ".join(sys.argv[1:])
    command = [sys.executable, "-m", "pytest", "-q", *selection(what)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"} | ONE_THREAD
    if os.access(ROOT, os.W_OK):
        environment |= CACHE
    else:
        command += ["-p", "no:cacheprovider"]
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()

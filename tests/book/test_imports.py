"""The library's modules: what they import, what tests them, what they export."""

import ast
import inspect

import pytest

import ntklib
from book._ext.equation_map import chapters, functions
from tools.check import files_testing
from tools.execute import ROOT

# A module imports only what stands before it here. Private modules come first, then
# the chapters in the book's order, then what brings them together.
ORDER = [
    "_types",
    "_rounding",
    "_check",
    "_lanczos",
    "_functions",
    "_blocks",
    "_programs",
    "_flow",
    "_gaussian",
    "_laboratory",
    "network",
    "gradient_flow",
    "ntk",
    "limit_kernel",
    "linear_flow",
    "general_loss",
    "rayleigh",
    "gronwall",
    "spectrum",
    "kernel_drift",
    "spectral_bias",
    "convergence",
    "width",
    "random_functions",
    "generalization",
    "large",
    "lazy_rich",
    "kinks",
    "steps",
    "depth",
    "explore",
    "exercises",
    "figures",
]
LIBRARY = ROOT / "ntklib"
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY)
MODULES += sorted(path for path in LIBRARY.glob("*.py") if path.stem != "__init__")
FUNCTIONS = functions(ROOT)
# Of ntklib.exercises: words too common to be imported from ntklib itself.
IN_MODULE = {"names", "solution"}
# The classes that ntklib exports are the tuples that its functions return.
TUPLES = {name for name in ntklib.__all__ if inspect.isclass(getattr(ntklib, name))}

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: path.relative_to(LIBRARY).as_posix()
)


def place(path):
    """The name in ORDER of a module, which is that of its package if it has one."""
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def imported_names(path):
    """The modules and packages of ntklib that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "relative import"
            if node.module == "ntklib":
                names |= {alias.name for alias in node.names}
            elif node.module.startswith("ntklib."):
                names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            full = [alias.name.split(".") for alias in node.names]
            names |= {parts[1] for parts in full if parts[0] == "ntklib" and parts[1:]}
    return names


@each_module
def test_modules_import_only_modules_above(path):
    """A module of ntklib imports only its own package and what stands before it."""
    above = ORDER[: ORDER.index(place(path))]
    assert imported_names(path) <= {*above, place(path)}


@each_module
def test_modules_have_tests(path):
    """A module that defines something has a file of tests, or shares its users'."""
    tree = ast.parse(path.read_text("utf-8"))
    defined = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    name = path.parent.name if path.stem == "__init__" else path.stem
    assert files_testing(name) or not defined


@pytest.mark.parametrize(
    "function", FUNCTIONS.values(), ids=lambda function: function.name
)
def test_public_names_are_tested_used_and_exported(function):
    """A public function has a test, is in ntklib and the API, and is used in the book.

    A module may come before its chapter; once the chapter exists, it uses them all.
    """
    api = (ROOT / "book" / "api.md").read_text("utf-8")
    exported = {*ntklib.__all__, *IN_MODULE}
    assert function.tests
    assert function.name in exported or function.module == "figures"
    assert f".. automodule:: ntklib.{function.module}\n" in api
    assert function.module in ORDER
    assert function.cells or function.module not in chapters(ROOT)


def test_exports_are_public_functions():
    """ntklib exports the functions of its modules and the tuples that they return."""
    named = {
        function.name for function in FUNCTIONS.values() if function.module != "figures"
    }
    assert set(ntklib.__all__) == (named - IN_MODULE) | TUPLES

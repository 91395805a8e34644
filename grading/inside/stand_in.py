"""What a submission imports as ntklib: the functions it may build on, and no answers.

The library holds the answers to the exercises, and a submission cannot read its files.
This module reads them while files can still be read. It takes out what the offered
functions need, and compiles it. For every other name there is a `Missing`, which can be
imported and says one sentence when it is called.
"""

import ast
import importlib
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Every solution may build on these, and on what its set imports.
OFFERED = frozenset(
    {
        "Params",
        "init_params",
        "antisymmetric_params",
        "preactivation",
        "network",
        "half_mse",
        "lambda_min",
    }
)
EXERCISES = "ntklib.exercises"  # all answers live here: nothing of it is ever offered

# Names of the missing parts that were called; the parent reports them to the teacher.
touched: set[str] = set()


def graded_later(name, answer):
    """Stands for `check`, since no points are given in this process."""
    return f"{name} will be graded"


class Missing(ModuleType):
    """A part of ntklib that is not offered: can be imported, refuses to be called."""

    def __getattr__(self, name):
        """Another part that is not offered."""
        if name.startswith("__"):  # Python and NumPy ask for these on their own
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}")

    def __call__(self, *args, **kwargs):
        """Note the name, and refuse."""
        touched.add(self.__name__)
        raise NotImplementedError(
            f"{self.__name__} is not there while your work is graded; "
            "write this part yourself"
        )

    __getitem__ = __call__


class Library(Missing):
    """The package ntklib: offered names and modules, and `Missing` for the rest."""

    def __init__(self, homes, modules):
        """`homes` tells for each offered name the module that defines it."""
        super().__init__("ntklib")
        self._homes = homes
        self._modules = modules
        self.check = graded_later

    def __getattr__(self, name):
        """An offered name, a module that holds one, or a `Missing`."""
        if name in self._homes:
            return getattr(importlib.import_module(self._homes[name]), name)
        if f"ntklib.{name}" in self._modules:
            return importlib.import_module(f"ntklib.{name}")
        return super().__getattr__(name)

    def __setattr__(self, name, value):
        """Keep the function `network` where Python puts the module `network`."""
        if isinstance(value, ModuleType):
            value = vars(value).get(name, value)
        super().__setattr__(name, value)


class StandIn(MetaPathFinder, Loader):
    """Finds everything below ntklib: what is offered, and a `Missing` for the rest."""

    def __init__(self, folder, offered):
        """Read the library in `folder`, while files can be read."""
        public = public_names(folder)
        public.pop("check")
        self.homes = {name: public[name] for name in public if name in offered}
        self.left_out = set()
        for name in public.keys() - offered:
            # `_empirical_ntk` is the formula behind `empirical_ntk`: the same answer
            self.left_out |= {name, f"_{name}"}
        excerpt = Excerpt(folder, self.left_out)
        for name, home in self.homes.items():
            excerpt.take(home, name)
        self.code = excerpt.compiled()

    def find_spec(self, fullname, path=None, target=None):
        """Claim ntklib and every name below it."""
        if not is_ours(fullname):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        """Make an ordinary module only if it holds something offered."""
        if spec.name == "ntklib":
            return Library(self.homes, self.code)
        if spec.name in self.code:
            return None
        return Missing(spec.name)

    def exec_module(self, module):
        """Run what was taken of this module."""
        if module.__name__ in self.code:
            for name in self.left_out:
                setattr(module, name, Missing(f"ntklib.{name}"))
            exec(self.code[module.__name__], module.__dict__)
        elif module.__name__ == EXERCISES:
            module.__dict__["check"] = graded_later


def is_ours(module):
    """Whether a module is ntklib, or below it; None stands for a relative import."""
    return module is not None and module.partition(".")[0] == "ntklib"


def is_private(module):
    """Whether a module, or a package around it, is for the library's own use."""
    return "._" in module


def public_names(folder):
    """The module of each public name: what `ntklib/__init__.py` imports from where."""
    homes = {}
    for statement in statements(folder / "__init__.py"):
        if isinstance(statement, ast.ImportFrom):
            homes[statement.names[0].name] = statement.module
    return homes


def statements(path):
    """The statements of a module; an import of several names becomes one for each."""
    for statement in ast.parse(path.read_text("utf-8")).body:
        if isinstance(statement, ast.ImportFrom):
            for name in statement.names:
                one = ast.ImportFrom(statement.module, [name], statement.level)
                yield ast.copy_location(one, statement)
        else:
            yield statement


def defined(statement):
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {alias.asname or alias.name for alias in statement.names}
        return {name.partition(".")[0] for name in names}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


class Excerpt:
    """The part of the library that some names need.

    Of a public module only the statements come that define a name which is asked for,
    and those that these use in turn: their neighbours may be answers. A private module,
    such as `ntklib._check`, comes whole, with the private modules that it imports.
    Imports are followed in the form that the library uses, `from ntklib.x import y`.
    """

    def __init__(self, folder, left_out):
        """`left_out` are names that must not come, whatever uses them."""
        self.folder = folder
        self.left_out = left_out
        self.statements = {}  # by module, all of them
        self.kept = {}  # by module, those that are needed

    def take(self, module, name):
        """Keep what defines this name in a public module, and all that it uses."""
        if name in self.left_out:
            return
        for statement in self._open(module):
            if name in defined(statement) and statement not in self.kept[module]:
                self.kept[module].append(statement)
                self._follow(statement)
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name):
                        self.take(module, node.id)

    def take_whole(self, module):
        """Keep all of a private module, the package around it, and what it imports."""
        package = module.rpartition(".")[0]
        if is_private(package):
            self.take_whole(package)
        if module not in self.kept:
            self.kept[module] = self._open(module)
            for statement in self.kept[module]:
                self._follow(statement)

    def compiled(self):
        """Code for each module of which something is kept, in the order of its file."""
        code = {}
        for module, kept in self.kept.items():
            body = [one for one in self.statements[module] if one in kept]
            tree = ast.Module(body, type_ignores=[])
            code[module] = compile(tree, f"<{module}>", "exec")
        return code

    def _follow(self, statement):
        """Take what a statement, or a function in it, imports from ntklib."""
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and is_ours(node.module):
                for imported in node.names:
                    self._take_import(node.module, imported.name)

    def _take_import(self, source, name):
        """Take what `from source import name` brings."""
        module = f"{source}.{name}" if self._file(f"{source}.{name}") else source
        if is_private(module):
            self.take_whole(module)
        elif module == source and source != "ntklib":
            self.take(source, name)

    def _open(self, module):
        """The statements of a module, read once."""
        if module not in self.statements:
            self.statements[module] = list(statements(self._file(module)))
            self.kept.setdefault(module, [])
        return self.statements[module]

    def _file(self, module):
        """The file of a module or package of the library, or None if there is none."""
        path = self.folder.joinpath(*module.split(".")[1:])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
        return None

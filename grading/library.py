"""What a submission sees of this repository: one zip, made in memory.

It holds the program of `grading/inside`, and as `ntklib` a part of the library: whole
modules that hold no answer. Every other public name is there too and refuses to be
used, so that a notebook which imports it goes on. No answer is protected by code: what
a submission must not have is not in the zip.
"""

import ast
import functools
import io
import tempfile
import threading
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSIDE = ROOT / "grading" / "inside"

# Modules that a submission may build on; the private ones that they import come too.
OFFERED = ("ntklib.network", "ntklib.gradient_flow", "ntklib.rayleigh")

# What takes an answer from a submission as `check` does, makes its arguments, and is
# what `check` gives. They lie beside the program, because to import ntklib takes the
# time to import JAX.
SHARED = ("exercises/plain.py", "exercises/psis.py", "exercises/result.py")

making = threading.Lock()

# What stands in place of every other public module.
REFUSING = '''"""Not there while your work is graded."""

from missing import Missing


def __getattr__(name):
    """A part of this module, which refuses to be used."""
    if name.startswith("__"):  # Python asks for these on its own
        raise AttributeError(name)
    return Missing(f"{__name__}.{name}")
'''


def program():
    """The zip, with everything compiled; made once, whichever thread asks first."""
    with making:  # Python 3.11 may fail if several threads parse at the same time
        return compiled()


@functools.cache
def compiled():
    """The zip, for `program`, which lets one thread at a time make it."""
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="grading-") as made:
        folder = Path(made)
        for name, source in contents(ROOT / "ntklib").items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, "utf-8")
        with zipfile.PyZipFile(archive, "w") as written:
            written.writepy(made)
            written.writepy(str(folder / "ntklib"))
    return archive.getvalue()


def contents(library):
    """The source of each file of the zip, by its path, for the library in a folder."""
    inside = {path.name: path.read_text("utf-8") for path in INSIDE.glob("*.py")}
    del inside["__init__.py"]
    copies = copied(library)
    modules = {
        "exercises/__init__.py": inside.pop("exercises.py"),
        "__init__.py": front_door(library, copies),
    }
    for path in library.rglob("*.py"):
        name = path.relative_to(library).as_posix()
        if name in copies:
            modules[name] = path.read_text("utf-8")
        elif not is_private(name):
            modules.setdefault(name, REFUSING)
    for name in SHARED:
        inside[Path(name).name] = (library / name).read_text("utf-8")
    return inside | {f"ntklib/{name}": source for name, source in modules.items()}


def copied(library):
    """The files that are copied whole, as paths within the library."""
    found = set()
    to_read = [file_of(library, module) for module in OFFERED]
    while to_read:
        name = to_read.pop()
        found.add(name)
        imported = {file_of(library, module) for module in imports(library / name)}
        to_read += [file for file in imported - found if file and is_private(file)]
    return found


def imports(path):
    """The modules that a file may import, in the form that the library uses."""
    found = set()
    for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            found.add(statement.module)
            found |= {f"{statement.module}.{name.name}" for name in statement.names}
    return found


def file_of(library, module):
    """The file of a module of the library, as a path within it, or None."""
    package, *parts = module.split(".")
    for name in ("/".join(parts) + ".py", "/".join([*parts, "__init__.py"])):
        if package == "ntklib" and (library / name).is_file():
            return name
    return None


def is_private(name):
    """Whether a file is for the library's own use, or in a package that is."""
    parts = name.removesuffix("__init__.py").split("/")
    return any(part.startswith("_") for part in parts)


def front_door(library, copies):
    """The `__init__.py`: the names of copied modules, and refusing ones."""
    modules = [path.stem for path in sorted(library.glob("[!_]*.py"))]
    lines = [
        "from missing import Missing",
        "from ntklib.exercises import check",
        # functions of the same name come later, and take their place
        f"from ntklib import {', '.join(modules)}",
    ]
    for statement in ast.parse((library / "__init__.py").read_text("utf-8")).body:
        if isinstance(statement, ast.ImportFrom):
            is_copied = file_of(library, statement.module) in copies
            for name in [alias.name for alias in statement.names]:
                if is_copied:
                    lines.append(f"from {statement.module} import {name}")
                elif name != "check":
                    lines.append(f"{name} = Missing('ntklib.{name}')")
    return "\n".join(lines) + "\n"

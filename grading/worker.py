"""The process in which one submission runs, shut off from the rest of the machine; `grade.py` starts it and judges.

It runs the cells that it is sent, one at a time, then calls the answers on inputs that it is sent only then, and sends
the values back as plain numbers. Nothing that it says is believed: points come from comparing values, in the parent.
"""

import ast
import base64
import importlib
import json
import math
import os
import re
import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

from grading.guard import READABLE, guard, landlock, limit

LARGEST = 2000  # entries of an answer; the largest right one has a few hundred
# What a solution may build on, besides what the set's own cells import. Nothing else of ntklib enters this process.
OFFERED = {
    "Params",
    "init_params",
    "antisymmetric_params",
    "preactivation",
    "network",
    "half_mse",
    "lambda_min",
}


def pack(value):
    """A value as JSON can hold it: numbers, text, sets of text, arrays of numbers; anything else is a TypeError."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if (
        type(value) in (set, frozenset, list, tuple)
        and value
        and all(type(item) is str for item in value)
    ):
        return {"names": sorted(value)}
    import numpy as np

    a = np.asarray(value)
    if a.dtype.kind not in "biufc" or a.dtype.itemsize > 16:
        raise TypeError(f"the answer is a {type(value).__name__}, not numbers")
    if a.size > LARGEST:
        raise TypeError(f"the answer has {a.size} entries, more than {LARGEST}")
    return {
        "dtype": a.dtype.str,
        "shape": a.shape,
        "data": base64.b64encode(a.tobytes()).decode(),
    }


def unpack(value):
    """What `pack` made, as numbers, text and arrays again; an error if `pack` did not make it."""
    if not isinstance(value, dict):
        return value
    if "names" in value:
        return {str(name) for name in value["names"]}
    import numpy as np

    dtype, shape = np.dtype(str(value["dtype"])), tuple(int(n) for n in value["shape"])
    if dtype.kind not in "biufc" or math.prod(shape) > LARGEST:
        raise ValueError("not an array of numbers")
    return np.frombuffer(base64.b64decode(value["data"]), dtype).reshape(shape).copy()


def argument(value):
    """One argument of an answer: as in `unpack`, and further the parameters of a network or an activation by name."""
    if isinstance(value, dict) and "params" in value:
        from ntklib import Params

        return Params(*map(unpack, value["params"]))
    if isinstance(value, dict) and "psi" in value:
        import jax

        return getattr(jax.numpy, value["psi"], None) or getattr(jax.nn, value["psi"])
    return unpack(value)


class Missing(types.ModuleType):
    """Stands for a part of ntklib that may be an answer: can be imported, says one sentence when it is called."""

    homes: dict[str, str] = {}  # noqa: RUF012
    touched: set[str] = set()  # noqa: RUF012

    def __getattr__(self, name):
        """An offered name, or a `Missing` again."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self.__name__ == "ntklib" and name in self.homes:
            return getattr(importlib.import_module(self.homes[name]), name)
        return Missing(f"{self.__name__}.{name}")

    def __setattr__(self, name, value):
        """Network is a module and a function of it: below ntklib the function stands."""
        super().__setattr__(
            name, getattr(value, name, value) if name in self.homes else value
        )

    def __call__(self, *args, **kwargs):
        """Refused, and noted."""
        self.touched.add(self.__name__)
        raise NotImplementedError(
            f"{self.__name__} is not there while your work is graded; write this part yourself"
        )

    __getitem__ = __call__


class StandIn(MetaPathFinder, Loader):
    """Finds the offered functions of ntklib, compiled beforehand; a `Missing` for everything else."""

    def __init__(self, folder, offered):
        """Read the modules that hold something offered, while files can be read, and leave out what is not offered."""
        lines = ast.parse((folder / "__init__.py").read_text("utf-8")).body
        homes = {
            name.name: line.module
            for line in lines
            if isinstance(line, ast.ImportFrom)
            for name in line.names
        }
        Missing.homes = {name: home for name, home in homes.items() if name in offered}
        self.left_out, self.code = set(homes) - offered, {}
        for name in {*Missing.homes.values(), "ntklib._check"}:
            tree = ast.parse(
                (folder / f"{name.removeprefix('ntklib.')}.py").read_text("utf-8")
            )
            tree.body = [
                node
                for node in tree.body
                if getattr(node, "name", None) not in self.left_out
            ]
            self.code[name] = compile(tree, f"<{name}>", "exec")

    def find_spec(self, fullname, path=None, target=None):
        """Ours is every name below ntklib."""
        return (
            ModuleSpec(fullname, self, is_package=True)
            if fullname.partition(".")[0] == "ntklib"
            else None
        )

    def create_module(self, spec):
        """An ordinary module if it holds something offered."""
        return None if spec.name in self.code else Missing(spec.name)

    def exec_module(self, module):
        """Run what is offered, or give `check` a stand-in: grades are not made here."""
        if module.__name__ in self.code:
            module.__dict__.update(
                {name: Missing(f"ntklib.{name}") for name in self.left_out}
            )
            exec(self.code[module.__name__], module.__dict__)
        elif module.__name__ == "ntklib.exercises":
            module.check = lambda name, answer: f"{name} will be graded"


def described(error):
    """An error in one line, whatever it does when it is asked for its text."""
    try:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    except BaseException:
        return "an error that cannot be shown"


def run_cell(source, names):
    """Run a code cell as a notebook would, without magics; the error that it ended with, or None."""
    try:
        try:
            code = compile(source, "<cell>", "exec")
        except SyntaxError:
            code = compile(
                re.sub(r"^([ \t]*)[%!].*", r"\1pass", source, flags=re.M),
                "<cell>",
                "exec",
            )
        exec(code, names)
    except BaseException as error:
        return described(error)


def call(answer, case):
    """The value of an answer for one case (without cases: the answer itself) or the error that it ended with."""
    try:
        return {"value": pack(answer if case is None else answer(*map(argument, case)))}
    except BaseException as error:
        return {"error": described(error)}


def main():
    """Answer the commands of the parent, one line each, until it closes the pipe."""
    root, memory, seconds = (
        Path(__file__).resolve().parents[1],
        *map(int, sys.argv[1:3]),
    )
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    work, names = (
        os.getcwd(),
        {"__name__": "__main__", "display": lambda *shown, **how: None},
    )
    readable = (
        *READABLE,
        *{os.path.realpath(path) for path in (sys.prefix, sys.base_prefix)},
    )
    sys.path[:] = [
        path
        for path in sys.path
        if Path(path).resolve() not in (root, root / "grading")
    ]
    sys.meta_path.insert(0, StandIn(root / "ntklib", OFFERED.union(sys.argv[3:])))
    limit(memory, seconds)
    landlock(
        work, readable
    )  # it holds for threads that are started later: before JAX is there
    guard(work, readable)
    for line in commands:
        command, reply = json.loads(line), {}
        if "cell" in command:
            reply["error"] = run_cell(command["cell"], names)
        elif "name" in command:
            Missing.touched.clear()
            if command["name"] in names:
                answer = names[command["name"]]
                reply["values"] = [
                    call(answer, case) for case in command["cases"] or [None]
                ]
            reply["touched"] = sorted(Missing.touched)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()

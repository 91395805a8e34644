"""Run one submission: its cells one at a time, then its answers on inputs sent later.

`grading.pool` starts this folder as a script, in an empty folder, with the bytes of
memory, the seconds of the processor and the names that the set imports from ntklib. It
sends one command a line and gets one reply a line. Nothing that is said here is
believed.
"""

import json
import os
import re
import sys
from pathlib import Path

# modules of this folder, which is where Python looks first in a folder that it runs
from guard import READABLE, guard, landlock
from limits import limit_process
from stand_in import OFFERED, StandIn, touched
from wire import argument, pack

LONGEST_ERROR = 300  # characters
MAGIC = re.compile(r"^([ \t]*)[%!].*", re.M)  # a line for Jupyter or the shell


def main():
    """Shut this process off, then answer the commands of the parent."""
    memory, seconds, *imported = sys.argv[1:]
    commands, replies = take_over_pipes()
    leave_repository(OFFERED.union(imported))
    limit_process(int(memory), int(seconds))
    work, readable = os.getcwd(), [*READABLE, *folders_of_python()]
    landlock(work, readable)  # before JAX starts threads, which it would not hold for
    guard(work, readable)

    names = {"__name__": "__main__", "display": display}
    for line in commands:
        reply = answer(json.loads(line), names)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def take_over_pipes():
    """Move the pipes from and to the parent out of the way of `input` and `print`."""
    commands = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return commands, replies


def leave_repository(offered):
    """Import nothing from the repository from now on, and of ntklib what is offered."""
    here = Path(__file__).resolve().parent
    root = here.parents[1]
    sys.path[:] = [
        path for path in sys.path if Path(path).resolve() not in (here, root)
    ]
    sys.meta_path.insert(0, StandIn(root / "ntklib", offered))


def folders_of_python():
    """The folders of Python and its packages, as named and with links resolved."""
    folders = {sys.prefix, sys.base_prefix}
    return folders | {os.path.realpath(folder) for folder in folders}


def display(*shown, **how):
    """Stand for Jupyter's `display`: nobody looks."""


def answer(command, names):
    """Do what one command asks; `names` are the variables of the notebook.

    {"cell": source} runs a cell, {"name": ..., "cases": ...} calls the answer of that
    name for each case, and an empty command does nothing.
    """
    if "cell" in command:
        return {"error": run_cell(command["cell"], names)}
    if "name" not in command:
        return {}
    touched.clear()
    reply = {}
    if command["name"] in names:
        found = names[command["name"]]
        cases = command["cases"] or [None]
        reply["values"] = [call(found, case) for case in cases]
    reply["touched"] = sorted(touched)
    return reply


def run_cell(source, names):
    """Run a code cell as a notebook would; the error that it ended with, or None."""
    try:
        exec(compiled(source), names)
    except BaseException as error:
        return described(error)


def compiled(source):
    """The code of a cell; where it is no Python, lines for Jupyter and the shell go."""
    try:
        return compile(source, "<cell>", "exec")
    except SyntaxError:
        return compile(MAGIC.sub(r"\1pass", source), "<cell>", "exec")


def call(answer, case):
    """The value of an answer for one case, or the error that it ended with.

    An exercise without cases asks for no function: its answer is the value.
    """
    try:
        if case is None:
            return {"value": pack(answer)}
        arguments = [argument(value) for value in case]
        return {"value": pack(answer(*arguments))}
    except BaseException as error:
        return {"error": described(error)}


def described(error):
    """An error in one line, whatever it does when it is asked for its text."""
    try:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        return line[:LONGEST_ERROR]
    except BaseException:
        return "an error that cannot be shown"


if __name__ == "__main__":
    main()

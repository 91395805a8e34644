"""Run one submission: its cells one at a time, then its answers on inputs sent later.

`grading.pool` starts this as a zip, in an empty folder, with the limits that the kernel
has to set. It sends one command a line and gets one reply a line. Nothing that is said
here is believed.
"""

import json
import os
import resource
import sys

# what else is in the zip
from missing import touched
from plain import (  # pyright: ignore[reportMissingImports] - `grading.library` adds it
    Failure,
    called,
    raised,
    taken,
)
from shell import Shell
from wire import argument, pack

LONGEST_ERROR = 300  # characters


def main():
    """Set the limits, then answer the commands of the parent."""
    commands, replies = take_over_pipes()
    for name, bound in json.loads(sys.argv[1]).items():
        limit(getattr(resource, name), bound)
    shell = Shell.instance()  # the one that IPython's own get_ipython finds
    for line in commands:
        with shell.builtin_trap:  # `display` and `get_ipython`
            reply = answer(json.loads(line), shell)
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


def limit(kind, bound):
    """Set a limit of this process for good, or leave it where it is lower already."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(kind, (bound, bound))


def answer(command, shell):
    """Do what one command asks.

    {"cell": source} runs a cell, {"name": ..., "cases": ...} calls the answer of that
    name for each case, and an empty command does nothing. `touched` in a reply has the
    names of missing parts of the library that were used.
    """
    touched.clear()
    reply = {}
    if "cell" in command:
        error = shell.run(command["cell"])
        reply["error"] = error and described(error)
    elif command.get("name") in shell.user_ns:
        found = shell.user_ns[command["name"]]
        cases = command["cases"] or [None]
        reply["values"] = [outcome(found, case) for case in cases]
        reply["x64"] = computes_in_float64()
    return reply | {"touched": sorted(touched)}


def outcome(answer, case):
    """What an answer gives for one case: its value, or why there is none.

    An exercise without cases asks for no function: its answer is the value.
    """
    try:
        if case is None:
            found = taken(answer)
        else:
            found = called(answer, [argument(value) for value in case])
    except BaseException as error:
        found = raised(error)
    if isinstance(found, Failure):
        return {"failure": [found.about, found.detail]}
    return {"value": pack(found)}


def computes_in_float64():
    """Whether JAX does, if the notebook uses it."""
    jax = sys.modules.get("jax")
    return jax is None or bool(jax.config.jax_enable_x64)


def described(error):
    """An error in one line, whatever it does when it is asked for its text."""
    try:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        return line[:LONGEST_ERROR]
    except BaseException:
        return "an error that cannot be shown"


if __name__ == "__main__":
    main()

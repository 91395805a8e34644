"""Each measurement in a process of its own, on one core and with one thread.

A process that measured something else before would have programs compiled, memory
taken, and threads about. As a script this module is that process: it reads questions
and prints the answers, both as JSON. A question names a row of the table or a growing
problem, and a setting.
"""

import json
import os
import subprocess
import sys

LIMIT = 120  # seconds for one measurement
ENVIRONMENT = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "",  # else each import would compile the library anew
}
FOR_JAX = {
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
    "JAX_TRACEBACK_FILTERING": "off",  # so that an error is the last line
}


def stay_on_one_core():
    """Bind this process, and those that it starts, to the last core that it may use."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class NoAnswer(Exception):
    """A process did not answer; the message says why."""


def answer(command, question, limit, **environment):
    """What a process prints as its last line, after it was asked a question."""
    try:
        run = subprocess.run(
            command,
            input=json.dumps(question),
            env=os.environ | ENVIRONMENT | environment,
            capture_output=True,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer within {limit} s") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["no message"]
        raise NoAnswer(f"{lines[-1]} (exit {run.returncode})")
    return json.loads(run.stdout.splitlines()[-1])


def measured(kind, name, setting):
    """The result of a row of the table, or of a growing problem, from a new process;
    or, as "failed", why there is none.
    """
    command = [sys.executable, "-m", "tools.bench.process"]
    try:
        [result] = answer(command, [[kind, name, setting]], LIMIT, **FOR_JAX)
    except NoAnswer as reason:
        return {"failed": str(reason)}
    return result


def main():
    """Answer all questions."""
    from tools.bench.growth import GROWING
    from tools.bench.table import TABLE

    kinds = {"row": TABLE, "growth": GROWING}
    questions = json.load(sys.stdin)
    found = [kinds[kind][name].measure(**setting) for kind, name, setting in questions]
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""How much memory, time and disk the kernel lets the process of a submission use.

`grading.pool` watches what these limits do not count: memory that is mapped as shared,
the seconds of each single cell, and the time by the clock.
"""

import resource

LARGEST_FILE = 2**26  # bytes
PROCESSES = 4096  # the kernel counts threads too, and all that the user has running


def limit_process(memory, seconds):
    """Set this process's limits for good: bytes of memory, seconds of the processor."""
    # data, not address space: JAX maps far more memory than it uses
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_FSIZE, LARGEST_FILE)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, PROCESSES)


def _limit(kind, bound):
    """Set one limit, or leave it where it is lower already."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(kind, (bound, bound))

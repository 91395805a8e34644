"""Makes the tables of the experiments named on the command line, or all."""

import argparse

import jax

from tools.experiments import NAMES, write

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.experiments")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    chosen = parser.parse_args().names
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}; known: {NAMES}")
    jax.config.update("jax_enable_x64", True)
    for one in chosen or NAMES:
        write(one)

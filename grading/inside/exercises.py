"""What stands for `ntklib.exercises` in grading: a `check` that does not judge."""

from missing import Missing
from result import Result  # pyright: ignore[reportMissingImports] - in the zip


def check(name, answer, **options):
    """Say that this exercise will be graded: true, so that the cell goes on."""
    return Result(True, f"{name} will be graded")


def __getattr__(name):
    """Every other part refuses to be used."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Missing(f"ntklib.exercises.{name}")

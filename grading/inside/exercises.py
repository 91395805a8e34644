"""What stands for `ntklib.exercises` in grading: a `check` that does not judge."""

from dataclasses import dataclass

from missing import Missing


@dataclass(frozen=True)
class Result:
    """What `check` gives; true, so that the cell that asks goes on."""

    right: bool
    line: str

    def __bool__(self):
        """Whether the answer is right, which is found out later."""
        return self.right

    def __repr__(self):
        """The line that would be printed."""
        return self.line


def check(name, answer, **options):
    """Say that this exercise will be graded; the values are compared elsewhere."""
    return Result(True, f"{name} will be graded")


def __getattr__(name):
    """Every other part refuses to be used."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Missing(f"ntklib.exercises.{name}")

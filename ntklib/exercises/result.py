"""What `check` gives back, where the answer is judged and where it is graded later."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """The judgement of one answer: true if it is right, and printed as one line."""

    right: bool
    line: str

    def __bool__(self):
        """Whether the answer is right."""
        return self.right

    def __repr__(self):
        """The line that the reader sees."""
        return self.line

"""What is known of an exercise, with the answers beside the library and without."""

import numpy as np
import pytest

from ntklib import exercises
from ntklib.exercises.known import known


def test_known_is_computed_once():
    """For one seed the values of the reference and of the slips are kept."""
    first, second, other = known("ntk", 5), known("ntk", 5), known("ntk", 6)
    assert first is second
    assert first.right is second.right
    assert not np.allclose(first.right[0], other.right[0])


def test_solution_is_refused_where_the_answers_are_not(monkeypatch):
    """The installed library says in one sentence where a solution is."""
    monkeypatch.setattr(exercises, "answers_are_here", lambda: False)
    message = "^the solution of ntk is not installed with the library; instructors find"
    with pytest.raises(ValueError, match=message):
        exercises.solution("ntk")
    with pytest.raises(ValueError, match=r"^there is no exercise 'x'\."):
        exercises.solution("x")

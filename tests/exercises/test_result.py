"""What `check` gives back."""

from ntklib.exercises.result import Result


def test_result_is_as_true_as_the_answer_and_prints_its_line():
    """So that a cell can end in it, and an assertion can ask it."""
    assert Result(True, "ntk: correct")
    assert not Result(False, "ntk: off")
    assert repr(Result(False, "ntk: off")) == "ntk: off"

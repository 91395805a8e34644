"""Settings for the tests of the exercises."""

import pytest

from ntklib.exercises import run
from tests.numerics import _bounded_memory, close, problem

__all__ = ["_bounded_memory", "close", "problem"]  # fixtures


@pytest.fixture(autouse=True)
def _time_to_compile(monkeypatch):
    """Let no answer run into the limit of time because the machine is busy."""
    monkeypatch.setattr(run, "LIMIT", 3600.0)

"""Settings for the tests of the exercises."""

import jax
import pytest

from ntklib.exercises import run
from tests.numerics import _bounded_memory, close, problem

__all__ = ["_bounded_memory", "close", "problem"]  # fixtures


@pytest.fixture(autouse=True)
def _time_to_compile(monkeypatch):
    """Let no answer run into the limit of time because the machine is busy."""
    monkeypatch.setattr(run, "LIMIT", 3600.0)


@pytest.fixture
def as_readers_have_it():
    """JAX's own rules of promotion, where our tests are stricter."""
    # A context would not hold in the thread in which an answer runs.
    jax.config.update("jax_numpy_rank_promotion", "allow")
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    yield
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_numpy_dtype_promotion", "strict")

"""Settings for the tests of the exercises."""

from tests.numerics import _bounded_memory, close, problem

__all__ = ["_bounded_memory", "close", "problem"]  # fixtures

"""Settings of all tests. What needs JAX or the library stands in the folders' own."""

import os

import hypothesis

from tests import annotations

annotations.install()  # before anything imports the library
hypothesis.settings.register_profile(
    "same every time", derandomize=True, deadline=None, database=None, max_examples=30
)
hypothesis.settings.load_profile("same every time")

# They are about the book with its solutions, whatever course.toml or the caller says.
os.environ["NTK_SOLUTIONS"] = "yes"

"""Autograders for Gradescope: `make gradescope`."""

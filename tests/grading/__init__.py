"""Tests of the grading of returned notebooks."""

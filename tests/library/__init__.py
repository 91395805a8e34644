"""Tests of the library: one file for each module."""

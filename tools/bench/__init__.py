"""Measurements of speed and weight: `make bench`."""

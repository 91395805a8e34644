"""Tests of the book as it is stored: notebooks, structure, packaging, extensions."""

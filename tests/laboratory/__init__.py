"""Tests of the laboratory's JavaScript: its mathematics against the library's."""

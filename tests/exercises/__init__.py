"""Tests of the exercises and of the judgement of answers."""

"""Known wrong answers, each with the hint that a reader gets who makes the same slip."""

SLIPS = {}

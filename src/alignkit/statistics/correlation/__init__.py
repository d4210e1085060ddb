"""Correlation of alignment with performance over placements, and what can be concluded from it."""

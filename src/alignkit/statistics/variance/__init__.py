"""Variance: between and within placements, by task, and the reliability of a measurement."""

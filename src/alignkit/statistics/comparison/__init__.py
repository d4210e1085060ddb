"""Comparison of two correlations over the same units (dependent correlations)."""

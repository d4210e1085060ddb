"""Measuring: metrics over pairs of layers, from representations to tables of values."""

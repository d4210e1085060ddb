"""Auxiliary losses that compare the two streams pair by pair."""

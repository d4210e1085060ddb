"""Auxiliary losses and an objective that compare the two streams pair by pair."""

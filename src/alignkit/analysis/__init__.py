"""What runs have in common: one table of runs, and the questions asked of it."""

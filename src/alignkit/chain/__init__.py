"""The chain: train, evaluate, extract, measure, and the table that correlate reads."""

"""The steps that make runs: train, evaluate, extract."""

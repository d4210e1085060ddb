"""Search over placements and training options with Optuna, and what its trials say."""

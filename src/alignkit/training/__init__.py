"""The training loop and its parts: batches, objectives, optimiser, checkpoints."""

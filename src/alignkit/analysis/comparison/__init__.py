"""Models compared layer by layer: encoders, runs and arrays, two or a grid of them."""

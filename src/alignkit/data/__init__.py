"""Samples as tensors: encoded texts, pixels, and what a data set looks like."""

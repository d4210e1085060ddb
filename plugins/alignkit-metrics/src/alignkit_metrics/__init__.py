"""Alignment metrics, one file per family; ``plugin`` registers and declares them."""

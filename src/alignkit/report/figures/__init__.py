"""Figures: one file each, named after the figure, and the folder that they are written to."""

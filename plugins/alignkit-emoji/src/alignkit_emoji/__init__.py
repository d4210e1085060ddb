"""Emoji as an image-text task: pictures from the system's font, names from Unicode."""

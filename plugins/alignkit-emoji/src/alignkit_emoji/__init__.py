"""Emoji as an image-text task: pictures from the system's font, texts from Unicode's names."""

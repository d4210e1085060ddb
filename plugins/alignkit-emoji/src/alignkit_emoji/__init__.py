"""Emoji as an image-text task: pictures from Twemoji, names from Unicode."""

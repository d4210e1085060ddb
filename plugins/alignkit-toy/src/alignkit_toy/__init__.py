"""Synthetic image-text tasks: drawn pictures, written captions, known information."""

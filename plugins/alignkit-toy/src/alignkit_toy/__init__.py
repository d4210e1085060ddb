"""Synthetic image-text tasks with known information: drawn pictures, generated captions."""

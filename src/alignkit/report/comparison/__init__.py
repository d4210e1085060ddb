"""The comparison of models in words, tables and figures, on a page, and from Python.

Nothing is imported here, so that sentences do not need what figures need.
"""

"""Figures that a reader may turn: one file per kind, drawn by Vega in the page."""

"""Tests of whether alignment is associated with performance, over placements: values without prose."""

from alignkit.statistics.correlation.correlate import FAMILY, Correlations, correlate

__all__ = ["FAMILY", "Correlations", "correlate"]

"""Association of alignment with performance over placements: values without prose."""

from alignkit.statistics.correlation.correlate import FAMILY, Correlations, correlate

__all__ = ["FAMILY", "Correlations", "correlate"]

"""Does alignment predict performance? Tests over placements, as values without prose."""

from alignkit.statistics.correlation.correlate import FAMILY, Correlations, correlate

__all__ = ["FAMILY", "Correlations", "correlate"]

"""Does alignment go with performance? Correlations over placements, and what they can say."""

from alignkit.statistics.correlation import FAMILY, Correlations, correlate

__all__ = ["FAMILY", "Correlations", "correlate"]

"""Measuring alignment: representations, metrics, and grids of pairs."""

from alignkit.metrics.arrays import read_arrays
from alignkit.metrics.grid import Value, grid, measure
from alignkit.metrics.metric import Metric, resolve
from alignkit.metrics.representation import Representation

__all__ = ["Metric", "Representation", "Value", "grid", "measure", "read_arrays", "resolve"]

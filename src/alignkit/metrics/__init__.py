"""Measuring alignment: representations, metrics, and grids of pairs."""

from alignkit.metrics.arrays import read_arrays
from alignkit.metrics.grid import Value, grid, maximum, measure
from alignkit.metrics.metric import Metric, resolve
from alignkit.metrics.representation import Representation
from alignkit.metrics.views import set_memory

__all__ = [
    "Metric", "Representation", "Value", "grid", "maximum", "measure", "read_arrays", "resolve",
    "set_memory",
]  # fmt: skip

"""Measuring alignment: representations, metrics, and grids of pairs."""

from alignkit.metrics.arrays import read_arrays
from alignkit.metrics.design import Design
from alignkit.metrics.grid import Value, grid, maximum, measure
from alignkit.metrics.metric import Metric, resolve
from alignkit.metrics.products import gram, inner, permuted_products
from alignkit.metrics.representation import Representation
from alignkit.metrics.views import set_memory
from alignkit.metrics.workers import parallel_map

__all__ = [
    "Design",
    "Metric",
    "Representation",
    "Value",
    "gram",
    "grid",
    "inner",
    "maximum",
    "measure",
    "permuted_products",
    "read_arrays",
    "resolve",
    "set_memory",
    "parallel_map",
]

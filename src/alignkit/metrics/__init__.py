"""Measuring alignment: representations, metrics, and grids of pairs.

What a name needs is imported when the name is used: metrics are looked up without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Design": "alignkit.metrics.design",
    "Metric": "alignkit.metrics.metric",
    "Representation": "alignkit.metrics.representation",
    "Value": "alignkit.metrics.grids",
    "gram": "alignkit.metrics.products",
    "grid": "alignkit.metrics.grids",
    "inner": "alignkit.metrics.products",
    "maximum": "alignkit.metrics.grids",
    "measure": "alignkit.metrics.grids",
    "parallel_map": "alignkit.metrics.workers",
    "permuted_products": "alignkit.metrics.products",
    "read_arrays": "alignkit.metrics.arrays",
    "resolve": "alignkit.metrics.metric",
    "set_memory": "alignkit.metrics.views",
}

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


if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name: str) -> Any:
        if name not in _PUBLIC:
            raise AttributeError(f"module 'alignkit.metrics' has no attribute '{name}'")
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value


if TYPE_CHECKING:
    from alignkit.metrics.arrays import read_arrays as read_arrays
    from alignkit.metrics.design import Design as Design
    from alignkit.metrics.grids import Value as Value
    from alignkit.metrics.grids import grid as grid
    from alignkit.metrics.grids import maximum as maximum
    from alignkit.metrics.grids import measure as measure
    from alignkit.metrics.metric import Metric as Metric
    from alignkit.metrics.metric import resolve as resolve
    from alignkit.metrics.products import gram as gram
    from alignkit.metrics.products import inner as inner
    from alignkit.metrics.products import permuted_products as permuted_products
    from alignkit.metrics.representation import Representation as Representation
    from alignkit.metrics.views import set_memory as set_memory
    from alignkit.metrics.workers import parallel_map as parallel_map

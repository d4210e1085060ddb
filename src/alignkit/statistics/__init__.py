"""Association of alignment with performance over placements: values without prose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignkit.statistics.correlation.correlate import FAMILY, Correlations, correlate

__all__ = ["FAMILY", "Correlations", "correlate"]

if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name: str) -> Any:
        # When it is used: smaller parts are used without pandas and scipy.
        if name not in __all__:
            raise AttributeError(f"module 'alignkit.statistics' has no attribute '{name}'")
        from alignkit.statistics.correlation import correlate as module

        return getattr(module, name)

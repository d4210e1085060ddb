"""Engines: where units of work run. This machine's processes, or Dask for many machines."""

from alignkit.engines.order import run_units
from alignkit.engines.unit import Engine, Outcome, Unit

__all__ = ["Engine", "Outcome", "Unit", "run_units"]

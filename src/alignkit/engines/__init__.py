"""Engines: where units of work run. This machine's processes, or Dask for many machines."""

from alignkit.engines.job import Engine, Job, Outcome
from alignkit.engines.order import run_jobs

__all__ = ["Engine", "Outcome", "Job", "run_jobs"]

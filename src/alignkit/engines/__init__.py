"""Engines: where jobs run. In processes of this machine, or with Dask on many machines."""

from alignkit.engines.job import Engine, Job, Outcome
from alignkit.engines.order import run_jobs

__all__ = ["Engine", "Outcome", "Job", "run_jobs"]

"""Run directories: their layout, their identity, and files that are either complete or absent."""

from alignkit.runs.config import RunConfig, resolve_config
from alignkit.runs.run import Run, load_run, load_runs
from alignkit.runs.training import RuntimeOptions, Training

__all__ = [
    "Run",
    "RunConfig",
    "RuntimeOptions",
    "Training",
    "load_run",
    "load_runs",
    "resolve_config",
]

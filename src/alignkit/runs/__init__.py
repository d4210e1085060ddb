"""Run directories: their layout, their identity, and files that are whole or absent."""

from alignkit.runs.config import RunConfig, Training, resolve_config
from alignkit.runs.run import Run, load_run, load_runs

__all__ = ["Run", "RunConfig", "Training", "load_run", "load_runs", "resolve_config"]

"""Optional libraries that only some layouts need."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import alignkit


def need(module: str, extra: str, path: Path) -> Any:
    """Import a library that is needed to read a file.

    Raises
    ------
    alignkit.DataError
        If it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise alignkit.DataError(
            f"reading {path} needs {module}; install it: pip install 'alignkit-tasks[{extra}]'"
        ) from None

"""The default folder of a task's data."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ALIGNKIT_DATA"


def default_root(task: str) -> Path | None:
    """Return ``$ALIGNKIT_DATA/<task>``, or None if the variable is not set."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser() / task if folder else None

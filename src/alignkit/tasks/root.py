"""Where data lie when a user names no folder."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ALIGNKIT_DATA"


def default_root(task: str) -> Path | None:
    """Give ``$ALIGNKIT_DATA/<task>``, or None where the variable is not set."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser() / task if folder else None

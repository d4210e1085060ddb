"""Ask another process, which may fail, print what it likes or never end."""

from __future__ import annotations

import json
import subprocess  # nosec B404  # of this Python, with arguments of this package
import sys
from collections.abc import Sequence
from typing import Any

from alignkit.errors import AlignkitError

SECONDS = 60.0


class ChildError(AlignkitError):
    """The other process failed; the message is the last line that it said."""


def answer_of(module: str, *words: str, seconds: float = SECONDS) -> Any:
    """Return the JSON that ``python -m module`` prints.

    Raises
    ------
    ChildError
        When it fails, does not end in time, or prints something else.
    """
    command: Sequence[str] = [sys.executable, "-P", "-m", module, *words]
    try:
        done = subprocess.run(  # nosec B603
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ChildError(f"no answer within {seconds:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
        raise ChildError(said[-1])
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise ChildError(f"it printed {done.stdout[:80]!r} instead of an answer") from None

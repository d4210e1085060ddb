"""Signals that end a process in order, and the exit codes that say so."""

from __future__ import annotations

import math
import signal
import time
from types import FrameType

TERMINATED = 143
INTERRUPTED = 130
# SIGTERM of schedulers and kill, and SIGUSR1, with which SLURM warns before a time limit.
ENDING = (signal.SIGTERM, signal.SIGUSR1)
AGAIN = 1.0  # seconds in which a signal that is repeated would only disturb the end

_last = -math.inf


class Terminated(SystemExit):
    """Raised by a signal that ends this process; whoever catches ``SystemExit`` lets it pass."""

    def __init__(self) -> None:
        super().__init__(TERMINATED)


def end_when_told() -> None:
    """Let the signals that end a process raise ``Terminated``, so that work can be put away."""
    global _last
    _last = -math.inf
    for number in ENDING:
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    global _last
    now = time.monotonic()
    if now - _last >= AGAIN:
        _last = now
        raise Terminated

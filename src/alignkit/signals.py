"""Signals that end a process in order, and the exit codes that say so."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

TERMINATED = 143
INTERRUPTED = 130
# SIGTERM of schedulers and kill, and SIGUSR1, with which SLURM warns before a time limit.
ENDING = (signal.SIGTERM, signal.SIGUSR1)


def end_when_told() -> None:
    """Let the signals that end a process raise ``SystemExit``, so that work can be put away."""
    for number in ENDING:
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDING:  # once is enough: another would disturb what is done at the end
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(TERMINATED)

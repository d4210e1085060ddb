"""Stopping on a signal: finish the current step, write a checkpoint, then exit."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from alignkit.signals import ENDING, Terminated

WATCHED = (*ENDING, signal.SIGINT)


class StopRequest:
    """A context in which signals only request a stop; a second Ctrl-C stops at once.

    Attributes
    ----------
    signal : Signals or None
        The signal that was received, if any.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        """Install the handlers."""
        # Only the main thread may install handlers.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in WATCHED}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def leave(self) -> None:
        """Exit as the signal requires: with code 143, or 130 after Ctrl-C."""
        if self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)

"""What a step says while it works: notes and progress bars, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """A bar that is told how far the work is."""

    def advance(self, steps: float = 1) -> None: ...

    def describe(self, text: str) -> None: ...


class Reporter:
    """Says nothing; the command line passes one that does."""

    def note(self, text: str) -> None:
        """Say one line."""

    def left_out(self, spec: str, error: Exception) -> None:
        """Say that a metric is left out, and why: once which, as errors begin with it too."""
        reason = str(error).removeprefix(f"{spec}: ")
        self.note(f"note: {spec} is left out: {reason}")

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Progress]:
        """Show a bar until the block is through."""
        yield _NoProgress()


class _NoProgress:
    def advance(self, steps: float = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


SILENT = Reporter()

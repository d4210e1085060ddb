"""What a plugin prints while it is imported: on stderr, as stdout is for results."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


class Printed:
    """Stands for stdout during an import, and hands what is written to it to stderr later on.

    Whoever keeps it, such as a handler of a log, writes to stderr from then on.
    """

    def __init__(self) -> None:
        self._kept: list[str] | None = []

    @property
    def text(self) -> str:
        """What was printed during the import, on one line."""
        return " ".join("".join(self._kept or ()).split())

    def write(self, text: str) -> int:
        """Keep a text during the import, and pass it on to stderr after it."""
        if self._kept is None:
            return sys.stderr.write(text)
        self._kept.append(text)
        return len(text)

    def end(self) -> str:
        """Return what was printed; from now on, pass on."""
        text = self.text
        self._kept = None
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextlib.contextmanager
def caught_prints(notes: list[str], where: str) -> Iterator[None]:
    """Keep stdout free of what is printed inside; ``notes`` gets one line that quotes it."""
    printed: Any = Printed()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        if text := printed.end():
            notes.append(f"prints {text[:200]!r} {where}; only results belong on stdout")

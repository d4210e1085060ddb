"""The bound of memory that kept views and blocks obey."""

from __future__ import annotations

from alignkit.errors import UsageError

_limit: int | None = None


def set_memory(limit: int | None) -> None:
    """Bound the bytes of kept views and of blocks; None for half of what is free.

    Raises
    ------
    UsageError
        When the bound is too small to work in.
    """
    global _limit
    if limit is not None and limit < 1 << 20:
        raise UsageError(f"--memory is {limit} bytes; it must be at least 1 MB")
    _limit = limit

"""Small entry points of the Python interface that belong to no other part."""

from __future__ import annotations

from alignkit.plugins import registry


def names(kind: str) -> list[str]:
    """List registered names: ``metrics``, ``architectures``, ``placements``, ``tasks`` or
    ``losses``.

    Raises
    ------
    UsageError
        For another kind.
    """
    return registry().names(kind)

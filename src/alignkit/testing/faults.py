"""Faults of a plugin as failures of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alignkit.contracts.guard import plain
from alignkit.errors import PluginError
from alignkit.plugins import registry
from alignkit.plugins.calls import Owner
from alignkit.plugins.registry import singular


@contextmanager
def as_failures() -> Iterator[None]:
    """Raise a PluginError within the block as an AssertionError of the same message."""
    try:
        yield
    except PluginError as error:
        raise AssertionError(str(error)) from error


def owner_of(kind: str, given: Any) -> Owner | str:
    """Return the registered name that a spec begins with; of an object, what it is called."""
    if isinstance(given, str):
        return registry().get(kind, given.partition(":")[0].strip())
    made = plain(given)
    name = getattr(made, "__name__", type(made).__name__)
    return f"{singular(kind)} '{name}'"

"""Arrays in memory as sides of a comparison: an array, or layers in a list or dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from alignkit.errors import UsageError
from alignkit.metrics import Representation

KINDS = (
    "an encoder (`alignkit list encoders`) such as hf:FOLDER, a run, a file of arrays, or a folder "
    "with one file per layer"
)


def listed(side: Any, name: str) -> list[tuple[str, Any, bool]]:
    """Return what is on a side: each model with a name, and whether the user gave it that name."""
    if side is None:
        return []
    if isinstance(side, Mapping) and side and not all(map(_is_array, side.values())):
        return [(str(key), item, True) for key, item in side.items()]
    if isinstance(side, (list, tuple)) and side and not all(map(_is_array, side)):
        several = len(side) > 1
        return [(f"{name}{at}" if several else name, item, False) for at, item in enumerate(side)]
    return [(name, side, False)]


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") or isinstance(item, Representation)


def representations(item: Any, name: str) -> list[Representation]:
    """Return the layers of arrays in memory."""
    if isinstance(item, Mapping):
        return [_representation(values, str(key)) for key, values in item.items()]
    if isinstance(item, (list, tuple)):
        return [_representation(values, str(at)) for at, values in enumerate(item)]
    return [_representation(item, name)]


def _representation(values: Any, name: str) -> Representation:
    if isinstance(values, Representation):
        return values if values.name else Representation(values.values, values.ids, name)
    if not _is_array(values):
        raise UsageError(
            f"{name} is of type {type(values).__name__}; expected an array (n, width), or {KINDS}"
        )
    ids = None
    if isinstance(values, pd.DataFrame) and not isinstance(values.index, pd.RangeIndex):
        ids = [str(identity) for identity in values.index]
    return Representation(values, ids, name)

"""The splits that a study asks for: how large they are, and which of them do not exist."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alignkit.errors import AlignkitError
from alignkit.runs import RunConfig


@dataclass(frozen=True)
class FewSamples:
    """A split of a task with fewer samples than are to be measured, so that all are used.

    Attributes
    ----------
    task, split : str
    n : int
        Samples of the split.
    samples : int
        Samples asked for.
    """

    task: str
    split: str
    n: int
    samples: int


# Of a split that cannot be read, the reason.
_sizes: dict[tuple[str, str, str], int | str] = {}


def size_of_split(config: RunConfig, split: str) -> int | None:
    """Return the number of samples of a split; None if it cannot be read."""
    size = _size(config, split)
    return size if isinstance(size, int) else None


def missing_split(config: RunConfig, splits: Iterable[str]) -> str:
    """Return why one of the splits cannot be read; empty if all can.

    Looked up once for every data set in a process.
    """
    sizes = (_size(config, split) for split in dict.fromkeys(splits))
    return next((size for size in sizes if isinstance(size, str)), "")


def _size(config: RunConfig, split: str) -> int | str:
    paths: Mapping[str, str] = {k: str(v) for k, v in config.task.options.items()}
    key = (json.dumps([config.task.name, paths], sort_keys=True), config.fingerprint, split)
    if key not in _sizes:
        try:
            _sizes[key] = len(config.task.make().split(split))
        except AlignkitError as error:
            return str(error)  # it may exist the next time
    return _sizes[key]

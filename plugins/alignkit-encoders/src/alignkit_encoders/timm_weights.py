"""Models of timm with the weights of a file, all of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

import alignkit

_LOG = "timm.models._builder"
_NAMES = re.compile(r"(Missing|Unexpected) keys \((.*?)\)")
# Counts of batches, which older files lack, take no part in a forward pass in evaluation.
_NEEDLESS = ".num_batches_tracked"


def timm_with_weights(
    name: str, file: Path, arguments: Mapping[str, Any], declared: Mapping[str, Any] | None = None
) -> tuple[nn.Module, list[str]]:
    """Build a model of timm without its classifier, and fill it from a file.

    timm adapts the weights: it drops the classifier and resizes position embeddings. Where it
    drops a classifier it would also take a file that lacks other parts, and leave these random.

    Parameters
    ----------
    name : str
        Its name in timm.
    file : Path
        The file of weights.
    arguments : mapping
        Further arguments of its constructor.
    declared : mapping, optional
        Values of timm's ``pretrained_cfg`` that differ from those of the name.

    Returns
    -------
    tuple of (Module, list of str)
        The model, and the names of what the file holds beside it.

    Raises
    ------
    DataError
        When the file lacks a part of the model.
    Exception
        Whatever timm makes of a file or of arguments that do not fit.
    """
    import timm

    overlay = {"file": str(file), "source": "file", **(declared or {})}
    with _said() as lines:
        model: nn.Module = timm.create_model(
            name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay, **arguments
        )
    names = {"Missing": [], "Unexpected": []}  # type: dict[str, list[str]]
    for match in filter(None, map(_NAMES.search, lines)):
        names[match[1]] += match[2].split(", ")
    missing = [each for each in names["Missing"] if not each.endswith(_NEEDLESS)]
    if missing:
        raise alignkit.DataError(
            f"{file} does not contain the weights of {name}: it lacks {len(missing)} tensors, such "
            f"as {missing[0]}"
        )
    return model, names["Unexpected"]


@contextmanager
def _said() -> Iterator[list[str]]:
    """Collect what timm logs while it reads weights: only there it names what a file lacks."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, collector = logging.getLogger(_LOG), Collector()
    level, passes_on = logger.level, logger.propagate
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)
        logger.propagate = passes_on

"""Models with the labels of their samples, split by split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.analysis.comparison.data import choose_data
from alignkit.analysis.comparison.models import Model
from alignkit.analysis.probing.linear import check_target
from alignkit.errors import DataError, UsageError
from alignkit.metrics.joining import rows_of
from alignkit.runs.config import Choice, fingerprint_of_task
from alignkit.runs.data import find_data
from alignkit.tasks import SPLITS, Target


@dataclass(frozen=True)
class Labels:
    """The labels of the samples of a model on all splits.

    Attributes
    ----------
    target : Target
    rows : dict of str to ndarray
        By split, the rows of its samples in the representations of the model.
    targets : dict of str to ndarray
        By split, in the same order.
    """

    target: Target
    rows: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]


def labels_of(model: Model, kind: str, data: str = "") -> Labels:
    """Return the labels of a model that was read on train, validation and test, in this order.

    Parameters
    ----------
    model : Model
    kind : str
        Of the probes that are to predict them.
    data : str
        The task whose labels a stored encoder is probed for.

    Raises
    ------
    UsageError
        For arrays, which have no labels; for a target that probes cannot predict; for a stored
        encoder without data, or with others.
    DataError
        When a split is empty or has no labels.
    """
    if model.kind == "arrays":
        raise UsageError(
            f"{model.label} holds arrays, which have no labels; probes need runs, or encoders "
            "with `data`"
        )
    made = _task(model, data).make()
    ids = _ids_by_split(model)
    rows, targets, start = {}, {}, 0
    for name in SPLITS:
        split = made.split(name)
        if split.targets is None or not len(split.targets):
            raise DataError(f"the {name} split has no labels; probes need all three splits")
        order = rows_of(ids[name], split.ids, f"{model.label} on {name}", "the data")
        rows[name] = np.arange(start, start + len(ids[name]))
        targets[name] = np.asarray(split.targets)[order]
        start += len(ids[name])
    check_target(kind, made.target, targets["train"])
    return Labels(made.target, rows, targets)


def _task(model: Model, data: str) -> Choice:
    """Return the task that gives the labels."""
    if model.run is not None:
        return find_data(model.run)
    task = model.task
    if task is None:
        if not data:
            raise UsageError(
                f"{model.label} needs `data`, the task whose labels its layers are probed for"
            )
        task = choose_data(data)
    if any(store.fingerprint != fingerprint_of_task(task) for store, _ in model.stores):
        raise UsageError(f"{model.label} is stored on other data than those of task '{task.name}'")
    return task


def _ids_by_split(model: Model) -> dict[str, Sequence[str]]:
    if model.run is not None:
        return {split: model.run.ids(split) for split in SPLITS}
    return {split: store.ids(split) for store, split in model.stores}

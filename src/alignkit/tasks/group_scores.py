"""Scores of the group of samples on which a model does worst (Sagawa et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignkit.errors import DataError, UsageError
from alignkit.tasks.target import Binary

if TYPE_CHECKING:
    from alignkit.tasks.predictions import Predictions


def worst_group_accuracy(predictions: Predictions, group: str = "label") -> float:
    """Return the lowest accuracy of a group of samples.

    Parameters
    ----------
    group : str
        The fact that samples of a group share, such as ``scene``.
    """
    return min(_accuracy(own) for own in predictions.groups(group).values())


def worst_group_auroc(predictions: Predictions, group: str = "") -> float:
    """Return the lowest AUROC within a group of samples.

    Parameters
    ----------
    group : str
        The fact that samples of a group share, such as ``scene``.

    Raises
    ------
    UsageError
        When no fact is named.
    DataError
        When all samples of a group have the same label.
    """
    if not group:
        raise UsageError("say which fact makes the groups: worst_group_auroc:group=FACT")
    found = []
    for value, own in predictions.groups(group).items():
        if own.targets.min() == own.targets.max():
            raise DataError(
                f"all samples whose {group} is '{value}' have the same label, so their AUROC is "
                "undefined; worst_group_accuracy is not"
            )
        found.append(Binary().scores(own.targets, own.logits)["auroc"])
    return min(found)


def _accuracy(predictions: Predictions) -> float:
    logits = predictions.logits
    guessed = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    return float((guessed == predictions.targets).mean())

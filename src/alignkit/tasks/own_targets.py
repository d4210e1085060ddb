"""The targets that come with alignkit, as tasks let users choose them by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from alignkit.tasks.target import Binary, MultiLabel, SingleLabel


def single(
    labels: Sequence[str], primary: Literal["accuracy", "macro_f1"] = "accuracy"
) -> SingleLabel:
    """Return the target of one label of several.

    Parameters
    ----------
    primary : str
        The score by which training selects the best epoch.
    """
    return SingleLabel(labels, primary)


def binary(labels: Sequence[str], primary: Literal["auroc", "accuracy"] = "auroc") -> Binary:
    """Return the target of yes or no; the second label is yes.

    Parameters
    ----------
    primary : str
        The score by which training selects the best epoch.
    """
    return Binary(labels, primary)


def multi(
    labels: Sequence[str],
    primary: Literal["macro_f1", "micro_f1", "per_label_accuracy"] = "macro_f1",
) -> MultiLabel:
    """Return the target of any subset of the labels.

    Parameters
    ----------
    primary : str
        The score by which training selects the best epoch.
    """
    return MultiLabel(labels, primary)

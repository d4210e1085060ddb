"""The noise of a run's scores over the samples of a split, and what they are by chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alignkit.errors import AlignkitError
from alignkit.statistics.scores import accuracy_error, auroc_error, bootstrap_errors
from alignkit.tasks import Binary, MultiLabel, SingleLabel, Target, are_labels


def score_errors(
    target: Target, targets: np.ndarray, outputs: np.ndarray, scores: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """Return standard errors, intervals and chance levels of scores.

    Parameters
    ----------
    target : Target
    targets : ndarray (n,) or (n, labels)
    outputs : ndarray (n, outputs)
        The logits of the same samples.
    scores : mapping
        The scores of the target by name.

    Returns
    -------
    dict of str to dict
        ``se``, ``low``, ``high`` and ``method`` of every score that has an error; ``chance``,
        the best score that a constant prediction reaches on these samples, where the target is
        one of the classes of alignkit.
    """
    n = len(targets)

    def on(rows: np.ndarray) -> Mapping[str, float]:
        try:
            return target.scores(targets[rows], outputs[rows])
        except AlignkitError as error:
            raise ValueError(str(error)) from None

    errors = {}
    plain = are_labels(target, targets)
    if plain and isinstance(target, Binary) and "auroc" in scores:
        errors["auroc"] = auroc_error(targets, outputs[:, 0])
    if plain and isinstance(target, (Binary, SingleLabel)) and "accuracy" in scores:
        errors["accuracy"] = accuracy_error(round(scores["accuracy"] * n), n)
    if set(scores) - set(errors) - {"loss", "n"}:
        errors = {**bootstrap_errors(on, n), **errors}
    chance = chance_of(target, targets) if plain else {}
    return {
        name: error.to_json() | ({"chance": chance[name]} if name in chance else {})
        for name, error in sorted(errors.items())
        if error is not None and name in scores
    }


def chance_of(target: Target, targets: np.ndarray) -> dict[str, float]:
    """Return the best of every score over predictions that are the same for all samples.

    Empty where the target is none of the classes of alignkit.

    Parameters
    ----------
    target : Target
    targets : ndarray (n,) or (n, labels)
    """
    n = len(targets)
    if isinstance(target, SingleLabel):
        constants = [np.eye(target.n_outputs)[int(np.bincount(targets).argmax())]]
    elif isinstance(target, Binary):
        constants = [np.array([1.0]), np.array([-1.0])]
    elif isinstance(target, MultiLabel):
        constants = [np.ones(target.n_outputs), np.where(targets.mean(axis=0) > 0.5, 1.0, -1.0)]
    else:
        return {}
    try:
        reached = [target.scores(targets, np.tile(logits, (n, 1))) for logits in constants]
    except AlignkitError:
        return {}
    best = {True: max, False: min}
    return {
        name: best[target.declaration(name).higher_is_better](scores[name] for scores in reached)
        for name in reached[0]
    }

"""Scores of the pretraining objectives, which need no labels."""

from __future__ import annotations

from collections import defaultdict

import torch
from safetensors.torch import load_file

from alignkit.errors import DataError, first_line
from alignkit.runs import Run, Training
from alignkit.tasks import Score, Target
from alignkit.training.batches import Collator
from alignkit.training.initial import HEADS
from alignkit.training.learner import Learner

# The primary score of a run without labels: the mean accuracy of its objectives.
PRIMARY = "pretraining_accuracy"
BATCH = 128


def primary_score(training: Training, target: Target | None) -> Score:
    """Return the score by which the best epoch is selected.

    Parameters
    ----------
    training : Training
    target : Target or None
        None for a task without labels.
    """
    if training.uses_labels and target is not None:
        return target.declaration(target.primary)
    return Score(PRIMARY)


def pretraining_scores(training: Training) -> list[str]:
    """Return the names of the scores that a run has from objectives that need no labels."""
    names = [objective.name for objective in training.pretraining]
    each = [f"{name}_{what}" for name in names for what in ("accuracy", "loss")]
    return [PRIMARY, *each, "loss"] if names else []


def score_objectives(learner: Learner, collate: Collator) -> dict[str, float]:
    """Return the accuracy and the mean loss of every pretraining objective on a split.

    Words and patches are masked and captions swapped as in epoch 0, whatever the epoch, so
    that epochs can be compared. Accuracy is the fraction of masked words predicted correctly
    (mlm), of masked patches identified among those of the batch (mim), or of image-text
    pairs classified correctly as matching or not (itm).

    Returns
    -------
    dict of str to float
        ``<objective>_accuracy`` in [0, 1] and ``<objective>_loss``; the mean accuracy as
        ``pretraining_accuracy``, the weighted sum of the losses as ``loss``, and the number
        of samples as ``n``.
    """
    names = [name for name in learner.objectives if name != "task"]
    sums: dict[str, float] = defaultdict(float)
    learner.train(False)
    with torch.inference_mode():
        for rows in collate.data.in_order(BATCH):
            batch = collate(learner.processes.share(rows), epoch=0)
            if not batch.n:
                continue
            terms = learner.terms(learner.forward(batch), batch)
            for name in terms.keys() & set(names):
                mean, correct = terms[name]
                sums[f"{name}_loss"] += float(mean) * batch.counts[name]
                sums[f"{name}_accuracy"] += float(correct)
                sums[f"{name}_count"] += batch.counts[name]
    keys = [f"{name}_{what}" for name in names for what in ("accuracy", "loss", "count")]
    total = learner.processes.total({key: sums[key] for key in keys})
    scores = {
        key: total[key] / max(1.0, total[f"{key.partition('_')[0]}_count"])
        for key in keys
        if not key.endswith("_count")
    }
    accuracy = sum(scores[f"{name}_accuracy"] for name in names) / len(names)
    loss = sum(learner.objectives[name].weight * scores[f"{name}_loss"] for name in names)
    return {PRIMARY: accuracy, **scores, "loss": loss, "n": len(collate.data)}


def load_heads(run: Run, learner: Learner) -> None:
    """Load the stored heads of a run's objectives into the learner.

    Raises
    ------
    DataError
        If the file is missing or does not fit.
    """
    file = run.trained_file(HEADS)
    try:
        stored = load_file(file)
        learner.heads.load_state_dict(
            {k: v for k, v in stored.items() if k.startswith("objectives.")}
        )
    except Exception as error:
        first = first_line(error)
        raise DataError(
            f"{run.path / HEADS} cannot be read: {first}; retrain with: alignkit train --force"
        ) from None

"""How well the objectives that need no labels are met on a split."""

from __future__ import annotations

from collections import defaultdict

import torch
from safetensors.torch import load_file

from alignkit.errors import DataError
from alignkit.runs import Run
from alignkit.training.initial import HEADS
from alignkit.training.learner import Learner
from alignkit.training.prepared import Preparation

# The score that a run without labels is chosen by: the mean of its objectives' accuracies.
PRIMARY = "pretraining_accuracy"
BATCH = 128


def score_objectives(learner: Learner, prepare: Preparation) -> dict[str, float]:
    """Accuracy and mean loss of every pretraining objective on a split.

    What is hidden and swapped is that of epoch 0, whichever epoch it is, so that epochs can
    be compared. Accuracies are shares of masked words named, of masked patches told from the
    others of a batch, and of pairs judged rightly.

    Returns
    -------
    dict of str to float
        ``<objective>_accuracy`` and ``<objective>_loss``, their mean and weighted sum as
        ``pretraining_accuracy`` and ``loss``, and ``n``.
    """
    names = [name for name in learner.objectives if name != "task"]
    sums: dict[str, float] = defaultdict(float)
    learner.train(False)
    with torch.inference_mode():
        for rows in prepare.data.in_order(BATCH):
            batch = prepare(learner.processes.share(rows), epoch=0)
            if not batch.n:
                continue
            terms = learner.terms(learner.forward(batch), batch)
            for name in terms.keys() & set(names):
                mean, right = terms[name]
                sums[f"{name}_loss"] += float(mean) * batch.counts[name]
                sums[f"{name}_accuracy"] += float(right)
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
    return {PRIMARY: accuracy, **scores, "loss": loss, "n": len(prepare.data)}


def load_heads(run: Run, learner: Learner) -> None:
    """Bring back what the objectives of a run read with.

    Raises
    ------
    DataError
        When it is missing or does not fit.
    """
    try:
        stored = load_file(run.path / HEADS)
        learner.heads.load_state_dict(
            {k: v for k, v in stored.items() if k.startswith("objectives.")}
        )
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(
            f"{run.path / HEADS} cannot be read: {first}; retrain with: alignkit train --force"
        ) from None

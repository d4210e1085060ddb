"""Scores of the pretraining objectives, which need no labels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load_file

from alignkit.errors import DataError, first_line
from alignkit.runs import Run, Training
from alignkit.runs.training import objective_entry
from alignkit.tasks import Score, Target
from alignkit.training.batches import Collator
from alignkit.training.initial import HEADS
from alignkit.training.learner import Learner
from alignkit.training.protocols import ObjectiveSamples
from alignkit.training.step_objectives import StepObjective
from alignkit.training.step_terms import joined

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
    each = []
    for objective in training.pretraining:
        declared = objective_entry(objective.name).declarations.get("scores", ())
        each += [f"{objective.key}_{what}" for what in ("accuracy", *declared, "loss")]
    return [PRIMARY, *each, "loss"] if each else []


def score_objectives(learner: Learner, collate: Collator) -> dict[str, float]:
    """Return the accuracy, the further scores and the mean loss of every pretraining objective.

    Words and patches are masked and captions swapped as in epoch 0, whatever the epoch, so
    that epochs can be compared. Accuracy is the fraction of masked words predicted correctly
    (mlm), of masked patches identified among those of the batch (mim), of image-text
    pairs classified correctly as matching or not (itm), or what an objective of a plugin gives,
    which sees the whole split with nothing masked or swapped.

    Returns
    -------
    dict of str to float
        ``<objective>_accuracy`` in [0, 1] and ``<objective>_loss``; the mean accuracy as
        ``pretraining_accuracy``, the weighted sum of the losses as ``loss``, and the number
        of samples as ``n``.
    """
    learner.train(False)
    with torch.inference_mode():
        scores = _scores_by_batch(learner, collate) | _scores_by_step(learner, collate)
    objectives: dict[str, Any] = {n: o for n, o in learner.objectives.items() if n != "task"}
    accuracy = sum(scores[f"{name}_accuracy"] for name in objectives) / len(objectives)
    loss = sum(each.weight * scores[f"{name}_loss"] for name, each in objectives.items())
    return {PRIMARY: accuracy, **scores, "loss": loss, "n": len(collate.data)}


def _scores_by_batch(learner: Learner, collate: Collator) -> dict[str, float]:
    """Return the accuracy and the mean loss of alignkit's own objectives."""
    names = [name for name in learner.by_batch if name != "task"]
    sums: dict[str, float] = defaultdict(float)
    for rows in collate.data.in_order(BATCH) if names else ():
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
    return {
        f"{name}_{what}": total[f"{name}_{what}"] / max(1.0, total[f"{name}_count"])
        for name in names
        for what in ("accuracy", "loss")
    }


def _scores_by_step(learner: Learner, collate: Collator) -> dict[str, float]:
    """Return the scores of plugins' objectives on the whole split, and their mean loss.

    The loss is the mean over parts of about 128 samples.
    """
    named = {n: o for n, o in learner.objectives.items() if isinstance(o, StepObjective)}
    if not named:
        return {}
    sides, samples = _whole_split(learner, collate, named)
    scores: dict[str, float] = {}
    count = math.ceil(len(samples.texts) / BATCH)
    for name, objective in named.items():
        text, vision = sides[name]
        given = objective.scores(text, vision, samples)
        scores |= {f"{name}_{what}": value for what, value in given.items()}
        cut = [torch.tensor_split(each, count) for each in (text, vision, samples.texts)]
        images = torch.tensor_split(samples.images, count)
        total = sum(
            float(objective(x, y, ObjectiveSamples(texts, same))) * len(x)
            for x, y, texts, same in zip(*cut, images, strict=True)
        )
        scores[f"{name}_loss"] = total / len(text)
    return scores


def _whole_split(
    learner: Learner, collate: Collator, named: Mapping[str, StepObjective]
) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], ObjectiveSamples]:
    """Return what objectives read of a whole split, from all processes, in its order."""
    device, processes = learner.device, learner.processes
    order = [torch.zeros(0, dtype=torch.int64, device=device)]
    read = {
        name: tuple([torch.zeros(0, width, device=device)] for width in each.widths)
        for name, each in named.items()
    }
    samples = []
    for rows in collate.data.in_order(BATCH):
        own = processes.share(rows)
        if not len(own):
            continue
        batch = collate.plain(own)
        outputs = learner.forward(batch)
        for name, each in named.items():
            for parts, side in zip(read[name], each.representations(outputs, None), strict=True):
                parts.append(side)
        order.append(torch.from_numpy(own).to(device))
        samples += [batch.samples] if batch.samples else []
    at = processes.gather(torch.cat(order))[0].argsort()

    def whole(parts: torch.Tensor) -> torch.Tensor:
        return processes.gather(parts)[0][at]

    same = joined(samples, device)
    sides = {n: (whole(torch.cat(x)), whole(torch.cat(y))) for n, (x, y) in read.items()}
    return sides, ObjectiveSamples(whole(same.texts), whole(same.images))


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

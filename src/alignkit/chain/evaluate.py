"""Score a model on a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from alignkit.chain import model as models
from alignkit.chain.encoded import Encoded
from alignkit.chain.talk import SILENT, Talk
from alignkit.errors import DataError
from alignkit.models.walk import walk
from alignkit.runs import Run
from alignkit.runs.files import locked, write_json
from alignkit.tasks import Target, Task

BATCH = 128


def evaluate(
    run: Run, split: str = "test", force: bool = False, talk: Talk = SILENT
) -> dict[str, float]:
    """Score a trained run on a split, unless that is done already.

    Returns
    -------
    dict of str to float
        Every score of the task, ``loss`` and ``n``; also stored in ``performance.json``.

    Raises
    ------
    DataError
        When the run is not trained, or the split is empty or has no labels, or the run
        cannot have scores.
    """
    if run.performance_file.is_file() and run.unscored:
        raise DataError(
            f"{run.path} has no performance: {run.unscored}; measure works on it, but evaluate, "
            "correlate and report need trained runs"
        )
    if not force and run.performance_file.is_file() and split in run.performance()["splits"]:
        return run.performance()["splits"][split]
    with locked(run.path):
        models.make_repeatable(run.seed, run.config.training.threads)
        task: Task = run.config.task.make()
        model, schedule, inputs = models.load(run, task.target.n_outputs)
        scores = score(
            model, schedule, Encoded(task.split(split), inputs, split), task.target, talk
        )
        performance = run.performance()
        performance["splits"][split] = scores
        write_json(run.performance_file, performance)
    return scores


def score(
    model: Any, schedule: Any, data: Encoded, target: Target, talk: Talk = SILENT
) -> dict[str, float]:
    """Scores, mean loss and number of samples of a model on a split."""
    targets = data.targets()
    model.eval()
    logits = []
    with torch.inference_mode(), talk.progress(f"evaluate {data.name}", len(data)) as bar:
        for rows in data.in_order(BATCH):
            logits.append(walk(model, schedule, data.batch(rows)))
            bar.advance(len(rows))
        outputs = torch.cat(logits)
        loss = target.loss(outputs.double(), torch.from_numpy(np.asarray(targets)))
    return {**target.scores(targets, outputs.numpy()), "loss": float(loss), "n": len(data)}

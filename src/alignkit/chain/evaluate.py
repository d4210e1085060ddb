"""Score a model on a split."""

from __future__ import annotations

import math
from typing import Any

import torch

from alignkit.chain import model as models
from alignkit.data.encoded import Encoded
from alignkit.errors import DataError, PluginError
from alignkit.models.walk import walk
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.files import locked, write_json
from alignkit.tasks import Target, Task
from alignkit.training.device import choose_device
from alignkit.training.processes import Processes

BATCH = 128
ROUNDING = 1e-9  # by which a score may leave its range


def evaluate(
    run: Run,
    split: str = "test",
    force: bool = False,
    reporter: Reporter = SILENT,
    device: str = "auto",
) -> dict[str, float]:
    """Score a trained run on a split, unless that is done already.

    Returns
    -------
    dict of str to float
        Every score of the task, ``loss`` and ``n``; also stored in ``performance.json``. A
        run that was pretrained only is scored by its objectives.

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
        where = choose_device(device)
        task: Task = run.config.task.make()
        model, schedule, inputs = models.load(run, models.outputs_of(task), where)
        data = Encoded(task.split(split), inputs, split, task.fingerprint, where)
        if run.config.training.uses_labels:
            scores = score(model, schedule, data, task.target, reporter)
        else:
            scores = _score_pretraining(run, model, schedule, data)
        performance = run.performance()
        performance["splits"][split] = scores
        write_json(run.performance_file, performance)
    return scores


def score(
    model: Any,
    schedule: Any,
    data: Encoded,
    target: Target,
    reporter: Reporter = SILENT,
    processes: Processes | None = None,
) -> dict[str, float]:
    """Scores, mean loss and number of samples of a model on a split; in float32."""
    processes = processes or Processes()
    targets = data.targets()
    model.eval()
    logits, order = [torch.zeros(0, target.n_outputs, device=data.device)], []
    with torch.inference_mode(), reporter.progress(f"evaluate {data.name}", len(data)) as bar:
        for rows in data.in_order(BATCH):
            own = processes.share(rows)
            if len(own):
                logits.append(walk(model, schedule, data.batch(own)))
                order.append(torch.from_numpy(own))
            bar.advance(len(rows))
        outputs, _ = processes.gather(torch.cat(logits))
        nothing = torch.zeros(0, dtype=torch.int64)
        rows_of, _ = processes.gather(torch.cat([nothing, *order]).to(outputs.device))
        outputs = outputs[rows_of.argsort()].cpu()
        loss = target.loss(outputs.double(), torch.from_numpy(targets))
    scores = target.scores(targets, outputs.numpy())
    _check_ranges(target, scores)
    return {**scores, "loss": float(loss), "n": len(data)}


def _check_ranges(target: Target, scores: dict[str, float]) -> None:
    """Refuse a score outside the range that its target declares."""
    for declared in target.declared_scores():
        value = scores.get(declared.name, math.nan)
        if value < declared.low - ROUNDING or value > declared.high + ROUNDING:
            raise PluginError(
                f"score '{declared.name}' of the target {type(target).__name__} is {value}, "
                f"outside its declared range [{declared.low}, {declared.high}]; "
                "correct the plugin of the task"
            )


def _score_pretraining(run: Run, model: Any, schedule: Any, data: Encoded) -> dict[str, float]:
    """Score a run without labels by its objectives, with the heads stored beside its model."""
    from alignkit.training.learner import Learner
    from alignkit.training.objectives import build_objectives, probe
    from alignkit.training.prepared import Preparation
    from alignkit.training.validation import load_heads, score_objectives

    chosen = run.config.training.pretraining
    shapes = probe(model, schedule, data)
    objectives = build_objectives(chosen, None, shapes, data)
    device = torch.device(data.device)
    learner = Learner(
        model,
        schedule,
        objectives.to(device),
        torch.nn.ModuleDict(),
        "float32",
        device,
        Processes(),
    )
    load_heads(run, learner)
    return score_objectives(learner, Preparation(data, chosen, run.seed, shapes.grid))

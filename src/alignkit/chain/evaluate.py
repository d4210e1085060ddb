"""Score a model on a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn

from alignkit.chain import model as models
from alignkit.chain.extra_scores import ExtraScore, choose_scores, errors_of, scores_of
from alignkit.contracts.model import run_model
from alignkit.data.encoded import EncodedSplit
from alignkit.data.facts import facts_of
from alignkit.data.pixels import identity_of_pictures
from alignkit.errors import DataError, UsageError
from alignkit.models.schedule import Schedule
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.config import fingerprint_once
from alignkit.runs.data import open_split
from alignkit.runs.files import locked
from alignkit.runs.inputs import check_weights, content_now, inputs_of_scores
from alignkit.runs.makers import require_plugins
from alignkit.runs.manifests import write_checked
from alignkit.runs.reasons import explain_scores, reason_to_evaluate
from alignkit.statistics.score_errors import score_errors
from alignkit.tasks import Predictions, Target, Task
from alignkit.tasks.score import stored_directions
from alignkit.training.device import choose_device
from alignkit.training.processes import Processes

BATCH = 128


@fingerprint_once()
def evaluate(
    run: Run,
    split: str = "test",
    force: bool = False,
    reporter: Reporter = SILENT,
    device: str = "auto",
    extra: Sequence[str] = (),
) -> dict[str, float]:
    """Score a trained run on a split, unless it has been scored already.

    It is scored again where its weights or the pictures of the split have changed since.

    Parameters
    ----------
    run : Run
    split : str
    force : bool
        Score the run again even if its scores are stored.
    reporter : Reporter
    device : str
        ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``.
    extra : sequence of str
        Registered scores beside those of the task, as ``name:key=value``. Those that are stored
        are made again together with the others.

    Returns
    -------
    dict of str to float
        Every score of the task, the mean ``loss`` and the number of samples ``n``; also
        stored in ``performance.json``. A run without labels is scored by its pretraining
        objectives. ``Run.higher_is_better`` tells the direction of a score, and
        ``Run.score_errors`` its standard error over samples.

    Raises
    ------
    DataError
        If the run is not trained or cannot have scores, or the split is empty or has no
        labels.
    """
    if run.performance_file.is_file() and run.unscored:
        raise DataError(
            f"{run.path} has no scores: {run.unscored}; measure works on it, but evaluate, "
            "correlate and report need trained runs"
        )
    stored = run.scores(split)
    if stored and not force:
        check_weights(run)
    wanted = choose_scores([*run.extra_scores(split), *extra])
    missing = [name for name in wanted if name not in stored]
    lacking = f"it has no score {' and '.join(missing)} yet" if stored and missing else ""
    reason = reason_to_evaluate(run, split, force) or lacking
    explain_scores(reporter, run, split, reason)
    if not reason:
        return stored
    if stored and run.is_trained and not force:
        reporter.note(f"{run.path}: scored on {split}, but {reason}; it is scored again")
    if not run.config.training.uses_labels:
        require_plugins(run.stored, ["objectives"])
    with locked(run.path):
        models.make_repeatable(run.seed, run.config.training.threads)
        used_device = choose_device(device)
        content = content_now(run, split)
        task, samples = open_split(run, split)
        _check_extra(run, task, wanted)
        model, schedule, inputs = models.load(run, models.outputs_of(task), used_device)
        identity = partial(identity_of_pictures, task, split)
        data = EncodedSplit(samples, inputs, split, identity, used_device)
        if run.config.training.uses_labels:
            targets, outputs = predict(model, schedule, data, task.target, reporter)
            scores = _scores(task.target, targets, outputs)
            errors = score_errors(task.target, targets, outputs.numpy(), scores)
            if wanted:
                facts = facts_of(task, samples)
                predictions = Predictions(
                    targets, outputs.numpy(), samples.ids, facts, task.target.labels
                )
                scores |= scores_of(wanted, predictions)
                errors |= errors_of(wanted, predictions)
        else:
            scores, errors = _score_pretraining(run, model, schedule, data), {}
        performance = run.performance()
        performance["splits"][split] = scores
        performance.setdefault("errors", {})[split] = errors
        performance.setdefault("inputs", {})[split] = inputs_of_scores(run, content)
        if wanted:
            performance.setdefault("extra", {})[split] = list(wanted)
            performance.setdefault("higher_is_better", {}).update(
                stored_directions(tuple(each.declaration for each in wanted.values()))
            )
        write_checked(run.performance_file, performance)
    return run.scores(split)  # in the order in which later calls read them


def score(
    model: nn.Module,
    schedule: Schedule,
    data: EncodedSplit,
    target: Target,
    reporter: Reporter = SILENT,
    processes: Processes | None = None,
) -> dict[str, float]:
    """Return the scores, the mean loss and the number of samples of a model on a split.

    Everything is computed in float32, the loss in float64. All processes must call this.

    Raises
    ------
    DataError
        If the split has no labels, or a score is undefined on it.
    PluginError
        If a score is outside the range that its target declares.
    """
    targets, outputs = predict(model, schedule, data, target, reporter, processes)
    return _scores(target, targets, outputs)


def predict(
    model: nn.Module,
    schedule: Schedule,
    data: EncodedSplit,
    target: Target,
    reporter: Reporter = SILENT,
    processes: Processes | None = None,
) -> tuple[np.ndarray, torch.Tensor]:
    """Return the targets of a split and the logits of a model, ``(n, outputs)``, in its order.

    All processes must call this.

    Raises
    ------
    DataError
        If the split has no labels.
    """
    processes = processes or Processes()
    targets = data.targets()
    model.eval()
    logits, order = [torch.zeros(0, target.n_outputs, device=data.device)], []
    with torch.inference_mode(), reporter.progress(f"evaluate {data.name}", len(data)) as bar:
        for rows in data.in_order(BATCH):
            own = processes.share(rows)
            if len(own):
                logits.append(run_model(model, schedule, data.batch(own)))
                order.append(torch.from_numpy(own))
            bar.advance(len(rows))
        outputs, _ = processes.gather(torch.cat(logits))
        empty = torch.zeros(0, dtype=torch.int64)
        rows_of, _ = processes.gather(torch.cat([empty, *order]).to(outputs.device))
        return targets, outputs[rows_of.argsort()].cpu()


def _scores(target: Target, targets: np.ndarray, outputs: torch.Tensor) -> dict[str, float]:
    with torch.inference_mode():
        loss = target.loss(outputs.double(), torch.from_numpy(targets))
    scores = target.scores(targets, outputs.numpy())
    return {**scores, "loss": float(loss), "n": len(targets)}


def _check_extra(run: Run, task: Task, wanted: Mapping[str, ExtraScore]) -> None:
    """Refuse scores that are not for the target of a run, before it predicts anything."""
    if wanted and (not run.config.training.uses_labels or task.target is None):
        raise UsageError(
            f"{run.path} was trained without labels; {' and '.join(wanted)} needs them"
        )
    for each in wanted.values():
        assert task.target is not None
        each.check_target(task.target)


def _score_pretraining(
    run: Run, model: nn.Module, schedule: Schedule, data: EncodedSplit
) -> dict[str, float]:
    """Score a run without labels by its objectives, using the stored heads."""
    from alignkit.training.batches import Collator
    from alignkit.training.build import build_objectives
    from alignkit.training.learner import Learner
    from alignkit.training.objectives import Parts, probe_shapes
    from alignkit.training.validation import load_heads, score_objectives

    chosen = run.config.training.pretraining
    parts = Parts(probe_shapes(model, schedule, data), data)
    objectives = build_objectives(chosen, parts, schedule, run.stored)
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
    return score_objectives(learner, Collator(data, learner.objectives, run.seed))

"""Train one run: from configuration to a directory with a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from alignkit.chain.evaluate import score
from alignkit.chain.model import build, make_repeatable, save
from alignkit.contracts.inputs import check_stored
from alignkit.contracts.model import SAMPLES, check_model
from alignkit.data.encoded import EncodedSplit
from alignkit.data.pixels import identity_of_pictures
from alignkit.errors import DataError
from alignkit.file_names import require_utf8
from alignkit.models.protocols import Inputs
from alignkit.plugins.versions import versions
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run, RunConfig
from alignkit.runs.data import adopt_data, fingerprints_of_training
from alignkit.runs.files import discard, locked, read_json, whole_file, write_json
from alignkit.runs.inputs import changes_of_training, inputs_of_training, name_of_target, names_of
from alignkit.runs.interrupted import train_command
from alignkit.runs.makers import makers_of
from alignkit.runs.manifests import entries_of, write_checked
from alignkit.runs.reasons import explain_training, reason_to_train
from alignkit.runs.run import run_of
from alignkit.tasks import Split, Target, Task
from alignkit.tasks.score import stored_directions
from alignkit.training.batches import Collator
from alignkit.training.build import build_aux, build_objectives
from alignkit.training.checkpoint import Checkpoints
from alignkit.training.device import choose_device, choose_precision
from alignkit.training.initial import HEADS, open_init, transfer_weights
from alignkit.training.learner import Learner
from alignkit.training.loop import BestEpoch, Loop, OnEpoch, TrainingContext
from alignkit.training.objectives import Parts, probe_shapes
from alignkit.training.processes import Processes, join_processes, local_device
from alignkit.training.records import Records
from alignkit.training.step_objectives import StepObjective
from alignkit.training.tracking import Tracker
from alignkit.training.validation import primary_score, score_objectives

# The files of a run that training writes once, and lists in ``train.json``.
WRITTEN = (
    "config.json",
    "inputs.json",
    "model.safetensors",
    HEADS,
    "history.csv",
    "steps.csv",
    "tracking.csv",
)


def train(
    config: RunConfig,
    root: Path,
    force: bool = False,
    reporter: Reporter = SILENT,
    on_epoch: OnEpoch | None = None,
    retrain: bool = False,
) -> Run:
    """Train a run, unless it is trained already.

    The test split is never read. The weights kept are those of the epoch with the best
    primary score on the validation split, in the direction that the task declares, and of
    the earliest epoch among equals; epoch 0 is the untrained model. A run that was
    interrupted resumes from its latest checkpoint and ends with the same bytes.

    Parameters
    ----------
    config : RunConfig
    root : Path
        The folder of runs.
    force : bool
        Retrain, and delete everything that was made from the old model.
    reporter : Reporter
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, scores)`` after each validation. An exception it raises
        ends the training and leaves the run untrained.
    retrain : bool
        Retrain where the pictures, the code of the plugins or the weights that the run starts
        from have changed since it was trained, and begin anew where they have since the
        checkpoint. Without it, these are only named.

    Returns
    -------
    Run

    Raises
    ------
    AlignkitError
        If the folder of the run contains another run, or cannot be written to; or if its
        checkpoint is of other pictures.
    """
    run = run_of(root, config)
    require_utf8(run.path)
    _refuse_another(run, config)
    device = choose_device(local_device(config.runtime.device))
    processes = join_processes(device)
    first = processes.is_first
    if run.path != root / config.folder:
        reporter.note(f"{run.path} is this run, of data that had another name, and is used")
    changes = changes_of_training(config, run.inputs) if first and not force else []
    force = processes.any(force or (retrain and bool(changes)))
    if first:
        changed = " and ".join(changes) if retrain else ""
        why = changed or reason_to_train(run, config, force)
        explain_training(reporter, run, why, changes)
    if processes.any(first and run.is_trained and not force):
        reporter.note(f"{run.path} is already trained{_retrain_advice(changes)}")
        if first:
            _remove_checkpoint(run)
            if run.path != root / config.folder:
                adopt_data(run, config)
        return run
    with locked(run.path) if first else nullcontext():
        # Another program may have trained it meanwhile.
        if not processes.any(first and run.is_trained and not force):
            if first:
                _clear(run, force or (retrain and _has_stale_checkpoint(run, config)))
            _train(run, config, reporter if first else SILENT, on_epoch, device, processes)
        processes.wait()
    return run


def _retrain_advice(changes: Sequence[str]) -> str:
    if not changes:
        return "; retrain it with `force`"
    return f", but {' and '.join(changes)}; train it again with: alignkit train --retrain"


def _has_stale_checkpoint(run: Run, config: RunConfig) -> bool:
    inputs = inputs_of_training(config)
    return bool(Checkpoints(run.path / "checkpoint", config.identity, inputs=inputs).changes())


def _remove_checkpoint(run: Run) -> None:
    """Remove the checkpoint of a trained run, which a killed process could not remove."""
    folder = run.path / "checkpoint"
    if folder.exists() and os.access(run.path, os.W_OK):
        with locked(run.path):
            if run.is_trained and folder.exists():
                discard(folder)


def _train(
    run: Run,
    config: RunConfig,
    reporter: Reporter,
    on_epoch: OnEpoch | None,
    device: torch.device,
    processes: Processes,
) -> None:
    make_repeatable(config.seed, config.training.threads)
    made_from = inputs_of_training(config)
    task: Task = config.task.make()
    splits = {name: task.split(name) for name in ("train", "validation")}
    inputs = _inputs(config, splits["train"])
    data = {
        name: EncodedSplit(split, inputs, name, partial(identity_of_pictures, task, name), device)
        for name, split in splits.items()
    }
    for name, split in splits.items():
        for note, count in split.notes.items():
            reporter.note(f"{config.task_name} {name}: {count} {note}")
    target = _target(task, config)
    learner = _learner(config, target, data["train"], device, processes, reporter)
    context = _context(run, config, target, learner, data, reporter, made_from)
    context.on_epoch = on_epoch
    best = Loop(context).run()
    if processes.is_first:
        stored = _stored_config(config, task, target, splits) | {
            "carried_out": {
                "device": device.type,
                "precision": learner.precision,
                "processes": processes.size,
            }
        }
        directions = stored_directions(target.declared_scores()) if target else {}
        _store(run, stored, learner, inputs, context, best, directions)


def _inputs(config: RunConfig, train: Split) -> Inputs:
    """Return inputs fitted on the training texts, or those of the run to start from."""
    architecture = config.architecture.make()
    if config.init is None:
        fitted: Inputs = architecture.inputs(train.texts)
        if len(train):
            check_stored(architecture, fitted, train.texts[0])
        return fitted
    stored = read_json(open_init(config.init).trained_file("inputs.json"))
    loaded: Inputs = architecture.load_inputs(stored)
    return loaded


def _target(task: Task, config: RunConfig) -> Target | None:
    """Return what the task predicts; None for pairs without labels."""
    target = task.target if task.target is not None and task.target.n_outputs else None
    if config.training.uses_labels and target is None:
        raise DataError(
            f"task '{config.task.name}' has no labels to train on; pretrain on its pairs with "
            "`objectives=pretrain`"
        )
    return target


def _learner(
    config: RunConfig,
    target: Target | None,
    data: EncodedSplit,
    device: torch.device,
    processes: Processes,
    reporter: Reporter,
) -> Learner:
    """Build the model and its objectives, initialised from another run if requested."""
    options = config.training
    n_outputs = target.n_outputs if target else 1
    model, schedule = build(config, n_outputs, data.inputs)
    model.to(device)
    check_model(model, schedule, data.batch(range(min(SAMPLES, len(data)))), n_outputs)
    shapes = probe_shapes(model, schedule, data)
    weights = None
    if options.class_weights and options.uses_labels and target is not None:
        weights = target.class_weights(data.targets())
    parts = Parts(shapes, data, target, weights)
    objectives = build_objectives(options.weighted_objectives, parts, schedule)
    for each in objectives.values():
        if isinstance(each, StepObjective) and each.where:
            reporter.note(f"objective '{each.name}' {each.where}")
    aux = build_aux(options.weighted_aux, schedule, shapes)
    width = max(shapes.text_width, shapes.vision_width)
    precision = choose_precision(options.precision, device, width)
    learner = Learner(
        model, schedule, objectives.to(device), aux.to(device), precision, device, processes
    )
    if config.init is not None:
        labels = list(target.labels) if target else []
        reporter.note(transfer_weights(open_init(config.init), learner, labels))
    processes.broadcast([*model.state_dict().values(), *learner.heads.state_dict().values()])
    if processes.rank:
        torch.manual_seed(config.seed + 1_000_003 * processes.rank)  # its own dropout
    return learner


def _context(
    run: Run,
    config: RunConfig,
    target: Target | None,
    learner: Learner,
    data: dict[str, EncodedSplit],
    reporter: Reporter,
    made_from: Mapping[str, Any],
) -> TrainingContext:
    """Return everything that the training loop works with."""
    options, runtime, first = config.training, config.runtime, learner.processes.is_first
    collators = {
        name: Collator(split, learner.objectives, config.seed) for name, split in data.items()
    }
    tracker = None
    if runtime.track and first:
        tracker = Tracker(runtime, learner.model, learner.schedule, data["validation"])
    return TrainingContext(
        config,
        learner,
        data["train"],
        collators["train"],
        validate=partial(_validate, learner, target, data["validation"], collators["validation"]),
        primary=primary_score(options, target),
        checkpoints=Checkpoints(
            run.path / "checkpoint",
            config.identity,
            runtime.checkpoint_every,
            train_command(config, run.path.parents[2]),
            made_from,
        ),
        records=Records(run.path / "tensorboard" if runtime.tensorboard and first else None),
        reporter=reporter,
        tracker=tracker,
    )


def _validate(
    learner: Learner, target: Target | None, data: EncodedSplit, collate: Collator
) -> dict[str, float]:
    """Return the task's scores on unmasked inputs, and the scores of the other objectives."""
    scores: dict[str, float] = {}
    if "task" in learner.objectives and target is not None:
        scores |= score(learner.model, learner.schedule, data, target, processes=learner.processes)
    if learner.objectives.keys() - {"task"}:
        scores = score_objectives(learner, collate) | scores
    return scores


def _store(
    run: Run,
    stored: dict[str, Any],
    learner: Learner,
    inputs: Inputs,
    context: TrainingContext,
    best: BestEpoch,
    directions: dict[str, bool],
) -> None:
    """Write all files of the run, and last the manifest that marks it as complete."""
    write_json(run.path / "config.json", stored)
    save(run, learner.model, inputs)
    heads = {k: v.detach().cpu().contiguous() for k, v in learner.heads.state_dict().items()}
    if heads:
        with whole_file(run.path / HEADS) as temporary:
            save_file(heads, temporary)
    context.records.write(run.path)
    if context.tracker is not None:
        context.tracker.write(run.path / "tracking.csv")
    files = entries_of(run.path, [n for n in WRITTEN if (run.path / n).is_file()])
    model = files[run.model_file.name]["sha256"]
    made_from = context.checkpoints.inputs
    data = made_from.get("data", {}).get("validation")
    performance = {
        "primary": context.primary.name,
        "epoch": best["epoch"],
        "splits": {"validation": best["scores"]},
        "inputs": {"validation": {"model": model} | ({"data": data} if data else {})},
    }
    if directions:
        performance["higher_is_better"] = directions
    write_checked(run.performance_file, performance)
    manifest = {"files": files, "model_sha256": model, "inputs": made_from}
    write_checked(run.train_manifest, {**manifest, "performance": performance})
    context.checkpoints.drop()


def _stored_config(
    config: RunConfig, task: Task, target: Target | None, splits: dict[str, Split]
) -> dict[str, Any]:
    """Return the content of ``config.json``: with labels, counts, notes, plugins and versions."""
    stored = config.to_json()
    stored["data"] |= {
        "labels": list(target.labels) if target else [],
        "n": {name: len(split) for name, split in splits.items()},
        "notes": {name: dict(split.notes) for name, split in splits.items() if split.notes},
    }
    fingerprints = fingerprints_of_training(task)
    if fingerprints:
        stored["data"]["splits"] = fingerprints
    return stored | {
        "plugins": makers_of([*names_of(config), *name_of_target(target)]),
        "versions": versions(),
    }


def _refuse_another(run: Run, config: RunConfig) -> None:
    """Refuse to overwrite a folder that contains another run."""
    if not (run.path / "config.json").is_file():
        return
    stored = run.stored.get("identity")
    if stored != config.identity:
        raise DataError(
            f"{run.path} contains another run ({_difference(run.stored, config.to_json())}); "
            "move it away, or choose another folder with `runs`"
        )


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Describe how two stored configurations differ."""
    keys = ("architecture", "placement", "training", "init", "seed")
    differing = [key for key in keys if old.get(key) != new[key]]
    if old.get("data", {}).get("fingerprint") != new["data"]["fingerprint"]:
        differing.append("data")
    return f"it differs in: {', '.join(differing)}" if differing else "from another version"


def _clear(run: Run, force: bool) -> None:
    """Delete the files of an old run, its manifest first, so that it never looks complete."""
    outputs = (
        "train.json",
        "performance.json",
        "alignment.csv",
        "alignment.json",
        "alignment",
        "representations",
        "tracking.csv",
        HEADS,
    )
    for name in (*outputs, "checkpoint") if force else outputs:
        if (run.path / name).exists():
            discard(run.path / name)

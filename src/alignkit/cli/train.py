"""``alignkit train``: train models."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import Default
from alignkit.cli.arguments import (
    DATA,
    EXECUTION,
    MODEL,
    Architecture,
    Data,
    Device,
    Explain,
    Force,
    FromScratch,
    Json,
    RunsFolder,
    TextModel,
    VisionModel,
    complete,
)
from alignkit.cli.selection import given_options

if TYPE_CHECKING:
    from alignkit.models.placement import Placement
    from alignkit.runs import Run, RunConfig

OPTIMISATION = "Optimisation"
LOSSES = "Objectives and losses"
TRACKING = "Tracking and checkpoints"
Option = typer.Option
_training = partial(Default, "alignkit.runs.training:Training")
_runtime = partial(Default, "alignkit.runs.training:RuntimeOptions")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(train)


def _complete_objective(incomplete: str) -> list[tuple[str, str]]:
    named = complete("objectives")(incomplete)
    return named + [("pretrain", "mlm, mim and itm")] * "pretrain".startswith(incomplete)


def train(
    *,
    task: Annotated[
        list[str] | None,
        Option(
            "--task",
            "-t",
            metavar="TASK",
            help="Task to train on, as NAME, NAME:KEY=VALUE,... or NAME:FOLDER; repeatable.",
            show_default="the embedded task",
            autocompletion=complete("tasks"),
            rich_help_panel=DATA,
        ),
    ] = None,
    data: Data = None,
    class_weights: Annotated[
        bool,
        Option(
            "--class-weights",
            help="Weight the loss by inverse class frequency.",
            rich_help_panel=DATA,
        ),
    ] = False,
    bucket: Annotated[
        bool,
        Option(
            "--bucket",
            help="Batch texts of similar length to reduce padding.",
            rich_help_panel=DATA,
        ),
    ] = False,
    workers: Annotated[
        int,
        Option(
            metavar="N",
            help="Number of threads that load images in advance.",
            default_factory=_runtime("workers"),
            rich_help_panel=DATA,
        ),
    ],
    placement: Annotated[
        list[str] | None,
        Option(
            "--placement",
            "-p",
            metavar="PLACEMENT",
            help="Placement of co-attention: a name, with its options (late:count=4), layer "
            "indices for both streams (3,4,10) or for each (text/vision: 6,7/3,5); repeatable.",
            show_default="the embedded placement",
            autocompletion=complete("placements"),
            rich_help_panel=MODEL,
        ),
    ] = None,
    architecture: Architecture = None,
    text_model: TextModel = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    freeze: Annotated[
        str | None,
        Option(
            metavar="PARTS",
            help="Parts of the model to freeze, for example text:0-5+vision:0-3+embeddings.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    init: Annotated[
        Path | None,
        Option(
            "--init",
            metavar="RUN",
            help="Initialise the model with the weights of this run.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    epochs: Annotated[
        int,
        Option(
            metavar="N",
            help="Number of epochs; 0 stores the untrained model.",
            default_factory=_training("epochs"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    batch_size: Annotated[
        int,
        Option(
            metavar="N",
            help="Batch size of a forward pass.",
            default_factory=_training("batch_size"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    accumulate: Annotated[
        int,
        Option(
            metavar="N",
            help="Gradient accumulation: batches per optimiser step.",
            default_factory=_training("accumulate"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    learning_rate: Annotated[
        float,
        Option(
            metavar="X",
            help="Peak learning rate, reached after warm-up; cosine decay follows.",
            default_factory=_training("learning_rate"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    warmup: Annotated[
        float,
        Option(
            metavar="FRACTION",
            help="Fraction of the training steps used for linear warm-up.",
            default_factory=_training("warmup"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    floor: Annotated[
        float,
        Option(
            metavar="FRACTION",
            help="Final learning rate as a fraction of the peak.",
            default_factory=_training("floor"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    weight_decay: Annotated[
        float,
        Option(
            metavar="X",
            help="Weight decay, applied to weight matrices but not to norms and biases.",
            default_factory=_training("weight_decay"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    clip: Annotated[
        float,
        Option(
            metavar="X",
            help="Gradient clipping norm; 0 disables clipping.",
            default_factory=_training("clip"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    patience: Annotated[
        int,
        Option(
            metavar="N",
            help="Early-stopping patience in epochs; 0 disables early stopping.",
            default_factory=_training("patience"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    precision: Annotated[
        str,
        Option(
            metavar="TYPE",
            help="float32, bf16 or fp16; auto picks what suits the device.",
            default_factory=_training("precision"),
            rich_help_panel=OPTIMISATION,
        ),
    ],
    objective: Annotated[
        list[str] | None,
        Option(
            "--objective",
            metavar="OBJECTIVE",
            help="Training objective: task, mlm, mim, itm or another that is registered (alignkit "
            "list objectives), or pretrain for mlm, mim and itm; as NAME, NAME=WEIGHT or "
            "NAME=WEIGHT:KEY=VALUE (mlm=0.5:share=0.2); repeatable.",
            show_default="task",
            autocompletion=_complete_objective,
            rich_help_panel=LOSSES,
        ),
    ] = None,
    aux: Annotated[
        list[str] | None,
        Option(
            "--aux",
            metavar="LOSS",
            help="Auxiliary loss to add, as NAME=WEIGHT or NAME=WEIGHT:KEY=VALUE,... "
            "(cka=0.2:layer=last,pool=cls); repeatable.",
            autocompletion=complete("losses"),
            rich_help_panel=LOSSES,
        ),
    ] = None,
    track_alignment: Annotated[
        list[str] | None,
        Option(
            "--track-alignment",
            metavar="METRIC",
            help="Measure this metric on a probe set during training; repeatable.",
            autocompletion=complete("metrics"),
            rich_help_panel=TRACKING,
        ),
    ] = None,
    track_layers: Annotated[
        str,
        Option(
            metavar="LAYERS",
            help="Pairs of layers to measure it on, as in alignkit measure: all for whole grids, "
            "which plot and report show by epoch. Layers of equal depth always are.",
            default_factory=_runtime("track_layers"),
            rich_help_panel=TRACKING,
        ),
    ],
    track_streams: Annotated[
        str,
        Option(
            metavar="STREAMS",
            help="Streams of these pairs: cross, text, vision or all.",
            default_factory=_runtime("track_streams"),
            rich_help_panel=TRACKING,
        ),
    ],
    track_every: Annotated[
        str,
        Option(
            metavar="INTERVAL",
            help="How often to measure it: in epochs (2) or steps (50s).",
            default_factory=_runtime("track_every"),
            rich_help_panel=TRACKING,
        ),
    ],
    track_samples: Annotated[
        int,
        Option(
            metavar="N",
            help="Number of samples in the probe set.",
            default_factory=_runtime("track_samples"),
            rich_help_panel=TRACKING,
        ),
    ],
    tensorboard: Annotated[
        bool,
        Option(
            "--tensorboard", help="Also write TensorBoard event files.", rich_help_panel=TRACKING
        ),
    ] = False,
    checkpoint_every: Annotated[
        str,
        Option(
            metavar="INTERVAL",
            help="How often to write a checkpoint: in minutes (10m), seconds (30s) or steps "
            "(500); 0 writes one only when training is interrupted.",
            default_factory=_runtime("checkpoint_every"),
            rich_help_panel=TRACKING,
        ),
    ],
    seed: Annotated[
        list[int] | None,
        Option(
            "--seed",
            metavar="N",
            help="Random seed; repeatable.",
            show_default="0",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    device: Device = "auto",
    threads: Annotated[
        int,
        Option(
            metavar="N",
            help="CPU threads per run. Results are reproducible only for the same number, "
            "which is therefore part of a run's identity.",
            default_factory=_training("threads"),
            rich_help_panel=EXECUTION,
        ),
    ],
    jobs: Annotated[
        int,
        Option(
            "--jobs",
            "-j",
            metavar="N",
            help="Number of runs to train in parallel.",
            rich_help_panel=EXECUTION,
        ),
    ] = 1,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    retrain: Annotated[
        bool,
        Option(
            "--retrain",
            help="Train runs again whose pictures, plugins' code or initial weights have changed.",
            rich_help_panel=EXECUTION,
        ),
    ] = False,
    explain: Explain = False,
    dry_run: Annotated[
        bool,
        Option("--dry-run", help="Only show what would be trained.", rich_help_panel=EXECUTION),
    ] = False,
    json: Json = False,
) -> None:
    """Train models, one per task, placement and seed.

    Prints each run's directory. The weights of the epoch with the best validation score are
    kept; training never reads the test split. Without options, the embedded default task and
    placement are used. To resume an interrupted training, rerun the same command. A run that is
    trained already is left as it is; where what it was made from has changed since, that is said.

    Examples: alignkit train

    alignkit train --task toy_match:values=8 --placement late --placement none --seed 0 --seed 1

    alignkit train --task toy_match --objective pretrain --epochs 1
    """
    from alignkit.cli.printing import console
    from alignkit.errors import AlignkitError
    from alignkit.jobs.parallel import train_runs
    from alignkit.progress import explain_units
    from alignkit.runs import RuntimeOptions, Training, resolve_config
    from alignkit.runs.run import run_of

    explain_units(explain)
    training = Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        floor=floor,
        weight_decay=weight_decay,
        clip=clip,
        patience=patience,
        threads=threads,
        accumulate=accumulate,
        precision=precision,
        class_weights=class_weights,
        bucket=bucket,
        objectives=tuple(objective or ()),
        aux=tuple(aux or ()),
    )
    options = given_options(
        text_model=text_model, vision_model=vision_model, from_scratch=from_scratch, freeze=freeze
    )
    runtime = RuntimeOptions(
        device=device,
        workers=workers,
        checkpoint_every=checkpoint_every,
        track=tuple(track_alignment or ()),
        track_layers=track_layers,
        track_streams=track_streams,
        track_every=track_every,
        track_samples=track_samples,
        tensorboard=tensorboard,
    )
    tasks: list[str | None] = list(task or ()) or [None]
    placements: list[str | None] = list(placement or ()) or [None]
    configs = [
        resolve_config(t, p, architecture, training, s, data, init, runtime, options)
        for t in dict.fromkeys(tasks)
        for p in dict.fromkeys(placements)
        for s in dict.fromkeys(seed or [0])
    ]
    if _is_secondary_process():
        console.settings.quiet = True
    _note_what_was_chosen(configs)
    _note_names(placements, configs)
    _note_missing_test_splits(configs)
    if dry_run:
        _show_planned(configs, runs, json)
        _explain(configs, runs, force, retrain)
        return
    failure = None
    try:
        reporter = console.TerminalReporter()
        trained = train_runs(configs, runs, force, jobs, reporter, retrain)
    except AlignkitError as error:
        if len(configs) == 1:
            raise
        failure = error
        trained = [run for config in configs if (run := run_of(runs, config)).is_trained]
    if _is_secondary_process():
        return
    if json:
        console.print_json([_summary(run) for run in trained])
    else:
        for run in trained:
            console.print_line(run.path)
        _note_scores(trained, runs)
    if failure is not None:
        raise failure


def _is_secondary_process() -> bool:
    """Return whether a launcher such as torchrun started this process with a rank above 0."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"


def _note_what_was_chosen(configs: "list[RunConfig]") -> None:
    from alignkit.cli.printing import console

    chosen = {
        "task": [config.task_name for config in configs],
        "architecture": [config.architecture.name for config in configs],
        "placement": [config.placement.name for config in configs],
        "seed": [str(config.seed) for config in configs],
    }
    console.note("; ".join(f"{k} {', '.join(dict.fromkeys(v))}" for k, v in chosen.items()))


def _note_names(given: "Sequence[str | None]", configs: "list[RunConfig]") -> None:
    """Say how a placement is named whose indices or options were given, and what it means."""
    from alignkit.cli.printing import console
    from alignkit.models.placement import parse_placement
    from alignkit.runs.placements import choose_placement

    for text in dict.fromkeys(given):
        written = parse_placement(text) if text else None
        if not text or (written is None and ":" not in text):
            continue
        for config in configs:
            meant, placement = written, config.placement
            if meant is None:
                meant = choose_placement(text, config.architecture.make())
            if (placement.text, placement.vision) == (meant.text, meant.vision):
                same = placement.text == placement.vision or written is None
                where = "" if same or placement.name != meant.name else f": {_where(placement)}"
                console.note(f"placement {text} is named {placement.name}{where}")
                break


def _where(placement: "Placement") -> str:
    sides = (("text", placement.text), ("vision", placement.vision))
    return ", ".join(f"{stream} before {', '.join(map(str, at))}" for stream, at in sides)


def _note_scores(trained: "Sequence[Run]", root: Path) -> None:
    """Say how good each run is on the validation split, and what comes next."""
    from alignkit.cli.printing import console

    for run in trained:
        performance = run.performance()
        primary, scores = performance["primary"], performance["splits"].get("validation", {})
        if primary in scores:
            epoch = performance.get("epoch")
            console.note(
                f"{run.path}: {primary} {scores[primary]:.3f} on validation, epoch {epoch}"
            )
    where = "" if root == Path("runs") else f" --runs {root}"
    if any(run.config.training.uses_labels for run in trained):
        console.note(f"next: alignkit evaluate{where} (scores on test); alignkit measure{where}")
    elif trained:
        console.note(f"next: alignkit train --init {trained[0].path} --task TASK{where}")


def _note_missing_test_splits(configs: "list[RunConfig]") -> None:
    """Say before training which data will have no test split to score or measure."""
    from alignkit.cli.printing import console
    from alignkit.errors import AlignkitError, PluginError

    tasks = {config.fingerprint: config for config in configs if config.training.uses_labels}
    for config in tasks.values():
        try:
            config.task.make().split("test")
        except AlignkitError as error:
            broken = isinstance(error, PluginError)
            what = "the test split cannot be read" if broken else "there is no test split"
            console.note(f"note: {what}, which training does not need: {error}")


def _show_planned(configs: "list[RunConfig]", root: Path, json: bool) -> None:
    from alignkit.cli.printing import console
    from alignkit.runs.run import run_of

    planned = [(config, run_of(root, config)) for config in configs]
    if json:
        console.print_json(
            [
                config.to_json() | {"run": str(run.path), "trained": run.is_trained}
                for config, run in planned
            ]
        )
        return
    rows = [
        {"run": str(run.path), "trained": run.is_trained, "identity": config.identity[:12]}
        for config, run in planned
    ]
    console.print_table(rows, ["run", "trained", "identity"])


def _explain(configs: "list[RunConfig]", root: Path, force: bool, retrain: bool) -> None:
    """Say why runs would be trained or not, where that was asked for."""
    from alignkit.cli.printing import console
    from alignkit.progress import is_explaining
    from alignkit.runs.inputs import changes_of_training
    from alignkit.runs.reasons import explain_training, reason_to_train
    from alignkit.runs.run import run_of

    if not is_explaining():
        return
    for config in configs:
        run = run_of(root, config)
        changes = changes_of_training(config, run.inputs) if not force else []
        changed = " and ".join(changes) if retrain else ""
        why = changed or reason_to_train(run, config, force)
        explain_training(console.TerminalReporter(), run, why, changes)


def _summary(run: "Run") -> dict[str, Any]:
    return {
        "run": str(run.path),
        "task": run.task,
        "placement": run.placement,
        "seed": run.seed,
        "identity": run.stored["identity"],
        **run.performance(),
    }

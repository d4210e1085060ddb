"""``alignkit train`` and ``alignkit evaluate``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Architecture,
    Data,
    Device,
    Force,
    FromScratch,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    Tasks,
    TextModel,
    VisionModel,
    architecture_options,
    check_split,
    chosen_runs,
    complete,
)

if TYPE_CHECKING:
    from alignkit.runs import RunConfig, RuntimeOptions, Training

PANEL = "The chain"
Option = typer.Option


def _complete_objective(incomplete: str) -> list[str]:
    from alignkit.runs.training import OBJECTIVES

    return [name for name in (*OBJECTIVES, "pretrain") if name.startswith(incomplete)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel=PANEL)(train)
    app.command(rich_help_panel=PANEL)(evaluate)


def train(
    task: Annotated[
        list[str] | None,
        Option(
            "--task",
            "-t",
            help="A task, as name, name:key=value,key=value or name:PATH; may repeat.",
            autocompletion=complete("tasks"),
        ),
    ] = None,
    placement: Annotated[
        list[str] | None,
        Option(
            "--placement",
            "-p",
            help="A name, or indices: 3,4,10 or TEXT/VISION 6,7/3,5; may repeat.",
            autocompletion=complete("placements"),
        ),
    ] = None,
    architecture: Architecture = None,
    text_model: TextModel = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    freeze: Annotated[
        str | None, Option(help="Not trained: text:0-5+vision:0-3+embeddings.")
    ] = None,
    seed: Annotated[list[int] | None, Option("--seed", help="0 if not given; may repeat.")] = None,
    data: Data = None,
    epochs: Annotated[
        int | None, Option(help="4 if not given; 0 stores the untrained model.")
    ] = None,
    batch_size: Annotated[
        int | None, Option(help="Samples of a forward pass; 32 if not given.")
    ] = None,
    learning_rate: Annotated[
        float | None, Option(help="Peak, after the warm-up; 0.0005 if not given.")
    ] = None,
    warmup: Annotated[
        float | None, Option(help="Share of the steps that rise to it; 0.1 if not given.")
    ] = None,
    floor: Annotated[
        float | None, Option(help="Share of it at which the cosine ends; 0.05 if not given.")
    ] = None,
    weight_decay: Annotated[
        float | None, Option(help="Of matrices; never of norms, biases; 0.01 if not given.")
    ] = None,
    clip: Annotated[
        float | None, Option(help="Largest norm of the gradient, 0: any; 1.0 if not given.")
    ] = None,
    patience: Annotated[
        int | None, Option(help="Epochs without a better score, 0: any; 0 if not given.")
    ] = None,
    threads: Annotated[
        int | None, Option(help="Threads of a run, part of its identity; 1 if not given.")
    ] = None,
    accumulate: Annotated[
        int | None, Option(help="Batches of an optimiser step; 1 if not given.")
    ] = None,
    precision: Annotated[
        str | None,
        Option(help="float32, bf16, fp16, or what the device is best at; auto if not given."),
    ] = None,
    class_weights: Annotated[
        bool, Option("--class-weights", help="Weigh labels against their frequency.")
    ] = False,
    bucket: Annotated[
        bool, Option("--bucket", help="Batch texts of similar length: less padding.")
    ] = False,
    objective: Annotated[
        list[str] | None,
        Option(
            "--objective",
            help="task, mlm, mim, itm or pretrain (the last three), as NAME, NAME=WEIGHT or "
            "NAME=WEIGHT:share=0.2; may repeat.",
            autocompletion=_complete_objective,
        ),
    ] = None,
    aux: Annotated[
        list[str] | None,
        Option(
            "--aux",
            help="A loss to add, as NAME=WEIGHT or NAME=WEIGHT:layer=last,pool=cls; may repeat.",
            autocompletion=complete("losses"),
        ),
    ] = None,
    init: Annotated[
        Path | None, Option("--init", metavar="RUN", help="Start from this run's weights.")
    ] = None,
    device: Device = "auto",
    workers: Annotated[int, Option(help="Threads that open pictures ahead.")] = 0,
    checkpoint_every: Annotated[
        str, Option(metavar="TEXT", help="10m or 30s of time, or steps; 0: when told to stop.")
    ] = "10m",
    track_alignment: Annotated[
        list[str] | None,
        Option(
            "--track-alignment",
            metavar="METRIC",
            help="Measure it on a probe set while training; may repeat.",
            autocompletion=complete("metrics"),
        ),
    ] = None,
    track_every: Annotated[str, Option(help="Epochs such as 2, or steps such as 50s.")] = "1",
    track_samples: Annotated[int, Option(help="Size of the probe set.")] = 256,
    tensorboard: Annotated[
        bool, Option("--tensorboard", help="Write TensorBoard events too.")
    ] = False,
    jobs: Annotated[int, Option("--jobs", "-j", help="Runs trained side by side.")] = 1,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would be trained.")] = False,
    json: Json = False,
) -> None:
    """Train models: task x placement x seed.

    Prints the folder of every run. The test split is never read; the weights kept are those
    of the best validation score. With no option it trains the embedded default. A training
    that was interrupted goes on where it was when the same command is given again.

    Examples: alignkit train

    alignkit train --task toy_match:values=8 --placement late --placement none --seed 0 --seed 1

    alignkit train --task toy_match --objective pretrain --epochs 1
    """
    from alignkit.cli import console

    training = _training(
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
    options = architecture_options(
        text_model=text_model, vision_model=vision_model, from_scratch=from_scratch, freeze=freeze
    )
    runtime = _runtime_options(
        device=device,
        workers=workers,
        checkpoint_every=checkpoint_every,
        track=tuple(track_alignment or ()),
        track_every=track_every,
        track_samples=track_samples,
        tensorboard=tensorboard,
    )
    configs = _configs(task, placement, architecture, training, seed, data, init, runtime, options)
    if _is_helper():
        console.settings.quiet = True
    _say_what_was_chosen(configs)
    if dry_run:
        _show(configs, runs, json)
        return
    trained = _train_all(configs, runs, force, jobs)
    if _is_helper():
        return
    if json:
        console.print_json([_summary(run) for run in trained])
    else:
        for run in trained:
            print(run.path)


def evaluate(
    paths: RunPaths = None,
    split: SplitName = "test",
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score trained runs on a split.

    The scores are also stored in each run's performance.json.

    Example: alignkit evaluate --task toy_redundant --split test
    """
    from alignkit.chain.evaluate import evaluate as evaluate_run
    from alignkit.cli import console

    check_split(split)
    reporter = console.TerminalReporter()
    rows = []
    for run in chosen_runs(paths, runs, task, placement, scored=True, splits=[split]):
        scores = evaluate_run(run, split, force, reporter, device)
        rows.append(
            {
                "task": run.task,
                "placement": run.placement,
                "seed": run.seed,
                "split": split,
                **scores,
                "run": str(run.path),
            }
        )
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if json:
        console.print_json(rows)
    else:
        console.print_table(rows, [*(c for c in columns if c != "run"), "run"])


def _is_helper() -> bool:
    """Whether a launcher such as torchrun has started this process beside the one that talks."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"


def _say_what_was_chosen(configs: "list[RunConfig]") -> None:
    from alignkit.cli import console

    chosen = {
        "task": [config.task_name for config in configs],
        "architecture": [config.architecture.name for config in configs],
        "placement": [config.placement.name for config in configs],
        "seed": [str(config.seed) for config in configs],
    }
    console.note("; ".join(f"{k} {', '.join(dict.fromkeys(v))}" for k, v in chosen.items()))


def _training(**given: Any) -> "Training":
    from alignkit.runs import Training

    return Training(**{key: value for key, value in given.items() if value is not None})


def _runtime_options(**given: Any) -> "RuntimeOptions":
    from alignkit.runs import RuntimeOptions

    return RuntimeOptions(**given)


def _configs(
    tasks: list[str] | None,
    placements: list[str] | None,
    architecture: str | None,
    training: "Training",
    seeds: list[int] | None,
    data: str | None,
    init: Path | None,
    runtime: "RuntimeOptions",
    options: dict[str, Any],
) -> "list[RunConfig]":
    from alignkit.runs import resolve_config

    what: list[str | None] = list(tasks) if tasks else [None]
    where: list[str | None] = list(placements) if placements else [None]
    return [
        resolve_config(task, placement, architecture, training, seed, data, init, runtime, options)
        for task in dict.fromkeys(what)
        for placement in dict.fromkeys(where)
        for seed in dict.fromkeys(seeds or [0])
    ]


def _train_all(configs: "list[RunConfig]", root: Path, force: bool, jobs: int) -> list[Any]:
    from alignkit.cli import console
    from alignkit.jobs.parallel import train_runs

    return train_runs(configs, root, force, jobs, console.TerminalReporter())


def _show(configs: "list[RunConfig]", root: Path, json: bool) -> None:
    from alignkit.cli import console
    from alignkit.runs import Run

    planned = [(config, Run(root / config.folder)) for config in configs]
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


def _summary(run: Any) -> dict[str, Any]:
    return {
        "run": str(run.path),
        "task": run.task,
        "placement": run.placement,
        "seed": run.seed,
        "identity": run.stored["identity"],
        **run.performance(),
    }

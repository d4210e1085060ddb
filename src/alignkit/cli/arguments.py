"""Arguments that several commands share, and completion of registered names."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from alignkit.runs import Run


def complete(kind: str) -> Callable[[str], list[tuple[str, str]]]:
    """Complete the names of a kind, each with its summary."""

    def names(incomplete: str) -> list[tuple[str, str]]:
        from alignkit.plugins import registry

        return [
            (entry.name, entry.summary)
            for entry in registry().entries(kind)
            if entry.name.startswith(incomplete)
        ]

    return names


RunPaths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[RUN]...", help="Run directories; every run under --runs if none."),
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="The folder of runs.")]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task", "-t", help="Only runs of this task; may repeat.", autocompletion=complete("tasks")
    ),
]
Placements = Annotated[
    list[str] | None,
    typer.Option(
        "--placement",
        "-p",
        help="Only runs of this placement; may repeat.",
        autocompletion=complete("placements"),
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        "-m",
        help="A metric, as name or name:key=value; may repeat.",
        autocompletion=complete("metrics"),
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        "-a",
        help="An architecture, as name or name:key=value.",
        autocompletion=complete("architectures"),
    ),
]
Data = Annotated[str | None, typer.Option("--data", help="The folder of the task's data.")]
TextModel = Annotated[
    str | None, typer.Option(help="The text stream: a BERT-like model, by name or folder.")
]
VisionModel = Annotated[
    str | None, typer.Option(help="The vision stream: a ViT, by name or folder.")
]
FromScratch = Annotated[
    bool, typer.Option("--from-scratch", help="Named models with random weights.")
]
SplitName = Annotated[str, typer.Option("--split", help="train, validation or test.")]
Pool = Annotated[str, typer.Option("--pool", help="cls or mean.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps or auto.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again, even if it is done.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Samples = Annotated[
    int | None, typer.Option("--samples", help="Measure on so many samples; all if not given.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every draw.")]
Outcome = Annotated[
    str | None,
    typer.Option("--outcome", help="A score or loss; each task's primary score if not given."),
]
Drawn = Annotated[int, typer.Option("--permutations", help="Where there are too many to count.")]
TableFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also write the table as CSV.")
]
Figures = Annotated[
    Path | None,
    typer.Option("--figures", help="Also write figures here: PNG, SVG and the CSV of each."),
]


def architecture_options(**given: object) -> dict[str, object]:
    """Options of the architecture that were given as options of the command."""
    return {key: value for key, value in given.items() if value not in (None, False)}


def chosen_runs(
    paths: Sequence[Path] | None,
    root: Path,
    tasks: Sequence[str] | None = None,
    placements: Sequence[str] | None = None,
    scored: bool = False,
    splits: Sequence[str] = (),
) -> "list[Run]":
    """Open the runs that were named, or every run that fits.

    Of runs that were not named, those for pretraining whose data lack one of the ``splits``
    are left out; with ``scored``, so are those that cannot have scores. That is said.

    Raises
    ------
    AlignkitError
        When a path is no run, or nothing fits.
    """
    from alignkit.plugins import registry
    from alignkit.runs import load_run, load_runs

    if paths:
        return [load_run(path) for path in paths]
    for name in tasks or ():
        if not (root / name).is_dir():  # a misspelt name gets its suggestion
            registry().get("tasks", name)
    found = load_runs(root, tasks or (), placements or ())
    if scored:
        found = _kept(
            found,
            lambda run: run.unscored,
            "no run has a performance: {}; train some: alignkit train",
        )
    for split in splits:
        found = _kept(found, partial(_lacks, split=split), "{}")
    return found


def _kept(runs: "Sequence[Run]", reason: "Callable[[Run], str]", none_left: str) -> "list[Run]":
    """Leave out the runs that there is a reason against, and say it."""
    from alignkit.cli import console
    from alignkit.errors import DataError

    against = [(run, reason(run)) for run in runs]
    kept = [run for run, why in against if not why]
    if not kept:
        raise DataError(none_left.format(against[0][1]))
    for run, why in against:
        if why:
            console.note(f"{run.path} is left out: {why}")
    return kept


def _lacks(run: "Run", split: str) -> str:
    """Why a task without labels, which is for pretraining, has no such split; or nothing."""
    from alignkit.errors import AlignkitError, UsageError

    if run.stored["data"].get("labels") or run.representation_index(split):
        return ""
    try:
        run.config.task.make().split(split)
    except UsageError as error:
        return str(error)
    except AlignkitError:  # the data are not here, which whoever needs them will say
        return ""
    return ""


def check_split(name: str) -> str:
    """Refuse an unknown split."""
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    if name not in SPLITS:
        raise UsageError(f"unknown split '{name}'; known: {', '.join(SPLITS)}")
    return name

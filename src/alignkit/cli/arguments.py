"""Arguments that several commands share, and completion of registered names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    typer.Option("--task", "-t", help="Only runs of this task; may repeat.",
                 autocompletion=complete("tasks")),
]  # fmt: skip
Placements = Annotated[
    list[str] | None,
    typer.Option("--placement", "-p", help="Only runs of this placement; may repeat.",
                 autocompletion=complete("placements")),
]  # fmt: skip
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", "-m", help="A metric, as name or name:key=value; may repeat.",
                 autocompletion=complete("metrics")),
]  # fmt: skip
Architecture = Annotated[
    str | None,
    typer.Option("--architecture", "-a", help="An architecture, as name or name:key=value.",
                 autocompletion=complete("architectures")),
]  # fmt: skip
TextModel = Annotated[
    str | None,
    typer.Option(help="The text stream: a BERT-like model, by name or folder."),
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
) -> list[Run]:
    """Open the runs that were named, or every run that fits.

    With ``scored``, runs that cannot have scores are left out, and that is said.

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
    return _scored(found) if scored else found


def _scored(runs: Sequence[Run]) -> list[Run]:
    from alignkit.cli import console
    from alignkit.errors import DataError

    kept = [run for run in runs if not run.unscored]
    for run in runs:
        if run.unscored:
            console.note(f"{run.path} is left out: {run.unscored}")
    if not kept:
        raise DataError(f"no run has a performance: {runs[0].unscored}; train some: alignkit train")
    return kept


def check_split(name: str) -> str:
    """Refuse an unknown split."""
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    if name not in SPLITS:
        raise UsageError(f"unknown split '{name}'; known: {', '.join(SPLITS)}")
    return name

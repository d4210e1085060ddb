"""What the commands share that look at the layers of models one by one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import ALIGNMENT, DATA, REPRESENTATIONS
from alignkit.cli.selection import (
    are_runs,
    check_split,
    chosen_runs,
    given_options,
    measurable,
    refuse,
    single_pool,
)

if TYPE_CHECKING:
    from alignkit.analysis.comparison.models import Model

Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        help="Runs (of one stream as RUN:text) or folders of them, encoders (hf:FOLDER, "
        "timm:NAME, minilm, ...; see `alignkit list encoders`), files of arrays, or folders with "
        "one file per layer. Without any, all runs under --runs.",
    ),
]
SingleLayers = Annotated[
    str,
    typer.Option(
        "--layers",
        metavar="LAYERS",
        help="Layers to look at: all, last, indices and ranges (0,3,7-11), or patterns of names "
        "(t0*,v.f*); of runs also fusions, before and after.",
        rich_help_panel=ALIGNMENT,
    ),
]
EncoderData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FOLDER|TASK",
        help="What encoders see: a task such as emoji or folder:PATH, or a folder or table of "
        "your own.",
        show_default="that of a run among the models",
        rich_help_panel=DATA,
    ),
]
SplitOfModels = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="SPLIT",
        help="Data split: train, validation, test or all.",
        show_default="test of a task, all of a folder of your own",
        rich_help_panel=REPRESENTATIONS,
    ),
]


def read_streams(
    models: Sequence[str] | None,
    root: Path,
    selected: Mapping[str, list[str] | None],
    *,
    data: str | None,
    pool: Sequence[str] | None,
    encoders: Path,
    batch_size: int | None,
    device: str,
    splits: Sequence[str] = (),
    axis: Sequence[str] | None = None,
    id: Sequence[str] | None = None,
) -> "list[Model]":
    """Read models, each stream of a run as one; runs and encoders are extracted where needed.

    Parameters
    ----------
    models : sequence of str, optional
        All runs below ``root`` without any.
    root : Path
    selected : mapping of str to list of str, optional
        ``task``, ``placement`` and ``where``, which select runs.
    data, pool, encoders, batch_size, device, axis, id
        As for ``SideOptions``.
    splits : sequence of str
        The splits whose samples are put below each other; that of ``SideOptions`` without any.

    Raises
    ------
    UsageError
        For options that do not go with what is named.
    AlignkitError
        When no model can be read.
    """
    from alignkit.analysis.comparison.sides import SideOptions, read_models
    from alignkit.cli.printing import console
    from alignkit.contracts.pooling import require_pooling

    pooling = single_pool(pool)
    options = SideOptions(
        data or "",
        splits,
        [pooling] if pooling else [],
        axis or [],
        encoders,
        batch_size,
        device,
        id or [],
    )
    reporter = console.TerminalReporter()
    paths = [Path(model) for model in models or ()]
    if not all(path.exists() and are_runs([path]) for path in paths):
        _refuse_selection(selected)
        read = read_models(list(models or ()), options, reporter)
        if all(model.kind == "arrays" for model in read):
            split = splits[0] if len(splits) == 1 else None  # several are the command's own
            refuse(given_options(split=split, data=data), "does not go with arrays")
        return read
    refuse(given_options(axis=axis, id=id), "says what arrays hold, and does not go with runs")
    refuse(given_options(data=data), "names what encoders see, and does not go with runs")
    require_pooling(pooling or "cls")
    on = [check_split(split) for split in splits or ("test",)]
    found: list[Any] = chosen_runs(
        paths, root, selected["task"], selected["placement"], splits=on, where=selected["where"]
    )
    for split in on:
        found = measurable(found, split, pooling or "cls")
    return read_models(found, options, reporter)


def _refuse_selection(selected: Mapping[str, list[str] | None]) -> None:
    for name, values in selected.items():
        if values:
            raise typer.BadParameter(
                "the models are named already; leave it out", param_hint=f"--{name}"
            )

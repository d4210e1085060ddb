"""What ``extract`` and ``measure`` do with encoders, frozen models of one stream."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import EXECUTION, RUNS

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.errors import AlignkitError
    from alignkit.runs.encoders import EncoderStore

EncodersFolder = Annotated[
    Path,
    typer.Option(
        "--encoders",
        metavar="FOLDER",
        help="Folder that holds the representations of encoders.",
        rich_help_panel=RUNS,
    ),
]
EncoderBatch = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        help="Samples per forward pass of an encoder, halved where memory runs out.",
        show_default="64; 16 on a CPU",
        rich_help_panel=EXECUTION,
    ),
]


def extract_encoders(
    specs: Sequence[str],
    tasks: Sequence[str] | None,
    data: str | None,
    folder: Path,
    split: str,
    options: dict[str, Any],
) -> "tuple[list[EncoderStore], AlignkitError | None]":
    """Store the representations of encoders on the data of tasks.

    Where one of several fails, the others go on; what is returned beside the stores fails the
    command at its end.
    """
    from alignkit.chain.encode import EncodeOptions, encode
    from alignkit.cli.printing import console
    from alignkit.errors import AlignkitError, UsageError
    from alignkit.runs.config import choose, choose_task

    if not tasks:
        raise UsageError("encoders need `task`, whose texts or images they see")
    reporter, chosen = console.TerminalReporter(), EncodeOptions(**options)
    encoders = {spec: choose("encoders", spec) for spec in specs}
    chosen_tasks = [choose_task(name, data) for name in dict.fromkeys(tasks)]
    total = len(encoders) * len(chosen_tasks)
    stores: list[EncoderStore] = []
    failed: list[AlignkitError] = []
    for task in chosen_tasks:
        for spec, encoder in encoders.items():
            try:
                stores.append(encode(encoder, task, folder, split, chosen, reporter))
            except AlignkitError as error:
                failed.append(error)
                if total > 1:
                    console.complain(f"{spec} is left out: {error}")
    if failed and total > 1:
        return stores, AlignkitError(f"{len(failed)} of {total} extractions failed; see above")
    return stores, failed[0] if failed else None


def measure_stored_encoders(
    patterns: Sequence[str],
    folder: Path,
    tasks: Sequence[str] | None,
    splits: Sequence[str],
    streams: str,
    specs: Sequence[str],
    designs: Sequence[str],
    options: dict[str, Any],
) -> "pd.DataFrame":
    """Measure every text encoder against every vision encoder, or as ``streams`` says."""
    import pandas as pd

    from alignkit.alignment.encoders import encoder_pairs, measure_encoders
    from alignkit.runs.encoders import load_encoders

    tables = []
    for split in splits:
        for x, y in encoder_pairs(load_encoders(folder, patterns, tasks or (), split), streams):
            for within in designs:
                table = measure_encoders(x, y, specs, split=split, within=within, **options)
                table.insert(0, "x_encoder", x.name)
                table.insert(1, "y_encoder", y.name)
                tables.append(table)
    return pd.concat(tables, ignore_index=True)

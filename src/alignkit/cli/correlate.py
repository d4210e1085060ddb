"""``alignkit correlate``: alignment against performance, over runs or anyone's table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Json,
    Metrics,
    Placements,
    Pool,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

Layer = Annotated[
    str, typer.Option("--layer", help="last, mean, max, max-pair, or the index of a layer.")
]
Outcome = Annotated[
    str | None, typer.Option("--outcome", help="A score or loss; the primary score if not given.")
]
Unit = Annotated[
    str, typer.Option("--unit", help="placement: means over seeds; run: exploratory only.")
]
COLUMNS = [
    "task", "metric", "direction", "n", "runs", "pearson", "low", "high", "spearman", "p",
    "p_adjusted", "verdict",
]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(correlate)


def correlate(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="[TABLE]", help="A tidy CSV with one row per run, instead of runs."),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    layer: Layer = "last",
    outcome: Outcome = None,
    split: SplitName = "test",
    pool: Pool = "cls",
    unit: Unit = "placement",
    samples: Samples = None,
    permutations: Annotated[int, typer.Option(help="Where there are too many to count.")] = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the table as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Correlate alignment with performance.

    The unit is a placement: the mean over its seeds. p is a permutation p of Pearson's r;
    p_adjusted corrects for all primary metrics and tasks at once. A table needs the columns
    task, placement, seed, the outcome, and one column per metric.

    Examples: alignkit correlate --task toy_redundant --metric cka --layer last

    alignkit correlate table.csv --outcome accuracy --json
    """
    from alignkit.cli import console

    if table is not None:
        found = _of_table(table, outcome, metric, task, unit, permutations, seed)
    else:
        joined, outcome = joined_runs(
            chosen_runs(None, runs, task, placement, scored=True), metric, layer, outcome,
            check_split(split), pool, samples, seed,
        )  # fmt: skip
        found = correlate_joined(joined, outcome, metric_columns(joined, outcome), layer, unit,
                                 permutations, seed)  # fmt: skip
    if output is not None:
        from alignkit.runs.files import write_csv

        write_csv(output, found.table)
    for warning in found.warnings:
        console.note(f"note: {warning}")
    if json:
        console.print_json(console.records(found.table))
    else:
        _show(found)


def joined_runs(
    runs: Sequence[Any], metrics: Sequence[str] | None, layer: str, outcome: str | None,
    split: str, pool: str, samples: int | None, seed: int,
) -> tuple[pd.DataFrame, str]:  # fmt: skip
    """Join runs to a tidy table; tasks with another primary score share the column ``score``."""
    from alignkit.chain.table import Join, runs_table
    from alignkit.cli import console
    from alignkit.cli.measure import specs_or_default

    join = Join(tuple(specs_or_default(metrics)), layer, outcome, split, pool, samples, seed)
    joined = runs_table(runs, join, console.TerminalTalk())
    outcomes = sorted(set(joined["outcome"]))
    if len(outcomes) == 1:
        return joined, outcomes[0]
    joined["score"] = [row[row["outcome"]] for _, row in joined.iterrows()]
    console.note(f"note: the column score holds each task's primary score ({', '.join(outcomes)})")
    return joined.drop(columns=outcomes), "score"


def metric_columns(joined: pd.DataFrame, outcome: str) -> list[str]:
    """The columns of a joined table that are metrics."""
    others = {"task", "placement", "seed", "unit", "run", "outcome", outcome}
    return [column for column in joined if column not in others]


def correlate_joined(
    joined: pd.DataFrame, outcome: str, metrics: Sequence[str], layer: str, unit: str,
    permutations: int, seed: int,
) -> Correlations:  # fmt: skip
    """Correlate a table that was joined from runs, with every direction known."""
    from alignkit.metrics import resolve
    from alignkit.statistics import correlate as correlate_table

    down = [spec for spec in metrics if not resolve(spec).higher_is_better]
    found = correlate_table(
        joined, outcome, metrics, unit=unit, lower_is_better=[*down, *_losses(outcome)],
        permutations=permutations, seed=seed,
    )  # fmt: skip
    found.settings["layer"] = layer
    return found


def _of_table(
    path: Path, outcome: str | None, metrics: Sequence[str] | None, tasks: Sequence[str] | None,
    unit: str, permutations: int, seed: int,
) -> Correlations:  # fmt: skip
    from alignkit.errors import UsageError
    from alignkit.statistics import correlate as correlate_table

    table = _read(path)
    if outcome is None:
        raise UsageError(f"--outcome is needed: which column of {path} is the performance?")
    if tasks:
        table = table[table["task"].isin(tasks)]
        if table.empty:
            raise UsageError(f"{path} has no row of task {', '.join(tasks)}")
    numeric = [c for c in table.select_dtypes("number") if c not in ("seed", outcome)]
    chosen = list(metrics) if metrics else numeric
    down = [*_known_down(chosen), *_losses(outcome)]
    return correlate_table(
        table, outcome, chosen, unit=unit, lower_is_better=down, permutations=permutations,
        seed=seed,
    )  # fmt: skip


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    from alignkit.errors import DataError

    if not path.is_file():
        raise DataError(f"there is no table {path}; expected a CSV with one row per run")
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=["", "nan", "NaN"])
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV table: {str(error).splitlines()[0]}") from None


def _known_down(columns: Sequence[str]) -> list[str]:
    """Columns that are named after a registered distance."""
    from alignkit.errors import AlignkitError
    from alignkit.metrics import resolve

    down = []
    for column in columns:
        try:
            if not resolve(column).higher_is_better:
                down.append(column)
        except AlignkitError:
            continue
    return down


def _losses(outcome: str) -> list[str]:
    return [outcome] if "loss" in outcome.lower() else []


def _show(found: Correlations) -> None:
    from alignkit.cli import console

    outcome = found.settings["outcome"]
    console.print_table(
        console.records(found.table), [c for c in COLUMNS if c in found.table],
        title=f"alignment against {outcome}",
    )  # fmt: skip
